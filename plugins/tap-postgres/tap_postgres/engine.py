"""Read the result of a query into Arrow record batches, in bounded memory.

The server's CSV is parsed by Arrow: COPY is the only way out of PostgreSQL that makes no message
exchange per portion, and Arrow's parser works on columns.

https://www.postgresql.org/docs/current/sql-copy.html
https://arrow.apache.org/docs/python/csv.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from columnar_singer.errors import UserError
from psycopg import sql
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

if TYPE_CHECKING:
    from collections.abc import Generator

    import psycopg
    from psycopg.abc import Buffer

BYTES_PER_BATCH = 8 * 1024 * 1024
"""A record batch is made of at least that many bytes of CSV; one row more may be any size."""

_COLUMN_AT_FAULT = re.compile(r"In CSV column #(?P<index>\d+): (?P<reason>.*)")
_LONGEST_REASON = 200


def read(
    connection: psycopg.Connection[Any], query: sql.Composable, schema: pa.Schema
) -> Generator[pa.RecordBatch, None, None]:
    """Read the rows of a query. Close the generator: until then the connection is busy.

    Args:
        connection: Of `session.connect`, in the transaction to read in.
        query: A SELECT without parameters whose columns are those of `schema`.
        schema: Of the batches, of types that `columnar_singer.types` gives.

    Yields:
        The rows, in the order the server sends them; none if there are none.

    Raises:
        UserError: A value that Arrow's type of its column does not hold.
    """
    copy_query = sql.SQL("copy ({}) to stdout (format csv)").format(query)
    with connection.cursor() as cursor, cursor.copy(copy_query) as copy:
        rows: list[Buffer] = []
        size = 0
        # The server sends one message a row, so that a batch can be cut between rows:
        # https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
        for row in copy:
            rows.append(row)
            size += len(row)
            if size >= BYTES_PER_BATCH:
                yield _parse(b"".join(rows), schema)
                rows, size = [], 0
        if rows:
            yield _parse(b"".join(rows), schema)


def _parse(text: bytes, schema: pa.Schema) -> pa.RecordBatch:
    try:
        table = read_csv(
            pa.py_buffer(text),
            read_options=ReadOptions(
                column_names=schema.names,
                # One block, or a row that is longer than a block is refused.
                block_size=len(text) + 1,
            ),
            parse_options=ParseOptions(
                newlines_in_values=True,
                # An empty line is the NULL of a table with one column.
                ignore_empty_lines=False,
            ),
            convert_options=ConvertOptions(
                column_types={
                    field.name: pa.string() if pa.types.is_binary(field.type) else field.type
                    for field in schema
                },
                # NULL is nothing, the empty string is "".
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
    except pa.ArrowInvalid as error:
        raise UserError(_explain(str(error), schema)) from error
    columns = [
        _from_hex(column) if pa.types.is_binary(field.type) else column
        for field, column in zip(schema, table.itercolumns(), strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema).combine_chunks().to_batches()[0]


def _from_hex(column: pa.ChunkedArray) -> pa.Array:
    r"""Turn `\x6162` into the bytes it stands for."""
    return pa.array(
        [None if text is None else bytes.fromhex(text[2:]) for text in column.to_pylist()],
        pa.binary(),
    )


def _explain(reason: str, schema: pa.Schema) -> str:
    found = _COLUMN_AT_FAULT.search(reason)
    if not found:
        return f"the rows cannot be read as columns: {reason.partition(chr(10))[0]}"
    name = schema.names[int(found["index"])]
    return (
        f"column {name!r} holds a value that {schema.field(name).type} cannot: "
        f"{found['reason'][:_LONGEST_REASON]}; correct the row, or deselect the column"
    )
