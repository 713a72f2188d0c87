"""Several connections that read the chunks of a table in one snapshot.

The connection of the snapshot holds it, and the lock on the table, and reads nothing meanwhile. So
a worker that is lost can be replaced: its chunk is read again by another that joins the snapshot.
A chunk counts only when it is whole, so nothing of the first attempt is left.

A worker needs a lock on the table of its own. It would wait for ever behind a migration that waits
for the snapshot's: then the worker stands aside, as it does when the server has no connection left
for it, and at the worst the snapshot's own connection reads.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import psycopg
from columnar_singer.connection_errors import PassingError
from columnar_singer.errors import one_line
from columnar_singer.retry import ATTEMPTS, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from psycopg import sql

from tap_postgres.faults import SnapshotLostError, passes
from tap_postgres.session import released

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from tap_postgres.chunks import Chunk
    from tap_postgres.snapshot import Snapshot

_ACTIVE = psycopg.pq.TransactionStatus.ACTIVE
_BEGIN = "begin isolation level repeatable read, read only"
_LOCK_TIMEOUT = "set local lock_timeout = '1s'"
_CANCEL_SECONDS = 5.0
_JOIN_SECONDS = 30.0

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818 (no error: what ends a worker that is not needed any more)
    """The work of a thread is not wanted any more."""


@dataclass
class _Job(Generic[Result]):
    """The chunks of one stream.

    Attributes:
        read: Reads a chunk in a connection and calls the function it is given now and then.
        lock: A query that locks the table as reading it does.
        chunks: That no worker has taken.
        results: Of a chunk; None from a worker that stands aside; or what went wrong.
        stop: Set when nothing more is wanted.
    """

    read: Callable[[psycopg.Connection[Any], Chunk, Callable[[], None]], Result]
    lock: sql.Composed
    chunks: deque[Chunk]
    results: SimpleQueue[Result | BaseException | None] = field(default_factory=SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise `Stopped` if it is time."""
        if self.stop.is_set():
            raise Stopped


class Workers:
    """Connections in the snapshot of a run, and a thread for each while there is work."""

    def __init__(
        self, connect: Callable[[], psycopg.Connection[Any]], snapshot: Snapshot, count: int
    ) -> None:
        """Open nothing yet.

        Args:
            connect: Opens a connection in autocommit mode.
            snapshot: To read in.
            count: Number of workers.
        """
        self._connect = connect
        self._snapshot = snapshot
        self._connections: list[psycopg.Connection[Any] | None] = [None] * count

    def read(
        self,
        chunks: Sequence[Chunk],
        read: Callable[[psycopg.Connection[Any], Chunk, Callable[[], None]], Result],
        lock: sql.Composed,
        discard: Callable[[Result], None],
    ) -> Generator[Result, None, None]:
        """Read chunks, several at a time. Close the generator: the workers stop then.

        Args:
            chunks: Of one table; the snapshot's own connection has a lock on it.
            read: Reads a chunk whole, in another thread; may be called again for one that failed.
                It must call the function it is given now and then, which ends it when needed.
            lock: A query without rows that locks the table as reading it does.
            discard: Undoes what `read` gave and nobody takes any more.

        Yields:
            What `read` gave for each chunk, in no order.

        Raises:
            SnapshotLostError: A worker was lost and none can join the snapshot any more.
            Exception: What `read` raised, after as many attempts as make sense.
        """
        job: _Job[Result] = _Job(read, lock, deque(chunks))
        threads = [
            threading.Thread(target=self._run, args=(slot, job), daemon=True)
            for slot in range(min(len(self._connections), len(chunks)))
        ]
        at_work, left = len(threads), len(chunks)
        try:
            for thread in threads:
                thread.start()
            while left and at_work:
                result = job.results.get()
                if isinstance(result, BaseException):
                    raise result
                if result is None:
                    at_work -= 1
                else:
                    left -= 1
                    yield result
            while job.chunks:
                yield read(self._snapshot.connection, job.chunks.popleft(), job.check)
        finally:
            job.stop.set()
            if left:
                self._cancel()
            for thread in threads:
                thread.join(_JOIN_SECONDS)
            while not job.results.empty():
                result = job.results.get()
                if result is not None and not isinstance(result, BaseException):
                    discard(result)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            if connection is not None:
                connection.close()

    def _cancel(self) -> None:
        for connection in self._connections:
            if connection and connection.pgconn.transaction_status == _ACTIVE:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_CANCEL_SECONDS)

    def _run(self, slot: int, job: _Job[Result]) -> None:
        failures = 0
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                for _ in self._read_chunks(slot, job):
                    failures, pause = 0, FIRST_PAUSE_SECONDS
            except Stopped:
                return
            except PassingError as error:
                # To connect was tried as often as the settings say.
                logger.warning("Reading with a connection less: %s", one_line(error))
                job.results.put(None)
                return
            except Exception as error:
                if job.stop.is_set():
                    return
                failures += 1
                if not passes(error) or failures == ATTEMPTS:
                    job.results.put(error)
                    return
                logger.warning(
                    "A chunk is read again in %.1f s, attempt %d of %d: %s",
                    pause,
                    failures + 1,
                    ATTEMPTS,
                    one_line(error),
                )
                self._drop(slot)
                job.stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                job.results.put(None)
                return

    def _read_chunks(self, slot: int, job: _Job[Result]) -> Iterator[None]:
        connection = self._joined(slot)
        with released(connection):
            try:
                connection.execute(_LOCK_TIMEOUT)
                connection.execute(job.lock)
            except psycopg.errors.LockNotAvailable:
                raise psycopg.Rollback from None
            while True:
                job.check()
                try:
                    chunk = job.chunks.popleft()
                except IndexError:
                    break
                try:
                    result = job.read(connection, chunk, job.check)
                except BaseException:
                    job.chunks.append(chunk)
                    raise
                job.results.put(result)
                yield

    def _joined(self, slot: int) -> psycopg.Connection[Any]:
        connection = self._connections[slot]
        if connection is None:
            connection = self._connect()
            try:
                connection.execute(_BEGIN)
                connection.execute(
                    sql.SQL("set transaction snapshot {}").format(sql.Literal(self._snapshot.id))
                )
            except (
                psycopg.errors.InvalidParameterValue,
                psycopg.errors.ObjectNotInPrerequisiteState,
                psycopg.errors.UndefinedObject,
            ) as error:
                connection.close()
                # It may not know yet that it is lost.
                self._snapshot.connection.close()
                raise SnapshotLostError from error
            self._connections[slot] = connection
        return connection

    def _drop(self, slot: int) -> None:
        connection, self._connections[slot] = self._connections[slot], None
        if connection is not None:
            connection.close()
