"""A Parquet file on its way to S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table.sorting import SortDirection
from pyiceberg.typedef import Record

if TYPE_CHECKING:
    from pyiceberg.io import OutputFile, OutputStream
    from pyiceberg.partitioning import PartitionKey
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

COMPRESSION = "zstd"
MAX_BYTES_ON_THE_WAY = 16 * 1024 * 1024
"""Written bytes of a file that wait in memory for S3 to take them."""

_SAMPLE_ROWS = 16 * 1024
_MAX_DISTINCT_SHARE = 0.2
"""A column of which a sample has more distinct values gets no dictionary: it would not pay."""


class OpenFile:
    """A Parquet file of a table, written row group by row group.

    Attributes:
        size: Bytes written so far.
    """

    def __init__(
        self,
        output: OutputFile,
        table: Table,
        schema: Schema,
        sample: pa.Table,
        partition: PartitionKey | None,
    ) -> None:
        """Open the file.

        Args:
            output: Where it shall lie; nothing lies there yet.
            table: The table it is for.
            schema: The table's schema, with the names that columns have in files.
            sample: Its first rows.
            partition: Its partition, None for a table without.
        """
        self.size = 0
        self._output = output
        self._table = table
        self._schema = schema
        self._partition = partition
        self._row_groups = 0
        self._flushed_bytes = 0
        # The name is unique: there is nothing to look for or to overwrite.
        self._stream: OutputStream = output.create(overwrite=True)
        self._parquet = pq.ParquetWriter(
            self._stream,
            sample.schema,
            compression=COMPRESSION,
            store_decimal_as_integer=True,
            use_dictionary=_dictionary_columns(sample),
            sorting_columns=self._sorting_columns(),
        )

    def write(self, rows: pa.Table) -> None:
        """Write a row group."""
        self._parquet.write_table(rows, row_group_size=rows.num_rows)
        self._row_groups += 1
        self.size = self._stream.tell()
        if self.size - self._flushed_bytes >= MAX_BYTES_ON_THE_WAY:
            # What is written is uploaded in the background, of which memory must not fill up.
            self._stream.flush()  # type: ignore[attr-defined]
            self._flushed_bytes = self.size

    def close(self) -> DataFile:
        """Complete the file and describe it."""
        with self._stream:
            self._parquet.close()
            self.size = self._stream.tell()
        metadata = self._table.metadata
        parquet, ids = self._parquet.writer.metadata, parquet_path_to_id_mapping(self._schema)
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=parquet,
            stats_columns=compute_statistics_plan(self._schema, metadata.properties),
            parquet_column_mapping=ids,
        )
        for path in _unbounded_columns(parquet):
            statistics.column_aggregates.pop(ids[path], None)
        is_sorted = metadata.default_sort_order_id and self._row_groups == 1
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=self._output.location,
            file_format=FileFormat.PARQUET,
            partition=self._partition.partition if self._partition else Record(),
            file_size_in_bytes=self.size,
            # Row groups are sorted; the file is only if it has no other.
            sort_order_id=metadata.default_sort_order_id if is_sorted else None,
            spec_id=metadata.default_spec_id,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )

    def _sorting_columns(self) -> list[pq.SortingColumn] | None:
        positions = {each.field_id: number for number, each in enumerate(self._schema.fields)}
        return [
            pq.SortingColumn(
                positions[each.source_id], descending=each.direction == SortDirection.DESC
            )
            for each in self._table.sort_order().fields
        ] or None


def _unbounded_columns(parquet: pq.FileMetaData) -> set[str]:
    """Columns with values in a row group that has no bounds for them, as of long text.

    pyiceberg takes the bounds of the other row groups for those of the file, and then readers
    skip the file though it has what they look for.
    """
    groups = map(parquet.row_group, range(parquet.num_row_groups))
    columns = (group.column(number) for group in groups for number in range(parquet.num_columns))
    return {
        column.path_in_schema
        for column in columns
        if (found := column.statistics) and found.num_values and not found.has_min_max
    }


def _dictionary_columns(sample: pa.Table) -> list[str]:
    rows = sample.slice(0, _SAMPLE_ROWS)
    limit = _MAX_DISTINCT_SHARE * rows.num_rows
    # Of few rows a dictionary is neither gain nor loss.
    return [
        name
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if rows.num_rows < _SAMPLE_ROWS or pc.count_distinct(column).as_py() <= limit
    ]
