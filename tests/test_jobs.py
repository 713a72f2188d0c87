"""Which job moves what where is read from Meltano's files, and nowhere repeated."""

from __future__ import annotations

import pytest

from orchestrate import backfill
from orchestrate.jobs import Move, moves
from orchestrate.run import report


def test_each_move_is_known_by_its_tap_and_destination() -> None:
    found = moves()
    assert found["backend-to-db"] == Move("tap-trackman-backend", "dataengineering-db", False)
    assert found["reconcile-lake"] == Move(
        "tap-trackman-backend-keys-for-lake", "trackman-lake", True
    )
    assert {name for name, move in found.items() if move.is_reconcile} == {
        "reconcile-db",
        "reconcile-lake",
    }
    assert {move.destination for move in found.values()} == set(report.DESTINATIONS)
    assert "transform-db" not in found


@pytest.mark.parametrize("job", ["reconcile-db", "transform-db", "nonsense"])
def test_only_a_job_that_reads_rows_can_read_them_again(
    job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backfill.main(["--stream", "public-strokes", "--job", job]) == 1
    assert capsys.readouterr().err == (
        f"JOB is '{job}'; give one of backend-to-db, backend-to-lake\n"
    )
