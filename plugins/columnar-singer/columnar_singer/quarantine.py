"""The quarantine: the original text of each value that a destination cannot hold.

The row itself arrives, with NULL in the column. Both destinations keep the quarantine as a table
beside the streams' tables, written in the commit that holds the rows.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from columnar_singer import metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from columnar_singer.odd_values import OddValue

TABLE_NAME = "quarantine"
TABLE_COMMENT = (
    "One row for each value that this destination cannot hold. Its row is in the stream's table, "
    "with NULL in the column."
)


@cache
def arrow_schema() -> pa.Schema:
    """Give the columns of the quarantine, in order, as both destinations create them."""
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            pa.field("run_id", pa.string(), nullable=False),
            pa.field("stream", pa.string(), nullable=False),
            pa.field("table_name", pa.string(), nullable=False),
            pa.field("key", pa.string(), nullable=False),
            pa.field("column_name", pa.string(), nullable=False),
            pa.field("original_text", pa.string(), nullable=False),
            pa.field("reason", pa.string(), nullable=False),
            pa.field(metadata.SEQUENCE, pa.int64(), nullable=False),
            pa.field("quarantined_at", time, nullable=False),
        ]
    )


COLUMN_COMMENTS = {
    "run_id": "Run of the pipeline that read the value.",
    "stream": "Name of the Singer stream.",
    "table_name": "Table beside this one that holds the value's row.",
    "key": "Key of the row: a JSON object of its key columns, each as text; {} if it has no key.",
    "column_name": "Column of the stream that the value belongs to.",
    "original_text": "The value as the source gives it.",
    "reason": "Why the destination cannot hold the value.",
    metadata.SEQUENCE: "Version of the row that had the value, as in its table.",
    "quarantined_at": "When the row was staged in the destination.",
}


def to_arrow(
    odd_values: Sequence[OddValue],
    staged: pa.Table,
    *,
    run_id: str,
    stream: str,
    table_name: str,
    key_properties: Sequence[str],
) -> pa.Table:
    """Give the rows of the quarantine for values of a staged table.

    Args:
        odd_values: By row of `staged`.
        staged: The rows, with the metadata columns.
        run_id: Of the run, as in the load log.
        stream: Name of the stream.
        table_name: Name of its table in the destination.
        key_properties: Key columns of `staged`. A value of the quarantine may be one of them: its
            text is part of the key then.

    Returns:
        A table of `arrow_schema`, one row a value, in their order.
    """
    import pyarrow as pa

    rows = pa.array([each.row for each in odd_values], pa.int64())
    theirs = staged.select([*key_properties, metadata.SEQUENCE]).take(rows)
    texts = {(each.row, each.column): each.text for each in odd_values}
    keys = [
        {name: texts.get((each.row, name), text) for name, text in key.items()}
        for each, key in zip(odd_values, _texts(theirs.select(key_properties)), strict=True)
    ]
    number = len(odd_values)
    columns = {
        "run_id": [run_id] * number,
        "stream": [stream] * number,
        "table_name": [table_name] * number,
        "key": [json.dumps(key, ensure_ascii=False) for key in keys],
        "column_name": [each.column for each in odd_values],
        "original_text": [each.text for each in odd_values],
        "reason": [each.reason for each in odd_values],
        metadata.SEQUENCE: theirs[metadata.SEQUENCE].combine_chunks(),
        "quarantined_at": [datetime.now(tz=UTC)] * number,
    }
    return pa.table(columns, schema=arrow_schema())


def _texts(keys: pa.Table) -> list[dict[str, str | None]]:
    columns = [_text(column) for column in keys.itercolumns()]
    # Not `to_pylist` of the table, which has no rows where there are no columns.
    return [
        {name: column[row] for name, column in zip(keys.column_names, columns, strict=True)}
        for row in range(keys.num_rows)
    ]


def _text(column: pa.ChunkedArray) -> list[str | None]:
    import pyarrow as pa

    if pa.types.is_binary(column.type):
        return [None if value is None else f"\\x{value.hex()}" for value in column.to_pylist()]
    texts: list[str | None] = column.cast(pa.string()).to_pylist()
    return texts
