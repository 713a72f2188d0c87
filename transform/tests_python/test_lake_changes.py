"""Changes of a kind that comes seldom reach the tables of the lake."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrate.local_stack.settings import StackSettings
from transform.tests_python.history import STROKES_A_SESSION, History

STAGING = tuple(f"stg_trackman_backend__{table}" for table in ("strokes", "sessions", "bays"))
MARTS = ("fct_strokes", "fct_sessions")


@pytest.fixture(scope="module")
def past(session_stack: StackSettings, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Six sessions, built."""
    made = History(
        session_stack,
        "past_of_changes",
        tmp_path_factory.mktemp("dbt"),
        6 * STROKES_A_SESSION,
        900,
        datetime(2026, 9, 15, 12, tzinfo=UTC),
    )
    made.create()
    made.build("--select", *STAGING, *MARTS)
    return made


def counts(past: History) -> list[list[str | None]]:
    return past.ask("SELECT session_id, count_strokes from fct_sessions order by 1")[0]


def test_a_session_that_a_stroke_left_counts_it_no_more(past: History) -> None:
    # Of session 0. Two builds of staging see it in others before the mart is built: its first
    # session is known still, though neither the row nor the one before it names that.
    for session in (1, 2):
        past.append(0, 1, session=session)
        past.build("--select", *STAGING)
    # Moved twice between two builds of staging, to a session that is not here, and deleted then.
    past.append(STROKES_A_SESSION * 3, 1, session=5)
    past.append(STROKES_A_SESSION * 3, 1, session=99)
    past.append(STROKES_A_SESSION * 4, 1, session=5)
    past.delete("strokes", [STROKES_A_SESSION * 4])
    past.build("--select", *STAGING, *MARTS)
    expected = [["000000000000", "39"], ["000000000001", "40"], ["000000000002", "41"],
                ["000000000003", "39"], ["000000000004", "39"], ["000000000005", "40"]]  # fmt: skip
    assert counts(past) == expected
    past.build("--select", "fct_sessions", "--full-refresh")
    assert counts(past) == expected


@pytest.mark.parametrize("options", [(), ("--full-refresh",)])
def test_a_row_whose_creation_cannot_be_held_is_no_tombstone(
    past: History, options: tuple[str, ...]
) -> None:
    if not options:
        # `infinity` in the source is NULL here.
        past.put_bay(1, facility=7, created_at=None)
        past.put_bay(2, facility=7)
        past.delete("bays", [2])
    past.build("--select", *STAGING, *MARTS, *options)
    bays = (
        f"SELECT bay_id, facility_id, is_deleted, created_at is null from {past.schema}_staging."
        "stg_trackman_backend__bays where bay_id in (1, 2, 3) order by 1"
    )
    assert past.ask(bays)[0] == [
        ["1", "7", "false", "true"], ["2", "7", "true", "false"], ["3", "1", "false", "false"]
    ]  # fmt: skip
    moved = "SELECT distinct bay_id from fct_sessions where facility_id = 7 order by 1"
    assert past.ask(moved)[0] == [["1"], ["2"]]
