"""The files of a table's current snapshot, and which deletes apply to which of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFileContent, ManifestContent
from pyiceberg.table.delete_file_index import DeleteFileIndex
from pyiceberg.types import LongType

from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile, ManifestEntry, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot


@dataclass(frozen=True)
class LiveFiles:
    """What a snapshot consists of.

    Attributes:
        snapshot: The snapshot, None for a table without.
        manifests: Its manifests, and the files that each has alive.
    """

    snapshot: Snapshot | None
    manifests: list[tuple[ManifestFile, list[ManifestEntry]]]

    @cached_property
    def data(self) -> list[ManifestEntry]:
        """The data files."""
        return self._entries(ManifestContent.DATA)

    @cached_property
    def deletes(self) -> list[ManifestEntry]:
        """The delete files."""
        return self._entries(ManifestContent.DELETES)

    def deletes_of(self, entry: ManifestEntry) -> frozenset[DataFile]:
        """The delete files that apply to a data file."""
        file = entry.data_file
        found = self._index.for_data_file(_sequence(entry), file, file.partition)
        return frozenset(found)

    @cached_property
    def _index(self) -> DeleteFileIndex:
        index = DeleteFileIndex()
        for entry in self.deletes:
            if entry.data_file.content != DataFileContent.POSITION_DELETES:
                # DuckDB and Athena write none; to leave one out would bring deleted rows back.
                raise QueryError(
                    "NOT_SUPPORTED",
                    f"{entry.data_file.file_path} is an equality delete file; only position "
                    "deletes can be merged",
                )
            index.add_delete_file(entry, entry.data_file.partition)
        return index

    def _entries(self, content: ManifestContent) -> list[ManifestEntry]:
        return [
            entry
            for manifest, entries in self.manifests
            for entry in entries
            if manifest.content == content
        ]


@dataclass
class ManifestReader:
    """Reads manifests, each once: they never change."""

    _read: dict[str, list[ManifestEntry]] = field(default_factory=dict)

    def live_files(self, table: Table) -> LiveFiles:
        """The files of a table's current snapshot, as the table was loaded last."""
        snapshot = table.current_snapshot()
        manifests = snapshot.manifests(table.io) if snapshot else []
        read = {each.manifest_path: self._entries(table, each) for each in manifests}
        self._read = read
        return LiveFiles(snapshot, [(each, read[each.manifest_path]) for each in manifests])

    def _entries(self, table: Table, manifest: ManifestFile) -> list[ManifestEntry]:
        known = self._read.get(manifest.manifest_path)
        return manifest.fetch_manifest_entry(table.io) if known is None else known


def in_order_of_arrival(
    entries: Iterable[ManifestEntry], sequence_field: int | None
) -> list[ManifestEntry]:
    """Sort files by when their rows came.

    Args:
        entries: The files.
        sequence_field: Id of the column that numbers rows as they come. A file's least number
            tells more than its commit, which for a file that OPTIMIZE made is that of OPTIMIZE.
            None for a table without.
    """

    def key(entry: ManifestEntry) -> tuple[int, int, str]:
        file = entry.data_file
        bound = (file.lower_bounds or {}).get(sequence_field) if sequence_field else None
        least = int(from_bytes(LongType(), bound)) if bound else -1
        return least, _sequence(entry), file.file_path

    return sorted(entries, key=key)


def _sequence(entry: ManifestEntry) -> int:
    return entry.sequence_number or 0
