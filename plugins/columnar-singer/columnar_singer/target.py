"""A Singer target that stages columns and commits streams: what both destinations share.

Order of things: BATCH files are staged at once and committed at the next STATE about the stream.
RECORDs are buffered, staged when the buffer is full, and committed at the end of input or at a
STATE once enough is staged. A STATE is written after the commit that holds its rows, never before.
"""

from __future__ import annotations

import abc
import atexit
import contextlib
import signal
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from msgspec import structs
from singer_sdk import typing as th
from singer_sdk.exceptions import MissingKeyPropertiesError
from singer_sdk.helpers._batch import BaseBatchFileEncoding
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from singer_sdk.singerlib.json import deserialize_json, serialize_json
from singer_sdk.target_base import Target

from columnar_singer import drift
from columnar_singer.batch_files import delete_batch_file
from columnar_singer.destination import CommitResult, DestinationLostError
from columnar_singer.errors import UserError, one_line
from columnar_singer.facts import StreamFacts
from columnar_singer.messages import MessageReader, RecordLine, as_json
from columnar_singer.sink import DEFAULT_BATCH_SIZE_ROWS, ColumnarSink
from columnar_singer.state import StateLedger
from columnar_singer.stopping import stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

    from singer_sdk.mapper import StreamMap

    from columnar_singer.load_log import LoadLogRow

__all__ = [
    "TARGET_SETTINGS",
    "ColumnarSink",
    "ColumnarTarget",
    "CommitResult",
    "DestinationLostError",
]

MAX_HELD_BYTES = 32 * 1024 * 1024
"""RECORDs of all streams are staged once they come to so many bytes of JSON."""

MAX_UNCOMMITTED_ROWS = 1_000_000
MAX_UNCOMMITTED_SECONDS = 300
"""Rows that came as RECORDs are committed at the first STATE past one of these bounds."""

TARGET_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1),
        default=DEFAULT_BATCH_SIZE_ROWS,
        description="Rows held in memory for each stream before they are staged.",
    ),
    th.Property(
        "run_id",
        th.StringType,
        description="Name of the run in the load log. Default: a new random one.",
    ),
    th.Property(
        "allow_empty_full_refresh",
        th.BooleanType,
        default=False,
        description=(
            "Mark all rows of a table deleted when the tap sends the whole stream anew and it is "
            "empty. Off, such a stream fails."
        ),
    ),
    th.Property(
        "schema_drift",
        th.StringType(allowed_values=list(drift.MODES)),
        default=drift.ALLOW,
        description=(
            "What may change in a table that is there. `allow`: columns are added and widened, and "
            "one whose type changes otherwise gets a new column `<name>__v2`. `add_columns`: "
            "columns are added; for anything else the stream fails. `block`: nothing."
        ),
    ),
)
"""Settings of every columnar target, to be put into its `PropertiesList`."""


class ColumnarTarget(Target):
    """Reads Singer messages and decides what is committed when.

    A destination sets `default_sink_class` (a `ColumnarSink`) and implements `write_quiet` and,
    if it holds something open, `close`.
    """

    message_reader_class = MessageReader
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.STRUCTURED_LOGGING,
        PluginCapabilities.BATCH,
        PluginCapabilities.ACTIVATE_VERSION,
    ]

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        """Start with settings, as the SDK's `Target`."""
        super().__init__(**kwargs)
        self._config["run_id"] = self._config.get("run_id") or uuid.uuid4().hex
        self._ledger = StateLedger()
        self._unmapped: dict[str, ColumnarSink] = {}
        self._held_bytes = 0
        self._last_commit_at = time.monotonic()
        self._is_finishing = False
        self._stop_signal: int | None = None

    # What a destination implements

    @abc.abstractmethod
    def write_quiet(self, rows: list[LoadLogRow]) -> None:
        """Write the load log rows of the streams that had no rows, all at once."""

    def close(self) -> None:
        """Let go of the destination; called at the end of a run, more than once if it fails."""

    # Messages

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the settings of the SDK's plugins, not those of its targets.

        What those choose is fixed here: metadata is added, rows are merged, values are checked
        by their types.
        """
        super(Target, cls).append_builtin_config(config_jsonschema)

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"stream", "schema"})
        self._assert_line_requires(message_dict["schema"], requires={"properties"})
        stream = message_dict["stream"]
        keys = message_dict.get("key_properties")
        self.mapper.register_raw_stream_schema(stream, message_dict["schema"], keys)
        for stream_map in self._stream_maps(stream):
            schema = stream_map.transformed_schema
            keys = stream_map.transformed_key_properties
            sink = self._sinks.get(stream_map.stream_alias)
            if sink is None:
                sink = cast("ColumnarSink", self.add_sink(stream_map.stream_alias, schema, keys))
                sink.bookmark_name = stream
                sink.is_incremental = bool(message_dict.get("bookmark_properties"))
                self._isolate(sink, self._open, sink)
            elif sink.original_schema != schema or list(sink.key_properties) != list(keys or []):
                self._isolate(sink, sink.change_schema, schema, keys)
        self._unmapped.pop(stream, None)
        match self._stream_maps(stream):
            case [SameRecordTransform() as only] if not only.flattening_enabled:
                self._unmapped[stream] = self._sinks[only.stream_alias]

    def _process_record_message(self, message_dict: RecordLine) -> None:  # type: ignore[override]
        # The SDK's own version copies, validates and stamps each record.
        line = message_dict
        sink = self._unmapped.get(line.stream)
        is_due = self._map_record(line) if sink is None else sink.take(line)
        self._held_bytes += len(line.record)
        if is_due or self._held_bytes >= MAX_HELD_BYTES:
            self._flush()

    def _map_record(self, line: RecordLine) -> bool:
        is_due = False
        for stream_map in self._stream_maps(line.stream):
            record = stream_map.transform(deserialize_json(bytes(line.record)))
            if record is not None:
                sink = self._sinks[stream_map.stream_alias]
                is_due |= sink.take(structs.replace(line, record=as_json(record)))
        return is_due

    def _flush(self) -> None:
        """Stage the RECORDs that are held."""
        self._held_bytes = 0
        for sink in self._sinks.values():
            self._isolate(sink, sink.flush)

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"stream", "encoding", "manifest"})
        encoding = BaseBatchFileEncoding.from_dict(message_dict["encoding"])
        for stream_map in self._stream_maps(message_dict["stream"]):
            sink = self._sinks[stream_map.stream_alias]
            if not isinstance(stream_map, SameRecordTransform):
                self._isolate(sink, _refuse_stream_map)
            self._isolate(sink, sink.process_batch_files, encoding, message_dict["manifest"])
        # Of a stream that failed, or that a stream map removes, too: the tap waits for that.
        for url in message_dict["manifest"]:
            delete_batch_file(url)

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"stream", "version"})
        for stream_map in self._stream_maps(message_dict["stream"]):
            self._sinks[stream_map.stream_alias].activate_version(message_dict["version"])

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"value"})
        for sink in self._sinks.values():
            sink.is_stated = True
        self._ledger.receive(message_dict["value"], self._withheld())
        may_commit_records = self._is_bound_passed
        due = [
            sink
            for sink in self._sinks.values()
            if (
                (sink.has_batch_rows or sink.awaits_keys)
                and self._ledger.has_news(sink.bookmark_name)
            )
            or (sink.pending_rows and not sink.has_batch_rows and may_commit_records)
        ]
        if due:
            with self._finishing():
                self._commit(due)
                self._release_state()

    def process_endofpipe(self) -> None:
        """Commit what is complete, write the last STATE and tell what failed.

        Raises:
            UserError: A stream failed; all the others are committed.
        """
        try:
            for sink in self._sinks.values():
                if sink.has_batch_rows or sink.awaits_keys:
                    self._isolate(sink, _refuse_unfinished)
            with self._finishing():
                self._commit([sink for sink in self._sinks.values() if sink.has_work])
                # First: the rows are committed, whatever becomes of the load log of quiet streams.
                self._release_state()
                self._log_quiet_streams()
        finally:
            self._let_go()
        self._raise_failures()

    # Details

    @property
    def _sinks(self) -> dict[str, ColumnarSink]:
        return cast("dict[str, ColumnarSink]", self._sinks_active)

    @property
    def _is_bound_passed(self) -> bool:
        pending = sum(sink.pending_rows for sink in self._sinks.values())
        age_seconds = time.monotonic() - self._last_commit_at
        return pending >= MAX_UNCOMMITTED_ROWS or age_seconds >= MAX_UNCOMMITTED_SECONDS

    def _stream_maps(self, stream: str) -> list[StreamMap]:
        """Give the maps of a stream that let rows through.

        Raises:
            RecordsWithoutSchemaException: The stream had no SCHEMA.
        """
        if stream not in self.mapper.stream_maps:
            self._assert_sink_exists(stream)
        return [
            stream_map
            for stream_map in self.mapper.stream_maps[stream]
            if not isinstance(stream_map, RemoveRecordTransform)
        ]

    def _open(self, sink: ColumnarSink) -> None:
        for other in self._sinks.values():
            if other is not sink and other.table_name == sink.table_name:
                message = (
                    f"streams '{other.stream_name}' and '{sink.stream_name}' both belong into "
                    f"table '{sink.table_name}'; rename one with a stream map"
                )
                raise UserError(message)
        sink.open()

    def _isolate(self, sink: ColumnarSink, action: Callable[..., None], *args: Any) -> None:  # noqa: ANN401
        """Do something for a stream; if it fails, the stream fails and the others go on."""
        if sink.failure:
            return
        try:
            action(*args)
        except (DestinationLostError, MissingKeyPropertiesError):
            # No stream can go on; or the tap does not speak Singer.
            self._let_go()
            raise
        except Exception as error:
            self.logger.debug("Stream '%s' failed", sink.stream_name, exc_info=error)
            sink.fail(error)

    def _commit(self, sinks: Iterable[ColumnarSink]) -> None:
        for sink in sinks:
            if self._stop_signal is None:
                self._isolate(sink, self._load, sink)
        self._last_commit_at = time.monotonic()

    def _load(self, sink: ColumnarSink) -> None:
        result = sink.load(self._facts(sink))
        self.logger.info(
            "%s: %s rows committed, %s marked deleted",
            sink.stream_name,
            f"{result.rows_committed:,}",
            f"{result.rows_deleted:,}",
        )

    def _log_quiet_streams(self) -> None:
        quiet = [sink for sink in self._sinks.values() if sink.is_quiet]
        if not quiet or self._stop_signal is not None:
            return
        try:
            self.write_quiet([sink.log_row(self._facts(sink)) for sink in quiet])
        except UserError as error:
            # Told with what else failed.
            for sink in quiet:
                sink.failure = error

    def _release_state(self) -> None:
        state = self._ledger.release(self._withheld())
        if state is not None:
            sys.stdout.write(f"{serialize_json(state)}\n")
            sys.stdout.flush()

    def _withheld(self) -> set[str]:
        return {sink.bookmark_name for sink in self._sinks.values() if not sink.is_covered}

    def _facts(self, sink: ColumnarSink) -> StreamFacts:
        state = self._ledger.received if sink.is_stated else None
        return StreamFacts.from_state(state, sink.bookmark_name)

    def _raise_failures(self) -> None:
        failures = {
            name: sink.failure for name, sink in self._sinks.items() if sink.failure is not None
        }
        if failures:
            reasons = "; ".join(
                f"stream '{name}': {one_line(failure)}" for name, failure in failures.items()
            )
            message = f"{len(failures)} of {len(self._sinks)} streams failed: {reasons}"
            raise UserError(message) from next(iter(failures.values()))

    # The end of a run that is stopped

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop at a signal: a commit under way is finished, all else is abandoned.

        A STATE then covers what is committed, and the next run reads the rest again.
        """
        self._stop_signal = signum
        if not self._is_finishing:
            self._stop(signum)

    @contextlib.contextmanager
    def _finishing(self) -> Iterator[None]:
        """Hold a signal back from a commit until its STATE is written."""
        self._is_finishing = True
        try:
            yield
        finally:
            self._is_finishing = False
        if self._stop_signal is not None:
            self._stop(self._stop_signal)

    def _stop(self, signum: int) -> NoReturn:
        # Not now: the signal may have come in the middle of a statement or an upload.
        atexit.register(self._let_go)
        self.logger.warning(
            "Stopped by %s; what is not committed is read again by the next run",
            signal.Signals(signum).name,
        )
        stop(signum)

    def _let_go(self) -> None:
        for sink in self._sinks.values():
            sink.delete_batch_files()
        self.close()


def _refuse_stream_map() -> None:
    message = (
        "a stream map cannot change the rows of BATCH messages; remove the stream from "
        "'stream_maps', or 'batch_config' from the tap"
    )
    raise UserError(message)


def _refuse_unfinished() -> None:
    message = (
        "the input ended before a STATE that covers its last BATCH; these rows are not committed, "
        "see why the tap stopped and run it again"
    )
    raise UserError(message)
