"""Applications that write to the source: by plan, or as a trickle until they are stopped."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from tests.faults import tables
from tests.faults.schedule import Ending, Statement, Transaction, Write
from tests.faults.tables import SourceTable

_SESSION = "-c statement_timeout=60s"


class Writer(threading.Thread):
    """Carries out the plan of one writer in a session of its own.

    It changes its own rows only: two writers that wait for each other's would be a deadlock of the
    application, which is not what is tested.
    """

    def __init__(
        self, url: str, number: int, every: Sequence[SourceTable], plan: Iterable[Transaction]
    ) -> None:
        """Prepare; `start` begins."""
        super().__init__(name=f"writer {number}", daemon=True)
        self._url, self._number, self._tables, self._plan = url, number, every, plan
        self.failure: Exception | None = None
        self.endings: list[Ending] = []

    def run(self) -> None:
        """See threading.Thread."""
        try:
            with psycopg.connect(self._url, autocommit=True, options=_SESSION) as connection:
                for count, transaction in enumerate(self._plan):
                    time.sleep(transaction.pause)
                    self._carry_out(connection, transaction, f"{self._number}.{count}")
                    self.endings.append(transaction.ending)
        except Exception as error:
            self.failure = error

    def _carry_out(
        self, connection: psycopg.Connection[Any], transaction: Transaction, name: str
    ) -> None:
        began = time.monotonic()
        connection.execute("begin")
        for count, statement in enumerate(transaction.statements):
            _sleep_until(began + statement.at)
            if statement.in_savepoint:
                connection.execute("savepoint s")
            self._write(connection, statement, f"{name}.{count}")
            if statement.in_savepoint:
                connection.execute("release savepoint s")
        _sleep_until(began + transaction.duration)
        if transaction.ending.is_prepared:
            connection.execute(f"prepare transaction '{name}'")
            time.sleep(transaction.prepared_for)
            connection.execute(f"{transaction.ending.value} '{name}'")
        else:
            connection.execute(transaction.ending.value)

    def _write(self, connection: psycopg.Connection[Any], statement: Statement, body: str) -> None:
        table = self._tables[statement.table]
        write = statement.write
        if table.is_append_only or (write is Write.HARD_DELETE and not table.has_deletes):
            write = Write.INSERT
        query = {
            Write.INSERT: lambda: tables.insert(table, statement.rows),
            Write.UPDATE: lambda: tables.update(table),
            Write.SOFT_DELETE: lambda: tables.soft_delete(table),
            Write.HARD_DELETE: lambda: tables.hard_delete(table),
        }[write]()
        connection.execute(query, {"writer": self._number, "body": body})


class Trickle(threading.Thread):
    """Small transactions without end, over a server that may go away and come back.

    Each writes pairs of rows into `pairs`, both with the same version, and something elsewhere:
    who sees one row of a pair without the other, or two versions, sees half a commit.
    """

    def __init__(
        self, url: str, number: int, every: Sequence[SourceTable], *, seed: str, longest: float
    ) -> None:
        """Prepare; `start` begins.

        Args:
            url: Of the source.
            number: Of the writer, which changes its own rows only.
            every: The tables beside `pairs`.
            seed: Of what it does.
            longest: Longest duration of a transaction in seconds.
        """
        super().__init__(name=f"trickle {number}", daemon=True)
        self._url, self._number, self._tables = url, number, every
        self._chance = random.Random(seed)
        self._longest = longest
        self._ended = threading.Event()
        self._count = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        """See threading.Thread."""
        while not self._ended.is_set():
            try:
                with psycopg.connect(self._url, connect_timeout=5) as connection:
                    while not self._ended.wait(self._chance.uniform(0.1, 0.4)):
                        self._write(connection)
            except psycopg.OperationalError:  # the server is restarted
                self._ended.wait(0.2)
            except Exception as error:
                self.failure = error
                return

    def stop(self) -> None:
        """End after the transaction under way.

        Raises:
            Exception: What the source refused.
        """
        self._ended.set()
        self.join()
        if self.failure is not None:
            raise self.failure

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        chance = self._chance
        self._count += 1
        values = {"writer": self._number, "body": f"{self._number}.{self._count}"}
        with connection.transaction(force_rollback=chance.random() < 0.1):
            connection.execute(_NEW_PAIRS, values)
            connection.execute(_NEXT_VERSION, {**values, "of": chance.randrange(7)})
            table = chance.choice(self._tables)
            connection.execute(tables.insert(table, chance.randrange(1, 4)), values)
            if table.has_deletes and chance.random() < 0.3:
                connection.execute(tables.hard_delete(table), values)
            time.sleep(self._longest * chance.random() ** 3)


PAIRS = SourceTable(
    "pairs",
    "pair bigint, side text, version int default 0, at timestamptz, primary key (pair, side)",
    ("pair", "side"),
    "at",
    "now()",
)

_NEW_PAIRS = """
with pair as (select nextval('numbers_seq') as pair from generate_series(1, 2))
insert into pairs (pair, side, writer, body)
select pair, side, %(writer)s, %(body)s from pair, (values ('a'), ('b')) sides (side)
"""
_NEXT_VERSION = """
update pairs set version = version + 1, body = %(body)s
where writer = %(writer)s and pair %% 7 = %(of)s and pair > (select max(pair) - 300 from pairs)
"""


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
