"""What a destination must be able to do with one stream.

Whatever goes wrong there is raised as `UserError` (the stream fails, the others go on) or as
`DestinationLostError` (the run ends).
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from columnar_singer.facts import ReadMoment
    from columnar_singer.load_log import LoadLogRow
    from columnar_singer.odd_values import OddValue
    from columnar_singer.types import ColumnType


CREATED_TABLE = "created table"
"""What `open_table` reports of a table that was not there."""


class DestinationLostError(UserError):
    """The destination cannot be reached any more: no stream can go on."""


@dataclass(frozen=True)
class CommitResult:
    """What a commit did in the destination.

    Attributes:
        rows_committed: Rows inserted or changed.
        rows_deleted: Rows marked deleted, each with a sequence number of its own from
            `LoadLogRow.sequence_to + 1` on.
        rows_rejected: Values that went to the quarantine table.
        bytes: Bytes written.
        files: Data files written.
    """

    rows_committed: int
    rows_deleted: int = 0
    rows_rejected: int = 0
    bytes: int = 0
    files: int = 0


class StreamDestination(abc.ABC):
    """One stream in a destination; `ColumnarSink` holds the other half.

    Attributes:
        table_name: Name of the table in the destination.
        columns: The stream's own columns in order, without the SDK's metadata.
        properties: The SCHEMA property of each of them.
        is_incremental: The SCHEMA names a replication key, so that no full refresh follows.
        first_sequence: `_sdc_sequence` of the first row received in this run, None before it.
        keys_only: The tap sends nothing but the keys that are there, for `commit_keys`.
        schema_drift: Setting of the same name, one of `drift.MODES`.
        read: When the source was read for the commit to be made, None if the tap does not say.
    """

    table_name: str
    columns: dict[str, ColumnType]
    properties: dict[str, dict[str, Any]]
    is_incremental: bool
    first_sequence: int | None
    keys_only: bool
    schema_drift: str
    read: ReadMoment | None

    @property
    @abc.abstractmethod
    def key_properties(self) -> Sequence[str]:
        """Names of the columns of the primary key, none for a stream without one."""

    @abc.abstractmethod
    def open_table(self) -> list[str]:
        """Compare the destination's table with `columns` and `key_properties`.

        Called for each new SCHEMA of the stream, before rows of that SCHEMA are staged. The
        table may be created or changed here or in `commit`, as the destination prefers.

        Returns:
            The changes that are needed, in words: `added column x bigint`, `created table`.

        Raises:
            UserError: A difference that cannot be had without loss.
        """

    @property
    @abc.abstractmethod
    def is_begun(self) -> bool:
        """Whether a run has committed to the table, after `open_table`.

        A table that is not there is not begun; nor is one that a run made, which ended then.
        """

    @abc.abstractmethod
    def last_sequence(self) -> int | None:
        """Give the greatest `sequence_to` of the table in the load log, None if there is none."""

    @abc.abstractmethod
    def has_live_rows(self) -> bool:
        """Tell whether the table has a row that is not marked deleted."""

    @abc.abstractmethod
    def stage(self, table: pa.Table, odd_values: Sequence[OddValue]) -> None:
        """Bring rows to the destination in a form that no reader sees.

        Args:
            table: Rows with `columns` and then `metadata.COLUMNS`.
            odd_values: Values that are NULL in `table`, by its rows. What the destination cannot
                hold either goes into its quarantine table in `commit`.
        """

    @abc.abstractmethod
    def commit(self, row: LoadLogRow, *, full_refresh: bool) -> CommitResult:
        """Make what is staged visible, together with its row of the load log.

        Args:
            row: The load log row; write `row.finished(result)`.
            full_refresh: The rows received since the SCHEMA (those with a `_sdc_sequence` from
                `first_sequence` on, this commit's included) are all there are in the source:
                mark the others deleted.

        Returns:
            What was done. After this nothing is staged any more.
        """

    @abc.abstractmethod
    def commit_keys(self, row: LoadLogRow) -> CommitResult:
        """Mark the live rows deleted whose key is not staged, and write the load log's row.

        Args:
            row: The load log row; write `row.finished(result)`. Its `sequence_to` is the greatest
                number given out so far: the rows marked are numbered from the next one on.

        Returns:
            What was done; `rows_committed` is 0. After this nothing is staged any more.
        """

    @abc.abstractmethod
    def abandon(self) -> None:
        """Drop what is staged; called once, when the stream failed."""
