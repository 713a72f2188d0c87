"""Arrow tables as the binary format of COPY.

The server reads binary values about twice as fast as text, but takes a value only in the form of
the column's own type. A type that has no such form here is staged as text and cast afterwards.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa
from columnar_singer.odd_values import OddValue
from columnar_singer.types import ColumnType, type_name
from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter
from pyarrow.compute import ReplaceSubstringOptions, call_function

from target_postgres.table import column_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

TEXT = "text"
ROWS_PER_MESSAGE = 10_000
"""Rows are encoded in parts, so that one part is on its way while the next is encoded."""

_SAME_BYTES = {
    *("boolean", "smallint", "integer", "bigint", "real", "double precision", "bytea", "date"),
    *("timestamp without time zone", "timestamp with time zone", "uuid", "json", "jsonb", "text"),
    *("character varying", "character"),
}
_SMALLINT = (-(2**15), 2**15 - 1)
_UUID_DIGITS = 32
_WITHOUT_HYPHENS = ReplaceSubstringOptions("-", "")
_NO_DIGIT = 255
_DIGITS = np.full(256, _NO_DIGIT, np.uint8)
for _digit in range(16):
    _DIGITS[[ord(f"{_digit:x}"), ord(f"{_digit:X}")]] = _digit


def staged_datatype(column: ColumnType) -> str:
    """Give the type of a column that COPY fills.

    Args:
        column: A column of the stream.

    Returns:
        Its own type, or `text` for one that is to be cast.
    """
    name = type_name(column.postgres)
    is_exact = pa.types.is_decimal(column.arrow) if name == "numeric" else name in _SAME_BYTES
    return column.postgres if is_exact else TEXT


def copy_rows(
    connection: Connection[Any],
    name: sql.Identifier,
    table: pa.Table,
    datatypes: Mapping[str, str],
) -> list[OddValue]:
    """Copy rows into a table of PostgreSQL.

    Args:
        connection: To the database, within a transaction or not.
        name: The table.
        table: Rows, with columns that the table has.
        datatypes: Of the table's columns.

    Returns:
        The values that PostgreSQL does not take, by rows of `table`; they are NULL in the table.

    Raises:
        psycopg.Error: PostgreSQL refused something else.
    """
    table, rejected = _prepared(table, datatypes)
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        name, column_list(table.column_names)
    )
    done = 0
    while True:
        try:
            _send(connection, statement, table, datatypes)
        except psycopg.DataError as error:
            row, column = _place(error, table.column_names)
            if row is None or column is None:
                raise
            # What comes before is as it should be: it is sent again, the rest then goes on.
            if row:
                _send(connection, statement, table.slice(0, row), datatypes)
            table, done = table.slice(row), done + row
            reason = error.diag.message_primary or "PostgreSQL does not take it"
            value = _shown(table[column][0].as_py())
            rejected.append(OddValue(done, column, value, reason, is_legal=False))
            table = _set_null(table, column, 0)
        else:
            return rejected


def _send(
    connection: Connection[Any],
    statement: sql.Composed,
    table: pa.Table,
    datatypes: Mapping[str, str],
) -> None:
    encoders = {
        field.name: (
            StringEncoderBuilder.new_with_output(field, Jsonb())
            if datatypes[field.name] == "jsonb"
            else ArrowToPostgresBinaryEncoder.infer_encoder(field)
        )
        for field in table.schema
    }
    encoder = ArrowToPostgresBinaryEncoder.new_with_encoders(table.schema, encoders)
    with connection.transaction(), connection.cursor() as cursor:
        writer = QueuedLibpqWriter(cursor)
        with cursor.copy(statement, writer=writer) as copy:
            copy.write(encoder.write_header())
            for batch in table.to_batches(max_chunksize=ROWS_PER_MESSAGE):
                copy.write(encoder.write_batch(batch))
            copy.write(encoder.finish())


def _place(error: psycopg.DataError, columns: list[str]) -> tuple[int | None, str | None]:
    """Find the row and the column of an error: `COPY stage_1, line 7, column x`, in any language.

    https://github.com/postgres/postgres/blob/master/src/backend/commands/copyfrom.c
    (`CopyFromErrorCallback`)
    """
    for column in sorted(columns, key=len, reverse=True):
        place = rf"^COPY .*?, \S+ (\d+), \S+ {re.escape(column)}$"
        if found := re.search(place, error.diag.context or "", re.MULTILINE):
            return int(found[1]) - 1, column
    return None, None


def _prepared(table: pa.Table, datatypes: Mapping[str, str]) -> tuple[pa.Table, list[OddValue]]:
    """Give columns the form that their types have on the way."""
    rejected: list[OddValue] = []
    for name in table.column_names:
        datatype = datatypes[name]
        if datatype not in {"smallint", "uuid"}:
            continue
        column = table[name]
        form, bad = _small(column) if datatype == "smallint" else _uuids(column)
        why = f"it is no {datatype}"
        rejected += [
            OddValue(row, name, _shown(column[row].as_py()), why, is_legal=False) for row in bad
        ]
        table = table.set_column(table.schema.get_field_index(name), name, form)
    return table, rejected


def _small(column: pa.ChunkedArray) -> tuple[pa.Array, list[int]]:
    least, greatest = _SMALLINT
    fits = call_function(
        "and",
        [
            call_function("greater_equal", [column, pa.scalar(least, column.type)]),
            call_function("less_equal", [column, pa.scalar(greatest, column.type)]),
        ],
    )
    bad = _rows(call_function("invert", [fits]))
    if bad:
        column = call_function("if_else", [fits, column, pa.scalar(None, column.type)])
    return column.cast(pa.int16()), bad


def _uuids(column: pa.ChunkedArray) -> tuple[pa.Array, list[int]]:
    """Give UUIDs as their 16 bytes."""
    given = column.combine_chunks()
    digits = call_function("replace_substring", [given], _WITHOUT_HYPHENS)
    packed = _packed(digits)
    bad: list[int] = []
    if packed is None:
        # Another way to write it (with braces), or none.
        hexes = [None if text is None else _uuid_digits(text) for text in given.to_pylist()]
        bad = [row for row, digits in enumerate(hexes) if digits is None and given[row].is_valid]
        digits = pa.array(hexes, pa.string())
        packed = _packed(digits)
    assert packed is not None  # noqa: S101 (of digits that are UUIDs)
    if digits.null_count:
        is_there = np.asarray(digits.is_valid())
        places = pa.array(np.cumsum(is_there) - 1, mask=~is_there)
        packed = packed.take(places)
    return packed, bad


def _packed(digits: pa.Array) -> pa.Array | None:
    """Decode hexadecimal digits, leaving out what is NULL; None if one is not of 32 digits."""
    present = digits.drop_null()
    lengths = np.asarray(call_function("binary_length", [present]))
    if (lengths != _UUID_DIGITS).any():
        return None
    text = np.frombuffer(present.buffers()[2] or b"", np.uint8, len(present) * _UUID_DIGITS)
    values = _DIGITS[text]
    if (values == _NO_DIGIT).any():
        return None
    data = values[0::2] << 4 | values[1::2]
    buffers = [None, pa.py_buffer(data.tobytes())]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(present), buffers)


def _uuid_digits(text: str) -> str | None:
    try:
        return UUID(text).hex
    except ValueError:
        return None


def _set_null(table: pa.Table, column: str, row: int) -> pa.Table:
    values = table[column]
    null = pa.nulls(1, values.type)
    chunks = [*values.slice(0, row).chunks, null, *values.slice(row + 1).chunks]
    replaced = pa.chunked_array(chunks, values.type)
    return table.set_column(table.schema.get_field_index(column), column, replaced)


def _shown(value: object) -> str:
    """Give a value as text that PostgreSQL holds, which has no place for U+0000."""
    text = f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
    return text.replace("\0", "\\u0000")


def _rows(mask: pa.ChunkedArray) -> list[int]:
    return [int(row) for row in call_function("indices_nonzero", [mask]).to_pylist()]
