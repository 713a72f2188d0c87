"""The rows of a data file without those that are deleted, read a little at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    _get_column_projection_values,
    _read_deletes,
    _to_requested_schema,
    pyarrow_to_schema,
)
from pyiceberg.manifest import DataFile, FileFormat
from pyiceberg.types import ListType, MapType, StructType

from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

_READ_ROWS = 64 * 1024
_READ_BYTES = 16 * 1024 * 1024
"""At most so much is read at once, by the size of the file's rows; few rows if they are large."""

_BUFFER_BYTES = 1024 * 1024
"""What is read from S3 at once of each column."""

DeletedPositions = dict[str, "np.ndarray[tuple[int], np.dtype[np.int64]]"]
"""Sorted positions of deleted rows, by the path of the data file."""


def deleted_positions(table: Table, delete_files: Iterable[DataFile]) -> DeletedPositions:
    """Read position delete files."""
    found: dict[str, list[pa.ChunkedArray]] = {}
    for file in delete_files:
        for path, positions in _read_deletes(table.io, file).items():
            found.setdefault(path, []).append(positions)
    return {
        path: np.unique(np.concatenate([each.to_numpy() for each in arrays]))
        for path, arrays in found.items()
    }


def read_rows(
    table: Table, file: DataFile, deleted: DeletedPositions, wanted: Schema, schema: pa.Schema
) -> Iterator[pa.Table]:
    """Read what is left of a data file.

    pyiceberg's own reader holds whole files in memory.

    Args:
        table: The table.
        file: The file.
        deleted: Its deleted rows, among others.
        wanted: The columns, found by their field ids; what was widened since is widened here.
        schema: The same for Arrow.

    Raises:
        QueryError: The file has not the rows that the table says, or is no Parquet.
    """
    if file.file_format != FileFormat.PARQUET:
        raise QueryError("NOT_SUPPORTED", f"{file.file_path} is {file.file_format}, not Parquet")
    positions = deleted.get(file.file_path, np.array([], np.int64))
    first = 0
    with table.io.new_input(file.file_path).open() as stream:
        # One buffer a column instead of all of a row group.
        parquet = pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER_BYTES)
        file_schema = pyarrow_to_schema(
            parquet.schema_arrow, table.name_mapping(), downcast_ns_timestamp_to_us=True
        )
        missing = _get_column_projection_values(
            file, wanted, table.schema(), table.specs()[file.spec_id], file_schema.field_ids
        )
        unprojected = _unprojected(wanted, file_schema)
        for batch in parquet.iter_batches(_rows_at_once(parquet), use_threads=False):
            here = slice(*np.searchsorted(positions, [first, first + batch.num_rows]))
            is_left = np.ones(batch.num_rows, bool)
            is_left[positions[here] - first] = False
            first += batch.num_rows
            left = batch if is_left.all() else batch.filter(pa.array(is_left))
            conformed = _to_requested_schema(
                wanted,
                file_schema,
                left,
                downcast_ns_timestamp_to_us=True,
                projected_missing_fields=missing,
                allow_timestamp_tz_mismatch=True,
            )
            table_rows = pa.Table.from_batches([conformed])
            for number, name in unprojected.items():
                table_rows = table_rows.set_column(
                    number, schema.field(number).name, left.column(name)
                )
            yield table_rows.cast(schema)
    if first != file.record_count:
        raise QueryError(
            "ICEBERG_BAD_DATA",
            f"{file.file_path} has {first} rows, and {file.record_count} in the table's metadata",
        )


def _rows_at_once(parquet: pq.ParquetFile) -> int:
    metadata = parquet.metadata
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    size: int = sum(each.total_byte_size for each in groups) // max(1, metadata.num_rows)
    return min(_READ_ROWS, max(1, _READ_BYTES // max(1, size)))


def _unprojected(wanted: Schema, file_schema: Schema) -> dict[int, str]:
    """Find the columns that must be taken from the file as they are.

    Of a list or map whose values are rows pyiceberg makes an empty one where it is NULL.

    Returns:
        The column's name in the file, by its position in the table.

    Raises:
        QueryError: Such a column is another one in the file than in the table.
    """
    in_file = {field.field_id: field for field in file_schema.fields}
    found = {}
    for number, field in enumerate(wanted.fields):
        if field.field_id in in_file and _collects_rows(field.field_type):
            there = in_file[field.field_id]
            if _shape(there.field_type) != _shape(field.field_type):
                raise QueryError(
                    "NOT_SUPPORTED",
                    f"column '{field.name}' has lists or maps of rows, which have changed since "
                    "some files were written; such files cannot be rewritten",
                )
            found[number] = there.name
    return found


def _collects_rows(kind: IcebergType) -> bool:
    match kind:
        case ListType():
            return isinstance(kind.element_type, StructType) or _collects_rows(kind.element_type)
        case MapType():
            return isinstance(kind.value_type, StructType) or _collects_rows(kind.value_type)
        case StructType():
            return any(_collects_rows(field.field_type) for field in kind.fields)
    return False


def _shape(kind: IcebergType) -> Any:  # noqa: ANN401
    """Give a type with ids and names of all that is in it, without comments."""
    match kind:
        case ListType():
            return kind.element_id, _shape(kind.element_type)
        case MapType():
            return kind.key_id, _shape(kind.key_type), kind.value_id, _shape(kind.value_type)
        case StructType():
            return [(each.field_id, each.name, _shape(each.field_type)) for each in kind.fields]
    return kind
