"""What builds and queries of the lake read grows with the change, not with the past."""

from __future__ import annotations

import pytest

from orchestrate.local_stack.settings import StackSettings
from transform.tests_python.versions import ChangeLog

A_MONTH = 2_000
CHANGES = 500


@pytest.fixture(scope="module")
def logs(session_stack: StackSettings, tmp_path_factory: pytest.TempPathFactory) -> list[ChangeLog]:
    """A log of 4 months and one of 40, with their staging tables."""
    made = []
    for months in (4, 40):
        log = ChangeLog(
            session_stack, f"versions_{months}", tmp_path_factory.mktemp("dbt"), months, A_MONTH
        )
        log.create()
        log.append(A_MONTH * months, first_key=0)
        log.build()
        made.append(log)
    return made


def test_an_incremental_build_reads_what_is_new(logs: list[ChangeLog]) -> None:
    read = []
    for log in logs:
        keys = A_MONTH * log.months
        log.append(CHANGES, first_key=keys - CHANGES // 2)
        read.append(log.build())
        assert log.count() == keys + CHANGES // 2
    assert 0 < read[1] < 1.2 * read[0]


def test_a_query_of_a_month_reads_that_month(logs: list[ChangeLog]) -> None:
    read = [log.read_month() for log in logs]
    assert 0 < read[1] < 1.2 * read[0]


def test_a_build_of_nothing_new_reads_nothing(logs: list[ChangeLog]) -> None:
    assert logs[0].build() == 0
