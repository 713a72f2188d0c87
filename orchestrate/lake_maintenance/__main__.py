"""Maintains every Iceberg table of the databases that the environment names.

In those of dbt's models it leaves out what a build is at work on, and drops what killed ones left.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from orchestrate.lake_maintenance.athena import Athena
from orchestrate.lake_maintenance.glue import IcebergTable, iceberg_tables
from orchestrate.lake_maintenance.left_overs import drop, is_left_over, is_temporary
from orchestrate.lake_maintenance.settings import Settings, SettingsError
from orchestrate.lake_maintenance.upkeep import Outcome, maintain


def main() -> int:
    """Returns 1 if a table's upkeep failed; the other tables have had theirs."""
    try:
        settings = Settings.from_environment(os.environ)
        glue = boto3.client("glue", **settings.client_arguments)
        client = boto3.client("athena", **settings.client_arguments)
        athena = Athena(client, settings.work_group, settings.output_location)
        tables = _tables(glue, settings.databases)
    except (SettingsError, BotoCoreError, ClientError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    outcomes = []
    for table in tables:
        if table.database not in settings.model_databases or not is_temporary(table.name):
            outcomes.append(maintain(athena, glue, table, settings))
        elif is_left_over(table, tables):
            outcomes.append(drop(athena, table))
        else:
            continue
        print(in_words(outcomes[-1]), flush=True)
    if settings.report:
        settings.report.parent.mkdir(parents=True, exist_ok=True)
        report = {"finished_at": datetime.now(tz=UTC).isoformat(), "tables": outcomes}
        settings.report.write_text(json.dumps(report, default=asdict, indent=2) + "\n")
    return 1 if any(each.error for each in outcomes) else 0


def _tables(glue: Any, databases: Iterable[str]) -> list[IcebergTable]:  # noqa: ANN401
    tables = []
    for name in databases:
        try:
            tables += iceberg_tables(glue, name)
        except glue.exceptions.EntityNotFoundException:
            # dbt makes its databases with its first run.
            print(f"{name}: there is no such database yet")
    return tables


def in_words(outcome: Outcome) -> str:
    """One line for the log."""
    if outcome.error:
        return f"error: {outcome.table}: {outcome.error}"
    if outcome.dropped:
        return f"{outcome.table}: dropped, a build that was killed left it"
    before, after = outcome.before, outcome.after
    if before is None or after is None:
        return f"{outcome.table}: nothing to do"
    return (
        f"{outcome.table}: files {before.files} -> {after.files}, "
        f"bytes {before.bytes:,} -> {after.bytes:,}, "
        f"snapshots {before.snapshots} -> {after.snapshots}, "
        f"a count scans {before.scanned_bytes:,} -> {after.scanned_bytes:,} bytes"
    )


if __name__ == "__main__":
    raise SystemExit(main())
