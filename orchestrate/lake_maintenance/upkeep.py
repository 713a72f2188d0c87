"""One table's upkeep: figures, `OPTIMIZE`, `VACUUM`, Glue's versions, figures again."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from orchestrate.lake_maintenance.athena import Answer, Athena, StatementError
from orchestrate.lake_maintenance.glue import IcebergTable, is_gone, prune_versions
from orchestrate.lake_maintenance.settings import Settings

_MAX_RUNS = 30
_AGAIN = re.compile(
    r"ICEBERG_(OPTIMIZE|VACUUM)_MORE_RUNS_NEEDED|"
    # Somebody else committed meanwhile.
    r"ICEBERG_COMMIT_ERROR"
)


@dataclass(frozen=True)
class Figures:
    """A table at one moment.

    Attributes:
        files: Data and delete files.
        bytes: Their size.
        small_files: Small data files.
        surplus_files: Data files beyond those that each partition needs for its size.
        delete_files: Delete files.
        partitions: Partitions, 1 for a table without.
        snapshots: Snapshots.
        scanned_bytes: What a count of one column reads.
        milliseconds: How long it takes.
    """

    files: int
    bytes: int
    small_files: int
    surplus_files: int
    delete_files: int
    partitions: int
    snapshots: int
    scanned_bytes: int
    milliseconds: int


@dataclass(frozen=True)
class Outcome:
    """A table's upkeep. `after` is None if nothing was to be done or something failed.

    `dropped` is true of what a killed build left.
    """

    table: str
    before: Figures | None = None
    after: Figures | None = None
    deleted_versions: int = 0
    error: str | None = None
    dropped: bool = False


def maintain(athena: Athena, glue: Any, table: IcebergTable, settings: Settings) -> Outcome:  # noqa: ANN401
    """Maintain a table; what fails is an outcome, so that the other tables go on.

    A table that is gone meanwhile needs nothing: dbt replaces most marts at each build.

    Args:
        athena: Runs the statements.
        glue: Boto3's client `glue`.
        table: The table.
        settings: What counts as small, and how much stays.
    """
    before = None
    try:
        deleted = prune_versions(glue, table, settings.table_versions)
        before = _figures(athena, table, settings)
        has_surplus = before.surplus_files >= settings.small_files
        needs_optimize = has_surplus or before.delete_files > 0
        if not needs_optimize and before.snapshots <= 1:
            return Outcome(table.full_name, before, deleted_versions=deleted)
        if needs_optimize:
            name = table.name if _is_plain(table.name) else f'"{table.name}"'
            _run_till_done(athena, f"OPTIMIZE {name} REWRITE DATA USING BIN_PACK", table)
        # Backticks, and those only for unusual names:
        # https://docs.aws.amazon.com/athena/latest/ug/vacuum-statement.html
        name = table.name if _is_plain(table.name) else f"`{table.name}`"
        _run_till_done(athena, f"VACUUM {name}", table)
        after = _figures(athena, table, settings)
        return Outcome(table.full_name, before, after, deleted)
    # Whatever it is: one table must not keep the upkeep from the others.
    except Exception as error:
        with suppress(Exception):  # which says no more than the one before
            if is_gone(glue, table):
                return Outcome(table.full_name)
        return Outcome(table.full_name, before, error=" ".join(str(error).split()))


def _run_till_done(athena: Athena, sql: str, table: IcebergTable) -> None:
    """Run a statement as often as Athena, which does only so much at once, asks for it."""
    for run in range(1, _MAX_RUNS + 1):
        try:
            athena.run(sql, table.database)
        except StatementError as error:
            if not _AGAIN.search(str(error)) or run == _MAX_RUNS:
                raise
        else:
            return


def _figures(athena: Athena, table: IcebergTable, settings: Settings) -> Figures:
    def ask(sql: str) -> Answer:
        return athena.run(sql, table.database)

    def numbers(sql: str) -> list[int]:
        return [int(value or 0) for value in ask(sql).rows[0]]

    files, size, small, deletes = numbers(
        "SELECT count(*), coalesce(sum(file_size_in_bytes), 0), "  # noqa: S608
        f"count_if(content = 0 AND file_size_in_bytes < {settings.small_file_bytes}), "
        f'count_if(content <> 0) FROM "{table.name}$files"'
    )
    # Partition by partition: many that have one large file must not hide one of many small files.
    partitions, surplus = numbers(
        "SELECT count(*), coalesce(sum(greatest("  # noqa: S608
        f"0, file_count - 1 - total_size / {settings.small_file_bytes})), 0) "
        f'FROM "{table.name}$partitions"'
    )
    (snapshots,) = numbers(f'SELECT count(*) FROM "{table.name}$snapshots"')  # noqa: S608
    # What a user's query pays for the way the files lie.
    query = ask(f'SELECT count("{table.column}") FROM "{table.name}"')  # noqa: S608
    return Figures(
        files=files,
        bytes=size,
        small_files=small,
        surplus_files=surplus,
        delete_files=deletes,
        partitions=max(1, partitions),
        snapshots=snapshots,
        scanned_bytes=query.scanned_bytes,
        milliseconds=query.milliseconds,
    )


def _is_plain(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None
