"""The files that a table's snapshots and metadata name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

_THREADS = 8


def place(location: str) -> str:
    """Give bucket and key of an address: `s3://b/k`, `s3a://b/k` and `s3://b//k` are one file."""
    return re.sub("/+", "/", location.split("://", 1)[-1]).rstrip("/")


@dataclass
class FileFinder:
    """Finds the files that snapshots name; what never changes is read once."""

    table: Table
    _manifests: dict[str, list[ManifestFile]] = field(default_factory=dict)
    _files: dict[str, set[str]] = field(default_factory=dict)

    def of_snapshots(self, snapshots: Iterable[Snapshot]) -> set[str]:
        """The places of manifest lists, manifests, data files and delete files."""
        listed = list(snapshots)
        with ThreadPoolExecutor(_THREADS) as pool:
            new = [each for each in listed if each.manifest_list not in self._manifests]
            read = pool.map(lambda each: each.manifests(self.table.io), new)
            self._manifests |= zip((each.manifest_list for each in new), read, strict=True)
            manifests = {
                manifest.manifest_path: manifest
                for each in listed
                for manifest in self._manifests[each.manifest_list]
            }
            unread = [each for path, each in manifests.items() if path not in self._files]
            self._files |= zip(
                (each.manifest_path for each in unread), pool.map(self._read, unread), strict=True
            )
        found = {place(each.manifest_list) for each in listed}
        for path in manifests:
            found |= {place(path)} | self._files[path]
        return found

    def of_metadata(self, metadata: TableMetadata, location: str, old_versions: int) -> set[str]:
        """The places of metadata and statistics files.

        Args:
            metadata: The table.
            location: Of this version of its metadata.
            old_versions: How many earlier versions count.
        """
        log = [each.metadata_file for each in metadata.metadata_log]
        statistics = [
            each.statistics_path for each in (*metadata.statistics, *metadata.partition_statistics)
        ]
        return {place(each) for each in (location, *log[max(0, len(log) - old_versions) :])} | {
            place(each) for each in statistics
        }

    def _read(self, manifest: ManifestFile) -> set[str]:
        # What a snapshot removed lies in an earlier one, as long as that is there.
        entries = manifest.fetch_manifest_entry(self.table.io)
        return {place(entry.data_file.file_path) for entry in entries}
