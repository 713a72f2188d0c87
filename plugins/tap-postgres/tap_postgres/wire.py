"""The messages of a COPY, on their way from libpq to the kernels.

A few are read with psycopg and decoded by the kernels as plain Python; after those the compiled
kernels read from libpq themselves. Loading the compiled ones costs as much time as some hundred
rows do in Python, and most tables of most runs have no new row at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError

from tap_postgres import kernels
from tap_postgres.copy_out import finish

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from tap_postgres.blocks import Block
    from tap_postgres.copy_out import Messages
    from tap_postgres.messages import Integers

_FAULTS = {
    kernels.BAD_HEADER: "it does not begin as binary COPY does",
    kernels.BAD_COUNT: "a row has another number of columns",
    kernels.BAD_LENGTH: "a value has another length than its type",
    kernels.BAD_VALUE: "a value is none of its type",
    kernels.TOO_LONG: "a row goes on after its last column",
    kernels.NO_TRAILER: "it ends without its end mark",
}
_FAULTS_OF_COLUMNS = {kernels.BAD_LENGTH, kernels.BAD_VALUE}
# libpq ends a COPY that fails in the middle as it ends any other: only the mark is not there.
_ENDS = {kernels.END, kernels.LOST, kernels.NO_TRAILER}


class Reader:
    """Reads the rows of one COPY into a block, part by part."""

    def __init__(
        self, connection: psycopg.Connection[Any], block: Block, messages: Messages | None
    ) -> None:
        """Start; the connection has begun to send.

        Args:
            connection: After `COPY … TO STDOUT (FORMAT binary)`.
            block: To read into.
            messages: Of the connection; None to load the compiled kernels at once.
        """
        self._connection = connection
        self._block = block
        self._messages = messages
        self._native: tuple[Callable[..., int], Integers] | None = None

    def read(self) -> int:
        """Read until the block is full, nothing comes for a moment, or all has come.

        Returns:
            `kernels.BATCH`, `WAIT` or `END`.

        Raises:
            psycopg.Error: What the server or libpq says.
            UserError: What came is no binary COPY of these columns.
        """
        plan, state = self._block.plan, self._block.state
        messages = self._messages
        if messages is None or (messages.is_spent and not state[kernels.LENGTH]):
            self._load()
        if self._native is None:
            code = kernels.read_rows(messages, plan, self._block.buffers, state)
        else:
            read_rows, source = self._native
            code = int(read_rows(source, plan, self._block.buffers, state))
        if code in _ENDS:
            finish(self._connection)
        if code in _FAULTS:
            raise UserError(self._explain(code))
        return code

    def _load(self) -> None:
        if self._native is None:
            from tap_postgres import compiled

            self._native = compiled.read_rows, compiled.source(self._connection.pgconn)

    def _explain(self, code: int) -> str:
        where = ""
        if code in _FAULTS_OF_COLUMNS:
            where = f" (column {self._block.names[self._block.state[kernels.COLUMN]]!r})"
        return (
            f"the server sent what cannot be decoded: {_FAULTS[code]}{where}; run it again, and "
            "if it comes again report it with the type of the column"
        )
