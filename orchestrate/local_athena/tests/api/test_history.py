"""The history alone, on its file."""

from __future__ import annotations

from pathlib import Path

from orchestrate.local_athena.queries.entries import Entries
from orchestrate.local_athena.queries.history import RETENTION_SECONDS, Execution, History, State

DAY = 24 * 3600.0


def execution(name: str, submitted: float) -> Execution:
    return Execution(
        id=name,
        sql="select 1",
        catalog="AwsDataCatalog",
        database="default",
        work_group="primary",
        output_folder="s3://bucket/results/",
        parameters=(),
        submitted=submitted,
        state=State.SUCCEEDED,
    )


def test_queries_are_forgotten_after_45_days_though_the_endpoint_runs_on(tmp_path: Path) -> None:
    entries = Entries(tmp_path / "athena.sqlite")
    history = History(entries)
    began = 4_000_000_000.0
    for day in range(100):
        assert history.add(execution(f"query-{day}", began + day * DAY))
    kept = len(list(entries.all("execution")))
    assert kept == RETENTION_SECONDS / DAY + 1
    assert history.find("query-0") is None
    assert history.find("query-99") is not None
    entries.close()
