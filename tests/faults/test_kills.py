"""Runs that are killed at random moments leave nothing lost, doubled or half-visible."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.chaos import Chaos, own_stack

KILLS = 25
SEED = os.environ.get("FAULTS_SEED", "1")


@pytest.mark.timeout(900)
def test_f05_f08_killed_runs_and_restarted_servers(tmp_path: Path) -> None:
    with own_stack(tmp_path / "stack") as settings:
        report = Chaos(settings, tmp_path, SEED).run(KILLS)
    print(report.as_markdown())
    assert report.struck >= KILLS
    assert not report.differences, f"{report.repeat()}: {report.differences}"
