"""Builds of the lake that are killed, or that run at once, lose no row and write none twice."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrate.lake_maintenance.left_overs import is_temporary
from orchestrate.local_stack.settings import StackSettings
from tests.servers import Lake
from transform.tests_python.history import STROKES_A_SESSION, History

STROKES = "stg_trackman_backend__strokes"
SESSIONS = "stg_trackman_backend__sessions"
STAGING = (STROKES, SESSIONS, "stg_trackman_backend__bays")
MARTS = ("fct_strokes", "fct_sessions")
TEMPORARY_TABLE_IS_MADE = re.compile(r'create table "awsdatacatalog".*?SQL status: OK', re.DOTALL)

_facilities = itertools.count(2)

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def make_past(session_stack: StackSettings, tmp_path: Path) -> Callable[[str, int, int], History]:
    """Makes a past: its name, how many strokes, how many a month."""

    def make(name: str, strokes: int, a_month: int) -> History:
        past = History(session_stack, name, tmp_path, strokes, a_month)
        past.create()
        return past

    return make


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Begins a run of models and lets it go on until its log says something, then signals it."""
    started = []

    def begin(
        past: History, until: re.Pattern[str], number: signal.Signals, *models: str
    ) -> subprocess.Popen[bytes]:
        dbt = past.dbt(f"of_{len(started)}")
        log = dbt.target / "logs" / "dbt.log"
        log.unlink(missing_ok=True)
        process = dbt.start("run", "--select", *models)
        started.append(process)
        while not (log.exists() and until.search(log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.005)
        process.send_signal(number)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def overtaken(session_stack: StackSettings, tmp_path_factory: pytest.TempPathFactory) -> History:
    """A past that is built, for builds that overtake each other."""
    past = History(session_stack, "overtaken", tmp_path_factory.mktemp("dbt"), 400, 100)
    past.create()
    past.build("--select", *STAGING, *MARTS)
    return past


def strokes_and_keys(past: History) -> list[list[str | None]]:
    count = "SELECT count(*), count(distinct stroke_id) "
    return past.ask(f"{count} FROM {past.schema}_staging.{STROKES}")[0]


def list_tables(past: History, schema: str) -> set[str]:
    database = f"{past.schema}_{schema}"
    catalog = Lake.of(past.stack.lake, database).catalog()
    return {name for _, name in catalog.list_tables(database)}


def numbers(past: History) -> list[list[list[str | None]]]:
    """The numbers of the versions that all rows are made of."""
    columns = {
        f"{past.schema}_staging.{STROKES}": "stroke_id, _sdc_sequence",
        f"{past.schema}_staging.{SESSIONS}": "session_id, _sdc_sequence",
        "fct_strokes": "stroke_id, _sdc_sequence, session_sequence",
        "fct_sessions": "session_id, _sdc_sequence, facility_sequence",
    }
    return [
        past.ask(f"SELECT {listed} FROM {table} ORDER BY 1")[0] for table, listed in columns.items()
    ]


@pytest.mark.parametrize("full_refresh", [False, True])
def test_a_whole_build_that_is_killed_between_two_batches_loses_no_row(
    make_past: Callable[[str, int, int], History],
    start: Start,
    full_refresh: bool,
) -> None:
    # 310 months, of which one statement may write 100; the newest version is of an old stroke.
    past = make_past(f"killed_{full_refresh}".lower(), 1240, 4)
    past.append(3, 1)
    if full_refresh:
        past.build("--select", STROKES)
    options = ["--full-refresh"] if full_refresh else []
    between = re.compile("BATCH PROCESSING: 2 OF 4")
    killed = start(past, between, signal.SIGKILL, STROKES, *options)
    assert killed.wait() == -signal.SIGKILL
    past.build("--select", STROKES)
    assert strokes_and_keys(past) == [["1240", "1240"]]
    # What the upkeep of the lake drops.
    left = list_tables(past, "staging") - {STROKES}
    assert len(left) == 2
    assert all(map(is_temporary, left))


def test_a_merge_in_batches_is_refused(overtaken: History) -> None:
    """Asked for by itself: the local Athena merges into any number of partitions at once."""
    names = ("tmp_relation", "target_relation", "merge_part", "dest_cols_csv")
    arguments = json.dumps({name: name for name in names})
    refused = overtaken.dbt("refused").run(
        "run-operation", "batch_iceberg_merge", "--args", arguments
    )
    assert refused.returncode != 0
    assert "target_relation lies in more than 100 partitions" in refused.stdout


def test_two_builds_at_once_write_each_key_once_and_its_newest_version(
    make_past: Callable[[str, int, int], History], start: Start
) -> None:
    past = make_past("at_once", 2000, 400)  # five months
    past.build("--select", STROKES)
    past.append(1999, 3)  # a newer version and two new strokes, in the last month
    one = start(past, TEMPORARY_TABLE_IS_MADE, signal.SIGSTOP, STROKES)
    past.append(5, 3)  # in the first month
    other = start(past, TEMPORARY_TABLE_IS_MADE, signal.SIGSTOP, STROKES)
    for process in (one, other):
        process.send_signal(signal.SIGCONT)
        assert process.wait() == 0
    assert strokes_and_keys(past) == [["2002", "2002"]]
    corrected = (
        f"SELECT count(*) FROM {past.schema}_staging.{STROKES} AS here "
        f"JOIN (SELECT stroke_id, max(_sdc_sequence) AS newest FROM {past.schema}.strokes "
        "GROUP BY 1) AS log ON here.stroke_id = log.stroke_id AND here._sdc_sequence = newest"
    )
    assert past.ask(corrected)[0] == [["2002"]]


def correct_stroke(past: History) -> None:
    past.append(100, 1)


def correct_session(past: History) -> None:
    past.append_sessions(100 // STROKES_A_SESSION, 1)


def move_bay(past: History) -> None:
    past.put_bay(100 // STROKES_A_SESSION, facility=next(_facilities))


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (STROKES, correct_stroke),
        (SESSIONS, correct_session),
        ("fct_strokes", correct_stroke),
        ("fct_strokes", correct_session),
        ("fct_sessions", correct_session),
        ("fct_sessions", move_bay),
    ],
)
def test_a_build_that_read_less_and_ends_last_puts_no_older_row_over_a_newer(
    overtaken: History, start: Start, model: str, change: Callable[[History], None]
) -> None:
    past = overtaken
    change(past)
    if model in MARTS:
        past.build("--select", *STAGING)
    slow = start(past, TEMPORARY_TABLE_IS_MADE, signal.SIGSTOP, model)
    change(past)
    past.build("--select", *STAGING, *MARTS)
    newest = numbers(past)
    slow.send_signal(signal.SIGCONT)
    assert slow.wait() == 0
    assert numbers(past) == newest


def test_a_row_follows_what_it_refers_to_even_if_that_has_a_lesser_number(
    overtaken: History,
) -> None:
    past = overtaken
    past.append_sessions(0, 10)
    past.build("--select", *STAGING, *MARTS)
    past.append(160, 1, session=1)  # of session 4, whose number is greater
    past.build("--select", *STAGING, *MARTS)
    assert past.ask("SELECT session_id FROM fct_strokes WHERE stroke_id = '000000000160'")[0] == [
        ["000000000001"]
    ]
