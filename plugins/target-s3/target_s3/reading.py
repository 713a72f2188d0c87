"""Rows of data files, read a little at a time.

pyiceberg's own readers, and Arrow's datasets below them, hold whole files in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.manifest import FileFormat
from pyiceberg.table import ALWAYS_TRUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import FileScanTask, Table

READ_ROWS = 64 * 1024
_BUFFER_BYTES = 1024 * 1024
"""What is read from S3 at once of each column."""

_FIELD_ID = b"PARQUET:field_id"


def scan(
    table: Table, columns: list[str], skip_files_without: str | BooleanExpression = ALWAYS_TRUE
) -> Iterator[pa.Table]:
    """Read columns of a table's current snapshot.

    Args:
        table: The table.
        columns: Names of the columns.
        skip_files_without: A condition; files that have no such row, as far as their statistics
            tell, are not read. The rows of the others come all.

    Yields:
        Rows with the columns in the order given; at least one table, be it empty.
    """
    plan = table.scan(skip_files_without, selected_fields=tuple(columns))
    projection = plan.projection()
    yield arrow_schema(projection).empty_table().select(columns)
    for task in plan.plan_files():
        for rows in _read_task(table, task, projection):
            yield rows.select(columns)


def read_file(io: FileIO, file: DataFile, projection: Schema) -> Iterator[pa.Table]:
    """Read a Parquet file that has no deletes.

    Args:
        io: Where it lies.
        file: The file.
        projection: The columns wanted. They are found by their field ids; one that the file does
            not have is NULL, one that was widened since is widened here.

    Yields:
        Rows with the columns of `projection`, without field ids.
    """
    schema = arrow_schema(projection)
    with io.new_input(file.file_path).open() as stream:
        # One buffer a column instead of all of a row group.
        parquet = pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER_BYTES)
        names = {
            int((field.metadata or {}).get(_FIELD_ID, -1)): field.name
            for field in parquet.schema_arrow
        }
        wanted = [names.get(column.field_id) for column in projection.fields]
        there = [name for name in wanted if name is not None]
        if not there:
            yield _null_rows(schema, parquet.metadata.num_rows)
            return
        for batch in parquet.iter_batches(READ_ROWS, columns=there, use_threads=False):
            columns = [
                pa.nulls(batch.num_rows, field.type)
                if name is None
                else batch.column(name).cast(field.type)
                for name, field in zip(wanted, schema, strict=True)
            ]
            yield pa.Table.from_arrays(columns, schema=schema)


def arrow_schema(schema: Schema, *, field_ids: bool = False) -> pa.Schema:
    """Give the Arrow schema of a table's rows.

    Args:
        schema: Of the table.
        field_ids: Whether fields bear the ids of the table's columns.

    Returns:
        Strings and binaries with 32-bit offsets, as batches have them: no copy is needed then.
    """
    fields = schema_to_pyarrow(schema, include_field_ids=field_ids)
    small = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.schema([field.with_type(small.get(field.type, field.type)) for field in fields])


def _read_task(table: Table, task: FileScanTask, projection: Schema) -> Iterator[pa.Table]:
    if task.file.file_format == FileFormat.PARQUET and not task.delete_files:
        yield from read_file(table.io, task.file, projection)
        return
    schema = arrow_schema(projection)
    reader = ArrowScan(table.metadata, table.io, projection, ALWAYS_TRUE)
    for batch in reader.to_record_batches([task]):
        yield pa.Table.from_batches([batch]).cast(schema)


def _null_rows(schema: pa.Schema, rows: int) -> pa.Table:
    return pa.Table.from_arrays([pa.nulls(rows, field.type) for field in schema], schema=schema)
