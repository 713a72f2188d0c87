"""The run report: what moved, how far the source is reflected, what dbt found, where to look."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestrate.environment import PROJECT_ROOT
from orchestrate.local_stack.settings import StackSettings
from orchestrate.run import load_log
from orchestrate.run.load_log import StreamLoad
from orchestrate.run.steps import StepResult

DBT_TARGET = PROJECT_ROOT / "transform" / "target"
DOCS_SITE = DBT_TARGET / "static_index.html"
DATABASE = "dataengineering-db"
LAKE = "trackman-lake"
DESTINATIONS = (DATABASE, LAKE)
LAKE_MAINTENANCE = "lake-maintenance.json"
"""In the run's folder: what the upkeep of the lake did, of `orchestrate.lake_maintenance`."""

_GOOD = {"success", "pass", "no-op", "warn"}


@dataclass(frozen=True)
class Report:
    """All that one run has to tell."""

    run_id: str
    steps: list[StepResult]
    loads: dict[str, list[StreamLoad]]  # by destination
    dbt: dict[str, int]  # count of dbt results by status
    dbt_failures: list[str]
    finished_at: datetime

    @property
    def succeeded(self) -> bool:
        """Whether every step ended well and every destination has its rows."""
        return all(step.succeeded for step in self.steps) and all(self.loads.values())


def collect(
    settings: StackSettings, folder: Path, steps: list[StepResult], dbt: list[tuple[str, str]]
) -> Report:
    """Gather the report of a whole run that has ended.

    Args:
        settings: Where the destinations are.
        folder: The run's folder; its name is the run's id.
        steps: How each step ended.
        dbt: The name and status of each dbt result, from `dbt_results`.
    """
    return Report(
        run_id=folder.name,
        steps=steps,
        loads=read_loads(settings, folder.name, DESTINATIONS),
        dbt=dict(Counter(status for _, status in dbt)),
        dbt_failures=[name for name, status in dbt if status not in _GOOD],
        finished_at=datetime.now(UTC),
    )


def read_loads(
    settings: StackSettings, run_id: str, destinations: Iterable[str]
) -> dict[str, list[StreamLoad]]:
    """What a run did in some of `DESTINATIONS`, by their names.

    Args:
        settings: Where they are.
        run_id: Name of the run in their load logs.
        destinations: Which to ask.
    """
    loads = {}
    for name in destinations:
        if name == DATABASE:
            loads[name] = load_log.from_database(settings.dataengineering, run_id)
        else:
            loads[name] = load_log.from_lake(settings.lake, run_id)
    return loads


def dbt_results(target: Path, since: float) -> list[tuple[str, str]]:
    """The name and status of each dbt node and each source's freshness.

    Args:
        target: dbt's target folder, with `run_results.json` and `sources.json`
            (https://docs.getdbt.com/reference/artifacts/dbt-artifacts).
        since: Unix time; an older file belongs to another run and does not count.
    """
    results = []
    for name in ("run_results.json", "sources.json"):
        file = target / name
        if file.is_file() and file.stat().st_mtime >= since:
            results += [
                (result["unique_id"], result["status"])
                for result in json.loads(file.read_text())["results"]
            ]
    return results


def write(report: Report, folder: Path) -> None:
    """Write the report for machines, as `report.json` in the run's folder."""
    (folder / "report.json").write_text(json.dumps(as_json(report), indent=2) + "\n")


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON types: times in ISO 8601, durations in seconds."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(report), default=str))
    return plain | {"succeeded": report.succeeded}


def show(report: Report) -> None:
    """Print the report for people."""
    show_loads(report.loads)
    console = _console()
    dbt = ", ".join(f"{count} {status}" for status, count in sorted(report.dbt.items()))
    console.print(f"dbt: {dbt or 'did not run'}")
    for name in report.dbt_failures:
        console.print(f"  [red]failed[/] {name}")
    for step in report.steps:
        if not step.succeeded:
            console.print(f"[red]FAILED[/] {step.name}: {step.log}")
    console.print(
        f"docs site  {DOCS_SITE}\n"
        "database   make psql   (\\dt marts.* lists the tables)\n"
        "stack      make status, make down\n"
        f"run        {report.run_id}, {'succeeded' if report.succeeded else 'FAILED'}",
        highlight=False,
        soft_wrap=True,
    )


def show_loads(loads: Mapping[str, list[StreamLoad]]) -> None:
    """Print what was loaded where: a table, then a line for each thing to know of."""
    console = _console()
    console.print(_loads_table(loads, datetime.now(UTC)))
    for line in notices(loads):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def show_maintenance(folder: Path) -> None:
    """Print what the upkeep of the lake did in a run, if it ran: each table before and after."""
    file = folder / LAKE_MAINTENANCE
    if not file.is_file():
        return
    table = Table(title="Upkeep of the lake", title_justify="left")
    table.add_column("table")
    for title in ("files", "bytes", "snapshots", "bytes scanned by a count"):
        table.add_column(title, justify="right")
    for outcome in json.loads(file.read_text())["tables"]:
        before, after = outcome["before"], outcome["after"] or outcome["before"]
        if before:
            table.add_row(
                outcome["table"],
                *(
                    f"{before[name]:,} → {after[name]:,}"
                    for name in ("files", "bytes", "snapshots", "scanned_bytes")
                ),
            )
    _console().print(table)


def notices(loads: Mapping[str, list[StreamLoad]]) -> list[str]:
    """Give a line for each change of a table, and for each stream with values in quarantine.

    Args:
        loads: By destination.
    """
    lines = []
    for destination, listed in loads.items():
        for load in listed:
            where = f"{load.table_name} in {destination}"
            lines += [f"changed: {where}: {each}" for each in json.loads(load.schema_changes)]
            if load.rows_rejected:
                lines.append(
                    f"quarantine: {where}: {load.rows_rejected:,} values that it cannot hold, "
                    "see the table raw.quarantine"
                )
    return lines


def _console() -> Console:
    # A log has no width of its own; the table must not be cut there.
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=120)


def _loads_table(loads: Mapping[str, list[StreamLoad]], now: datetime) -> Table:
    table = Table(title="Run report", title_justify="left")
    table.add_column("stream")
    table.add_column("destination")
    for title in ("read", "committed", "deleted", "rejected", "seconds", "reflects the source of"):
        table.add_column(title, justify="right")
    for destination, listed in loads.items():
        for load in listed:
            table.add_row(
                load.table_name,
                destination,
                f"{load.rows_read:,}",
                f"{load.rows_committed:,}",
                f"{load.rows_deleted:,}",
                f"{load.rows_rejected:,}",
                f"{load.seconds:.1f}",
                _age(load.source_time, now),
            )
        table.add_section()
    for destination, listed in loads.items():
        table.add_row("all", destination, *_totals(listed))
    return table


def _totals(loads: Iterable[StreamLoad]) -> list[str]:
    listed = list(loads)
    return [
        f"{sum(load.rows_read for load in listed):,}",
        f"{sum(load.rows_committed for load in listed):,}",
        f"{sum(load.rows_deleted for load in listed):,}",
        f"{sum(load.rows_rejected for load in listed):,}",
    ]


def _age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in words; a tap that gives no source time has none."""
    if moment is None:
        return "not stated"
    return f"{timedelta(seconds=round((now - moment).total_seconds()))} ago"
