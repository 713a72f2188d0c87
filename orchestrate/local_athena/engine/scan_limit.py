"""Stops a query that reads more than its work group allows, while it runs.

https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

# A query that ends sooner is checked at its end alone.
_PAUSE_SECONDS = 0.5
# DuckDB tells what a connection has read only at its end, but logs each of its requests.
_READ_SO_FAR = r"""
    select coalesce(sum(
        cast(regexp_extract(message, 'bytes=(\d+)-(\d+)', 2) as bigint)
        - cast(regexp_extract(message, 'bytes=(\d+)-(\d+)', 1) as bigint) + 1), 0)
    from duckdb_logs
    where type = 'HTTP' and connection_id = $1 and regexp_matches(message, 'bytes=\d+-\d+')
"""


def start_counting(instance: duckdb.DuckDBPyConnection) -> None:
    """Have an instance log the requests of its connections, in memory."""
    instance.execute("call enable_logging('HTTP', storage = 'memory')")


def forget(instance: duckdb.DuckDBPyConnection) -> None:
    """Empty the log, while no statement runs."""
    instance.execute("call truncate_duckdb_logs()")


class Watch:
    """Looks after a statement; use as `with Watch(…) as watch:`.

    Attributes:
        is_exceeded: Whether the statement was stopped for the limit.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, limit: int | None) -> None:
        """Watch a connection's next statement.

        Args:
            connection: That will run it.
            limit: Bytes that the connection may read in all, None for any number.
        """
        self.is_exceeded = False
        self._connection = connection
        self._limit = limit
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Watch:
        if self._limit is not None:
            (number,) = self._connection.execute("select current_connection_id()").fetchall()[0]
            arguments = (self._connection.cursor(), int(number), self._limit)
            self._thread = threading.Thread(target=self._watch, args=arguments, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._done.set()
            self._thread.join()

    def _watch(self, reader: duckdb.DuckDBPyConnection, number: int, limit: int) -> None:
        with reader:
            while not self._done.wait(_PAUSE_SECONDS):
                ((so_far,),) = reader.execute(_READ_SO_FAR, [number]).fetchall()
                if so_far > limit:
                    self.is_exceeded = True
                    self._connection.interrupt()
                    return
