"""One stream on its way into a destination: what both targets share."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MissingKeyPropertiesError
from singer_sdk.sinks import Sink

from columnar_singer import batch_files, load_log, metadata, quarantine
from columnar_singer.batch_tables import read_table
from columnar_singer.completeness import (
    check_begins_at_the_beginning,
    check_keys,
    check_rows,
    empty_refresh,
)
from columnar_singer.destination import CommitResult, StreamDestination
from columnar_singer.errors import UserError
from columnar_singer.load_log import LoadLogRow
from columnar_singer.messages import RecordLine, as_json
from columnar_singer.names import table_name
from columnar_singer.types import X_KEYS_ONLY, arrow_schema, from_property

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from singer_sdk.helpers._batch import BaseBatchFileEncoding
    from singer_sdk.target_base import Target

    from columnar_singer.facts import StreamFacts
    from columnar_singer.odd_values import OddValue

DEFAULT_BATCH_SIZE_ROWS = 50_000
_OWN_TABLES = {load_log.TABLE_NAME: "the load log", quarantine.TABLE_NAME: "the quarantine"}


class ColumnarSink(Sink, StreamDestination):
    """Collects a stream's rows as Arrow tables, stages them and commits them.

    Attributes:
        schema_changes: What `open_table` reported since the last commit.
        bookmark_name: Name of the stream in a STATE; another than `stream_name` only if a stream
            map renamed it.
        failure: What made the stream fail, None as long as it has not.
        is_stated: A STATE followed the last message about the stream, so that its bookmark there
            is about what was received. The target sets it.
    """

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Start with the SCHEMA message's content; nothing is read or written yet."""
        # Before the SDK's constructor, which takes the metadata columns out of the schema.
        self._takes_deleted_at = metadata.DELETED_AT in schema["properties"]
        super().__init__(target, stream_name, schema, key_properties)
        self.table_name = table_name(stream_name)
        self.bookmark_name = stream_name
        self.is_incremental = False
        self.keys_only = bool(schema.get(X_KEYS_ONLY))
        self.schema_drift: str = self.config["schema_drift"]
        self.schema_changes: list[str] = []
        self.failure: Exception | None = None
        self.is_stated = False
        self.first_sequence = self.read = None
        self._set_properties(schema)

        self._stage_rows: int = self.batch_size_rows or DEFAULT_BATCH_SIZE_ROWS
        self._run_id: str = self.config["run_id"]
        self._allow_empty_refresh: bool = self.config["allow_empty_full_refresh"]
        self._started_at = datetime.now(tz=UTC)
        self._next_sequence: int | None = None
        self._batch_files: list[str] = []
        self._has_batch_rows = self._version_is_active = False
        self._staged_rows = self._rows_committed = 0
        self._lines: list[RecordLine] = []
        self._lines_since = self._started_at
        self._commits = 0

    # What the target calls

    @property
    def include_sdc_metadata_properties(self) -> bool:
        """Keep the SDK from adding metadata to each record: it is added to whole tables here."""
        return False

    def get_validator(self) -> None:
        """Validate no record against the JSON Schema: the conversion to Arrow types is exact."""
        return

    def open(self) -> None:
        """Compare the destination's table with the SCHEMA."""
        if content := _OWN_TABLES.get(self.table_name):
            message = (
                f"its table would be '{self.table_name}', which holds {content}; "
                "rename the stream with a stream map"
            )
            raise UserError(message)
        self.is_stated = False
        # A destination that changes the table only in `commit` reports a change again.
        known = self.schema_changes
        self.schema_changes = [*known, *(each for each in self.open_table() if each not in known)]

    def change_schema(self, schema: dict[str, Any], key_properties: Sequence[str] | None) -> None:
        """Take a new SCHEMA of the stream; staged rows stay staged.

        Raises:
            UserError: The key is another.
        """
        if list(key_properties or []) != list(self.key_properties):
            message = (
                f"its key changed within the run from {list(self.key_properties)} to "
                f"{list(key_properties or [])}; a stream must keep one key: correct the tap"
            )
            raise UserError(message)
        self.flush()
        self._takes_deleted_at = metadata.DELETED_AT in schema["properties"]
        self.original_schema = copy.deepcopy(schema)
        self._set_properties(schema)
        self.open()

    def take(self, line: RecordLine) -> bool:
        """Take a RECORD.

        Args:
            line: The message.

        Returns:
            Whether it is time to `flush`.
        """
        if self.failure:
            return False
        if not self._lines:
            self._lines_since = datetime.now(tz=UTC)
        self._lines.append(line)
        # It may follow an ACTIVATE_VERSION or a STATE.
        self._version_is_active = False
        self.is_stated = False
        return len(self._lines) >= self._stage_rows

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take a row, as the SDK asks of a sink; the target here gives it whole messages."""
        self.take(RecordLine("RECORD", self.stream_name, as_json(record)))

    def process_batch_files(self, encoding: BaseBatchFileEncoding, files: Sequence[str]) -> None:
        """Stage the rows of a BATCH message's files, and delete each when its rows are staged.

        The tap waits for that before it writes more. What is staged and not committed is lost with
        the run, and so it is with the files or without.
        """
        self.flush()
        self._batch_files += files
        batch_files.check_encoding({"format": encoding.format, "compression": encoding.compression})
        schema, received_at = arrow_schema(self.properties), datetime.now(tz=UTC)
        for url in files:
            if table := read_table(url, schema):
                self._has_batch_rows = True
                self._version_is_active = False
                self.is_stated = False
                self._stamp_and_stage(
                    table.rows,
                    table.odd_values,
                    extracted_at=table.extracted_at,
                    received_at=received_at,
                    table_version=None,
                )
            batch_files.delete_batch_file(url)
            self._batch_files.remove(url)

    def activate_version(self, new_version: int) -> None:
        """Note that the rows received so far are all there are in the source.

        Some taps send the message before the rows, too. It counts only as the last word on the
        stream: after a row that follows it, the extract is not known to be complete.
        """
        self.logger.debug("Version %d is active", new_version)
        self._version_is_active = True
        self.is_stated = False

    def flush(self) -> None:
        """Stage the records that are buffered.

        Raises:
            MissingKeyPropertiesError: One has no value for a key property.
            UserError: One is no row, or does not fit the key.
        """
        if not self._lines:
            return
        # Only who sends records has to wait until it is imported.
        from columnar_singer import records

        lines, self._lines = self._lines, []
        columns = dict(self.columns)
        if self._takes_deleted_at:
            columns[metadata.DELETED_AT] = metadata.COLUMNS[metadata.DELETED_AT]
        try:
            table, odd = records.to_arrow(
                [line.record for line in lines], columns, self.properties, self.key_properties
            )
        except MissingKeyPropertiesError as error:
            message = f"stream '{self.stream_name}': {error}"
            raise MissingKeyPropertiesError(message) from error
        extracted_at, versions = records.extracted_at(lines), records.versions(lines)
        # As JSON they take several times the memory, which staging needs.
        lines.clear()
        self._stamp_and_stage(
            table,
            odd,
            extracted_at=extracted_at,
            received_at=self._lines_since,
            table_version=versions,
        )

    @property
    def pending_rows(self) -> int:
        """Rows received and not committed."""
        return self._staged_rows + len(self._lines)

    @property
    def rows_since_schema(self) -> int:
        """Rows received in this run."""
        return self._rows_committed + self.pending_rows

    @property
    def has_batch_rows(self) -> bool:
        """Whether rows of BATCH messages are not committed."""
        return self._has_batch_rows

    @property
    def is_covered(self) -> bool:
        """Whether nothing about the stream is left to commit, so that its bookmark may go out."""
        return not (
            self.pending_rows or self._version_is_active or self.awaits_keys or self.failure
        )

    @property
    def awaits_keys(self) -> bool:
        """Whether the keys that are there, perhaps none, are still to be acted on."""
        return self.keys_only and not (self._commits or self.failure)

    @property
    def has_work(self) -> bool:
        """Whether there is something to commit, be it a change of the table only."""
        return bool(self.pending_rows or self.schema_changes or self._is_full_refresh)

    @property
    def is_quiet(self) -> bool:
        """Whether the run has nothing to commit for the stream."""
        return not (self._commits or self.has_work or self.failure)

    def load(self, facts: StreamFacts) -> CommitResult:
        """Commit everything received so far.

        Args:
            facts: What the tap states about the stream in the latest STATE.

        Returns:
            What the destination did.

        Raises:
            UserError: The tap read another number of rows than arrived, or none where the table
                has some; or it goes on from a position while the table is gone.
        """
        self.flush()
        self._check(facts)
        self.read = facts.read
        next_sequence = self._sequence()
        row = self.log_row(
            facts,
            rows_read=self._staged_rows,
            sequence_from=next_sequence - self._staged_rows,
            sequence_to=next_sequence - 1,
        )
        if self.keys_only:
            result = self.commit_keys(row)
        else:
            result = self.commit(row, full_refresh=self._is_full_refresh)
        self._next_sequence = next_sequence + result.rows_deleted
        self._commits += 1
        self._rows_committed += self._staged_rows
        self._staged_rows = 0
        self._has_batch_rows = False
        self._version_is_active = False
        self.schema_changes = []
        return result

    def log_row(
        self,
        facts: StreamFacts,
        *,
        rows_read: int = 0,
        sequence_from: int | None = None,
        sequence_to: int | None = None,
    ) -> LoadLogRow:
        """Describe the stream for the load log, before a commit or for a run without rows."""
        return LoadLogRow(
            run_id=self._run_id,
            stream=self.stream_name,
            table_name=self.table_name,
            started_at=self._started_at,
            rows_read=rows_read,
            position_from=facts.position_from,
            position_to=facts.position_to,
            source_time=facts.source_time,
            sequence_from=sequence_from,
            sequence_to=sequence_to,
            schema_changes=json.dumps(self.schema_changes),
        )

    def fail(self, error: Exception) -> None:
        """End the stream for this run: nothing that is not committed will be."""
        self.failure = error
        self._staged_rows = 0
        self._has_batch_rows = False
        self._lines = []
        self.delete_batch_files()
        self.abandon()

    def delete_batch_files(self) -> None:
        """Delete the files of BATCH messages received so far."""
        for url in self._batch_files:
            batch_files.delete_batch_file(url)
        self._batch_files = []

    def process_batch(self, context: dict[str, Any]) -> None:
        """Do what the SDK asks of a sink that it drains; the target here commits by itself."""
        self.flush()

    # Details

    def _check(self, facts: StreamFacts) -> None:
        """Refuse a commit of what is not known to be all there is to commit."""
        if self.keys_only:
            check_keys(facts)
        if self._has_batch_rows or self.keys_only:
            check_rows(facts, self._staged_rows)
        if self._is_full_refresh:
            if not (self.rows_since_schema or self._allow_empty_refresh) and self.has_live_rows():
                raise empty_refresh(self.table_name)
        elif not (self.is_begun or self.keys_only):
            check_begins_at_the_beginning(facts, self.table_name)

    @property
    def _is_full_refresh(self) -> bool:
        # Of an empty stream the message alone proves nothing: a tap that sends it before the
        # rows may have died since.
        return self._version_is_active and bool(self.rows_since_schema or self.is_stated)

    def _set_properties(self, schema: dict[str, Any]) -> None:
        self.properties = {
            name: schema
            for name, schema in schema["properties"].items()
            if name not in metadata.COLUMNS
        }
        self.columns = {name: from_property(schema) for name, schema in self.properties.items()}

    def _sequence(self) -> int:
        if self._next_sequence is None:
            self._next_sequence = metadata.first_sequence(self.last_sequence())
        return self._next_sequence

    def _stamp_and_stage(
        self,
        table: pa.Table,
        odd: Sequence[OddValue],
        *,
        extracted_at: pa.Array | datetime | None,
        received_at: datetime,
        table_version: pa.Array | None,
    ) -> None:
        sequence = self._sequence()
        if self.first_sequence is None:
            self.first_sequence = sequence
        self.stage(
            metadata.add_metadata(
                table,
                extracted_at=extracted_at,
                received_at=received_at,
                batched_at=datetime.now(tz=UTC),
                sequence=sequence,
                table_version=table_version,
                sync_started_at=self.sync_started_at,
            ),
            odd,
        )
        self._next_sequence = sequence + table.num_rows
        self._staged_rows += table.num_rows
        self.logger.info("%s: %s rows staged", self.stream_name, f"{self.rows_since_schema:,}")
