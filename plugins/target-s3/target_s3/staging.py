"""Data files that lie in the table's place on S3 and that no snapshot names yet."""

from __future__ import annotations

import itertools
import re
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.schema import Schema, sanitize_column_names
from pyiceberg.table.sorting import SortDirection

from target_s3.layout import DEFAULT_FILE_BYTES
from target_s3.parquet import OpenFile
from target_s3.partitions import Partitioner
from target_s3.reading import arrow_schema, read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.partitioning import PartitionKey
    from pyiceberg.table import Table

ROW_GROUP_BYTES = 64 * 1024 * 1024
"""Size of a row group in memory, as Arrow; it bounds what a stream holds."""

MAX_OPEN_FILES = 4
"""Of a table with partitions; each holds what is on its way to S3."""


class StagedFiles:
    """Parquet files of one table, written as rows arrive.

    What is held in memory is one row group. A file is closed when it has reached its size. Of a
    table with partitions the rows wait on local disk for `close`, which writes them partition by
    partition.

    Attributes:
        files: The files that are complete.
        arrow_bytes: Size of the rows received, as Arrow.
    """

    def __init__(
        self,
        table: Table,
        run_id: str,
        files: Sequence[DataFile] = (),
        file_bytes: int = DEFAULT_FILE_BYTES,
    ) -> None:
        """Start without an open file.

        Args:
            table: Table whose schema the rows have and whose place they lie in.
            run_id: Goes into the files' names, so that one left by a killed run can be told.
            files: Complete files of the same run, written before the table's schema grew.
            file_bytes: Size at which a file is closed.
        """
        self.files = list(files)
        self.arrow_bytes = 0
        self._table = table
        self._schema = table.schema()
        # Names as pyiceberg writes them: what Avro does not allow in a name is escaped. Readers
        # go by field id.
        self._file_schema = sanitize_column_names(self._schema)
        self._arrow_schema = arrow_schema(self._file_schema, field_ids=True)
        self._names = [column.name for column in self._schema.fields]
        self._locations = table.location_provider()
        self._prefix = f"{re.sub(r'[^A-Za-z0-9._-]', '-', run_id)}-{uuid.uuid4().hex[:12]}"
        self._numbers = itertools.count()
        self._file_bytes = file_bytes
        self._pending: list[pa.Table] = []
        self._pending_bytes = 0
        self._open: dict[str, OpenFile] = {}
        by_id = {column.field_id: column.name for column in self._file_schema.fields}
        self._sort_keys = [
            (
                by_id[each.source_id],
                "descending" if each.direction == SortDirection.DESC else "ascending",
            )
            for each in table.sort_order().fields
        ]
        self._partitioner = Partitioner(table) if table.spec().fields else None

    @property
    def rows(self) -> int:
        """Rows of the complete files."""
        return sum(file.record_count for file in self.files)

    def write(self, rows: pa.Table) -> None:
        """Add rows.

        Args:
            rows: Columns of the table by name, in any order; those that are missing are NULL.
        """
        if not rows.num_rows:
            return
        rows = self._to_file_schema(rows)
        self.arrow_bytes += rows.nbytes
        if self._partitioner:
            self._partitioner.add(rows)
            return
        self._pending.append(rows)
        self._pending_bytes += rows.nbytes
        if self._pending_bytes >= ROW_GROUP_BYTES:
            self._write_row_group()

    def close(self) -> list[DataFile]:
        """Complete the files at work.

        Returns:
            `files`, which now have all rows.
        """
        if self._partitioner:
            self._write_partitions(self._partitioner)
        self._write_row_group()
        self._close_files(keep=0)
        return self.files

    def read(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Read the rows of the complete files, a little at a time.

        Args:
            columns: Names of the columns to read; all of them by default.

        Yields:
            Rows with the columns in the order given; at least one table, be it empty.
        """
        by_name = {column.name: column for column in self._schema.fields}
        projection = Schema(*(by_name[name] for name in columns or self._names))
        yield arrow_schema(projection).empty_table()
        for file in self.files:
            yield from read_file(self._table.io, file, projection)

    def delete(self) -> None:
        """Delete the files, as far as possible: what stays is in no snapshot and harms nobody."""
        self._pending = []
        if self._partitioner:
            self._partitioner.close()
        with suppress(Exception):
            self._close_files(keep=0)
        for file in self.files:
            with suppress(Exception):
                self._table.io.delete(file.file_path)
        self.files = []

    def _to_file_schema(self, rows: pa.Table) -> pa.Table:
        columns = [
            _cast(rows.column(name), field.type)
            if name in rows.column_names
            else pa.nulls(rows.num_rows, field.type)
            for name, field in zip(self._names, self._arrow_schema, strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=self._arrow_schema)

    def _write_row_group(self) -> None:
        if not self._pending:
            return
        rows = pa.concat_tables(self._pending)
        self._pending, self._pending_bytes = [], 0
        if self._sort_keys:
            rows = rows.sort_by(self._sort_keys)
        self._write_to_file(rows, None)

    def _write_partitions(self, partitioner: Partitioner) -> None:
        for part in partitioner.parts(ROW_GROUP_BYTES):
            for partition, rows in partitioner.divide(part, self._sort_keys):
                self._write_to_file(rows, partition)
        partitioner.close()

    def _write_to_file(self, rows: pa.Table, partition: PartitionKey | None) -> None:
        key = str([each.value for each in partition.field_values]) if partition else ""
        file = self._open.pop(key, None)
        if file is None:
            self._close_files(keep=MAX_OPEN_FILES - 1)
            name = f"{self._prefix}-{next(self._numbers):05d}.parquet"
            location = self._locations.new_data_location(name, partition)
            output = self._table.io.new_output(location)
            file = OpenFile(output, self._table, self._file_schema, rows, partition)
        # The one written to last stands last.
        self._open[key] = file
        file.write(rows)
        if file.size >= self._file_bytes:
            self._close_file(key)

    def _close_files(self, keep: int) -> None:
        for key in list(self._open)[: max(0, len(self._open) - keep)]:
            self._close_file(key)

    def _close_file(self, key: str) -> None:
        self.files.append(self._open.pop(key).close())


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == wanted else column.cast(wanted)
