"""The rows of a batch file as tables of a size that is worth staging."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from columnar_singer import batch_files, odd_values
from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import pyarrow as pa

    from columnar_singer.odd_values import OddValue


class BatchTable(NamedTuple):
    """Rows that follow each other in a file.

    Attributes:
        rows: The columns of the SCHEMA.
        odd_values: Theirs, by row of the table.
        extracted_at: Time of the snapshot they come from, None if the file does not say.
    """

    rows: pa.Table
    odd_values: list[OddValue]
    extracted_at: datetime | None


def read_tables(url: str, schema: pa.Schema, rows_at_least: int) -> Iterator[BatchTable]:
    """Read a file of a BATCH message.

    Args:
        url: A `file://` URL of the manifest.
        schema: What the SCHEMA message gives.
        rows_at_least: A table is made of record batches until it has so many rows.

    Yields:
        The rows in order, none if there are none.

    Raises:
        UserError: The file cannot be read or has other columns.
    """
    collected: list[pa.RecordBatch] = []
    rows = 0
    for batch in batch_files.read_batches(url):
        if not batch.schema.equals(schema):
            message = (
                f"batch file {url} has the columns {batch.schema.to_string()!r}, the SCHEMA gives "
                f"{schema.to_string()!r}; use a tap and a target of the same version of "
                "columnar-singer"
            )
            raise UserError(message)
        collected.append(batch)
        rows += batch.num_rows
        if rows >= rows_at_least:
            yield _table(collected)
            collected, rows = [], 0
    if collected:
        yield _table(collected)


def _table(batches: list[pa.RecordBatch]) -> BatchTable:
    import pyarrow as pa

    odd: list[OddValue] = []
    rows = 0
    for batch in batches:
        odd += odd_values.moved(odd_values.of(batch), rows)
        rows += batch.num_rows
    table = pa.Table.from_batches([batch.replace_schema_metadata() for batch in batches])
    return BatchTable(table, odd, batch_files.extracted_at(batches[0]))
