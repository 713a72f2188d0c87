"""Read the result of a query into Arrow record batches, in bounded memory.

COPY in its binary form costs the server least; `kernels` says how it is decoded.

https://www.postgresql.org/docs/current/sql-copy.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from columnar_singer.errors import UserError

from tap_postgres import kernels
from tap_postgres.blocks import Block
from tap_postgres.columns import copy_statement, wire_columns
from tap_postgres.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    import psycopg
    from psycopg import sql

_ANY_ENCODING = "SQL_ASCII"


def read(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    datatypes: Mapping[str, str],
    *,
    is_large: bool = False,
    check: Callable[[], None] = lambda: None,
) -> Generator[pa.RecordBatch, None, None]:
    """Read the rows of a query. Close the generator: until then the connection is busy.

    Args:
        connection: Of `session.connect`, in the transaction to read in.
        query: A SELECT without parameters.
        datatypes: The PostgreSQL type of each column of the query, by name.
        is_large: Whether many rows are to be expected.
        check: Called a few times a second at least; may raise to end the reading.

    Yields:
        The rows, in the order the server sends them, none if there are none. A batch lies in
        memory that the next one uses again. Its schema's metadata has the `odd_values`.

    Raises:
        UserError: What the server sends cannot be decoded.
        psycopg.Error: The server says so, or is lost.
    """
    columns = wire_columns(datatypes)
    encoding = connection.info.parameter_status("server_encoding")
    with (
        connection.cursor() as cursor,
        cursor.copy(copy_statement(query, columns)),
    ):
        block = Block(columns, has_invalid_text=encoding == _ANY_ENCODING)
        reader = Reader(connection, block, is_large=is_large)
        code = kernels.WAIT
        while code != kernels.END:
            code = reader.read()
            check()
            if code == kernels.WAIT:
                continue
            if block.rows:
                yield _batch(block)
            block.next()


def _batch(block: Block) -> pa.RecordBatch:
    try:
        return block.batch()
    except pa.ArrowInvalid as error:
        message = (
            f"the database's encoding is {_ANY_ENCODING}, and a text in it is no valid UTF-8 "
            f"({str(error).partition(chr(10))[0]}); correct the row, or deselect the column"
        )
        raise UserError(message) from error
