"""An engine on the session's lake, and how tests ask it."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestrate.local_athena.engine.duck_engine import DuckEngine
from orchestrate.local_athena.metastore.catalog import Metastore
from orchestrate.local_athena.model import (
    Cancellation,
    Identity,
    QueryError,
    QueryRequest,
    QueryResult,
)
from orchestrate.local_stack.settings import LakeSettings

OWNER = Identity("owner")
_databases = itertools.count(1)
DIGITS = "(values 0,1,2,3,4,5,6,7,8,9)"


class Athena:
    """The engine, with a database of a test module's own."""

    def __init__(self, lake: LakeSettings, directory: Path) -> None:
        self.lake = lake
        self.metastore = Metastore(lake, directory)
        self.engine = DuckEngine(lake, directory, self.metastore)
        self.database = f"engine_{next(_databases)}"
        self.run(f"create schema {self.database}")

    def close(self) -> None:
        self.engine.close()
        self.metastore.close()

    def run(
        self,
        sql: str,
        *parameters: str,
        identity: Identity = OWNER,
        bytes_limit: int | None = None,
        cancellation: Cancellation | None = None,
        database: str | None = None,
    ) -> QueryResult:
        request = QueryRequest(
            id=str(uuid.uuid4()),
            sql=sql,
            database=database or self.database,
            output_location=f"s3://{self.lake.files_bucket}/results/",
            identity=identity,
            parameters=parameters,
            bytes_limit=bytes_limit,
        )
        return self.engine.execute(request, cancellation or Cancellation())

    def scanned(self, sql: str) -> int:
        """Bytes of data that a query reads."""
        result = self.run(sql)
        list(batches(result))
        return result.scanned()

    def rows(self, sql: str, *parameters: str, **more: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for batch in batches(self.run(sql, *parameters, **more)):
            found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return found

    def fails(self, sql: str, name: str, *parameters: str, **more: Any) -> str:
        with pytest.raises(QueryError) as caught:
            self.rows(sql, *parameters, **more)
        assert caught.value.name == name, str(caught.value)
        return str(caught.value)

    def place(self) -> str:
        """An empty place for files."""
        return f"s3://{self.lake.files_bucket}/tests/{uuid.uuid4()}/"

    def numbers(self, count: int) -> str:
        """A query of the numbers below `count` as `n`; at most a million."""
        tables = [f"{DIGITS} as t{position}(d)" for position in range(6)]
        total = " + ".join(f"{10**position} * t{position}.d" for position in range(6))
        joined = " cross join ".join(tables)
        return f"select n from (select {total} as n from {joined}) as numbers where n < {count}"


def batches(result: QueryResult) -> Iterable[pa.RecordBatch]:
    """The rows of a result, if it has any."""
    if result.rows is None:
        return []
    return result.rows.to_batches() if isinstance(result.rows, pa.Table) else result.rows
