"""A table in an empty namespace, and who writes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DateType, ListType, LongType, NestedField, StringType

from orchestrate.local_athena.engine.duck import attach
from orchestrate.local_stack.settings import StackSettings
from tests.servers import Lake

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "day", DateType(), required=False),
    NestedField(3, "v", StringType(), required=False),
    NestedField(4, "tags", ListType(5, StringType(), element_required=False), required=False),
)
BY_DAY = PartitionSpec(PartitionField(2, 1000, DayTransform(), "day_day"))
BY_ID = SortOrder(SortField(1, IdentityTransform()))


def rows(ids: Iterable[int]) -> pa.Table:
    """Rows whose day, of two, and value follow from their id."""
    return pa.table(
        {
            "id": pa.array((listed := list(ids)), pa.int64()),
            "day": pa.array([date(2026, 1, 1 + each % 2) for each in listed], pa.date32()),
            "v": pa.array([f"v{each}" for each in listed], pa.string()),
            "tags": pa.array([["a", str(each)] for each in listed], pa.list_(pa.string())),
        }
    )


Duck = Callable[[str], Any]
"""Runs a statement and gives its rows."""


@dataclass
class Place:
    """A namespace of the lake."""

    lake: Lake
    settings: StackSettings
    catalog: Any = field(init=False)

    def __post_init__(self) -> None:
        self.catalog = self.lake.catalog()
        self.catalog.create_namespace(self.namespace)

    @property
    def namespace(self) -> str:
        return str(self.lake.settings["namespace"])

    def create(
        self,
        name: str = "t",
        spec: PartitionSpec = BY_DAY,
        order: SortOrder = UNSORTED_SORT_ORDER,
        properties: dict[str, str] | None = None,
    ) -> Any:
        return self.catalog.create_table(
            (self.namespace, name),
            SCHEMA,
            partition_spec=spec,
            sort_order=order,
            properties={"format-version": "2", **(properties or {})},
        )

    def load(self, name: str = "t") -> Any:
        return self.catalog.load_table((self.namespace, name))

    def rows(self, name: str = "t") -> list[dict[str, Any]]:
        """The table's rows as any other client sees them, by id."""
        found = self.load(name).scan().to_arrow().sort_by("id")
        return [dict(each) for each in found.to_pylist()]

    def ids(self, name: str = "t") -> list[int]:
        return [row["id"] for row in self.rows(name)]


@pytest.fixture
def place(lake: Lake, session_stack: StackSettings) -> Place:
    return Place(lake, session_stack)


@pytest.fixture(scope="session")
def duck(session_stack: StackSettings) -> Iterator[Duck]:
    """DuckDB on the lake, which writes deletes beside the files; the lake is `lake`."""
    connection = duckdb.connect()
    attach(connection, session_stack.lake)
    yield lambda sql: connection.execute(sql).fetchall()
    connection.close()
