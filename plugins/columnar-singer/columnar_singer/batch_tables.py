"""The rows of a batch file as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from columnar_singer import batch_files, odd_values
from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from columnar_singer.odd_values import OddValue


class BatchTable(NamedTuple):
    """The rows of a file.

    Attributes:
        rows: The columns of the SCHEMA.
        odd_values: Theirs, by row of the table.
        extracted_at: Time of the snapshot they come from, None if the file does not say.
    """

    rows: pa.Table
    odd_values: list[OddValue]
    extracted_at: datetime | None


def read_table(url: str, schema: pa.Schema) -> BatchTable | None:
    """Read a file of a BATCH message.

    Whole: the tap has bounded its size, and it stays mapped from the disk. To stage more rows at a
    time costs less, above all in PostgreSQL, which waits between one COPY and the next.

    Args:
        url: A `file://` URL of the manifest.
        schema: What the SCHEMA message gives.

    Returns:
        The rows in order, None if there are none.

    Raises:
        UserError: The file cannot be read or has other columns.
    """
    import pyarrow as pa

    batches = list(batch_files.read_batches(url))
    odd: list[OddValue] = []
    rows = 0
    for batch in batches:
        if not batch.schema.equals(schema):
            message = (
                f"batch file {url} has the columns {batch.schema.to_string()!r}, the SCHEMA gives "
                f"{schema.to_string()!r}; use a tap and a target of the same version of "
                "columnar-singer"
            )
            raise UserError(message)
        odd += odd_values.moved(odd_values.of(batch), rows)
        rows += batch.num_rows
    if not batches:
        return None
    table = pa.Table.from_batches([batch.replace_schema_metadata() for batch in batches])
    return BatchTable(table, odd, batch_files.extracted_at(batches[0]))
