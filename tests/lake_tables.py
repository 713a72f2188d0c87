"""What a test has to know of an Iceberg table, found without the code under test."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pyarrow.fs import FileSelector, FileType


def files_in_place(table: Any, before: datetime | None = None) -> set[str]:
    """Every file below a table's location, or those written before a moment."""
    parts = urlsplit(table.location())
    fs = table.io.fs_by_scheme(parts.scheme, parts.netloc)
    root = f"{parts.netloc}{parts.path}"
    return {
        f"{parts.scheme}://{info.path}"
        for info in fs.get_file_info(FileSelector(root, recursive=True))
        if info.type == FileType.File and (before is None or info.mtime < before)
    }


def files_named(table: Any) -> set[str]:
    """Every file that the table's snapshots and its metadata name."""
    table.refresh()
    named = {table.metadata_location}
    named |= {each.metadata_file for each in table.metadata.metadata_log}
    manifests: dict[str, Any] = {}
    for snapshot in table.snapshots():
        named.add(snapshot.manifest_list)
        manifests |= {each.manifest_path: each for each in snapshot.manifests(table.io)}
    for path, manifest in manifests.items():
        named.add(path)
        entries = manifest.fetch_manifest_entry(table.io)
        named |= {entry.data_file.file_path for entry in entries}
    return named


def data_files(table: Any) -> list[dict[str, Any]]:
    """The data files of the current snapshot."""
    table.refresh()
    found: list[dict[str, Any]] = table.inspect.data_files().to_pylist()
    return found
