"""`make run` from a fresh copy: rows arrive in both destinations, exactly, and only once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.project import Project

STREAMS = 14


def assert_all_equal(project: Project) -> dict[str, int]:
    """Source, database and lake agree on every table; returns the count of rows of each."""
    compared = project.python("orchestrate.compare", "--json")
    tables = [json.loads(line) for line in compared.stdout.splitlines()]
    assert [t for t in tables if not t["equal"]] == []
    assert compared.returncode == 0, compared.stdout
    assert len(tables) >= STREAMS
    return {t["table"]: t["source"] for t in tables}


def test_first_run_makes_all_three_equal(project: Project) -> None:
    rows = assert_all_equal(project)
    assert rows["strokes"] >= 200_000


def test_f37_every_run_ends_with_a_table_of_streams_and_row_counts(project: Project) -> None:
    printed = (project.root / ".local" / "first-run.txt").read_text()
    assert "Run report" in printed
    for destination in ("dataengineering-db", "trackman-lake"):
        for table in ("strokes", "round_holes", "bookings"):
            line = next(x for x in printed.splitlines() if table in x and destination in x)
            assert "ago" in line
    assert "static_index.html" in printed
    with project.source() as source:
        (strokes,) = source.execute("select count(*) from strokes").fetchone() or (0,)
    assert f"{strokes:,}" in printed


def test_second_run_moves_no_row(project: Project) -> None:
    before = project.newest_report()["run_id"]
    second = project.run("make", "run")
    assert second.returncode == 0, second.stdout[-3000:]
    found = project.newest_report()
    assert found["run_id"] > before
    for destination, loads in found["loads"].items():
        assert len(loads) >= STREAMS, destination
        assert [load for load in loads if load["rows_committed"]] == []
    assert_all_equal(project)


def reconcile(project: Project) -> dict[str, dict[str, int]]:
    """Find the rows deleted for good; returns how many were marked, by destination and table."""
    done = project.run("make", "reconcile")
    assert done.returncode == 0, done.stdout[-3000:]
    marked: dict[str, dict[str, int]] = {"dataengineering-db": {}, "trackman-lake": {}}
    for line in done.stdout.splitlines():
        table, destination, *numbers = line.replace("│", " ").split() if "ago" in line else ("", "")
        if destination in marked:
            marked[destination][table] = int(numbers[2].replace(",", ""))
    return marked


@dataclass(frozen=True)
class Keys:
    """What the source holds: keys of tables whose rows are deleted for good, soft deletes."""

    bookings: set[Any]
    strokes: set[Any]
    holes: set[Any]
    soft_deleted: int

    @classmethod
    def of(cls, project: Project) -> Keys:
        with project.source() as source:
            (soft_deleted,) = source.execute(
                "select count(*) from strokes where deleted_at is not null"
            ).fetchone() or (0,)
            return cls(
                {*source.execute("select booking_id from bookings")},
                {*source.execute("select stroke_id from strokes")},
                {*source.execute("select round_id, hole_number from round_holes")},
                soft_deleted,
            )


@dataclass(frozen=True)
class Followed:
    """30 seconds of writing and changes of the schema, a run after them, and a reconcile."""

    before: Keys
    after: Keys
    printed: str
    report: dict[str, Any]
    reconciled: dict[str, dict[str, int]]
    rows: dict[str, int]


@pytest.fixture(scope="module")
def followed(project: Project) -> Followed:
    before = Keys.of(project)
    drifts = "ARGS=--add-column --widen-type --add-table"
    written = project.run("make", "simulate", "SECONDS=30", drifts)
    assert written.returncode == 0, written.stdout
    run = project.run("make", "run")
    assert run.returncode == 0, run.stdout[-3000:]
    return Followed(
        before=before,
        after=Keys.of(project),
        printed=run.stdout,
        report=project.newest_report(),
        reconciled=reconcile(project),
        rows=assert_all_equal(project),
    )


def test_a_run_after_30_seconds_of_writing_makes_all_three_equal_again(
    project: Project, followed: Followed
) -> None:
    before, after = followed.before, followed.after
    purged = before.bookings - after.bookings
    assert after.soft_deleted > before.soft_deleted, "no soft delete, so this test shows nothing"
    assert purged, "the trickle made no hard delete, so this test shows nothing"
    # What was deleted for good from a table that is read incrementally, a reconcile finds.
    for found in followed.reconciled.values():
        assert found["strokes"] == len(before.strokes - after.strokes) > 0
        assert found["round_holes"] == len(before.holes - after.holes) > 0
        assert found["players"] == 0
        assert "bookings" not in found
    with project.database() as database:
        marked = database.execute(
            "select count(*) from raw.bookings where booking_id = any(%s) "
            "and _sdc_deleted_at is not null",
            (sorted(booking for (booking,) in purged),),
        ).fetchone()
        copied = database.execute(
            "select count(*) from raw.strokes where deleted_at is not null "
            "and _sdc_deleted_at is null"
        ).fetchone()
    assert marked == (len(purged),)
    assert copied == (after.soft_deleted,)


def test_schema_drift_is_followed_and_reported(followed: Followed) -> None:
    assert len(followed.rows) == STREAMS + 1
    changes = {
        destination: " ".join(load["schema_changes"] for load in loads)
        for destination, loads in followed.report["loads"].items()
    }
    for told in changes.values():
        assert "created table" in told
        assert "added column" in told
    assert "changed: strokes in dataengineering-db: " in followed.printed
    # The lake may hold the wider values already: a smallint is an int there from the start.
    assert "widened" in changes["dataengineering-db"]


def test_a_job_works_by_itself(project: Project) -> None:
    for job in ("backend-to-db", "backend-to-lake"):
        assert project.meltano("run", job).returncode == 0


def test_a_backfill_loads_a_range_again_and_the_next_run_goes_on_as_before(
    project: Project,
) -> None:
    states = project.states()
    with project.source() as source, project.database() as database:
        bounds = source.execute(
            "select min(updated_at)::text, (min(updated_at) + interval '30 days')::text, "
            "count(*) filter (where updated_at < (select min(updated_at) from strokes) "
            "+ interval '30 days') from strokes"
        ).fetchone()
        assert bounds is not None
        start, end, rows = bounds
        # The copy is spoiled by hand; no ordinary run would notice.
        database.execute("update raw.strokes set comment = 'spoiled' where updated_at < %s", (end,))
    done = project.run("make", "backfill", "STREAM=public-strokes", f"FROM={start}", f"TO={end}")
    assert done.returncode == 0, done.stdout[-3000:]
    loads = [line.replace("│", " ").split() for line in done.stdout.splitlines() if "ago" in line]
    assert [load[:3] for load in loads] == [["strokes", "dataengineering-db", f"{rows:,}"]]
    assert_all_equal(project)
    assert _positions(project.states()) == _positions(states)
    wrong = project.run("make", "backfill", "STREAM=strokes")
    assert "did you mean public-strokes" in wrong.stdout
    assert wrong.returncode != 0


def _positions(states: list[tuple[Any, ...]]) -> list[Any]:
    """The bookmarks' positions, without what is told about the run."""
    return [
        {
            name: {key: bookmark.get(key) for key in ("replication_key_value", "settled")}
            for name, bookmark in json.loads(completed)["singer_state"]["bookmarks"].items()
        }
        for _, _, completed, _ in states
    ]
