"""One run at a time loads a table: an advisory lock that goes with its connection.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from psycopg import sql

if TYPE_CHECKING:
    from psycopg import Connection

PATIENCE_SECONDS = 10.0
"""How long a run waits for others in all: the server may need a moment to see that one is dead."""

_PAUSE_SECONDS = 0.5
_SEED = 7_306_086_966_263_570_022
"""Sets these locks apart from those of other programs."""

_TRY = "select pg_try_advisory_lock(hashtextextended(%(name)s, %(seed)s))"

# A bigint key is shown as two halves.
_FIND_HOLDER = """
select
    activity.pid, activity.application_name, host(activity.client_addr),
    to_char(activity.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
from pg_locks as lock join pg_stat_activity as activity on activity.pid = lock.pid
where
    lock.locktype = 'advisory' and lock.granted and lock.objsubid = 1
    and lock.database = (select oid from pg_database where datname = current_database())
    and (lock.classid::bigint << 32) | lock.objid::bigint = hashtextextended(%(name)s, %(seed)s)
"""


class Leases:
    """The tables that this run alone may load."""

    def __init__(self) -> None:
        """Start without any."""
        self._held: dict[str, Connection[Any]] = {}
        self._patience_seconds = PATIENCE_SECONDS

    def hold(self, connection: Connection[Any], table: sql.Identifier) -> None:
        """Take the lease of a table, or see that it is still held.

        Args:
            connection: The lease lasts as long as it.
            table: The table with its schema.

        Raises:
            UserError: Another run has it.
        """
        name = table.as_string(connection)
        if self._held.get(name) is connection:
            return
        lock = {"name": name, "seed": _SEED}
        while not _first(connection, _TRY, lock):
            if self._patience_seconds <= 0:
                holder = connection.execute(_FIND_HOLDER, lock).fetchone()
                raise UserError(_refusal(name, holder))
            time.sleep(_PAUSE_SECONDS)
            self._patience_seconds -= _PAUSE_SECONDS
        self._held[name] = connection


def _first(connection: Connection[Any], statement: str, parameters: dict[str, Any]) -> bool:
    row = connection.execute(statement, parameters).fetchone()
    return bool(row and row[0])


def _refusal(table: str, holder: tuple[Any, ...] | None) -> str:
    who = "another run"
    if holder is not None:
        pid, application, address, since = holder
        who = (
            f"another run (process {pid} of the server, '{application}' from "
            f"{address or 'the same machine'}, connected since {since or 'an unknown time'})"
        )
    return (
        f"{who} loads table {table}; wait for its end and run again, or end it with "
        "pg_terminate_backend"
    )
