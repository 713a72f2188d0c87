"""The moment a run reads: which transactions were open, and the snapshot taken after.

`position` says why in that order. The queries of this module run outside of a transaction, except
the first of the snapshot itself: in a transaction, `pg_stat_activity` shows what it showed first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from tap_postgres.position import Settled, Transactions

if TYPE_CHECKING:
    from datetime import datetime

    from tap_postgres.position import Value

# Those that are known to write no rows are left out; a parallel worker's leader is listed itself.
# `disabled` is a client that set track_activities off and so does not show when it began.
_OPEN_TRANSACTIONS = """
select
    -- A replica shows the past: what its primary had committed by then.
    case
        when pg_is_in_recovery() then coalesce(pg_last_xact_replay_timestamp(), 'epoch')
        else now()
    end as listed_at,
    (
        select min(xact_start)
        from pg_stat_activity
        where pid <> pg_backend_pid()
            and coalesce(backend_type, '') not in (
                'walsender', 'autovacuum worker', 'autovacuum launcher', 'checkpointer',
                'background writer', 'walwriter', 'parallel worker'
            )
    ) as oldest_start,
    case
        when pg_is_in_recovery()
            then 'the server is a replica, which does not show the transactions of its primary'
        when not pg_has_role(current_user, 'pg_read_all_stats', 'usage')
            then format(
                'the role may not see the transactions of others; GRANT pg_read_all_stats TO %I',
                current_user
            )
        when exists (select from pg_stat_activity where state = 'disabled')
            then 'a client has switched off track_activities'
    end as blind_spot
"""

_PREPARED_TRANSACTIONS = """
select min(prepared) as oldest_prepared from pg_prepared_xacts where database = current_database()
"""

# Fails on a replica, and where the provider keeps these functions to itself; then rows come twice.
_SERVER = """
select format(
    '%s/%s/%s',
    (select system_identifier from pg_control_system()),
    (select oid from pg_database where datname = current_database()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8)
) as server
"""

_SNAPSHOT = """
select
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax,
    (select count(*) from pg_snapshot_xip(pg_current_snapshot())) as running,
    case
        when pg_is_in_recovery() then coalesce(pg_last_xact_replay_timestamp(), 'epoch')
        else clock_timestamp()
    end as taken_at,
    pg_export_snapshot() as id
"""

_WAL_INSERTED = "select pg_current_wal_insert_lsn()::text as lsn"
_WAL_FLUSHED = "select pg_current_wal_flush_lsn() >= %(lsn)s::pg_lsn as is_flushed"

# What no commit waits for, a rollback say, is flushed three times wal_writer_delay later at most:
# https://www.postgresql.org/docs/current/wal-async-commit.html
_WAL_WAIT_SECONDS = 1.0
_WAL_POLL_SECONDS = 0.05

# pg_class is read in the snapshot, pg_relation_filenode looks at the present. What was read is what
# is locked: the tables of a view and the partitions there are, too.
_REWRITTEN = """
select exists (
    select
    from pg_locks locked
    join pg_class c on c.oid = locked.relation
    where locked.pid = pg_backend_pid()
        and locked.database = (select oid from pg_database where datname = current_database())
        and c.relkind in ('r', 'm')
        and c.relnamespace <> 'pg_catalog'::regnamespace
        and c.relfilenode is distinct from pg_relation_filenode(c.oid)
) as is_rewritten
"""


@dataclass(frozen=True)
class Snapshot:
    """An open `REPEATABLE READ READ ONLY` transaction.

    Attributes:
        connection: In that transaction.
        id: For other connections to join it: `SET TRANSACTION SNAPSHOT`.
        xmin: The least transaction id that was still running.
        xmax: One more than the greatest transaction id that had ended.
        running: How many with lesser ids were still running.
        taken_at: A time on the source's clock; whatever the snapshot shows was committed before.
            So a row of this run is newer than every snapshot with an earlier `source_time` that
            does not show it, which keeps a key reconcile from taking it for deleted.
        server: System identifier, database and timeline; None if they cannot be read.
        wal_lsn: Up to where the write-ahead log was written when the snapshot was taken; None if
            `server` is.
        wal_deadline: On this machine's monotonic clock, how long to wait for that to be on disk.
        transactions: Those that the snapshot may not show.
    """

    connection: psycopg.Connection[Any]
    id: str
    xmin: int
    xmax: int
    running: int
    taken_at: datetime
    server: str | None
    wal_lsn: str | None
    wal_deadline: float
    transactions: Transactions

    @property
    def source_time(self) -> datetime:
        """A time on the source's clock; whatever was committed before is in the snapshot."""
        return self.transactions.listed_at

    def facts(
        self, rows_read: int, old: Value | None = None, new: Value | None = None
    ) -> dict[str, Any]:
        """Give what the load log says about a stream that was read in this snapshot.

        Args:
            rows_read: How many rows were sent.
            old: Where the read began, None for the beginning.
            new: Where the next one begins, None if that says nothing.
        """
        facts: dict[str, Any] = {
            "source_time": self.source_time.isoformat(),
            "rows_read": rows_read,
        }
        if self.server is not None:
            facts["snapshot"] = {
                "server": self.server,
                "xmax": self.xmax,
                "running": self.running,
            }
        if old is not None:
            facts["position_from"] = str(old)
        if new is not None:
            facts["position_to"] = str(new)
        return facts

    def settled(self, value: str | int | None) -> Settled | None:
        """Give what the next run may leave out of a stream that was read in this snapshot.

        Args:
            value: The stream's new bookmark.

        Returns:
            None if the rows' transaction ids might be given out again.
        """
        if self.server is None:
            return None
        while not self._is_wal_flushed():
            if time.monotonic() > self.wal_deadline:
                return None
            time.sleep(_WAL_POLL_SECONDS)
        return Settled(self.xmin, self.server, value)

    def _is_wal_flushed(self) -> bool:
        row = self.connection.execute(_WAL_FLUSHED, {"lsn": self.wal_lsn}).fetchone()
        return row is not None and bool(row[0])

    def is_rewritten(self) -> bool:
        """Whether a table looks empty in the snapshot because it was truncated or rewritten since.

        Of the tables that were read in this transaction, so that a lock keeps them as they are.

        https://www.postgresql.org/docs/current/mvcc-caveats.html
        """
        row = self.connection.execute(_REWRITTEN).fetchone()
        return row is not None and bool(row[0])


def take(connection: psycopg.Connection[Any]) -> Snapshot:
    """Begin the transaction that a run reads in.

    Args:
        connection: In autocommit mode, not in a transaction.

    Returns:
        The snapshot, held until the connection's transaction ends.
    """
    server = _server(connection)
    with connection.cursor(row_factory=dict_row) as cursor:
        listed = cursor.execute(_OPEN_TRANSACTIONS).fetchone()
        prepared = cursor.execute(_PREPARED_TRANSACTIONS).fetchone()
        cursor.execute("begin isolation level repeatable read, read only")
        snapshot = cursor.execute(_SNAPSHOT).fetchone()
        # After the snapshot: all that it shows was written to the log before.
        wal = cursor.execute(_WAL_INSERTED).fetchone() if server else None
    assert listed and prepared and snapshot  # noqa: S101 (each query gives one row)
    return Snapshot(
        connection=connection,
        id=snapshot["id"],
        xmin=snapshot["xmin"],
        xmax=snapshot["xmax"],
        running=snapshot["running"],
        taken_at=snapshot["taken_at"],
        server=server,
        wal_lsn=wal["lsn"] if wal else None,
        wal_deadline=time.monotonic() + _WAL_WAIT_SECONDS,
        transactions=Transactions(
            listed_at=listed["listed_at"],
            oldest_start=listed["oldest_start"],
            oldest_prepared=prepared["oldest_prepared"],
            blind_spot=listed["blind_spot"],
        ),
    )


def _server(connection: psycopg.Connection[Any]) -> str | None:
    try:
        row = connection.execute(_SERVER).fetchone()
    except psycopg.DatabaseError:
        return None
    return row[0] if row else None
