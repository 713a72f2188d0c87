"""Streams sent as a whole: what of their rows, or of their keys, the lake does not know yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from columnar_singer.metadata import DELETED_AT, SEQUENCE, SYNC_STARTED_AT, add_metadata

from target_s3.reading import scan
from target_s3.rejected import ODD_TEXT, with_odd_text
from target_s3.spill import KeySpill
from target_s3.versions import gone_keys, is_changed, match_versions, newest_versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.table import Table

    from target_s3.rejected import Rejected
    from target_s3.staging import StagedFiles

KEY_BYTES = 48
"""About what a key and its version take, for the number of parts they are divided into."""

_IS_SENT = "_is_sent"


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

    def write(self, sent: StagedFiles, rejected: Rejected, kept: StagedFiles) -> int:
        """Write what is to be appended: rows that are new or changed, and tombstones.

        Both sides are divided by key on local disk, so that memory does not grow with them.

        Args:
            sent: All rows that were sent and are not committed.
            rejected: Their values that go into the quarantine; those of the other rows are dropped.
            kept: Where to write.

        Returns:
            The number of tombstones, which are numbered from `next_sequence` on.
        """
        sent_texts = rejected.texts()
        lake_texts = rejected.texts_in_lake(self.table.name()[-1])
        columns = [*self.columns, SEQUENCE, DELETED_AT]
        row_bytes = sent.arrow_bytes // max(1, sent.rows) or KEY_BYTES
        spill = KeySpill(self.keys, row_bytes * (sent.rows + table_rows(self.table)))
        try:
            for rows in sent.read():
                spill.add(_marked(with_odd_text(rows, sent_texts), is_sent=True))
                schema = rows.schema
            for rows in scan(self.table, columns):
                conformed = with_odd_text(_conform(rows, schema), lake_texts)
                spill.add(_marked(conformed, is_sent=False))
            rows_deleted, odd = 0, [pa.array([], pa.int64())]
            for part in spill.parts():
                deleted, odd_kept = self._write_part(part, kept, rows_deleted)
                rows_deleted += deleted
                odd.append(odd_kept)
        finally:
            spill.close()
        rejected.keep_only(pa.concat_arrays(odd))
        return rows_deleted

    def write_empty(self, kept: StagedFiles) -> int:
        """Write that a stream without key has no rows any more: one tombstone without values."""
        kept.write(self._tombstones(pa.table({name: pa.nulls(1) for name in self.columns}), 0))
        return 1

    def write_gone(self, sent: KeySpill, kept: StagedFiles) -> int:
        """Write tombstones for the keys that are alive in the lake and were not sent.

        Args:
            sent: The keys sent, of `sent_keys`.
            kept: Where to write.

        Returns:
            Their number; they are numbered from `next_sequence` on.
        """
        for rows in scan(self.table, [*self.keys, SEQUENCE, DELETED_AT]):
            sent.add(_marked(rows, is_sent=False))
        rows_deleted = 0
        for part in sent.parts():
            lake, keys = (newest_versions([each], self.keys) for each in _sides(part))
            gone = gone_keys(match_versions(lake, keys, self.keys), self.keys, None)
            kept.write(self._tombstones(gone, rows_deleted))
            rows_deleted += gone.num_rows
        return rows_deleted

    def _write_part(
        self, part: pa.Table, kept: StagedFiles, numbers_used: int
    ) -> tuple[int, pa.Array]:
        lake, sent = _sides(part)
        names = [*self.keys, SEQUENCE, DELETED_AT]
        newest_in_lake = newest_versions([lake.select(names)], self.keys)
        newest_sent = newest_versions([sent.select(names)], self.keys)
        matched = match_versions(newest_in_lake, newest_sent, self.keys)
        changed = sent.filter(is_changed(sent, lake, matched, [*self.columns, ODD_TEXT]))
        kept.write(changed)
        gone = gone_keys(matched, self.keys, self.first_sequence)
        kept.write(self._tombstones(gone, numbers_used))
        is_odd = pc.is_valid(changed[ODD_TEXT])
        return gone.num_rows, changed.filter(is_odd)[SEQUENCE].combine_chunks()

    def _tombstones(self, rows: pa.Table, numbers_used: int) -> pa.Table:
        # Only the key: the version before has the other values.
        now = datetime.now(tz=UTC)
        deleted_at = pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), rows.num_rows)
        return add_metadata(
            rows.append_column(DELETED_AT, deleted_at),
            extracted_at=now,
            received_at=now,
            batched_at=now,
            sequence=self.next_sequence + numbers_used,
            table_version=None,
            sync_started_at=self.sync_started_at,
        )


def table_rows(table: Table) -> int:
    """Give the number of rows of a table's current snapshot, 0 if it does not say."""
    snapshot = table.current_snapshot()
    summary = snapshot.summary if snapshot else None
    return int(summary.additional_properties.get("total-records", 0)) if summary else 0


def sent_keys(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Give what `Refresh.write_gone` has to know of rows that hold nothing but keys."""
    return _marked(rows.select([*keys, SEQUENCE, DELETED_AT]), is_sent=True)


def has_live_rows(table: Table, keys: Sequence[str]) -> bool:
    """Tell whether a table has a row whose newest version is not a tombstone.

    Args:
        table: The lake's table.
        keys: Names of the key columns; without any, the rows of the latest run count.
    """
    if table.current_snapshot() is None:
        return False
    if not keys:
        return _has_live_rows_in_latest_run(table)
    spill = KeySpill(keys, KEY_BYTES * table_rows(table))
    try:
        for rows in scan(table, [*keys, SEQUENCE, DELETED_AT]):
            spill.add(rows)
        return any(newest_versions([part], keys)[DELETED_AT].null_count for part in spill.parts())
    finally:
        spill.close()


def _has_live_rows_in_latest_run(table: Table) -> bool:
    live: dict[int, bool] = {}
    for rows in scan(table, [SYNC_STARTED_AT, DELETED_AT]):
        for run in pc.unique(rows[SYNC_STARTED_AT]).to_pylist():
            of_run = rows.filter(pc.equal(rows[SYNC_STARTED_AT], run))
            live[run] = live.get(run, False) or bool(of_run[DELETED_AT].null_count)
    return live[max(live)] if live else False


def _marked(rows: pa.Table, *, is_sent: bool) -> pa.Table:
    return rows.append_column(_IS_SENT, pa.repeat(pa.scalar(is_sent), rows.num_rows))


def _sides(part: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Divide rows of `_marked` into the lake's and those sent."""
    lake = part.filter(pc.invert(part[_IS_SENT])).drop_columns([_IS_SENT])
    return lake, part.filter(part[_IS_SENT]).drop_columns([_IS_SENT])


def _conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give rows the columns of a schema; those they lack are metadata that nobody compares."""
    columns = [
        rows[field.name] if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
