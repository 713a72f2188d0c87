"""COPY TO STDOUT: the statement, and its messages as libpq hands them out.

Without numpy and Arrow, which take as long to import as all else: most tables of most runs have no
new row, and for those nothing is decoded.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
"""

from __future__ import annotations

import select
from collections import deque
from typing import TYPE_CHECKING, Any

from columnar_singer.types import type_name
from psycopg import sql
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many
from psycopg.pq import ExecStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

ROWS_IN_PYTHON = 500
"""Rows that are decoded by plain Python before the compiled kernels are loaded."""

_IDLE_MILLISECONDS = 100

_END = -1
"""What `PQgetCopyData` returns after the last message."""

_NO_ROWS = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"
"""The header and the trailer: the server sends what is before the first row together with it."""

KINDS = {
    "smallint": "INT2",
    "integer": "INT4",
    "bigint": "INT8",
    "real": "FLOAT4",
    "double precision": "FLOAT8",
    "boolean": "BOOL",
    "date": "DATE",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP",
    "text": "TEXT",
    "character varying": "TEXT",
    "character": "TEXT",
    "bpchar": "TEXT",
    "name": "TEXT",
    "json": "TEXT",
    "bytea": "TEXT",
    "jsonb": "JSONB",
    "uuid": "UUID",
}
"""Types that are sent in their binary form, as is numeric, and their kinds of `kernels`; all others
are sent as text. What theirs would save is not worth its code."""

# The cast to text of these gives another text than PostgreSQL prints: of an address a netmask
# more, of a document a declaration more.
_PRINTED = {
    "inet": sql.SQL("textin(inet_out({}))"),
    "xml": sql.SQL("textin(xml_out({}))"),
}
_AS_TEXT = sql.SQL("{}::text")


def copy_statement(query: sql.Composable, datatypes: Mapping[str, str]) -> sql.Composed:
    """Give the statement that sends a query's rows in the form that `kernels` decodes.

    Args:
        query: A SELECT without parameters that has the columns, whatever their order.
        datatypes: The PostgreSQL type of each column to send, by name and in order.
    """
    return sql.SQL("copy (select {} from ({}) q) to stdout (format binary)").format(
        sql.SQL(", ").join(_expression(name, datatype) for name, datatype in datatypes.items()),
        query,
    )


def _expression(name: str, datatype: str) -> sql.Composed:
    column, known = sql.Identifier("q", name), type_name(datatype)
    if known != "numeric" and known not in KINDS:
        return _PRINTED.get(known, _AS_TEXT).format(column)
    # The cast costs nothing where the type is what is expected, and makes the server convert or
    # refuse where it is not any more.
    return sql.SQL("{}::{}").format(column, sql.SQL(datatype))


class Messages:
    """The messages of a COPY that has begun, for plain Python."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Take none yet.

        Args:
            connection: After `COPY … TO STDOUT (FORMAT binary)`.
        """
        self.message: memoryview | None = None
        self._pgconn = connection.pgconn
        self._held: deque[tuple[int, memoryview]] = deque()
        self._count = 0

    def has_rows(self) -> bool | None:
        """Tell whether there is something to decode; None if nothing has come for a moment.

        To be called before `fetch`. If there is nothing, all has come, and is for `finish`.
        """
        while True:
            length, message = self._next()
            if length == 0:
                return None
            self._held.append((length, message))
            if len(self._held) == 2:
                return length != _END
            if length < 0 or bytes(message) != _NO_ROWS:
                return True

    @property
    def is_spent(self) -> bool:
        """Whether it is time for the compiled kernels."""
        return self._count >= ROWS_IN_PYTHON

    def fetch(self) -> int:
        """See `kernels.next_message`."""
        if self.is_spent:
            return 0
        length, message = self._held.popleft() if self._held else self._next()
        if length:
            self._count += 1
            self.message = message
        return length

    def _next(self) -> tuple[int, memoryview]:
        length, message = self._pgconn.get_copy_data(1)
        if length == 0:
            waiting = select.poll()
            waiting.register(self._pgconn.socket, select.POLLIN)
            if waiting.poll(_IDLE_MILLISECONDS):
                self._pgconn.consume_input()
        return length, message


def finish(connection: psycopg.Connection[Any]) -> None:
    """Take what the server says after its last row.

    Raises:
        psycopg.Error: It says that the rows before are not all.
    """
    for result in connection.wait(fetch_many(connection.pgconn)):
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)
