"""Reads the load log of each destination: the record by which a run is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from orchestrate.local_stack.settings import LakeSettings, PostgresSettings

_COLUMNS = (
    "table_name",
    "rows_read",
    "rows_committed",
    "rows_rejected",
    "bytes",
    "sequence_from",
    "sequence_to",
    "source_time",
    "started_at",
    "committed_at",
    "schema_changes",
)


@dataclass(frozen=True)
class StreamLoad:
    """What one run did for one stream in one destination.

    `rows_read` are rows the tap read from the source (in a reconcile: keys), `rows_committed` rows
    that are new or changed in the destination, `rows_deleted` rows marked deleted there,
    `rows_rejected` values that it cannot hold and that are in its quarantine. Every change
    committed in the source before `source_time` is in the destination; None for a tap that does not
    say.
    """

    table_name: str
    rows_read: int
    rows_committed: int
    rows_deleted: int
    rows_rejected: int
    bytes: int
    source_time: datetime | None
    started_at: datetime
    committed_at: datetime
    schema_changes: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> StreamLoad:
        """Read a row of the load log.

        Each row that arrived got a sequence number, and so did each that was marked deleted.
        """
        numbers = 0
        if row["sequence_from"] is not None:
            numbers = row["sequence_to"] - row["sequence_from"] + 1
        told: dict[str, Any] = {each.name: row.get(each.name) for each in fields(cls)}
        return cls(**told | {"rows_deleted": max(numbers - row["rows_read"], 0)})

    @property
    def seconds(self) -> float:
        """From the first message of the stream to its commit."""
        return (self.committed_at - self.started_at).total_seconds()


def from_database(settings: PostgresSettings, run_id: str) -> list[StreamLoad]:
    """The run's rows in `raw.load_log` of dataengineering-db, by table name.

    Raises:
        psycopg.Error: the database cannot be read.
    """
    with (
        psycopg.connect(settings.url) as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        if connection.execute("select to_regclass('raw.load_log')").fetchone() == (None,):
            return []
        cursor.execute(
            f"select {', '.join(_COLUMNS)} from raw.load_log where run_id = %s order by 1",  # noqa: S608
            (run_id,),
        )
        return [StreamLoad.from_row(row) for row in cursor]


def from_lake(settings: LakeSettings, run_id: str) -> list[StreamLoad]:
    """The run's rows in the lake's `raw.load_log`, by table name.

    Raises:
        pyiceberg.exceptions.RESTError: the catalog cannot be read.
    """
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import NoSuchTableError

    catalog = load_catalog("lake", **settings.catalog_properties())
    try:
        table = catalog.load_table("raw.load_log")
    except NoSuchTableError:
        return []
    rows = table.scan(f"run_id = '{run_id}'", selected_fields=_COLUMNS).to_arrow().to_pylist()
    return sorted((StreamLoad.from_row(row) for row in rows), key=lambda load: load.table_name)
