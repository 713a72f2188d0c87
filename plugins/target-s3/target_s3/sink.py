"""One stream on its way into the lake."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from columnar_singer import metadata, quarantine
from columnar_singer.description import TableDescription
from columnar_singer.destination import CREATED_TABLE, CommitResult
from columnar_singer.sink import ColumnarSink

from target_s3.catalog import UnknownOutcomeError
from target_s3.columns import lake_name
from target_s3.errors import lake_errors
from target_s3.lake import Wanted, refuse_older_read
from target_s3.layout import Layout
from target_s3.refresh import KEY_BYTES, Refresh, has_live_rows, sent_keys, table_rows
from target_s3.rejected import Rejected, reject_far_times
from target_s3.spill import KeySpill
from target_s3.staging import StagedFiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa
    from columnar_singer.load_log import LoadLogRow
    from columnar_singer.odd_values import OddValue
    from pyiceberg.table import Table

    from target_s3.target import TargetS3


class LakeSink(ColumnarSink):
    """Appends a stream's rows to its Iceberg table.

    Rows are written to the table's place as they arrive and become visible in one commit.
    """

    def __init__(
        self,
        target: TargetS3,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Start with the SCHEMA message's content; connects to the lake if nobody has yet."""
        super().__init__(target, stream_name, schema, key_properties)
        self.table_name = lake_name(self.table_name)
        self._lake = target.lake
        self._full_name = self._lake.full_name(self.table_name)
        self._layout = Layout.of_stream(self.config, stream_name)
        self._rejected = Rejected(self._lake, self._run_id)
        self._table: Table | None = None
        self._staged: StagedFiles | None = None
        self._keys: KeySpill | None = None
        self._written: dict[str, str] = {}
        self._other_versions: list[str] = []
        self._made_table = False

    def open_table(self) -> list[str]:
        """Make the table or change it; rows already staged stay so."""
        if self.keys_only:
            return self._open_for_keys()
        with self._errors("stage rows for"):
            files = self._staged.close() if self._staged else []
        told = TableDescription.from_schema(self.stream_name, self.original_schema)
        columns = {**self.columns, **metadata.COLUMNS}
        wanted = Wanted(
            {name: column.arrow for name, column in columns.items()},
            replace(told, columns={**told.columns, **metadata.COLUMN_COMMENTS}),
            fixed=[*self.key_properties, *metadata.COLUMNS],
            layout=self._layout,
            drift_mode=self.schema_drift,
        )
        self._table, drift = self._lake.open_table(self.table_name, wanted)
        for warning in drift.warnings:
            self.logger.warning("%s: %s", self._full_name, warning)
        self._written = drift.written
        self._other_versions = drift.other_versions
        self._staged = self._new_files(files)
        self._made_table = self._made_table or CREATED_TABLE in drift.changes
        return drift.changes

    @property
    def is_begun(self) -> bool:
        """Whether the table has a snapshot."""
        return self._table is not None and self._table.current_snapshot() is not None

    def last_sequence(self) -> int | None:
        """Take the table's lease, and give its greatest `_sdc_sequence`, None if it has no rows.

        Until this run has the lease another may go on to give numbers out.
        """
        if self._table is None:
            return None
        with self._errors("take the lease of"):
            if self._lake.leases.take(self.table_name):
                # What another run committed before.
                self._lake.refresh(self._table)
        return self._lake.last_sequence(self._table, self.stream_name)

    def has_live_rows(self) -> bool:
        """Tell whether the table has a row whose newest version is not a tombstone."""
        with self._errors("read"):
            return bool(self._table) and has_live_rows(self._opened, self.key_properties)

    def stage(self, table: pa.Table, odd_values: Sequence[OddValue]) -> None:
        """Write rows to data files that no snapshot names."""
        table, far_times = reject_far_times(table)
        if self._keys is not None:
            self._keys.add(sent_keys(table, self.key_properties))
            return
        with self._errors("stage rows for"):
            if odd := [*odd_values, *far_times]:
                self._rejected.add(
                    quarantine.to_arrow(
                        odd,
                        table,
                        run_id=self._run_id,
                        stream=self.stream_name,
                        table_name=self.table_name,
                        key_properties=self.key_properties,
                    )
                )
            names = [self._written[name] for name in table.column_names]
            self._staged_files.write(table.rename_columns(names))

    def commit(self, row: LoadLogRow, *, full_refresh: bool) -> CommitResult:
        """Append what is staged in one commit and then the row of the load log.

        After a full re-send only rows that are new or differ from the lake's newest version are
        appended, and a tombstone for each key that is gone.
        """
        staged = self._staged_files
        with self._errors("stage rows for"):
            staged.close()
            rows_deleted = self._refresh(staged, row) if full_refresh else 0
        return self._append(row, rows_deleted)

    def commit_keys(self, row: LoadLogRow) -> CommitResult:
        """Append a tombstone for each row that is alive in the lake and whose key is not staged."""
        keys, rows_deleted = self._keys, 0
        if self._table is not None and keys is not None and table_rows(self._table):
            with self._errors("compare the keys of"):
                self._staged = self._new_files()
                rows_deleted = self._refresher(row).write_gone(keys, self._staged)
                self._staged.close()
        return self._append(row, rows_deleted)

    def abandon(self) -> None:
        """Delete what is staged, as far as possible."""
        if self._staged:
            self._staged.delete()
        if self._keys:
            self._keys.close()
        self._rejected.abandon()
        if self._made_table:
            # Whoever reads the lake shall not take a table that was gone for an empty one.
            self._made_table = False
            self._lake.drop_if_unused(self._opened)

    @property
    def _opened(self) -> Table:
        assert self._table is not None  # noqa: S101 (open_table comes first)
        return self._table

    @property
    def _staged_files(self) -> StagedFiles:
        assert self._staged is not None  # noqa: S101 (open_table comes first)
        return self._staged

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return lake_errors(self._lake.settings, f"{doing} {self._full_name}")

    def _new_files(self, files: Sequence[Any] = ()) -> StagedFiles:
        return StagedFiles(self._opened, self._run_id, files, self._layout.file_bytes)

    def _open_for_keys(self) -> list[str]:
        """Open the table as it is: rows that hold only their key say nothing about columns."""
        self._table = self._lake.find_table(self.table_name)
        rows = table_rows(self._table) if self._table else 0
        # As many keys are sent as there are rows, unless most of them are gone.
        self._keys = KeySpill(self.key_properties, 2 * KEY_BYTES * rows)
        return []

    def _append(self, row: LoadLogRow, rows_deleted: int) -> CommitResult:
        """Make what is staged visible: first the quarantine, then the rows, then the load log.

        Stopped in between, the next run brings the rows again. The quarantine then has values of
        versions that are in no table, which whoever joins the two does not see.
        """
        files = self._staged.files if self._staged else []
        if files:
            self._lake.leases.check(self.table_name)
            refuse_older_read(self._opened, self.read)
        result = CommitResult(
            rows_committed=sum(file.record_count for file in files) - rows_deleted,
            rows_deleted=rows_deleted,
            rows_rejected=self._rejected.commit(),
            bytes=sum(file.file_size_in_bytes for file in files),
            files=len(files),
        )
        finished = row.finished(result)
        if files:
            try:
                self._lake.append(self._opened, files, finished, self.read)
            except UnknownOutcomeError:
                self._forget_staged()
                raise
            # From here on the files are the table's: a failure below must not delete them.
            self._forget_staged()
        self._made_table = False
        self._lake.write_load_log([finished])
        if files:
            self._lake.sweep_orphans(self._opened)
        return result

    def _forget_staged(self) -> None:
        self._staged = self._new_files()

    def _refresher(self, row: LoadLogRow) -> Refresh:
        assert row.sequence_to is not None  # noqa: S101 (a commit gives numbers out)
        return Refresh(
            table=self._opened,
            keys=self.key_properties,
            # With keys alone there is nothing to compare. The other versions of a column are NULL
            # in what was sent: so a value that has become NULL is told from one that stays so.
            columns=[
                *(self._written.get(name, name) for name in self.columns),
                *self._other_versions,
            ],
            first_sequence=self.first_sequence,
            next_sequence=row.sequence_to + 1,
            sync_started_at=self.sync_started_at,
        )

    def _refresh(self, sent: StagedFiles, row: LoadLogRow) -> int:
        """Put in place of all rows sent those that the lake lacks, and tombstones.

        Returns:
            The number of tombstones.
        """
        if self._opened.current_snapshot() is None:
            return 0
        if not self.key_properties and (self.rows_since_schema or not self.has_live_rows()):
            # Without a key the rows of the latest run are all there are.
            return 0
        refresh = self._refresher(row)
        kept = self._new_files()
        try:
            if self.key_properties:
                rows_deleted = refresh.write(sent, self._rejected, kept)
            else:
                rows_deleted = refresh.write_empty(kept)
            kept.close()
        except BaseException:
            kept.delete()
            raise
        sent.delete()
        self._staged = kept
        return rows_deleted
