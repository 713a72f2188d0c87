"""Readers of the destinations who never find half a commit, whatever happens to those who write.

The database shows its present only, so it is read again and again. The lake keeps every state that
a reader can have seen, so each of its snapshots is read once, also those made between two looks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from tests.faults.pipe import Claim
from tests.faults.places import RAW, SEQUENCE, connect
from tests.faults.tables import SourceTable
from tests.faults.writers import PAIRS

LOAD_LOG = "load_log"

Load = tuple[str, datetime]
"""Name of the stream and `source_time`."""


class HalfVisibleError(AssertionError):
    """A reader found what no commit of the source ever was, or rows that were there are gone."""


@dataclass
class DatabaseReader:
    """Reads schema `raw` of a database.

    Attributes:
        url: Of the database.
        tables: What to read.
        looks: How often everything was read.
    """

    url: str
    tables: Sequence[SourceTable]
    looks: int = 0
    _counts: dict[str, int] = field(default_factory=dict)
    # The greatest number seen so far: rows that bear a lesser one were looked at before.
    _numbers: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """Read everything as it is at one moment.

        Raises:
            HalfVisibleError: Something is there in part.
            psycopg.OperationalError: The server is not there.
        """
        with connect(self.url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            if _exists(connection, PAIRS.name):
                _expect_no(connection, "pairs that are torn", _TORN_PAIRS)
            for table in self.tables:
                if _exists(connection, table.name):
                    self._look_at(connection, table)
        self.looks += 1

    @property
    def loads(self) -> set[Load]:
        """The loads with rows that the load log tells of."""
        with connect(self.url) as connection:
            return set(connection.execute(_LOADS))

    def _look_at(self, connection: psycopg.Connection[Any], table: SourceTable) -> None:
        names = {"table": sql.Identifier(RAW, table.name), "name": sql.Literal(table.name)}
        (count,) = connection.execute(
            sql.SQL("select count(*) from {table}").format(**names)
        ).fetchone() or (0,)
        before = self._counts.get(table.name, 0)
        if count < before:
            raise HalfVisibleError(f"{table.name} had {before} rows in the database, now {count}")
        self._counts[table.name] = count
        seen = self._numbers.get(table.name, 0)
        _expect_no(
            connection,
            f"rows of {table.name} of which the load log says nothing",
            _ROWS_WITHOUT_LOG.format(**names, seen=sql.Literal(seen)),
        )
        (self._numbers[table.name],) = connection.execute(
            _GREATEST_NUMBER.format(**names, seen=sql.Literal(seen))
        ).fetchone() or (seen,)
        _expect_no(
            connection,
            f"rows of {table.name} missing of those that the load log's last row names",
            _LOG_WITHOUT_ROWS.format(**names),
        )


def _exists(connection: psycopg.Connection[Any], table: str) -> bool:
    found = connection.execute("select to_regclass(%s)", [f"{RAW}.{table}"]).fetchone()
    return found != (None,)


def _expect_no(connection: psycopg.Connection[Any], what: str, query: str | sql.Composable) -> None:
    (count,) = connection.execute(query).fetchone() or (0,)
    if count:
        raise HalfVisibleError(f"the database shows {count} {what}")


def expect_committed(claims: Sequence[Claim], loads: Collection[Load], place: str) -> None:
    """See that what a kept state claims is told of by the load log, which never comes before rows.

    Raises:
        HalfVisibleError: Something is not: the STATE came before its commit.
    """
    missing = [
        claim
        for claim in claims
        if claim.has_rows and (claim.stream, claim.source_time) not in loads
    ]
    if missing:
        raise HalfVisibleError(
            f"the state that was kept claims rows that are not in the {place}: {missing}"
        )


def expect_claimed(claims: Sequence[Claim], loads: Collection[Load], place: str) -> None:
    """See that a state, kept after a run that ended well, claims all that the load log tells of.

    Raises:
        HalfVisibleError: A STATE did not come, so that the next run reads again what is there.
    """
    times = {claim.stream: claim.source_time for claim in claims}
    missing = [load for load in loads if load[0] not in times or times[load[0]] < load[1]]
    if missing:
        raise HalfVisibleError(f"the state that was kept lacks loads of the {place}: {missing}")


_LOADS = f"select stream, source_time from {RAW}.{LOAD_LOG} where rows_read > 0"

_TORN_PAIRS = f"""
select count(*) from (
    select from {RAW}.pairs
    group by pair having count(*) <> 2 or min(version) <> max(version) or min(at) <> max(at)
) torn
"""

_ROWS_WITHOUT_LOG = sql.SQL(f"""
select count(*) from {{table}} r where r.{SEQUENCE} > {{seen}} and not exists (
    select from {RAW}.{LOAD_LOG} l
    where l.table_name = {{name}} and r.{SEQUENCE} between l.sequence_from and l.sequence_to
)
""")

_GREATEST_NUMBER = sql.SQL(f"select coalesce(max({SEQUENCE}), {{seen}}) from {{table}}")

# Only of the last row: later commits put other numbers on the rows of earlier ones.
_LOG_WITHOUT_ROWS = sql.SQL(f"""
select l.sequence_to is not null and not exists (
    select from {{table}} r where r.{SEQUENCE} between l.sequence_from and l.sequence_to
)
from {RAW}.{LOAD_LOG} l
where l.table_name = {{name}} and l.rows_committed > 0
order by l.sequence_to desc limit 1
""")


@dataclass
class LakeReader:
    """Reads a namespace of the lake, snapshot after snapshot.

    Attributes:
        catalog: Of the lake.
        namespace: Where the tables are.
        tables: What to read.
        snapshots: How many were read.
        loads: The loads with rows that the load log told of at the last look.
    """

    catalog: Any
    namespace: str
    tables: Sequence[SourceTable]
    snapshots: int = 0
    loads: set[Load] = field(default_factory=set)
    _histories: dict[str, _History] = field(default_factory=dict)
    _numbers: dict[str, set[int]] = field(default_factory=dict)
    _pairs: dict[int, dict[str, tuple[int, Any]]] = field(default_factory=dict)

    def look(self) -> None:
        """Read every snapshot that is new.

        Raises:
            HalfVisibleError: Something is there in part, or was.
            Exception: A server is not there.
        """
        # First the log and then what it tells of: what it names must be there.
        log = list(self._new_rows(LOAD_LOG, _LOGGED))
        for table in self.tables:
            numbers = self._numbers.setdefault(table.name, set())
            for row in self._new_rows(table.name, _PAIR if table is PAIRS else [SEQUENCE]):
                if row[SEQUENCE] in numbers:
                    raise HalfVisibleError(f"number {row[SEQUENCE]} is twice in {table.name}")
                numbers.add(row[SEQUENCE])
        for row in log:
            self._expect_rows(row)
            if row["rows_read"]:
                self.loads.add((row["stream"], row["source_time"]))

    def _new_rows(self, name: str, columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        history = self._histories.setdefault(name, _History((self.namespace, name), columns))
        for added in history.advance(self.catalog):
            self.snapshots += 1
            if name == PAIRS.name:
                self._expect_whole_pairs(added)
            yield from added

    def _expect_whole_pairs(self, added: Sequence[Mapping[str, Any]]) -> None:
        for row in sorted(added, key=lambda row: row[SEQUENCE]):
            self._pairs.setdefault(row["pair"], {})[row["side"]] = (row["version"], row["at"])
        changed = {row["pair"]: self._pairs[row["pair"]] for row in added}
        torn = {p: s for p, s in changed.items() if len(s) != 2 or len(set(s.values())) != 1}
        if torn:
            raise HalfVisibleError(f"a snapshot of the lake shows {len(torn)} torn pairs: {torn}")

    def _expect_rows(self, logged: Mapping[str, Any]) -> None:
        """What a row of the load log says was committed is there."""
        if logged["table_name"] not in self._numbers or logged["sequence_from"] is None:
            return
        numbers = self._numbers[logged["table_name"]]
        there = sum(n in numbers for n in range(logged["sequence_from"], logged["sequence_to"] + 1))
        if there < logged["rows_committed"]:
            raise HalfVisibleError(
                f"{there} rows are there of those the lake's load log names: {logged}"
            )


_LOGGED = (
    "stream",
    "table_name",
    "source_time",
    "rows_read",
    "rows_committed",
    "sequence_from",
    "sequence_to",
)
_PAIR = (SEQUENCE, "pair", "side", "version", "at")


@dataclass
class _History:
    """A table that only grows: the snapshots read so far, and the files that they had."""

    identifier: tuple[str, str]
    columns: Sequence[str]
    _files: set[str] = field(default_factory=set)
    _snapshots: set[int] = field(default_factory=set)

    def advance(self, catalog: Any) -> Iterator[list[Mapping[str, Any]]]:
        """Read the snapshots that are new; gives the rows that each of them added."""
        from pyiceberg.exceptions import NoSuchTableError

        try:
            table = catalog.load_table(self.identifier)
        except NoSuchTableError:
            if self._files:
                raise HalfVisibleError(f"table {self.identifier} is gone from the lake") from None
            return
        for snapshot in table.snapshots():
            if snapshot.snapshot_id not in self._snapshots:
                yield self._read(table, snapshot.snapshot_id)

    def _read(self, table: Any, snapshot_id: int) -> list[Mapping[str, Any]]:
        from pyiceberg.io.pyarrow import ArrowScan
        from pyiceberg.table import ALWAYS_TRUE

        scan = table.scan(snapshot_id=snapshot_id, selected_fields=tuple(self.columns))
        planned = list(scan.plan_files())
        tasks = {task.file.file_path: task for task in planned}
        if len(tasks) < len(planned):
            raise HalfVisibleError(f"a file is twice in the lake's {self.identifier}")
        if not self._files <= set(tasks):
            raise HalfVisibleError(f"rows that the lake's {self.identifier} had are gone")
        new = [task for path, task in tasks.items() if path not in self._files]
        reader = ArrowScan(table.metadata, table.io, scan.projection(), ALWAYS_TRUE)
        rows: list[Mapping[str, Any]] = reader.to_table(new).to_pylist() if new else []
        self._files = set(tasks)
        self._snapshots.add(snapshot_id)
        return rows
