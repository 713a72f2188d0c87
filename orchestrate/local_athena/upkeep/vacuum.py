"""`VACUUM t`: old snapshots go, and the files that no snapshot names.

https://docs.aws.amazon.com/athena/latest/ug/vacuum-statement.html
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pyarrow.fs import FileSelector, FileType
from pyiceberg.exceptions import BadRequestError, CommitFailedException, NoSuchTableError

from orchestrate.local_athena.model import Cancellation, ErrorCategory, QueryError
from orchestrate.local_athena.upkeep.expiry import Retention, expired_snapshots
from orchestrate.local_athena.upkeep.reachable import FileFinder, place

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

MIN_ORPHAN_AGE = timedelta(days=1)
"""However short the retention: a writer may have written files and commit them later."""

_FOLDERS = ("data", "metadata")

_ATTEMPTS = 10
_THREADS = 8


@dataclass(frozen=True)
class VacuumResult:
    """What was removed; bytes are those of the files."""

    expired_snapshots: int = 0
    deleted_files: int = 0
    deleted_bytes: int = 0


def vacuum(table: Table, now: datetime, cancellation: Cancellation) -> VacuumResult:
    """Remove a table's old snapshots, old metadata, and the files that no snapshot names.

    Safe beside writers: a file that no snapshot ever named goes only when it is older than the
    retention and than `MIN_ORPHAN_AGE`. Stopped in the middle, the next run removes the rest.

    Args:
        table: An Iceberg table.
        now: With time zone.
        cancellation: Whether to stop.

    Raises:
        QueryError: Refused or stopped.
    """
    table.refresh()
    retention = Retention.of(table.properties)
    finder = FileFinder(table)
    expired = _expire(table, retention, now)
    once_named = finder.of_snapshots(expired) | _old_metadata(table, retention)
    # Not its metadata files: the catalog removes old ones with each commit.
    in_snapshots = finder.of_snapshots(table.snapshots())
    listed = _list_files(table)
    _refuse_unlisted(table, in_snapshots, listed)
    _refuse_shared_place(table)
    # After the listing: a file committed meanwhile is named now.
    table.refresh()
    named = _named(table, finder, retention)
    oldest = now - max(retention.age, MIN_ORPHAN_AGE)
    gone = [
        info
        for path, info in listed.items()
        if path not in named and (path in once_named or info.mtime < oldest)
    ]
    _delete(table, gone, cancellation)
    return VacuumResult(len(expired), len(gone), sum(info.size for info in gone))


def _expire(table: Table, retention: Retention, now: datetime) -> list[Snapshot]:
    for _ in range(_ATTEMPTS):
        ids = expired_snapshots(table.metadata, retention, now)
        expired = [each for each in table.snapshots() if each.snapshot_id in ids]
        if not expired:
            return []
        try:
            table.maintenance.expire_snapshots().by_ids(list(ids)).commit()
        # The second: a snapshot that somebody else removed meanwhile, as the leases' table does.
        except (CommitFailedException, BadRequestError):
            time.sleep(0.1)
            table.refresh()
            continue
        table.refresh()
        return expired
    raise QueryError(
        "ICEBERG_COMMIT_ERROR",
        f"other writers were faster {_ATTEMPTS} times; run VACUUM again",
        ErrorCategory.SYSTEM,
    )


def _named(table: Table, finder: FileFinder, retention: Retention) -> set[str]:
    return finder.of_snapshots(table.snapshots()) | finder.of_metadata(
        table.metadata, table.metadata_location, retention.metadata_files
    )


def _old_metadata(table: Table, retention: Retention) -> set[str]:
    log = [place(each.metadata_file) for each in table.metadata.metadata_log]
    return set(log[: max(0, len(log) - retention.metadata_files)])


def _list_files(table: Table) -> dict[str, FileInfo]:
    parts = urlsplit(table.location())
    fs = table.io.fs_by_scheme(parts.scheme, parts.netloc)  # type: ignore[attr-defined]
    root = place(table.location())
    return {
        info.path: info
        for folder in _FOLDERS
        for info in fs.get_file_info(
            FileSelector(f"{root}/{folder}", allow_not_found=True, recursive=True)
        )
        if info.type == FileType.File
    }


def _refuse_unlisted(table: Table, named: set[str], listed: dict[str, FileInfo]) -> None:
    """Refuse where the table's names are not those of the listing: all would look like orphans."""
    roots = tuple(f"{place(table.location())}/{folder}/" for folder in _FOLDERS)
    missing = sorted(each for each in named if each.startswith(roots) and each not in listed)
    if missing:
        raise QueryError(
            "ICEBERG_MISSING_DATA",
            f"{len(missing)} files that the table names are not in its place, as {missing[0]}; "
            "no file is removed",
        )


def _refuse_shared_place(table: Table) -> None:
    """Refuse where another table lies in the same place: its files would look like orphans."""
    mine = place(table.location()) + "/"
    for identifier in table.catalog.list_tables(table.name()[:-1]):
        if identifier == table.name():
            continue
        try:
            other = place(table.catalog.load_table(identifier).location()) + "/"
        except NoSuchTableError:
            # dbt drops its temporary tables at any time.
            continue
        if other.startswith(mine) or mine.startswith(other):
            raise QueryError(
                "NOT_SUPPORTED",
                f"table {'.'.join(identifier)} lies in the same place, {table.location()}; "
                "no file is removed",
            )


def _delete(table: Table, files: list[FileInfo], cancellation: Cancellation) -> None:
    scheme = urlsplit(table.location()).scheme

    def delete(info: FileInfo) -> None:
        cancellation.refuse_if_asked()
        # Somebody else may have been faster: the catalog, or a loader that sweeps its own.
        with suppress(FileNotFoundError):
            table.io.delete(f"{scheme}://{info.path}")

    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(delete, files):
            pass
