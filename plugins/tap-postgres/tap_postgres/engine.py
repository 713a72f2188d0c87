"""Read the result of a query into Arrow record batches, in bounded memory.

COPY in its binary form costs the server least; `kernels` says how it is decoded.

https://www.postgresql.org/docs/current/sql-copy.html
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError

from tap_postgres.copy_out import Messages, copy_statement, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    import psycopg
    import pyarrow as pa
    from psycopg import sql

    from tap_postgres.blocks import Block

_ANY_ENCODING = "SQL_ASCII"

# numpy, when it is imported, starts a thread a processor for linear algebra, of which there is none
# here. That takes as long as all the rest of the import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


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
    with (
        connection.cursor() as cursor,
        cursor.copy(copy_statement(query, datatypes)),
    ):
        if is_large or "tap_postgres.compiled" in sys.modules:
            yield from _decode(connection, None, datatypes, check)
            return
        messages = Messages(connection)
        while (has_rows := messages.has_rows()) is None:
            check()
        if has_rows:
            yield from _decode(connection, messages, datatypes, check)
        else:
            finish(connection)


def _decode(
    connection: psycopg.Connection[Any],
    messages: Messages | None,
    datatypes: Mapping[str, str],
    check: Callable[[], None],
) -> Generator[pa.RecordBatch, None, None]:
    # Only who has rows has to wait until these are imported.
    from tap_postgres import kernels
    from tap_postgres.blocks import Block
    from tap_postgres.columns import wire_columns
    from tap_postgres.wire import Reader

    encoding = connection.info.parameter_status("server_encoding")
    block = Block(wire_columns(datatypes), has_invalid_text=encoding == _ANY_ENCODING)
    reader = Reader(connection, block, messages)
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
    import pyarrow as pa

    try:
        return block.batch()
    except pa.ArrowInvalid as error:
        message = (
            f"the database's encoding is {_ANY_ENCODING}, and a text in it is no valid UTF-8 "
            f"({str(error).partition(chr(10))[0]}); correct the row, or deselect the column"
        )
        raise UserError(message) from error
