"""Data files in a table's place that no snapshot names: runs that were killed left them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pyarrow.fs import FileSelector, FileType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.table import Table

SWEPT_AT = "target-s3.orphans-swept-at"
"""Table property: when its orphans were last looked for."""

SWEEP_EVERY = timedelta(days=1)
_OUR_NAME = re.compile(r"-[0-9a-f]{12}-\d{5}\.parquet\Z")


def sweep_orphans(table: Table, age: timedelta) -> int | None:
    """Delete orphan files of a table, at most once a day.

    Only files that bear a name of this target's making, so that those of others are safe, and
    none that is younger than `age`, so that those of a run at work are.

    Args:
        table: The table, as it is after the latest commit.
        age: How old a file must be.

    Returns:
        The number of files deleted; None if it was not time to look.
    """
    now = datetime.now(tz=UTC)
    swept_at = table.properties.get(SWEPT_AT)
    if swept_at is not None and datetime.fromisoformat(swept_at) > now - SWEEP_EVERY:
        return None
    orphans = _files_before(table, now - age)
    if orphans:
        orphans -= set(_files_in_snapshots(table))
    for path in orphans:
        table.io.delete(path)
    with table.transaction() as transaction:
        transaction.set_properties(swept_now())
    return len(orphans)


def swept_now() -> dict[str, str]:
    """Give the table property that says that there are no orphans now."""
    return {SWEPT_AT: datetime.now(tz=UTC).isoformat(timespec="seconds")}


def _files_before(table: Table, moment: datetime) -> set[str]:
    place = table.location_provider().data_path
    parts = urlsplit(place)
    fs = table.io.fs_by_scheme(parts.scheme, parts.netloc)  # type: ignore[attr-defined]
    path = place.removeprefix(f"{parts.scheme}://")
    return {
        f"{parts.scheme}://{info.path}"
        for info in fs.get_file_info(FileSelector(path, allow_not_found=True, recursive=True))
        if info.type == FileType.File and info.mtime < moment and _OUR_NAME.search(info.path)
    }


def _files_in_snapshots(table: Table) -> Iterator[str]:
    seen: set[str] = set()
    for snapshot in table.snapshots():
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path not in seen:
                seen.add(manifest.manifest_path)
                for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
                    yield entry.data_file.file_path
