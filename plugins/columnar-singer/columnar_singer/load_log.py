"""The load log: one row for each commit of a stream, written with the data it describes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from columnar_singer.destination import CommitResult

TABLE_NAME = "load_log"
TABLE_COMMENT = (
    "One row for each commit of a stream, and one for each run in which a stream had no rows. "
    "Freshness, run reports and row count checks read it."
)


@dataclass(frozen=True)
class LoadLogRow:
    """One row of the load log; the fields are its columns, in order.

    A commit starts from a row that knows what arrived and ends with `finished`, which adds what
    the destination made of it.
    """

    run_id: str
    stream: str
    table_name: str
    started_at: datetime
    rows_read: int = 0
    rows_committed: int = 0
    rows_rejected: int = 0
    bytes: int = 0
    files: int = 0
    position_from: str | None = None
    position_to: str | None = None
    source_time: datetime | None = None
    sequence_from: int | None = None
    sequence_to: int | None = None
    schema_changes: str = "[]"
    committed_at: datetime | None = None

    def finished(self, result: CommitResult) -> LoadLogRow:
        """Complete the row at the very end of a commit.

        Args:
            result: What the destination did. The rows it marked deleted bear the sequence
                numbers that follow `sequence_to`.

        Returns:
            The row to write.
        """
        sequence_from, sequence_to = self.sequence_from, self.sequence_to
        if sequence_from is not None and sequence_to is not None:
            sequence_to += result.rows_deleted
            if sequence_to < sequence_from:
                sequence_from = sequence_to = None
        return dataclasses.replace(
            self,
            rows_committed=result.rows_committed,
            rows_rejected=result.rows_rejected,
            bytes=result.bytes,
            files=result.files,
            sequence_from=sequence_from,
            sequence_to=sequence_to,
            committed_at=datetime.now(tz=UTC),
        )


@cache
def arrow_schema() -> pa.Schema:
    """Give the columns of the load log, in order, as both destinations create them."""
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            pa.field("run_id", pa.string(), nullable=False),
            pa.field("stream", pa.string(), nullable=False),
            pa.field("table_name", pa.string(), nullable=False),
            pa.field("rows_read", pa.int64(), nullable=False),
            pa.field("rows_committed", pa.int64(), nullable=False),
            pa.field("rows_rejected", pa.int64(), nullable=False),
            pa.field("bytes", pa.int64(), nullable=False),
            pa.field("files", pa.int32(), nullable=False),
            pa.field("position_from", pa.string()),
            pa.field("position_to", pa.string()),
            pa.field("source_time", time),
            pa.field("sequence_from", pa.int64()),
            pa.field("sequence_to", pa.int64()),
            pa.field("schema_changes", pa.string(), nullable=False),
            pa.field("started_at", time, nullable=False),
            pa.field("committed_at", time, nullable=False),
        ]
    )


COLUMN_COMMENTS = {
    "run_id": "Run of the pipeline that made the commit.",
    "stream": "Name of the Singer stream.",
    "table_name": "Table beside this one that holds the stream's rows.",
    "rows_read": "Rows that arrived from the tap for this commit.",
    "rows_committed": "Rows inserted or changed; a row sent again unchanged does not count.",
    "rows_rejected": "Values that the destination cannot hold and that went to quarantine.",
    "bytes": "Bytes written to the destination.",
    "files": "Data files written; 0 where the destination has none.",
    "position_from": "Replication key value the extract started at.",
    "position_to": "Replication key value the next extract starts at.",
    "source_time": "Every change committed in the source before this time is now here.",
    "sequence_from": "Least _sdc_sequence that the commit gave out, NULL if none.",
    "sequence_to": "Greatest _sdc_sequence that the commit gave out, NULL if none.",
    "schema_changes": "JSON list of the changes made to the table, in words.",
    "started_at": "When the run began to receive the stream.",
    "committed_at": "When the rows became visible here.",
}


def to_arrow(rows: list[LoadLogRow]) -> pa.Table:
    """Give load log rows as an Arrow table of `arrow_schema`."""
    import pyarrow as pa

    return pa.Table.from_pylist([vars(row) for row in rows], schema=arrow_schema())
