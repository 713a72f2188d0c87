"""The connection that all streams of a run share, and the transactions on it."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, TypeVar

import psycopg
from columnar_singer.destination import CommitResult
from columnar_singer.load_log import TABLE_NAME as LOAD_LOG
from psycopg import sql

from target_postgres import load_log
from target_postgres.errors import explained
from target_postgres.rights import check_rights
from target_postgres.views import set_aside

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from columnar_singer.load_log import LoadLogRow

    from target_postgres.dependents import View
    from target_postgres.settings import Settings
    from target_postgres.table import Plan

APPLICATION_NAME = "target-postgres"
LOCK_ATTEMPTS = 10
LOCK_TIMEOUT_SECONDS = 2
LOCK_PAUSE_SECONDS = 2

_CHANGED_MUCH = """
select %(rows)s >= current_setting('autovacuum_analyze_threshold')::float
    + current_setting('autovacuum_analyze_scale_factor')::float * greatest(reltuples, 0)
from pg_class
where oid = %(table)s::regclass
"""

logger = logging.getLogger(APPLICATION_NAME)

Result = TypeVar("Result")


class Database:
    """An open connection to the database that is loaded.

    Attributes:
        connection: In autocommit mode, so that a transaction is only where one is opened.
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
        self._server = str(settings.connection)
        self.connection = settings.connection.connect(APPLICATION_NAME)
        with self.explained():
            self.connection.autocommit = True
            # A role or database may have another: what others change while a lock is waited for
            # would not be seen.
            self.connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            check_rights(self.connection, self.schema, LOAD_LOG, changes_table=False)

    def explained(self) -> AbstractContextManager[None]:
        """Turn errors of PostgreSQL inside into `UserError` or `DestinationLostError`."""
        return explained(self.connection, self._server)

    def commit(self, work: Callable[[], Result]) -> Result:
        """Run something in one transaction, anew if a lock cannot be had in time.

        A statement that waits for a table's lock makes every later reader wait behind it. So it
        gives up soon, lets the readers through, and tries again.

        Args:
            work: What to do; the schema and the load log are there.

        Returns:
            What `work` returned in the transaction that was committed.

        Raises:
            UserError: PostgreSQL refused something; nothing is changed.
            DestinationLostError: The connection is gone.
        """
        with self.explained():
            for attempt in range(1, LOCK_ATTEMPTS):
                try:
                    return self._transaction(work)
                except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                    logger.info("Attempt %d: %s; trying again", attempt, error.diag.message_primary)
                    time.sleep(LOCK_PAUSE_SECONDS)
            return self._transaction(work)

    def change(self, table: sql.Identifier, plan: Plan) -> list[View]:
        """Change a table, within `commit`.

        Args:
            table: Its name with its schema.
            plan: How to change it.

        Returns:
            The views that were created again on the way.

        Raises:
            UserError: Something stands in the way that could not be put back as it is.
        """
        if not plan.statements:
            return []
        set_timeout = sql.SQL("set local lock_timeout = {}")
        self.connection.execute(set_timeout.format(sql.Literal(f"{LOCK_TIMEOUT_SECONDS}s")))
        with set_aside(self.connection, table, plan.widened) as views:
            for statement in plan.statements:
                self.connection.execute(statement)
        self.connection.execute("set local lock_timeout to default")
        return views

    def analyze(self, table: sql.Identifier, rows_changed: int) -> None:
        """Renew the planner's statistics after a commit that changed much of a table.

        Autovacuum does it too, by the same rule, but about a minute later; a query planned in
        between takes a table just loaded for empty, and may run for hours instead of seconds.
        https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-STATISTICS

        Args:
            table: Its name with its schema.
            rows_changed: By the commit.
        """
        with self.explained(), contextlib.suppress(psycopg.errors.LockNotAvailable):
            row = self.connection.execute(
                _CHANGED_MUCH, {"table": table.as_string(), "rows": rows_changed}
            ).fetchone()
            if row is None or not row[0]:
                return
            with self.connection.transaction():
                set_timeout = sql.SQL("set local lock_timeout = {}")
                self.connection.execute(set_timeout.format(sql.Literal(f"{LOCK_TIMEOUT_SECONDS}s")))
                self.connection.execute(sql.SQL("analyze {}").format(table))

    def write_log(self, rows: list[LoadLogRow]) -> None:
        """Write load log rows of streams without data, in one transaction."""
        nothing = CommitResult(rows_committed=0)
        finished = [row.finished(nothing) for row in rows]
        self.commit(lambda: load_log.insert(self.connection, self.schema, finished))

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _transaction(self, work: Callable[[], Result]) -> Result:
        with self.connection.transaction():
            # A role or database may have it off: then a commit is reported before it is durable,
            # and a STATE could claim rows that a crash takes away.
            self.connection.execute("set local synchronous_commit to on")
            self._create_schema()
            if not load_log.exists(self.connection, self.schema):
                load_log.create(self.connection, self.schema)
            return work()

    def _create_schema(self) -> None:
        # Not `if not exists`, which asks for the right to create even where there is nothing to.
        found = self.connection.execute(
            "select from pg_namespace where nspname = %s", [self.schema]
        ).fetchone()
        if found is None:
            self.connection.execute(sql.SQL("create schema {}").format(sql.Identifier(self.schema)))
