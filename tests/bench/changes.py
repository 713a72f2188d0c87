"""Some changed rows of a large table: ours, and by hand."""

from __future__ import annotations

from contextlib import closing
from functools import cached_property
from typing import Any

import psycopg

from orchestrate.local_stack.settings import PostgresSettings
from tests.bench.data import plain_definition
from tests.bench.ours import Ours
from tests.bench.processes import Sample, run
from tests.bench.rows import CHANGED_SHARE
from tests.bench.stack import psql
from tests.bench.workplace import Workplace, check_rows

_TABLE = "lineitem"
_KEY = "updated_at"
_OURS = "bench_changes"
_BY_HAND = "bench_by_hand"


class Changes:
    """A copy by our plugins and one by hand, and the rows changed since.

    In each round `change_and_move`, `move_nothing`, `by_hand` run in this order.
    """

    def __init__(self, workplace: Workplace, ours: Ours) -> None:
        """Nothing is copied yet."""
        self._workplace = workplace
        self._ours = ours
        self._state: dict[str, Any] | None = None
        self._round = 0
        self._changed = 0
        self._changed_at: Any = None

    @cached_property
    def _database(self) -> PostgresSettings:
        """The source, and both copies made."""
        database = self._workplace.data.changing()
        with closing(psycopg.connect(database.url)) as connection:
            definition = plain_definition(connection, _TABLE, f"{_BY_HAND}.{_TABLE}")
        with closing(self._workplace.servers.database_connection()) as connection:
            connection.execute(f"drop schema if exists {_BY_HAND} cascade")
            connection.execute(f"create schema {_BY_HAND}; {definition}")
        run(
            psql("psql-out", database, f"copy {_TABLE} to stdout (format binary)"),
            psql(
                "psql-in",
                self._workplace.servers.database,
                f"copy {_BY_HAND}.{_TABLE} from stdin (format binary)",
            ),
            log=self._workplace.log("changes-by-hand-first"),
        )
        _, self._state = self._ours.move_to_database(database, _TABLE, _KEY, _OURS, None)
        self._vacuum()
        return database

    def change_and_move(self) -> Sample:
        """Change rows all over the table; have our plugins bring them."""
        database = self._database
        with closing(psycopg.connect(database.url, autocommit=True)) as connection:
            # Whole orders; in each round others.
            row = connection.execute(
                f"with changed as (update {_TABLE} set l_quantity = l_quantity + 1,"
                f" {_KEY} = now() where (hashint8(l_orderkey) & {2**31 - 1}) %% %s = %s"
                f" returning {_KEY}) select count(*), max({_KEY}) from changed",
                [CHANGED_SHARE, self._round % CHANGED_SHARE],
            ).fetchone()
            connection.execute(f"vacuum analyze {_TABLE}")
        assert row is not None
        self._changed, self._changed_at = row
        self._round += 1
        self._workplace.settle()
        sample = self._move()
        self._check(_OURS)
        return sample

    def move_nothing(self) -> Sample:
        """Run our plugins again, with nothing new: what start and end cost."""
        return self._move()

    def by_hand(self) -> Sample:
        """Bring the same rows by COPY into a temporary table and one INSERT."""
        database = self._database
        with closing(psycopg.connect(database.url)) as connection:
            names = [
                name
                for (name,) in connection.execute(
                    "select attname from pg_attribute where attrelid = %s::regclass"
                    " and attnum > 0 and not attisdropped",
                    [_TABLE],
                )
            ]
        assignments = ", ".join(f"{name} = excluded.{name}" for name in names)
        self._workplace.settle()
        sample = run(
            psql(
                "psql-out",
                database,
                f"copy (select * from {_TABLE} where {_KEY} >= '{self._changed_at.isoformat()}')"
                " to stdout (format binary)",
            ),
            psql(
                "psql-in",
                self._workplace.servers.database,
                f"create temporary table staged (like {_BY_HAND}.{_TABLE}) on commit drop",
                "copy staged from stdin (format binary)",
                f"insert into {_BY_HAND}.{_TABLE} select * from staged"
                f" on conflict (l_orderkey, l_linenumber) do update set {assignments}",
            ),
            log=self._workplace.log("changes-by-hand"),
        )
        self._check(_BY_HAND)
        self._vacuum()
        return sample

    def _move(self) -> Sample:
        sample, self._state = self._ours.move_to_database(
            self._database, _TABLE, _KEY, _OURS, self._state
        )
        return sample

    def _check(self, schema: str) -> None:
        with closing(self._workplace.servers.database_connection()) as connection:
            row = connection.execute(
                f"select count(*) from {schema}.{_TABLE} where {_KEY} = %s", [self._changed_at]
            ).fetchone()
        assert row is not None
        check_rows(f"of changed rows {schema}.{_TABLE}", row[0], self._changed)

    def _vacuum(self) -> None:
        """Both copies as an autovacuum would leave them, so that none runs within a figure."""
        with closing(self._workplace.servers.database_connection()) as connection:
            for schema in (_OURS, _BY_HAND):
                connection.execute(f"vacuum analyze {schema}.{_TABLE}")
