"""`OPTIMIZE t REWRITE DATA USING BIN_PACK [WHERE …]`.

https://docs.aws.amazon.com/athena/latest/ug/optimize-statement.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import expression_evaluator, inclusive_projection
from pyiceberg.manifest import ManifestContent
from pyiceberg.schema import Schema
from pyiceberg.types import LongType

from orchestrate.local_athena.model import Cancellation, ErrorCategory, QueryError
from orchestrate.local_athena.upkeep.files import PartitionFiles
from orchestrate.local_athena.upkeep.live import LiveFiles, ManifestReader
from orchestrate.local_athena.upkeep.manifests import DEFAULT_MANIFEST_BYTES
from orchestrate.local_athena.upkeep.plan import Group, Thresholds, plan
from orchestrate.local_athena.upkeep.replace import Committed, Rewritten, commit_rewrite
from orchestrate.local_athena.upkeep.rows import deleted_positions, read_rows

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_COMMIT_BYTES = 2 * 1024**3
"""Size of the files that one commit replaces: what a stop in the middle loses."""

_PASSES = 10
"""How often files that others change meanwhile are tried again."""

_MANY_SMALL_MANIFESTS = 5

_SEQUENCE = "_sdc_sequence"
"""Column of raw tables that numbers their rows, from load to load."""


@dataclass(frozen=True)
class OptimizeResult:
    """What was done.

    Attributes:
        rewritten_files: Data files that were replaced.
        added_files: Data files that replace them.
        removed_delete_files: Delete files that were merged and are gone.
        rewritten_bytes: Size of the replaced files; also what was scanned.
        added_bytes: Size of the new ones.
    """

    rewritten_files: int = 0
    added_files: int = 0
    removed_delete_files: int = 0
    rewritten_bytes: int = 0
    added_bytes: int = 0

    def plus(self, done: Committed) -> OptimizeResult:
        """Add what a commit did."""
        added = [file for each in done.groups for file in each.added]
        return OptimizeResult(
            self.rewritten_files + sum(len(each.group.sources) for each in done.groups),
            self.added_files + len(added),
            self.removed_delete_files + done.removed_deletes,
            self.rewritten_bytes + sum(each.group.bytes for each in done.groups),
            self.added_bytes + sum(file.file_size_in_bytes for file in added),
        )


def optimize(
    table: Table,
    cancellation: Cancellation,
    where: BooleanExpression | None = None,
    scans: Callable[[int], None] = lambda _: None,
) -> OptimizeResult:
    """Rewrite small data files, and those with deletes, into files of the target size.

    The table's rows do not change. Each commit stands alone: what was committed before an error
    or a stop stays.

    Args:
        table: An Iceberg table, of a catalog whose commits are atomic.
        cancellation: Whether to stop.
        where: Of partition columns; files that cannot have such a row are left.
        scans: Told how many bytes are about to be read; may refuse.

    Raises:
        QueryError: Refused, stopped, or other writers changed the same files again and again.
    """
    if table.format_version != 2:
        raise QueryError(
            "NOT_SUPPORTED", f"the table has Iceberg's format {table.format_version}; 2 is needed"
        )
    reader = ManifestReader()
    result = OptimizeResult()
    for _ in range(_PASSES):
        table.refresh()
        live = reader.live_files(table)
        thresholds = Thresholds.of(table.properties)
        groups = plan(live, thresholds, _selector(table, where), _sequence_field(table))
        if not groups:
            if _has_many_small_manifests(table, live):
                result = result.plus(commit_rewrite(table, [], reader))
            return result
        conflicts = 0
        for batch in _batches(groups):
            scans(sum(group.bytes for group in batch))
            done = _rewrite(table, batch, reader, cancellation)
            result = result.plus(done)
            conflicts += len(done.conflicts)
        if not conflicts:
            return result
    raise QueryError(
        "ICEBERG_COMMIT_ERROR",
        "other writers changed the files that were being rewritten; run OPTIMIZE again",
        ErrorCategory.SYSTEM,
    )


def _rewrite(
    table: Table, groups: list[Group], reader: ManifestReader, cancellation: Cancellation
) -> Committed:
    rewritten: list[Rewritten] = []
    try:
        for group in groups:
            rewritten.append(Rewritten(group, _write(table, group, cancellation)))
    except BaseException:
        for each in rewritten:
            each.delete(table)
        raise
    done = commit_rewrite(table, rewritten, reader)
    for each in done.conflicts:
        each.delete(table)
    return done


def _write(table: Table, group: Group, cancellation: Cancellation) -> list[DataFile]:
    deletes = {file.file_path: file for source in group.sources for file in source.deletes}
    deleted = deleted_positions(table, deletes.values())
    target = Thresholds.of(table.properties).target
    files = PartitionFiles(table, group.spec_id, group.partition, target)
    try:
        for source in group.sources:
            rows = read_rows(table, source.file, deleted, files.schema, files.arrow_schema)
            for part in rows:
                cancellation.refuse_if_asked()
                files.write(part)
        return files.close()
    except BaseException:
        files.delete()
        raise


def _batches(groups: list[Group]) -> list[list[Group]]:
    batches: list[list[Group]] = [[]]
    for group in groups:
        if sum(each.bytes for each in batches[-1]) >= _COMMIT_BYTES:
            batches.append([])
        batches[-1].append(group)
    return batches


def _has_many_small_manifests(table: Table, live: LiveFiles) -> bool:
    size = int(table.properties.get("commit.manifest.target-size-bytes", DEFAULT_MANIFEST_BYTES))
    small = [
        manifest
        for manifest, _ in live.manifests
        if manifest.content == ManifestContent.DATA and manifest.manifest_length < size // 2
    ]
    return len(small) >= _MANY_SMALL_MANIFESTS


def _sequence_field(table: Table) -> int | None:
    # By it incremental models find what is new: files must have narrow ranges of it.
    return next(
        (
            field.field_id
            for field in table.schema().fields
            if field.name == _SEQUENCE and field.field_type == LongType()
        ),
        None,
    )


def _selector(table: Table, where: BooleanExpression | None) -> Callable[[DataFile], bool]:
    """Tell for which files a condition may hold, from their partitions."""
    condition = where or AlwaysTrue()
    evaluators = {}
    for spec_id, spec in table.specs().items():
        projected = inclusive_projection(table.schema(), spec)(condition)
        partition = Schema(*spec.partition_type(table.schema()).fields)
        evaluators[spec_id] = expression_evaluator(partition, projected, case_sensitive=True)
    return lambda file: evaluators[file.spec_id](file.partition)
