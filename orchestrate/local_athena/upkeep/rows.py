"""The rows of a data file without those that are deleted, read a little at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

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

from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

_READ_ROWS = 64 * 1024
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
        for batch in parquet.iter_batches(_READ_ROWS, use_threads=False):
            here = slice(*np.searchsorted(positions, [first, first + batch.num_rows]))
            is_left = np.ones(batch.num_rows, bool)
            is_left[positions[here] - first] = False
            first += batch.num_rows
            conformed = _to_requested_schema(
                wanted,
                file_schema,
                batch if is_left.all() else batch.filter(pa.array(is_left)),
                downcast_ns_timestamp_to_us=True,
                projected_missing_fields=missing,
                allow_timestamp_tz_mismatch=True,
            )
            yield pa.Table.from_batches([conformed]).cast(schema)
    if first != file.record_count:
        raise QueryError(
            "ICEBERG_BAD_DATA",
            f"{file.file_path} has {first} rows, and {file.record_count} in the table's metadata",
        )
