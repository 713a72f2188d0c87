"""Runs that are killed and servers that are restarted, round after round, while readers look.

Own servers, in a directory of their own: a stack that serves anything else is not touched.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from orchestrate.local_stack import processes, stack
from orchestrate.local_stack.settings import StackSettings
from tests.faults import places, tables
from tests.faults.pipe import Outcome, Pipe, Run, to_database, to_lake
from tests.faults.readers import (
    LOAD_LOG,
    DatabaseReader,
    HalfVisibleError,
    LakeReader,
    expect_claimed,
    expect_committed,
)
from tests.faults.report import Report, Strike
from tests.faults.schedule import Kill, Moment, Restart, Round, rounds
from tests.faults.tables import TABLES, SourceTable
from tests.faults.writers import PAIRS, Trickle
from tests.servers import Lake, stack_environment

NAMESPACE = places.RAW
ROWS_PER_FILE = 100
LONGEST_TRANSACTION_SECONDS = 2.0
# Runs that nobody disturbs, at the end: the first may find what a killed one left.
LAST_RUNS = 2
# What the runs use of the stack.
_RESTARTED = ("trackman-backend", "dataengineering-db", "trackman-lake")
_LOOK_SECONDS = 0.25
_STOP_SECONDS = 20.0

# A commit of the database takes less time than a kill, and would hardly ever be struck.
_SLOW_COMMITS = f"""
create function {places.RAW}.wait() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.05); return null; end $$;
create constraint trigger wait after insert on {places.RAW}.{LOAD_LOG}
    deferrable initially deferred for each row execute function {places.RAW}.wait();
"""

_NAMES = ("events", "composite", "keyless", "keyless_log", "whole")
WRITTEN: tuple[SourceTable, ...] = tuple(table for table in TABLES if table.name in _NAMES)
EVERY: tuple[SourceTable, ...] = (PAIRS, *WRITTEN)


@contextmanager
def own_stack(directory: Path) -> Iterator[StackSettings]:
    """Two PostgreSQL servers and an object store; they end with the block or this process."""
    settings = StackSettings.from_environment(stack_environment(directory))
    try:
        stack.up(settings, _say_nothing, stop_with=os.getpid())
        yield settings
    finally:
        stack.down(settings, _say_nothing)


@dataclass
class Chaos:
    """All that takes part.

    Attributes:
        settings: Of the servers.
        directory: For the pipes' files.
        seed: Of all that happens.
        say: Told of each round.
    """

    settings: StackSettings
    directory: Path
    seed: str
    say: Callable[[str], None] = print
    _restarts: int = 0
    _is_restarting: bool = False
    _lines: dict[str, int] = field(default_factory=dict)
    _states: dict[str, int] = field(default_factory=dict)
    _found: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the pipes and the readers."""
        source, database = self.settings.backend.url, self.settings.dataengineering.url
        lake = Lake.of(self.settings.lake, NAMESPACE)
        self.pipes: tuple[Pipe, ...] = (
            to_database(source, database, self.directory / "to-database", ROWS_PER_FILE),
            to_lake(source, lake.settings, self.directory / "to-lake", ROWS_PER_FILE),
        )
        self._catalog = lake.catalog()
        self._database_reader = DatabaseReader(database, EVERY)
        self._lake_reader = LakeReader(self._catalog, NAMESPACE, EVERY)

    def run(self, kills: int) -> Report:
        """Kill runs until so many were struck, then let one end, and compare.

        Args:
            kills: How many. A kill that comes when the run has ended does not count.

        Returns:
            What happened.

        Raises:
            HalfVisibleError: A reader found what never was.
            AssertionError: The destinations differ from the source at the end.
        """
        report = Report(self.seed, kills, began=time.monotonic())
        with psycopg.connect(self.settings.backend.url) as connection:
            tables.create(connection, EVERY)
        for pipe in self.pipes:
            pipe.discover(EVERY)
        trickles = [
            Trickle(
                self.settings.backend.url,
                number,
                WRITTEN,
                seed=f"{self.seed}/{number}",
                longest=longest,
            )
            for number, longest in enumerate([0.0, LONGEST_TRANSACTION_SECONDS])
        ]
        for trickle in trickles:
            trickle.start()
        with self._readers():
            self._undisturbed(report)
            with psycopg.connect(self.settings.dataengineering.url) as connection:
                connection.execute(_SLOW_COMMITS)
            self._undisturbed(report)
            plan = rounds(self.seed, [pipe.name for pipe in self.pipes], _RESTARTED)
            for planned in itertools.takewhile(lambda _: report.struck < kills, plan):
                self._suffer(planned, report)
            for trickle in trickles:
                trickle.stop()
            for _ in range(LAST_RUNS):
                self._undisturbed(report)
            self._reconcile()
        self._check_states()
        report.lake_snapshots = self._lake_reader.snapshots
        report.database_looks = self._database_reader.looks
        report.seconds = time.monotonic() - report.began
        report.differences = self._compare(report)
        return report

    # A round

    def _suffer(self, planned: Round, report: Report) -> None:
        began = time.monotonic()
        runs = {pipe.name: pipe.start() for pipe in self.pipes}
        with ThreadPoolExecutor() as pool:
            kills = [pool.submit(self._kill, runs[kill.pipe], kill) for kill in planned.kills]
            if planned.restart is not None:
                run = runs[planned.restart.pipe]
                pool.submit(self._restart, run, planned.restart).result()
            struck = [kill.result() for kill in kills]
        outcomes = {name: run.wait() for name, run in runs.items()}
        for kill, has_struck in zip(planned.kills, struck, strict=True):
            report.strikes.append(Strike(planned, kill, has_struck, outcomes[kill.pipe]))
        if planned.restart is not None:
            report.restarts.append(planned.restart)
        self.say(
            f"round {planned.number}: {report.struck} killed so far, "
            f"{time.monotonic() - began:.1f} s, {_told(outcomes)}"
            + (f", {planned.restart.part} {planned.restart.signal}" if planned.restart else "")
        )
        for name, outcome in outcomes.items():
            is_spared = not planned.restart and all(kill.pipe != name for kill in planned.kills)
            if is_spared and not outcome.is_success:
                raise AssertionError(f"a run that nobody disturbed failed ({name}):\n{outcome.log}")
        self._check_states()

    def _kill(self, run: Run, kill: Kill) -> bool:
        if kill.moment.at_state:
            number = 1 + int(kill.moment.part * self._states[kill.pipe])
            return run.kill_at_state(number, kill.victim)
        self._await(run, kill.pipe, kill.moment)
        return run.kill(kill.victim, kill.signal)

    def _await(self, run: Run, pipe: str, moment: Moment) -> None:
        run.wait_for(round(moment.part * self._lines[pipe]), moment.delay)

    def _restart(self, run: Run, planned: Restart) -> None:
        self._await(run, planned.pipe, planned.moment)
        self._is_restarting = True
        part = next(p for p in stack.parts(self.settings) if p.name == planned.part)
        process = part.find_process()
        assert process is not None, f"{part.name} has ended by itself"
        number = signal.SIGKILL if planned.signal == "KILL" else part.stop_signal
        processes.stop(process, number, _STOP_SECONDS)
        stack.up(self.settings, _say_nothing, stop_with=os.getpid())
        self._restarts += 1
        self._is_restarting = False

    def _undisturbed(self, report: Report) -> None:
        runs = {pipe.name: pipe.start() for pipe in self.pipes}
        for name, run in runs.items():
            outcome = run.wait()
            if not outcome.is_success:
                raise AssertionError(f"a run that nobody disturbed failed ({name}):\n{outcome.log}")
            self._lines[name], self._states[name] = run.lines, run.states
            report.undisturbed += 1
        self._check_states(ended_well=list(runs))

    def _reconcile(self) -> None:
        if any(table.is_reconciled for table in EVERY):
            for pipe in self.pipes:
                outcome = pipe.reconcile(EVERY)
                assert outcome.is_success, outcome.log

    # Readers

    @contextmanager
    def _readers(self) -> Iterator[None]:
        """Look at the database all the while; what was found is raised after the round."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(_LOOK_SECONDS):
                restarts, was_restarting = self._restarts, self._is_restarting
                try:
                    self._database_reader.look()
                except psycopg.OperationalError as error:
                    is_excused = was_restarting or self._is_restarting or restarts != self._restarts
                    if not is_excused:
                        self._found.append(error)
                        return
                except Exception as error:
                    self._found.append(error)
                    return

        reader = threading.Thread(target=look, name="reader", daemon=True)
        reader.start()
        try:
            yield
        finally:
            ended.set()
            reader.join()
        self._raise_found()

    def _raise_found(self) -> None:
        if self._found:
            raise HalfVisibleError(f"seed {self.seed}: {self._found[0]}") from self._found[0]

    def _check_states(self, *, ended_well: Collection[str] = ()) -> None:
        """Between the rounds: all servers are up, so nothing excuses an error."""
        self._raise_found()
        self._lake_reader.look()
        loads = (self._database_reader.loads, self._lake_reader.loads)
        for pipe, logged in zip(self.pipes, loads, strict=True):
            claims = pipe.claims()
            expect_committed(claims, logged, pipe.name)
            if pipe.name in ended_well:
                expect_claimed(claims, logged, pipe.name)

    # The end

    def _compare(self, report: Report) -> list[places.Difference]:
        found = []
        for table in EVERY:
            columns, rows = places.source_rows(self.settings.backend.url, table)
            assert rows, f"nothing was written to {table.name}, so this shows nothing"
            report.rows[table.name] = rows.total()
            database = places.database_rows(self.settings.dataengineering.url, table, columns)
            lake = places.lake_rows(self._catalog, NAMESPACE, table, columns)
            found.append(places.difference("database", table, rows, database))
            found.append(places.difference("lake", table, rows, lake))
        return [each for each in found if each is not None]


def _told(outcomes: dict[str, Outcome]) -> str:
    return ", ".join(
        f"{name}: tap {each.tap}, target {each.target}, {each.commits} commits"
        for name, each in outcomes.items()
    )


def _say_nothing(*_: object) -> None:
    """Told of each part of the stack."""
