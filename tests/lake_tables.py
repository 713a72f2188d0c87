"""What a test has to know of an Iceberg table, found without the code under test."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pyarrow.fs import FileSelector, FileType


def files_in_place(table: Any) -> set[str]:
    """Every file below a table's location."""
    parts = urlsplit(table.location())
    fs = table.io.fs_by_scheme(parts.scheme, parts.netloc)
    root = f"{parts.netloc}{parts.path}"
    return {
        f"{parts.scheme}://{info.path}"
        for info in fs.get_file_info(FileSelector(root, recursive=True))
        if info.type == FileType.File
    }


def files_named(table: Any) -> set[str]:
    """Every file that the table's snapshots and its metadata name."""
    table.refresh()
    return {
        table.metadata_location,
        *(each.metadata_file for each in table.metadata.metadata_log),
        *(each.manifest_list for each in table.snapshots()),
        *table.inspect.all_manifests()["path"].to_pylist(),
        *table.inspect.all_files()["file_path"].to_pylist(),
    }


def data_files(table: Any) -> list[dict[str, Any]]:
    """The data files of the current snapshot."""
    table.refresh()
    found: list[dict[str, Any]] = table.inspect.data_files().to_pylist()
    return found
