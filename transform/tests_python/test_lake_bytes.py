"""What builds and queries of the lake read grows with the change, not with the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrate.local_stack.settings import StackSettings
from transform.tests_python.history import STROKES_A_SESSION, History

MONTHS = (9, 90)
A_MONTH = 900
STROKES = "stg_trackman_backend__strokes"
STAGING = (STROKES, "stg_trackman_backend__sessions")
MARTS = ("fct_strokes", "fct_sessions")
# A mart of a whole year's partition reads as much whatever lies before that year.
END = datetime(2026, 9, 15, 12, tzinfo=UTC)
FLAT = 1.2
LAST_WEEK = {
    "fct_strokes": "select avg(carry) from fct_strokes where hit_at >= timestamp '{} UTC'",
    "fct_sessions": "select avg(duration_minutes) from fct_sessions "
    "where started_at >= timestamp '{} UTC'",
    "fct_sessions by local date": "select avg(duration_minutes) from fct_sessions "
    "where local_date >= date(timestamp '{}')",
    "fct_bay_utilisation_hourly": "select avg(utilisation) from fct_bay_utilisation_hourly "
    "where local_date >= date(timestamp '{}')",
}


def both(pasts: list[History], do: Callable[[History], Any]) -> list[Any]:
    """What is done to each past gives."""
    with ThreadPoolExecutor(len(pasts)) as pool:
        return list(pool.map(do, pasts))


@pytest.fixture(scope="module")
def pasts(session_stack: StackSettings, tmp_path_factory: pytest.TempPathFactory) -> list[History]:
    """Nine months and ninety of them in the lake, built once."""

    def make(months: int) -> History:
        past = History(
            session_stack,
            f"past_of_{months}",
            tmp_path_factory.mktemp("dbt"),
            A_MONTH * months,
            A_MONTH,
            END,
        )
        past.create()
        past.build("--select", *STAGING, *MARTS, "+fct_bay_utilisation_hourly")
        return past

    with ThreadPoolExecutor(len(MONTHS)) as pool:
        return list(pool.map(make, MONTHS))


@pytest.mark.parametrize("query", LAST_WEEK.values(), ids=LAST_WEEK)
def test_a_query_of_a_week_reads_what_is_near_it(pasts: list[History], query: str) -> None:
    of_a_week = [past.ask(query.format("2026-09-08 12:00:00"))[1] for past in pasts]
    of_all = [past.ask(query.format("2000-01-01 00:00:00"))[1] for past in pasts]
    assert 0 < of_a_week[1] < FLAT * of_a_week[0]
    assert of_all[1] > 3 * of_all[0]  # or all of it would be too little to tell


def test_an_incremental_build_of_staging_reads_what_is_near_the_changes(
    pasts: list[History],
) -> None:
    def change_and_build(past: History) -> Counter[str]:
        # The last session goes on, others begin; of those before one changes, one loses strokes,
        # one is deleted. All are near each other: DuckDB skips files by one range of values, where
        # Athena does by several.
        last = past.strokes // STROKES_A_SESSION
        past.append(past.strokes - 10, 60)
        past.append_sessions((past.strokes - 10) // STROKES_A_SESSION, 3)
        past.append_sessions(last - 5, 1)
        lost = (last - 6) * STROKES_A_SESSION
        past.delete("strokes", range(lost, lost + 7))
        past.delete("sessions", [last - 8])
        return past.build("--select", *STAGING, *MARTS)

    small, large = both(pasts, change_and_build)
    for model in STAGING:
        assert 0 < large[model] < FLAT * small[model], (model, small, large)
    for past in pasts:
        counts = (
            "SELECT count(*), count(distinct stroke_id), (SELECT sum(count_strokes) "
            "FROM fct_sessions), (SELECT count_strokes FROM fct_sessions "
            f"WHERE session_id = '{past.strokes // STROKES_A_SESSION - 6:012}') FROM fct_strokes"
        )
        strokes = str(past.strokes + 50 - 7 - STROKES_A_SESSION)
        assert past.ask(counts)[0] == [[strokes, strokes, strokes, str(STROKES_A_SESSION - 7)]]


def test_sessions_follow_their_bay_and_a_build_of_nothing_new_reads_no_log(
    pasts: list[History],
) -> None:
    past = pasts[0]
    past.put_bay(1, facility=2)
    read = past.build("--select", STROKES, "stg_trackman_backend__bays", "fct_sessions")
    assert read[STROKES] == 0
    sessions = (
        "SELECT session_id FROM fct_sessions WHERE facility_id = 2 ORDER BY session_id",
        f"SELECT session_id FROM {past.schema}_staging.stg_trackman_backend__sessions "
        "WHERE bay_id = 1 AND NOT is_deleted ORDER BY session_id",
    )
    moved, expected = (past.ask(sql)[0] for sql in sessions)
    assert moved == expected != []
