"""One stream on its way into the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from columnar_singer import metadata
from columnar_singer.destination import CREATED_TABLE, CommitResult
from columnar_singer.errors import UserError
from columnar_singer.sink import ColumnarSink

from target_s3.columns import lake_name, lake_schema
from target_s3.errors import lake_errors
from target_s3.lake import UnknownOutcomeError
from target_s3.refresh import Refresh, has_live_rows
from target_s3.staging import StagedFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        self._table: Table
        self._staged: StagedFiles | None = None
        self._made_table = False

    def open_table(self) -> list[str]:
        """Make the table or change it; rows already staged stay so."""
        columns = {**self.columns, **metadata.COLUMNS}
        comments = {
            name: schema["description"]
            for name, schema in self.properties.items()
            if schema.get("description")
        }
        schema = lake_schema(
            {name: column.arrow for name, column in columns.items()},
            {**comments, **metadata.COLUMN_COMMENTS},
        )
        with lake_errors(self._lake.settings, f"stage rows for {self._full_name}"):
            files = self._staged.close() if self._staged else []
        self._table, changes = self._lake.open_table(self.table_name, schema)
        self._staged = StagedFiles(self._table, self._run_id, files)
        self._made_table = self._made_table or CREATED_TABLE in changes
        return changes

    def last_sequence(self) -> int | None:
        """Give the greatest `_sdc_sequence` of the table, None if it has no rows."""
        return self._lake.last_sequence(self._table, self.stream_name)

    def has_live_rows(self) -> bool:
        """Tell whether the table has a row whose newest version is not a tombstone."""
        with lake_errors(self._lake.settings, f"read {self._full_name}"):
            return has_live_rows(self._table, self.key_properties)

    def stage(self, table: pa.Table, odd_values: Sequence[OddValue]) -> None:
        """Write rows to data files that no snapshot names."""
        if odd_values:
            raise UserError(f"column '{odd_values[0].column}': {odd_values[0].reason}")
        with lake_errors(self._lake.settings, f"stage rows for {self._full_name}"):
            self._staged_files.write(table)

    def commit(self, row: LoadLogRow, *, full_refresh: bool) -> CommitResult:
        """Append what is staged in one commit and then the row of the load log.

        After a full re-send only rows that are new or differ from the lake's newest version are
        appended, and a tombstone for each key that is gone.
        """
        staged = self._staged_files
        with lake_errors(self._lake.settings, f"stage rows for {self._full_name}"):
            staged.close()
            rows_deleted = self._refresh(staged, row) if full_refresh else 0
        files = self._staged_files.files
        result = CommitResult(
            rows_committed=self._staged_files.rows - rows_deleted,
            rows_deleted=rows_deleted,
            bytes=self._staged_files.bytes,
            files=len(files),
        )
        finished = row.finished(result)
        if files:
            try:
                self._lake.append(self._table, files, finished)
            except UnknownOutcomeError:
                self._forget_staged()
                raise
            # From here on the files are the table's: a failure below must not delete them.
            self._forget_staged()
        self._made_table = False
        self._lake.write_load_log([finished], self._run_id)
        return result

    def commit_keys(self, row: LoadLogRow) -> CommitResult:
        """Mark the rows deleted whose key is not staged."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Delete what is staged, as far as possible."""
        if self._staged:
            self._staged.delete()
        if self._made_table:
            # An empty table would hide from the next run that the stream's table was gone.
            self._made_table = False
            self._lake.drop(self._table)

    @property
    def _staged_files(self) -> StagedFiles:
        assert self._staged is not None  # noqa: S101 (open_table comes first)
        return self._staged

    def _forget_staged(self) -> None:
        self._staged = StagedFiles(self._table, self._run_id)

    def _refresh(self, sent: StagedFiles, row: LoadLogRow) -> int:
        """Put in place of all rows sent those that the lake lacks, and tombstones.

        Returns:
            The number of tombstones.
        """
        assert row.sequence_to is not None  # noqa: S101 (a commit gives numbers out)
        refresh = Refresh(
            table=self._table,
            keys=self.key_properties,
            columns=list(self.columns),
            first_sequence=self.first_sequence,
            next_sequence=row.sequence_to + 1,
            sync_started_at=self.sync_started_at,
        )
        if self._table.current_snapshot() is None:
            return 0
        if not self.key_properties and (self.rows_since_schema or not self.has_live_rows()):
            # Without a key the rows of the latest run are all there are.
            return 0
        kept = StagedFiles(self._table, self._run_id)
        try:
            rows_deleted = (
                refresh.write(sent, kept) if self.key_properties else refresh.write_empty(kept)
            )
            kept.close()
        except BaseException:
            kept.delete()
            raise
        sent.delete()
        self._staged = kept
        return rows_deleted
