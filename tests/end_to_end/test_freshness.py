"""The promises: fresh after a run; broken, and said to be, when the load log grows old."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.end_to_end.project import Project


def test_f36_freshness_passes_after_a_run_and_fails_when_a_stream_is_late(
    project: Project,
) -> None:
    assert project.meltano("run", "backend-to-db").returncode == 0
    fresh = project.meltano("invoke", "dbt-db:freshness")
    assert fresh.returncode == 0, fresh.stdout
    with project.database() as database:
        database.execute(
            "update raw.load_log set source_time = source_time - interval '31 minutes' "
            "where table_name = 'rounds'"
        )
    try:
        late = project.meltano("invoke", "dbt-db:freshness")
        assert late.returncode != 0
        named = [line for line in late.stdout.splitlines() if "ERROR STALE" in line]
        assert any("rounds" in line for line in named)
        assert not any("strokes" in line for line in named)
    finally:
        with project.database() as database:
            database.execute(
                "update raw.load_log set source_time = source_time + interval '31 minutes' "
                "where table_name = 'rounds'"
            )
