"""The SDK's record metadata as columns of an Arrow table.

https://sdk.meltano.com/en/latest/implementation/record_metadata.html
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from columnar_singer.types import ColumnType, from_postgres

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

EXTRACTED_AT = "_sdc_extracted_at"
RECEIVED_AT = "_sdc_received_at"
BATCHED_AT = "_sdc_batched_at"
DELETED_AT = "_sdc_deleted_at"
SEQUENCE = "_sdc_sequence"
TABLE_VERSION = "_sdc_table_version"
SYNC_STARTED_AT = "_sdc_sync_started_at"

_TIME = from_postgres("timestamp with time zone")
_NUMBER = from_postgres("bigint")

COLUMNS: dict[str, ColumnType] = {
    EXTRACTED_AT: _TIME,
    RECEIVED_AT: _TIME,
    BATCHED_AT: _TIME,
    DELETED_AT: _TIME,
    SEQUENCE: _NUMBER,
    TABLE_VERSION: _NUMBER,
    SYNC_STARTED_AT: _NUMBER,
}
"""Metadata columns in the order in which they follow a stream's own columns."""

COLUMN_COMMENTS = {
    EXTRACTED_AT: "When this version of the row was read from the source.",
    RECEIVED_AT: "When this version of the row reached the loader.",
    BATCHED_AT: "When this version of the row was staged in the destination.",
    DELETED_AT: "When the row was found to be gone from the source; NULL while it is there.",
    SEQUENCE: "Number of this version of the row; greater than any of an earlier run.",
    TABLE_VERSION: "Version of the table that the tap gave, NULL if it gave none.",
    SYNC_STARTED_AT: "When the run started, in milliseconds since 1970.",
}


def first_sequence(last: int | None) -> int:
    """Give the sequence number that a run's first row of a stream bears.

    Args:
        last: The greatest number given out so far, from the destination's load log.

    Returns:
        The clock in microseconds, or `last + 1` if the clock is behind that: a clock may be set
        back, the sequence may not.
    """
    now = time.time_ns() // 1000
    return now if last is None else max(now, last + 1)


def add_metadata(
    table: pa.Table,
    *,
    extracted_at: pa.Array | datetime | None,
    received_at: datetime,
    batched_at: datetime,
    sequence: int,
    table_version: pa.Array | int | None,
    sync_started_at: int,
) -> pa.Table:
    """Add the metadata columns to a table of a stream's rows.

    Args:
        table: The rows, in order of arrival. A `_sdc_deleted_at` among its columns (the tap
            reports deletions as rows) is kept.
        extracted_at: One time for all rows, or one for each.
        received_at: When the first of the rows arrived.
        batched_at: When they are staged.
        sequence: Number of the first row; the others follow without gaps.
        table_version: One version for all rows, or one for each.
        sync_started_at: Start of the run in milliseconds since 1970.

    Returns:
        The table with all of `COLUMNS` last.
    """
    import pyarrow as pa

    rows = table.num_rows
    deleted_at = table.column(DELETED_AT) if DELETED_AT in table.column_names else None
    values = {
        EXTRACTED_AT: extracted_at,
        RECEIVED_AT: received_at,
        BATCHED_AT: batched_at,
        DELETED_AT: deleted_at,
        SEQUENCE: pa.arange(sequence, sequence + rows),
        TABLE_VERSION: table_version,
        SYNC_STARTED_AT: sync_started_at,
    }
    if deleted_at is not None:
        table = table.drop_columns([DELETED_AT])
    for name, column in COLUMNS.items():
        table = table.append_column(name, _column(values[name], column.arrow, rows))
    return table


def _column(value: object, arrow: pa.DataType, rows: int) -> pa.Array | pa.ChunkedArray:
    import pyarrow as pa

    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value
    return pa.repeat(pa.scalar(value, arrow), rows)
