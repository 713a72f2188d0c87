"""The connection that all streams of a run share, and the transactions on it."""

from __future__ import annotations

import contextlib
import logging
import select
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
from columnar_singer.destination import CommitResult, DestinationLostError
from columnar_singer.errors import UserError, one_line
from columnar_singer.load_log import TABLE_NAME as LOAD_LOG
from columnar_singer.retry import retry
from psycopg import sql
from psycopg.pq import TransactionStatus

from target_postgres import load_log
from target_postgres.errors import explained, is_passing
from target_postgres.lease import Leases
from target_postgres.rights import check_rights
from target_postgres.views import set_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from columnar_singer.load_log import LoadLogRow
    from psycopg import Connection

    from target_postgres.dependents import View
    from target_postgres.settings import Settings
    from target_postgres.table import Plan

APPLICATION_NAME = "target-postgres"
LOCK_ATTEMPTS = 10
LOCK_TIMEOUT_SECONDS = 2
MAX_NEW_CONNECTIONS = 4
"""Tables that are filled within their own transaction at a time; servers allow about 100."""

_WITH_TRANSACTION_TIMEOUT = 170000
"""The first version that has the setting `transaction_timeout`."""

END_SECONDS = 60.0
"""How long the server is waited for to end what it was doing when its connection broke."""

_SESSION = {
    # Row locks of others; a change of a table gives up sooner.
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    # For the primary key of a new table, and for the sort before a merge.
    "maintenance_work_mem": "256MB",
    "work_mem": "64MB",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "lc_monetary": "C",
    "TimeZone": "UTC",
}

_CHANGED_MUCH = """
select %(rows)s >= current_setting('autovacuum_analyze_threshold')::float
    + current_setting('autovacuum_analyze_scale_factor')::float * greatest(reltuples, 0)
from pg_class
where oid = %(table)s::regclass
"""

logger = logging.getLogger(APPLICATION_NAME)


class Database:
    """The database that is loaded.

    Attributes:
        schema: Schema of the tables and of the load log.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect.

        Args:
            settings: Where to and as whom.

        Raises:
            UserError: The server cannot be reached or refuses, or a right is missing.
        """
        self.schema = settings.schema
        self._settings = replace(
            settings.connection,
            session_settings={**settings.connection.session_settings, **_SESSION},
        )
        self._server = str(settings.connection)
        self._leases = Leases()
        self._new: list[Connection[Any]] = []
        self._connection = self._connect()
        with self.explained():
            check_rights(self._connection, self.schema, LOAD_LOG, changes_table=False)

    @property
    def connection(self) -> Connection[Any]:
        """The shared connection, in autocommit mode: a transaction is only where one is opened.

        Raises:
            DestinationLostError: It was lost, and the server cannot be reached any more.
        """
        if self._connection.info.transaction_status == TransactionStatus.IDLE and _has_news(
            self._connection
        ):
            # Mostly that it broke, which is noticed only when it is used.
            with contextlib.suppress(psycopg.OperationalError):
                self._connection.execute("select")
        if self._connection.closed:
            try:
                self._connection = self._connect()
            except UserError as error:
                raise DestinationLostError(str(error)) from error
        return self._connection

    def new_connection(self) -> Connection[Any] | None:
        """Open a connection for a table that is filled in one transaction.

        Returns:
            It, None if there are many already or the server has none left.
        """
        self._new = [each for each in self._new if not each.closed]
        if len(self._new) >= MAX_NEW_CONNECTIONS:
            return None
        try:
            connection = self._connect(attempts=1)
        except UserError as error:
            logger.info("No further connection: %s", error)
            return None
        self._create_schema(self.connection)
        connection.autocommit = False
        self._new.append(connection)
        return connection

    def explained(self) -> AbstractContextManager[None]:
        """Turn errors of PostgreSQL inside into `UserError`."""
        return explained(self._server)

    def hold_lease(self, table: sql.Identifier) -> None:
        """See that no other run loads a table.

        Raises:
            UserError: One does.
        """
        self._leases.hold(self.connection, table)

    def commit(
        self,
        connection: Connection[Any],
        work: Callable[[], tuple[CommitResult, list[LoadLogRow]]],
    ) -> CommitResult:
        """Run something in one transaction.

        It is run anew if a lock cannot be had in time: a statement that waits for a table's lock
        makes every later reader wait behind it. So it gives up soon, lets the readers through,
        and tries again. If the connection breaks in the very moment of the commit, the load log
        tells afterwards whether it was done.

        Args:
            connection: The shared one, or one of `new_connection` with its open transaction,
                which is closed in the end.
            work: What to do; the schema is there. Gives its result and what it put into the load
                log.

        Returns:
            What `work` returned in the transaction that was committed.

        Raises:
            UserError: PostgreSQL refused something, or the connection is gone; nothing is changed.
            DestinationLostError: Nobody knows whether it was committed.
        """
        done: tuple[CommitResult, list[LoadLogRow]] | None = None

        def transaction() -> CommitResult:
            nonlocal done
            done = None
            with connection.transaction():
                self._begin(connection)
                done = work()
            return done[0]

        process = connection.info.backend_pid
        with self.explained():
            try:
                if connection.autocommit:
                    return retry(
                        transaction,
                        what="commit",
                        passes=is_passing,
                        attempts=LOCK_ATTEMPTS,
                    )
                with connection:
                    self._begin(connection, has_schema=True)
                    done = work()
                return done[0]
            except psycopg.Error:
                if done is None or not connection.closed:
                    raise
                if not self._was_committed(process, done[1]):
                    raise
                return done[0]

    def change(self, connection: Connection[Any], table: sql.Identifier, plan: Plan) -> list[View]:
        """Change a table, within `commit`.

        Args:
            connection: In the transaction.
            table: Its name with its schema.
            plan: How to change it.

        Returns:
            The views that were created again on the way.

        Raises:
            UserError: Something stands in the way that could not be put back as it is.
        """
        if not plan.changes:
            return []
        _limit_waiting(connection)
        with set_aside(connection, table, plan.widened) as views:
            for statement in plan.statements:
                connection.execute(statement)
        connection.execute("set local lock_timeout to default")
        return views

    def comment(self, table: sql.Identifier, statements: Sequence[sql.Composed]) -> None:
        """Change comments, which rows need not wait for: what cannot be done now is told and left.

        Args:
            table: Its name with its schema.
            statements: COMMENT ON the table and its columns.
        """
        if not statements:
            return
        try:
            with self.connection.transaction():
                _limit_waiting(self.connection)
                for statement in statements:
                    self.connection.execute(statement)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege) as error:
            logger.warning(
                "Comments of table %s stay as they are until a later run: %s",
                table.as_string(),
                one_line(error),
            )

    def analyze(self, table: sql.Identifier, rows_changed: int) -> None:
        """Renew the planner's statistics after a commit that changed much of a table.

        Autovacuum does it too, by the same rule, but about a minute later; a query planned in
        between takes a table just loaded for empty, and may run for hours instead of seconds.
        https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-STATISTICS

        Args:
            table: Its name with its schema.
            rows_changed: By the commit. What fails here is told: the rows are there all the same.
        """
        try:
            self._analyze(table, rows_changed)
        except psycopg.errors.LockNotAvailable:
            pass
        except psycopg.Error as error:
            logger.warning(
                "Table %s is loaded, but not analyzed, which autovacuum will do: %s",
                table.as_string(),
                one_line(error),
            )

    def _analyze(self, table: sql.Identifier, rows_changed: int) -> None:
        row = self.connection.execute(
            _CHANGED_MUCH, {"table": table.as_string(), "rows": rows_changed}
        ).fetchone()
        if row is None or not row[0]:
            return
        with self.connection.transaction():
            _limit_waiting(self.connection)
            self.connection.execute(sql.SQL("analyze {}").format(table))

    def write_log(self, rows: list[LoadLogRow]) -> None:
        """Write load log rows of streams without data, in one transaction."""
        nothing = CommitResult(rows_committed=0)

        def work() -> tuple[CommitResult, list[LoadLogRow]]:
            finished = [row.finished(nothing) for row in rows]
            load_log.insert(self._connection, self.schema, finished)
            return nothing, finished

        self.commit(self.connection, work)

    def close(self) -> None:
        """Close all connections; what is not committed is gone with them."""
        for connection in (self._connection, *self._new):
            connection.close()

    def _connect(self, *, attempts: int | None = None) -> Connection[Any]:
        settings = (
            self._settings if attempts is None else replace(self._settings, attempts=attempts)
        )
        connection = settings.connect(APPLICATION_NAME)
        with self.explained():
            connection.autocommit = True
            # A role or database may have another: what others change while a lock is waited for
            # would not be seen.
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            # A role or database may have one: a new table is filled in one transaction.
            if connection.info.server_version >= _WITH_TRANSACTION_TIMEOUT:
                connection.execute("set transaction_timeout to 0")
            # A killed run holds its leases until the server looks for it, which it does in the
            # midst of a statement only so, and not on every system.
            with contextlib.suppress(psycopg.DataError):
                connection.execute("set client_connection_check_interval to '2s'")
        return connection

    def _begin(self, connection: Connection[Any], *, has_schema: bool = False) -> None:
        # A role or database may have it off: then a commit is reported before it is durable,
        # and a STATE could claim rows that a crash takes away.
        connection.execute("set local synchronous_commit to on")
        if not has_schema:
            self._create_schema(connection)

    def _create_schema(self, connection: Connection[Any]) -> None:
        # Not `if not exists` alone, which asks for the right to create even where there is
        # nothing to.
        found = connection.execute(
            "select from pg_namespace where nspname = %s", [self.schema]
        ).fetchone()
        if found is None:
            statement = sql.SQL("create schema if not exists {}")
            connection.execute(statement.format(sql.Identifier(self.schema)))

    def _was_committed(self, process: int, rows: list[LoadLogRow]) -> bool:
        """Find out whether a commit whose answer was lost was done.

        Args:
            process: Of the server, which had the connection.
            rows: What the commit put into the load log.
        """
        # It must have ended: it may be about to commit.
        ending = "select pg_terminate_backend(pid) from pg_stat_activity where pid = %s"
        until = time.monotonic() + END_SECONDS
        while self.connection.execute(ending, [process]).fetchone():
            if time.monotonic() > until:
                message = (
                    f"the connection to {self._server} broke within a commit, and process "
                    f"{process} of the server still runs: look into {LOAD_LOG}, and run it again"
                )
                raise DestinationLostError(message)
            time.sleep(0.2)
        return load_log.has_rows(self.connection, self.schema, rows)


def _limit_waiting(connection: Connection[Any]) -> None:
    """Wait for a lock no longer than that, in the transaction that is open."""
    set_timeout = sql.SQL("set local lock_timeout = {}")
    connection.execute(set_timeout.format(sql.Literal(f"{LOCK_TIMEOUT_SECONDS}s")))


def _has_news(connection: Connection[Any]) -> bool:
    """Tell whether something has come that nobody has asked for; the server is not asked."""
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return bool(socket.poll(0))
