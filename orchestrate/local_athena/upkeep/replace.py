"""The commit of a rewrite: a snapshot of other files with the same rows."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.manifest import write_manifest_list
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import (
    Operation,
    Snapshot,
    SnapshotSummaryCollector,
    Summary,
    update_snapshot_summaries,
)
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertRefSnapshotId,
    AssertTableUUID,
    SetSnapshotRefUpdate,
)

from orchestrate.local_athena.model import ErrorCategory, QueryError
from orchestrate.local_athena.upkeep.live import LiveFiles, ManifestReader
from orchestrate.local_athena.upkeep.manifests import CODEC, ManifestFiles
from orchestrate.local_athena.upkeep.plan import Group

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_ATTEMPTS = 30
_MAX_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Rewritten:
    """A group and the files that hold its rows now."""

    group: Group
    added: list[DataFile]

    def delete(self, table: Table) -> None:
        """Delete the new files, which are in no snapshot."""
        for file in self.added:
            with suppress(Exception):
                table.io.delete(file.file_path)


@dataclass(frozen=True)
class Committed:
    """What a commit did.

    Attributes:
        groups: What is in the table now.
        conflicts: Groups whose files somebody changed meanwhile; theirs stay as they are.
        removed_deletes: Number of delete files that nothing needs any more.
    """

    groups: list[Rewritten]
    conflicts: list[Rewritten]
    removed_deletes: int = 0


def commit_rewrite(table: Table, groups: list[Rewritten], reader: ManifestReader) -> Committed:
    """Put files in the place of others, on top of whatever others commit meanwhile.

    Rows appended since stay. A group one of whose files is gone, or has got deletes, is left out:
    the new files would bring back what was deleted.

    Args:
        table: The table.
        groups: What was rewritten; none to rewrite manifests only.
        reader: Of its manifests.

    Raises:
        QueryError: The catalog took none of many attempts.
        Exception: The catalog gave no answer. The new files must stay, they may be in the table.
    """
    tried: dict[int, Committed] = {}
    refused: list[_Change] = []
    without_answer = False
    for attempt in range(_ATTEMPTS):
        table.refresh()
        for snapshot_id, committed in tried.items():
            if table.snapshot_by_id(snapshot_id):
                # An earlier attempt was made, only its answer was lost.
                return committed
        while refused:
            refused.pop().delete()
        live = reader.live_files(table)
        good = [each for each in groups if _is_current(each.group, live)]
        conflicts = [each for each in groups if each not in good]
        if groups and not good:
            return Committed([], conflicts)
        change = _Change(table, live, good)
        tried[change.snapshot_id] = Committed(good, conflicts, len(change.removed_deletes))
        try:
            change.commit()
        except CommitFailedException:
            refused.append(change)
            time.sleep(random.uniform(0, min(_MAX_PAUSE_SECONDS, 0.02 * 2**attempt)))  # noqa: S311
        except Exception:
            if without_answer:
                raise
            without_answer = True
        else:
            return tried[change.snapshot_id]
    raise QueryError(
        "ICEBERG_COMMIT_ERROR",
        f"other writers were faster {_ATTEMPTS} times; run OPTIMIZE again",
        ErrorCategory.SYSTEM,
    )


def _is_current(group: Group, live: LiveFiles) -> bool:
    """Whether all files of a group are still there, with the deletes they had."""
    now = {entry.data_file.file_path: entry for entry in live.data}
    return all(
        source.file.file_path in now
        and _paths(live.deletes_of(now[source.file.file_path])) == _paths(source.deletes)
        for source in group.sources
    )


class _Change:
    """One attempt: a snapshot on top of the table's current one."""

    def __init__(self, table: Table, live: LiveFiles, groups: list[Rewritten]) -> None:
        self.snapshot_id = table.metadata.new_snapshot_id()
        self._table = table
        self._live = live
        self._removed = [source.file for each in groups for source in each.group.sources]
        self._added = [file for each in groups for file in each.added]
        self._manifests = ManifestFiles(table, self.snapshot_id)
        removed = {file.file_path for file in self._removed}
        needed = {
            file.file_path
            for entry in live.data
            if entry.data_file.file_path not in removed
            for file in live.deletes_of(entry)
        }
        self.removed_deletes = [
            entry.data_file for entry in live.deletes if entry.data_file.file_path not in needed
        ]
        name = f"snap-{self.snapshot_id}-0-{uuid.uuid4()}.avro"
        self._manifest_list = table.location_provider().new_metadata_location(name)

    def commit(self) -> None:
        table, parent = self._table, self._live.snapshot
        parent_id = parent.snapshot_id if parent else None
        gone = {file.file_path for file in (*self._removed, *self.removed_deletes)}
        manifests = self._manifests.write(self._live, gone, self._added)
        sequence_number = table.metadata.next_sequence_number()
        with write_manifest_list(
            format_version=table.format_version,
            output_file=table.io.new_output(self._manifest_list),
            snapshot_id=self.snapshot_id,
            parent_snapshot_id=parent_id,
            sequence_number=sequence_number,
            avro_compression=CODEC,
        ) as writer:
            writer.add_manifests(manifests)
        snapshot = Snapshot(  # type: ignore[call-arg]
            snapshot_id=self.snapshot_id,
            parent_snapshot_id=parent_id,
            manifest_list=self._manifest_list,
            sequence_number=sequence_number,
            summary=self._summary(),
            schema_id=table.metadata.current_schema_id,
        )
        table.catalog.commit_table(
            table,
            (
                AssertTableUUID(uuid=table.metadata.table_uuid),
                # Whoever was faster is followed, not overwritten.
                AssertRefSnapshotId(ref=MAIN_BRANCH, snapshot_id=parent_id),  # type: ignore[call-arg]
            ),
            (
                AddSnapshotUpdate(snapshot=snapshot),
                SetSnapshotRefUpdate(  # type: ignore[call-arg]
                    ref_name=MAIN_BRANCH,
                    type=SnapshotRefType.BRANCH,
                    snapshot_id=self.snapshot_id,
                ),
            ),
        )
        table.refresh()

    def delete(self) -> None:
        """Delete the manifests of an attempt that was refused."""
        for path in (*self._manifests.paths, self._manifest_list):
            with suppress(Exception):
                self._table.io.delete(path)

    def _summary(self) -> Summary:
        table, parent = self._table, self._live.snapshot
        schema, specs = table.schema(), table.specs()
        collector = SnapshotSummaryCollector()
        changes: list[tuple[Callable[..., None], list[DataFile]]] = [
            (collector.add_file, self._added),
            (collector.remove_file, [*self._removed, *self.removed_deletes]),
        ]
        for record, files in changes:
            for file in files:
                record(data_file=file, partition_spec=specs[file.spec_id], schema=schema)
        # pyiceberg counts for every other operation only.
        counted = update_snapshot_summaries(
            Summary(Operation.OVERWRITE, **collector.build()), parent.summary if parent else None
        )
        return Summary(Operation.REPLACE, **counted.additional_properties)


def _paths(files: frozenset[DataFile]) -> set[str]:
    return {file.file_path for file in files}
