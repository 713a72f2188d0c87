"""Values that their column's Arrow type cannot hold, on their way beside the columns.

Infinite times, NaN in `numeric(10,2)`: legal in PostgreSQL, without a place in Arrow. The column
is NULL there, and the value travels as the text that PostgreSQL prints for it. What becomes of it
is the destination's business: one that can hold it does, another puts it into its quarantine.

Odd values are rare, so they are a list and no column: in memory in the metadata of a record
batch's schema, in a batch file in the metadata of the batch's message
(https://arrow.apache.org/docs/format/Columnar.html#custom-application-metadata).
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

METADATA_KEY = b"odd_values"


@dataclass(frozen=True)
class OddValue:
    """One value that is NULL in its Arrow column.

    Attributes:
        row: Index of its row in the batch or table at hand.
        column: Name of its column.
        text: What PostgreSQL prints for it, in UTC and ISO style.
        reason: Why the column cannot hold it, in words.
        is_legal: A value of the column's PostgreSQL type, so that a cast of `text` gives it back
            exactly. What a RECORD has in place of one is not: PostgreSQL would round `1.5` to an
            integer.
    """

    row: int
    column: str
    text: str
    reason: str
    is_legal: bool = True


def dump(odd_values: Iterable[OddValue]) -> bytes:
    """Write odd values as the metadata of a record batch."""
    return json.dumps([astuple(each) for each in odd_values]).encode()


def attach(batch: pa.RecordBatch, odd_values: Sequence[OddValue]) -> pa.RecordBatch:
    """Give a batch its odd values, none included.

    Args:
        batch: Without odd values of its own.
        odd_values: By row of the batch.

    Returns:
        The batch with them in its schema's metadata.
    """
    if not odd_values:
        return batch
    metadata = {**(batch.schema.metadata or {}), METADATA_KEY: dump(odd_values)}
    return batch.replace_schema_metadata(metadata)


def of(batch: pa.RecordBatch) -> list[OddValue]:
    """Give the odd values of a batch of `attach`, none if it has none."""
    text = (batch.schema.metadata or {}).get(METADATA_KEY)
    return [OddValue(*each) for each in json.loads(text)] if text else []


def part(odd_values: Iterable[OddValue], start: int, rows: int) -> list[OddValue]:
    """Give those of a slice, by row of the slice.

    Args:
        odd_values: Of the whole.
        start: First row of the slice.
        rows: Number of its rows.
    """
    return [
        replace(each, row=each.row - start)
        for each in odd_values
        if start <= each.row < start + rows
    ]


def moved(odd_values: Iterable[OddValue], rows: int) -> list[OddValue]:
    """Give odd values of a batch that follows `rows` rows of a table."""
    return [replace(each, row=each.row + rows) for each in odd_values]
