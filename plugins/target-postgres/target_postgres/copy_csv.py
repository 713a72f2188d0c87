"""Arrow tables as CSV for COPY.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-CSV-FORMAT
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
from columnar_singer.errors import UserError
from psycopg import sql
from pyarrow.compute import call_function
from pyarrow.csv import WriteOptions, write_csv

from target_postgres.table import column_list

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST_DAY = (date.min - date(1970, 1, 1)).days
_MICROSECONDS_PER_DAY = 24 * 60 * 60 * 1_000_000

# NULL is an empty field and the empty string a quoted one: PostgreSQL's defaults, and Arrow's.
_OPTIONS = WriteOptions(include_header=False, batch_size=8192, quoting_style="needed")


def to_csv(table: pa.Table) -> pa.Buffer:
    """Write a table as CSV in which PostgreSQL reads each value exactly.

    Args:
        table: Columns of the Arrow types of `columnar_singer.types`.

    Returns:
        UTF-8 without a header.

    Raises:
        UserError: A time before the year 1, which Arrow writes in a way that PostgreSQL reads as
            something else.
    """
    for index, field in enumerate(table.schema):
        column = table.column(index)
        if pa.types.is_binary(field.type):
            table = table.set_column(index, field.name, _hex(column))
        elif pa.types.is_date(field.type) or pa.types.is_timestamp(field.type):
            _check_years(field.name, column)
    sink = pa.BufferOutputStream()
    write_csv(table, sink, _OPTIONS)
    return sink.getvalue()


def copy_statement(table: sql.Identifier, columns: Sequence[str]) -> sql.Composed:
    """Give the COPY that reads the CSV.

    Args:
        table: Table to copy into.
        columns: Columns in the order in which the CSV has them.

    Returns:
        The statement.
    """
    statement = sql.SQL("copy {} ({}) from stdin (format csv, encoding 'utf8')")
    return statement.format(table, column_list(columns))


def _hex(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give bytes in the hex format of bytea, since CSV is text."""
    chunks = [
        pa.array(
            [None if value is None else f"\\x{value.hex()}" for value in chunk.to_pylist()],
            pa.string(),  # a chunk of NULLs alone would have a type of its own
        )
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, pa.string())


def _check_years(name: str, column: pa.ChunkedArray) -> None:
    if pa.types.is_date(column.type):
        integers, first = pa.int32(), _FIRST_DAY
    else:
        integers, first = pa.int64(), _FIRST_DAY * _MICROSECONDS_PER_DAY
    least = call_function("min", [column.cast(integers)]).as_py()
    if least is not None and least < first:
        message = (
            f"column '{name}' holds a time before the year 1, which cannot be loaded; correct it "
            "in the source or leave the column out of the selection"
        )
        raise UserError(message)
