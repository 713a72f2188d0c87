"""Data files that lie in the table's place on S3 and that no snapshot names yet."""

from __future__ import annotations

import itertools
import re
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import sanitize_column_names
from pyiceberg.typedef import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.io import OutputFile, OutputStream
    from pyiceberg.table import Table

COMPRESSION = "zstd"
TARGET_FILE_BYTES = 128 * 1024 * 1024
ROW_GROUP_BYTES = 64 * 1024 * 1024
"""Size of a row group in memory, as Arrow; it bounds what a stream holds."""


class StagedFiles:
    """Parquet files of one table, written as rows arrive.

    What is held in memory is one row group. A file is closed when it has reached its size.

    Attributes:
        files: The files that are complete.
    """

    def __init__(self, table: Table, run_id: str, files: Sequence[DataFile] = ()) -> None:
        """Start without an open file.

        Args:
            table: Table whose schema the rows have and whose place they lie in.
            run_id: Goes into the files' names, so that one left by a killed run can be told.
            files: Complete files of the same run, written before the table's schema grew.
        """
        self.files = list(files)
        self._table = table
        schema = table.schema()
        # Names as pyiceberg writes them: what Avro does not allow in a name is escaped. Readers
        # go by field id.
        self._file_schema = sanitize_column_names(schema)
        self._arrow_schema = schema_to_pyarrow(self._file_schema)
        self._names = [column.name for column in schema.fields]
        self._file_names = dict(zip(self._names, self._arrow_schema.names, strict=True))
        self._locations = table.location_provider()
        self._prefix = f"{re.sub(r'[^A-Za-z0-9._-]', '-', run_id)}-{uuid.uuid4().hex[:12]}"
        self._numbers = itertools.count()
        self._pending: list[pa.Table] = []
        self._pending_bytes = 0
        self._writer: _OpenFile | None = None

    @property
    def rows(self) -> int:
        """Rows of the complete files."""
        return sum(file.record_count for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of the complete files."""
        return sum(file.file_size_in_bytes for file in self.files)

    def write(self, rows: pa.Table) -> None:
        """Add rows.

        Args:
            rows: Columns of the table by name, in any order; those that are missing are NULL.
        """
        if not rows.num_rows:
            return
        renamed = rows.rename_columns([self._file_names[name] for name in rows.column_names])
        self._pending.append(self._conform(renamed, self._arrow_schema.names))
        self._pending_bytes += rows.nbytes
        if self._pending_bytes >= ROW_GROUP_BYTES:
            self._write_row_group()

    def close(self) -> list[DataFile]:
        """Complete the file at work.

        Returns:
            `files`, which now have all rows.
        """
        self._write_row_group()
        self._close_file()
        return self.files

    def read(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Read the rows of the complete files, one row group at a time.

        Args:
            columns: Names of the columns to read; all of them by default.

        Yields:
            Rows with the columns in the order given; at least one table, be it empty.
        """
        names = columns or self._names
        wanted = [self._file_names[name] for name in names]
        yield self._conform(pa.table({}), wanted).rename_columns(names)
        for file in self.files:
            with self._table.io.new_input(file.file_path).open() as stream:
                parquet = pq.ParquetFile(stream)
                there = [name for name in wanted if name in parquet.schema_arrow.names]
                for number in range(parquet.num_row_groups):
                    rows = parquet.read_row_group(number, columns=there)
                    yield self._conform(rows, wanted).rename_columns(names)

    def delete(self) -> None:
        """Delete the files, as far as possible: what stays is in no snapshot and harms nobody."""
        self._pending = []
        with suppress(Exception):
            self._close_file()
        for file in self.files:
            with suppress(Exception):
                self._table.io.delete(file.file_path)
        self.files = []

    def _conform(self, rows: pa.Table, file_names: list[str]) -> pa.Table:
        schema = pa.schema([self._arrow_schema.field(name) for name in file_names])
        columns = [
            rows.column(field.name).cast(field.type)
            if field.name in rows.column_names
            else pa.nulls(rows.num_rows, field.type)
            for field in schema
        ]
        return pa.Table.from_arrays(columns, schema=schema)

    def _write_row_group(self) -> None:
        if not self._pending:
            return
        rows = pa.concat_tables(self._pending)
        self._pending, self._pending_bytes = [], 0
        if self._writer is None:
            name = f"{self._prefix}-{next(self._numbers):05d}.parquet"
            output = self._table.io.new_output(self._locations.new_data_location(name))
            self._writer = _OpenFile(output, self._arrow_schema)
        self._writer.write(rows)
        if self._writer.size >= TARGET_FILE_BYTES:
            self._close_file()

    def _close_file(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        metadata = writer.close()
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=metadata,
            stats_columns=compute_statistics_plan(
                self._file_schema, self._table.metadata.properties
            ),
            parquet_column_mapping=parquet_path_to_id_mapping(self._file_schema),
        )
        self.files.append(
            DataFile.from_args(
                content=DataFileContent.DATA,
                file_path=writer.location,
                file_format=FileFormat.PARQUET,
                partition=Record(),
                file_size_in_bytes=writer.size,
                sort_order_id=None,
                spec_id=self._table.metadata.default_spec_id,
                equality_ids=None,
                key_metadata=None,
                **statistics.to_serialized_dict(),
            )
        )


class _OpenFile:
    """A Parquet file on its way to S3."""

    def __init__(self, output: OutputFile, schema: pa.Schema) -> None:
        self.location = output.location
        self.size = 0
        # The name is unique: there is nothing to look for or to overwrite.
        self._stream: OutputStream = output.create(overwrite=True)
        self._parquet = pq.ParquetWriter(
            self._stream, schema, compression=COMPRESSION, store_decimal_as_integer=True
        )

    def write(self, rows: pa.Table) -> None:
        self._parquet.write_table(rows, row_group_size=rows.num_rows)
        self.size = self._stream.tell()

    def close(self) -> pq.FileMetaData:
        with self._stream:
            self._parquet.close()
            self.size = self._stream.tell()
        return self._parquet.writer.metadata
