"""Loads, nightly upkeep and a reader that looks on, in simulated time."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import duckdb

from orchestrate.local_athena.engine.duck import attach
from orchestrate.local_athena.model import Cancellation
from orchestrate.local_athena.upkeep.optimize import optimize
from orchestrate.local_athena.upkeep.vacuum import vacuum
from orchestrate.local_stack.settings import LakeSettings
from tests.lake_tables import files_in_place, files_named
from tests.servers import Lake
from tests.upkeep.loads import PLAYERS, STROKES, Loads

TARGET_BYTES = 128 * 1024 * 1024
LOADS_A_DAY = 72
"""One every 20 minutes."""
RETENTION = timedelta(days=5)


@dataclass(frozen=True)
class Figures:
    """A table at one moment; `seconds` is the median of three cold queries."""

    table: str
    files: int
    partitions: int
    bytes: int
    snapshots: int
    seconds: float
    query: tuple[Any, ...]


@dataclass
class Simulation:
    """Two weeks in minutes.

    Servers go by the true clock. So the true moment of the load five simulated days ago is the
    border of what is kept.

    Attributes:
        moments: When each load began, by the true clock.
        looks: How often the reader looked during the upkeep.
        wrong: What it saw that it must not see.
        before: Tables before their last upkeep.
        after: And after it.
        upkeep_seconds: Processor time of all the upkeep.
    """

    lake: Lake
    found: LakeSettings
    loads: Loads
    loads_a_day: int
    moments: list[datetime] = field(default_factory=list)
    looks: int = 0
    wrong: list[str] = field(default_factory=list)
    before: list[Figures] = field(default_factory=list)
    after: list[Figures] = field(default_factory=list)
    upkeep_seconds: float = 0.0

    def run(self, count: int, say: Callable[[str], None]) -> None:
        """Load `count` times; every night is upkeep of all tables but one, which has it last."""
        started = time.monotonic()
        for number in range(1, count + 1):
            self.moments.append(datetime.now(tz=UTC))
            self.loads.load()
            if number == count // 4:
                self.loads.leave_orphan()
            if number % self.loads_a_day == 0:
                self.maintain(except_for=PLAYERS)
                say(f"{number} loads, {time.monotonic() - started:.0f} s")
        self.before = self.figures()
        self.maintain()
        self.after = self.figures()

    def tables(self) -> list[Any]:
        """All tables of the namespace."""
        catalog = self.lake.catalog()
        names = sorted(catalog.list_tables(self.lake.settings["namespace"]))
        return [catalog.load_table(name) for name in names]

    def maintain(self, except_for: str | None = None) -> None:
        """One night's upkeep, with a reader beside it."""
        started = time.thread_time()
        with self._reader():
            for table in self.tables():
                if table.name()[-1] != except_for:
                    optimize(table, Cancellation())
                    vacuum(table, self._oldest_kept() + RETENTION, Cancellation())
        self.upkeep_seconds += time.thread_time() - started

    def _oldest_kept(self) -> datetime:
        return self.moments[max(0, len(self.moments) - RETENTION.days * self.loads_a_day)]

    def figures(self) -> list[Figures]:
        """The tables as they are now."""
        return [self._figures(table) for table in self.tables()]

    def failures(self) -> list[str]:
        """What is not as it must be after the upkeep; nothing if all is well."""
        found = list(self.wrong)
        for each in self.after:
            if each.files > each.bytes // TARGET_BYTES + each.partitions:
                found.append(f"{each.table}: {each.files} files for {each.bytes} bytes")
        for table in self.tables():
            name = table.name()[-1]
            oldest = self._oldest_kept().timestamp() * 1000
            old = [each for each in table.snapshots() if each.timestamp_ms < oldest]
            if len(old) > 1 or (old and len(table.snapshots()) > 1):
                found.append(f"{name}: {len(old)} snapshots are older than the retention")
            # The lease table removes its own snapshots; their files go later, with all others.
            if orphans := files_in_place(table, self._oldest_kept()) - files_named(table):
                found.append(f"{name}: {len(orphans)} orphans, as {min(orphans)}")
        for before, after in zip(self.before, self.after, strict=True):
            if before.query != after.query:
                found.append(f"{before.table}: {before.query} became {after.query}")
        return found

    def _figures(self, table: Any) -> Figures:
        name = table.name()[-1]
        files = [task.file for task in table.scan().plan_files()]
        column = {STROKES: "measure_00", PLAYERS: "name", "load_log": "stream"}.get(name, "1")
        sql = f"select count({column}) from {self._full_name(name)}"
        seconds, rows = [], []
        for _ in range(3):
            started = time.monotonic()
            rows = self._duck.execute(sql).fetchall()
            seconds.append(time.monotonic() - started)
        return Figures(
            table=name,
            files=len(files),
            partitions=len({str(each.partition) for each in files}),
            bytes=sum(each.file_size_in_bytes for each in files),
            snapshots=len(table.snapshots()),
            seconds=statistics.median(seconds),
            query=tuple(rows[0]),
        )

    @contextmanager
    def _reader(self):
        """A reader who looks all the time, and must see the same rows."""
        stopped = threading.Event()

        def read() -> None:
            duck = self._duck.cursor()
            while not stopped.is_set():
                for name, count in self.loads.rows.items():
                    sql = f"select count(*), max(id), sum(id) from {self._full_name(name)}"
                    try:
                        seen = duck.execute(sql).fetchone()
                    except duckdb.Error as error:
                        self.wrong.append(f"reader of {name}: {error}")
                        continue
                    if seen != (count, count - 1, count * (count - 1) // 2):
                        self.wrong.append(f"reader of {name}: {seen}")
                    self.looks += 1
                stopped.wait(0.2)
            duck.close()

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _full_name(self, name: str) -> str:
        return f"lake.{self.lake.settings['namespace']}.{name}"

    @cached_property
    def _duck(self) -> duckdb.DuckDBPyConnection:
        """DuckDB on the lake; it keeps nothing of what it reads."""
        connection = duckdb.connect()
        connection.execute("set enable_external_file_cache = false")
        attach(connection, self.found)
        return connection


def start(found: LakeSettings, namespace: str, loads_a_day: int = LOADS_A_DAY) -> Simulation:
    """A simulation in an empty namespace of a lake."""
    lake = Lake.of(found, namespace)
    loads = Loads(lake.settings, timedelta(days=1) / loads_a_day)
    return Simulation(lake, found, loads, loads_a_day)
