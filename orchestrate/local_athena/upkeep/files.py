"""Data files of a partition, written row group by row group to the target size."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    _get_parquet_writer_kwargs,
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import sanitize_column_names
from pyiceberg.table.sorting import SortDirection
from pyiceberg.transforms import IdentityTransform

if TYPE_CHECKING:
    from pyiceberg.io import OutputStream
    from pyiceberg.table import Table
    from pyiceberg.typedef import Record

ROW_GROUP_BYTES = 64 * 1024 * 1024
"""Size of a row group in memory, as Arrow; it bounds what is held."""

_FLUSH_BYTES = 16 * 1024 * 1024
"""Written bytes that wait in memory for S3 to take them."""


class PartitionFiles:
    """New data files of one partition, in no snapshot yet.

    Attributes:
        files: Those that are complete.
    """

    def __init__(self, table: Table, spec_id: int, partition: Record, target_bytes: int) -> None:
        """Start without a file.

        Args:
            table: The table; its sort order holds in each row group.
            spec_id: Of its partition spec.
            partition: The partition.
            target_bytes: Size at which a file is closed.
        """
        self.files: list[DataFile] = []
        self._table = table
        self._spec_id = spec_id
        self._partition = partition
        self._target_bytes = target_bytes
        # Else one row group could make a file so large that it would be rewritten each time.
        self._row_group_bytes = min(ROW_GROUP_BYTES, max(1, target_bytes // 2))
        # Names as pyiceberg writes them: what Avro does not allow in a name is escaped.
        self.schema = sanitize_column_names(table.schema())
        self.arrow_schema = schema_to_pyarrow(self.schema, include_field_ids=True)
        self._sort_keys = _sort_keys(table)
        self._name = f"optimize-{uuid.uuid4().hex}"
        self._paths: list[str] = []
        self._pending: list[pa.Table] = []
        self._pending_bytes = 0
        self._stream: OutputStream | None = None
        self._parquet: pq.ParquetWriter | None = None
        self._row_groups = 0
        self._flushed_bytes = 0

    def write(self, rows: pa.Table) -> None:
        """Add rows, of `arrow_schema`."""
        if not rows.num_rows:
            return
        # Part by part: what is read at once may be more than a row group.
        parts = max(1, rows.nbytes // self._row_group_bytes)
        for part in rows.to_batches(max_chunksize=-(-rows.num_rows // parts)):
            self._pending.append(pa.Table.from_batches([part]))
            self._pending_bytes += part.nbytes
            if self._pending_bytes >= self._row_group_bytes:
                self._write_row_group()

    def close(self) -> list[DataFile]:
        """Complete the file at work.

        Returns:
            `files`.
        """
        if self._pending:
            self._write_row_group()
        self._close_file()
        return self.files

    def delete(self) -> None:
        """Delete all that was written, as far as possible: `VACUUM` removes what stays."""
        if self._stream is not None:
            with suppress(Exception):
                self._stream.close()
        for path in self._paths:
            with suppress(Exception):
                self._table.io.delete(path)

    def _write_row_group(self) -> None:
        rows = pa.concat_tables(self._pending)
        self._pending, self._pending_bytes = [], 0
        if self._sort_keys:
            rows = rows.sort_by(self._sort_keys)
        if self._parquet is None:
            self._open_file()
        assert self._parquet is not None and self._stream is not None  # noqa: S101
        self._parquet.write_table(rows, row_group_size=rows.num_rows)
        self._row_groups += 1
        written = self._stream.tell()
        if written >= self._target_bytes:
            self._close_file()
        elif written - self._flushed_bytes >= _FLUSH_BYTES:
            # What is written is uploaded in the background, of which memory must not fill up.
            self._stream.flush()  # type: ignore[attr-defined]
            self._flushed_bytes = written

    def _open_file(self) -> None:
        spec = self._table.specs()[self._spec_id]
        name = f"{self._name}-{len(self._paths):05d}.parquet"
        if spec.fields:
            name = f"{spec.partition_to_path(self._partition, self._table.schema())}/{name}"
        self._paths.append(self._table.location_provider().new_data_location(name))
        self._stream = self._table.io.new_output(self._paths[-1]).create(overwrite=True)
        self._row_groups = self._flushed_bytes = 0
        # The writer warns of properties it does not know; those of row groups are not for it.
        properties: Any = {
            name: value
            for name, value in self._table.properties.items()
            if not name.startswith("write.parquet.row-group")
        }
        self._parquet = pq.ParquetWriter(
            self._stream,
            self.arrow_schema,
            store_decimal_as_integer=True,
            **_get_parquet_writer_kwargs(properties),
        )

    def _close_file(self) -> None:
        if self._parquet is None or self._stream is None:
            return
        with self._stream:
            self._parquet.close()
            size = self._stream.tell()
        metadata = self._table.metadata
        parquet, ids = self._parquet.writer.metadata, parquet_path_to_id_mapping(self.schema)
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=parquet,
            stats_columns=compute_statistics_plan(self.schema, metadata.properties),
            parquet_column_mapping=ids,
        )
        for path in _unbounded_columns(parquet):
            statistics.column_aggregates.pop(ids[path], None)
        # Row groups are sorted; the file is only if it has no other.
        is_sorted = self._sort_keys and self._row_groups == 1
        file = DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=self._paths[-1],
            file_format=FileFormat.PARQUET,
            partition=self._partition,
            file_size_in_bytes=size,
            sort_order_id=metadata.default_sort_order_id if is_sorted else None,
            spec_id=self._spec_id,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )
        file.spec_id = self._spec_id
        self.files.append(file)
        self._parquet = self._stream = None


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


def _sort_keys(table: Table) -> list[tuple[str, str]]:
    """The columns and directions of a table's order; none where it is not one of plain columns."""
    fields = table.sort_order().fields
    names = {each.field_id: each.name for each in sanitize_column_names(table.schema()).fields}
    if not all(
        isinstance(each.transform, IdentityTransform) and each.source_id in names for each in fields
    ):
        return []
    return [
        (
            names[each.source_id],
            "descending" if each.direction == SortDirection.DESC else "ascending",
        )
        for each in fields
    ]
