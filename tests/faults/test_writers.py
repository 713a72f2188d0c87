"""Eight writers at once, whose transactions overlap and end out of order, while runs go on."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from orchestrate.local_stack.settings import StackSettings
from tests.faults import places, tables
from tests.faults.pipe import Outcome, Pipe, to_database, to_lake
from tests.faults.schedule import Ending, transactions
from tests.faults.tables import TABLES
from tests.faults.writers import Writer
from tests.servers import Lake

WRITERS = 8
ROWS_PER_FILE = 500

# `FAULTS_LONGEST_SECONDS=60 pytest tests/faults/test_writers.py` has transactions of 0 to 60 s.
LONGEST_SECONDS = float(os.environ.get("FAULTS_LONGEST_SECONDS", "6"))
SEED = os.environ.get("FAULTS_SEED", "1")


@pytest.fixture
def database_url(session_stack: StackSettings, postgres_url: str) -> str:
    """An empty database on the other server: what runs there is no transaction of the source."""
    name = postgres_url.rpartition("/")[2]
    with psycopg.connect(session_stack.dataengineering.url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return session_stack.dataengineering.url.rpartition("/")[0] + "/" + name


def _run_until(ended: threading.Event, pipe: Pipe, outcomes: list[Outcome]) -> None:
    """Run after run; the last one begins when nobody writes any more."""
    while True:
        is_last = ended.is_set()
        outcomes.append(pipe.run())
        if is_last:
            return


@pytest.mark.timeout(900)
def test_f01_f02_nothing_is_lost_to_writers_that_overlap(
    postgres_url: str,
    database_url: str,
    lake: Lake,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Late commits, rollbacks, prepared transactions, ties of the replication key."""
    with psycopg.connect(postgres_url) as connection:
        tables.create(connection, TABLES)
        zone = connection.execute("show timezone").fetchone()
    assert zone != ("UTC",), "a zone lost on the way would not show"
    pipes = [
        to_database(postgres_url, database_url, tmp_path / "database", ROWS_PER_FILE),
        to_lake(postgres_url, lake.settings, tmp_path / "lake", ROWS_PER_FILE),
    ]
    for pipe in pipes:
        pipe.discover(TABLES)
    writers = [
        Writer(
            postgres_url,
            number,
            TABLES,
            transactions(
                f"{SEED}/{number}",
                len(TABLES),
                seconds=3 * LONGEST_SECONDS,
                longest=LONGEST_SECONDS,
            ),
        )
        for number in range(WRITERS)
    ]
    nobody_writes = threading.Event()
    outcomes: dict[str, list[Outcome]] = {pipe.name: [] for pipe in pipes}
    runners = [
        threading.Thread(target=_run_until, args=[nobody_writes, pipe, outcomes[pipe.name]])
        for pipe in pipes
    ]
    for thread in [*writers, *runners]:
        thread.start()
    for writer in writers:
        writer.join()
    nobody_writes.set()
    for runner in runners:
        runner.join()

    told = f"FAULTS_SEED={SEED} FAULTS_LONGEST_SECONDS={LONGEST_SECONDS:g}"
    assert [writer.failure for writer in writers if writer.failure] == [], told
    endings = Counter(ending for writer in writers for ending in writer.endings)
    assert set(endings) == set(Ending), f"{told}: some ending did not occur, {endings}"
    for name, runs in outcomes.items():
        record_property(f"runs into the {name}", len(runs))
        assert len(runs) > 2, f"{told}: only {len(runs)} runs while writers wrote"
        failed = [run.log for run in runs if not run.is_success]
        assert not failed, f"{told}: {len(failed)} runs failed, one of them so:\n{failed[-1]}"
    if any(table.is_reconciled for table in TABLES):
        for pipe in pipes:
            outcome = pipe.reconcile(TABLES)
            assert outcome.is_success, f"{told}:\n{outcome.log}"
    differences = compare(postgres_url, database_url, lake)
    assert not differences, "\n".join([told, *map(str, differences)])


def compare(source: str, database: str, lake: Lake) -> list[places.Difference]:
    """Where the destinations differ from the source, of which every table has rows."""
    found = []
    catalog = lake.catalog()
    for table in TABLES:
        columns, rows = places.source_rows(source, table)
        assert rows, f"nothing was written to {table.name}, so this shows nothing"
        in_places = {
            "database": places.database_rows(database, table, columns),
            "lake": places.lake_rows(catalog, lake.settings["namespace"], table, columns),
        }
        found += [places.difference(place, table, rows, has) for place, has in in_places.items()]
    return [each for each in found if each is not None]
