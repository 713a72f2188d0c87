"""A stream that was sent anew as a whole: what of it the lake does not have yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from columnar_singer.metadata import DELETED_AT, SEQUENCE, SYNC_STARTED_AT, add_metadata

from target_s3.lake import scan
from target_s3.versions import (
    gone_keys,
    is_changed,
    match_versions,
    newest_versions,
    replaced_sequences,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyiceberg.table import Table

    from target_s3.staging import StagedFiles

COMPARE_BYTES = 128 * 1024 * 1024
"""Rows sent, as Arrow, that are compared with the lake at once; each time reads its table once."""


@dataclass(frozen=True)
class Refresh:
    """How rows sent become versions in the lake.

    Attributes:
        table: The lake's table.
        keys: Names of the key columns; without any, rows have no versions.
        columns: Names of the columns whose values make a version.
        first_sequence: Versions from here on were sent in this run; None if none was.
        next_sequence: Number of the first tombstone.
        sync_started_at: Start of the run in milliseconds since 1970.
    """

    table: Table
    keys: Sequence[str]
    columns: Sequence[str]
    first_sequence: int | None
    next_sequence: int
    sync_started_at: int

    def write(self, sent: StagedFiles, kept: StagedFiles) -> int:
        """Write what is to be appended: rows that are new or changed, and tombstones.

        Args:
            sent: All rows that were sent and are not committed.
            kept: Where to write.

        Returns:
            The number of tombstones, which are numbered from `next_sequence` on.
        """
        # Only the key: the version before has the other values.
        names = [*self.keys, SEQUENCE, DELETED_AT]
        in_lake = newest_versions(scan(self.table, names), self.keys)
        newest_sent = newest_versions(sent.read(names), self.keys)
        matched = match_versions(in_lake, newest_sent, self.keys)
        for rows in _chunks(sent.read()):
            replaced = self._lake_rows(replaced_sequences(rows, matched))
            kept.write(rows.filter(is_changed(rows, replaced, matched, self.columns)))
        gone = gone_keys(matched, self.keys, self.first_sequence)
        kept.write(self._tombstones(gone))
        rows_deleted: int = gone.num_rows
        return rows_deleted

    def write_empty(self, kept: StagedFiles) -> int:
        """Write that a stream without key has no rows any more: one tombstone without values."""
        kept.write(self._tombstones(pa.table({name: pa.nulls(1) for name in self.columns})))
        return 1

    def _tombstones(self, rows: pa.Table) -> pa.Table:
        now = datetime.now(tz=UTC)
        deleted_at = pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), rows.num_rows)
        return add_metadata(
            rows.append_column(DELETED_AT, deleted_at),
            extracted_at=now,
            received_at=now,
            batched_at=now,
            sequence=self.next_sequence,
            table_version=None,
            sync_started_at=self.sync_started_at,
        )

    def _lake_rows(self, sequences: pa.Array) -> pa.Table:
        bounds = pc.min_max(sequences).as_py()
        # Skips the files that have none of them; none lies between 0 and -1.
        low, high = bounds["min"] or 0, bounds["max"] or -1
        between = f"{SEQUENCE} >= {low} and {SEQUENCE} <= {high}"
        return pa.concat_tables(
            part.filter(pc.is_in(part[SEQUENCE], value_set=sequences))
            for part in scan(self.table, [*self.columns, SEQUENCE], between)
        )


def has_live_rows(table: Table, keys: Sequence[str]) -> bool:
    """Tell whether a table has a row whose newest version is not a tombstone.

    Args:
        table: The lake's table.
        keys: Names of the key columns; without any, the rows of the latest run count.
    """
    if table.current_snapshot() is None:
        return False
    names = [*(keys or [SYNC_STARTED_AT]), SEQUENCE, DELETED_AT]
    if keys:
        newest = newest_versions(scan(table, names), keys)
    else:
        rows = pa.concat_tables(scan(table, names))
        latest = pc.max(rows[SYNC_STARTED_AT])
        newest = rows.filter(pc.equal(rows[SYNC_STARTED_AT], latest))
    return bool(newest[DELETED_AT].null_count)


def _chunks(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    for part in parts:
        waiting.append(part)
        if sum(each.nbytes for each in waiting) >= COMPARE_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
