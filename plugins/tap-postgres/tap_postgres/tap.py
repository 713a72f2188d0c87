"""The tap: settings in, streams out."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
from columnar_singer import batch_files
from columnar_singer.connection_errors import PassingError
from columnar_singer.errors import UserError, one_line
from columnar_singer.stopping import stop
from columnar_singer.unread_files import UnreadFiles
from singer_sdk import Tap
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities

from tap_postgres import masks, personal_data, queries, session
from tap_postgres.backfill import unknown_stream
from tap_postgres.discovery import discover
from tap_postgres.settings import CONFIG_JSONSCHEMA, Settings
from tap_postgres.snapshot import Snapshot, take
from tap_postgres.stream import PostgresStream
from tap_postgres.workers import Workers

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType


class TapPostgres(Tap):
    """Singer tap for PostgreSQL.

    Reads all streams in one snapshot, as files of columns if `batch_config` is set. Loses no row
    to a transaction that commits late, and sends none twice that has not changed.
    """

    name = "tap-postgres"
    package_name = "tap-postgres"
    dynamic_catalog = True
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG_JSONSCHEMA
    # Neither stream maps nor flattening: they would need each row as a dictionary.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.ABOUT,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    @cached_property
    def settings(self) -> Settings:
        """The settings, checked."""
        return Settings.from_config(self.config)

    def discover_streams(self) -> list[PostgresStream]:
        """Read which tables there are; anew in each run, whatever catalog it was given.

        Returns:
            A stream a table.

        Raises:
            UserError: Two tables would be one stream, or a mask fits none.
        """
        with session.connect(self.settings.connection) as connection:
            found = discover(connection, self.settings.schemas)
        marked, warnings = personal_data.mark(found, self.settings.personal_data)
        for warning in warnings:
            self.logger.warning("%s", warning)
        tables, faults = masks.apply(marked, self.settings.mask_rules)
        names = Counter(table.stream_name for table in tables)
        if doubled := [name for name, number in names.items() if number > 1]:
            message = (
                f"two tables would both be the stream {', '.join(doubled)}, which is made of the "
                "schema's name, a hyphen and the table's; leave one of their schemas out with the "
                "setting 'filter_schemas'"
            )
            raise UserError(message)
        return [PostgresStream(self, table, faults.get(table.stream_name)) for table in tables]

    # What belongs to one run

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot that all streams are read in; a new one if its connection was lost."""
        if self._snapshot is not None and self._snapshot.connection.closed:
            self.logger.warning(
                "Snapshot %s was lost with its connection; what is left is read in a new one",
                self._snapshot.id,
            )
            self._close_connections()
        if self._snapshot is None:
            connection = session.connect(self.settings.connection)
            self.greatest_keys = self._read_greatest_keys(connection)
            self._snapshot = take(connection)
            self.logger.info(
                "Reading %s in snapshot %s", self.settings.connection, self._snapshot.id
            )
            self._warn_of_unseen(self._snapshot)
        return self._snapshot

    _snapshot: Snapshot | None = None

    greatest_keys: dict[str, str]
    """The greatest replication key of each incremental stream; `snapshot` reads them first."""

    @cached_property
    def batch_directory(self) -> Path:
        """Where this run's batch files go."""
        if self.settings.batch is None:
            message = "batch_directory is for runs with batch_config"
            raise RuntimeError(message)
        return batch_files.new_run_directory(self.settings.batch.root)

    @cached_property
    def unread_files(self) -> UnreadFiles:
        """The batch files that the target has not read yet."""
        return UnreadFiles()

    @cached_property
    def workers(self) -> Workers:
        """What reads large tables, in the snapshot."""
        return Workers(
            lambda: session.connect(self.settings.connection),
            self.snapshot,
            self.settings.max_workers,
        )

    @property
    def selected_streams(self) -> list[PostgresStream]:
        """The streams to read, by name."""
        backfill, reconcile = self.settings.backfill, self.settings.reconcile
        return [
            stream
            for stream in self._selected_in_catalog
            if (backfill is None or stream.name == backfill.stream)
            and (not reconcile or stream.is_reconciled)
        ]

    @property
    def _selected_in_catalog(self) -> list[PostgresStream]:
        return [
            stream
            for stream in self.streams.values()
            if isinstance(stream, PostgresStream) and stream.selected
        ]

    def sync_all(self) -> None:  # type: ignore[misc]
        """Read all selected streams, each for itself.

        The SDK's own stops at the first that fails, and so keeps the others from being read.

        Raises:
            UserError: A stream has failed; the others are done. Or the server is gone.
        """
        if self.state:
            self.state_writer.write_state(self.state)
        is_ordinary = self.settings.backfill is None and not self.settings.reconcile
        failed = self._report_missing_streams() if is_ordinary else []
        if not self.selected_streams and not failed:
            raise self._nothing_to_read()
        try:
            # Outside of any stream: if the server is not there, none of them is at fault.
            _ = self.snapshot
            for stream in self.selected_streams:
                try:
                    stream.sync()
                except (BrokenPipeError, PassingError):
                    # Neither the target nor the server is there any more, for no stream.
                    raise
                except Exception as error:
                    self._report(stream.name, error)
                    failed.append(stream.name)
        except BrokenPipeError:
            self._delete_batch_files()
            raise
        finally:
            self._clean_up()
        if failed:
            message = (
                f"{len(failed)} of {len(self.selected_streams)} selected streams failed: "
                f"{', '.join(failed)}; the others are done, and these start from where they were"
            )
            raise UserError(message)

    def _nothing_to_read(self) -> UserError:
        selected = [stream.name for stream in self._selected_in_catalog]
        if selected and self.settings.backfill is not None:
            return unknown_stream(self.settings.backfill.stream, selected)
        if selected:
            return UserError(
                f"none of the {len(selected)} selected streams has keys to reconcile: each of them "
                "has no key, or is FULL_TABLE and so compared as a whole in each run; there is no "
                "need for 'reconcile' here"
            )
        return UserError(
            f"no stream is selected; {len(self.streams)} tables are there in "
            f"{self.settings.connection}: correct the selection, or the setting "
            "'filter_schemas' if it leaves the tables out"
        )

    def _read_greatest_keys(self, connection: psycopg.Connection[Any]) -> dict[str, str]:
        keys: dict[str, str] = {}
        for stream in self.selected_streams:
            # What is wrong with a stream is told when it is its turn.
            with contextlib.suppress(UserError, psycopg.DatabaseError):
                if column := stream.key_column:
                    query = queries.greatest(stream.table, column)
                    if row := connection.execute(query).fetchone():
                        keys[stream.name] = row[0]
        return keys

    def _report_missing_streams(self) -> list[str]:
        """Report streams that are selected, or were read before, and are not there; name them."""
        missing = [
            entry
            for entry in (self.input_catalog or {}).values()
            if entry.tap_stream_id not in self.streams and entry.metadata.resolve_selection()[()]
        ]
        for entry in missing:
            message = (
                f"there is no such table in {self.settings.connection}; correct the selection, or "
                "the setting 'filter_schemas' if it leaves the table's schema out"
            )
            self._report(entry.tap_stream_id, UserError(message))
        names = [entry.tap_stream_id for entry in missing]
        # A catalog that was discovered a moment ago does not name a table that has gone.
        for name in self.state.get("bookmarks", {}):
            if name not in self.streams and name not in names:
                message = (
                    f"it was read before, and there is no such table in {self.settings.connection} "
                    "any more; if it was dropped or renamed on purpose, remove its bookmark from "
                    "the state"
                )
                self._report(name, UserError(message))
                names.append(name)
        return names

    def _report(self, stream_name: str, error: Exception) -> None:
        self.logger.error(
            "Stream %s failed: %s",
            stream_name,
            one_line(error),
            exc_info=error if self.logger.isEnabledFor(logging.DEBUG) else None,
        )

    def _warn_of_unseen(self, snapshot: Snapshot) -> None:
        seconds = int(self.settings.lookback.total_seconds())
        if snapshot.transactions.blind_spot is not None:
            self.logger.warning(
                "Open transactions may be unseen: %s. Rows of one that is open for longer than "
                "lookback_seconds (%d) may be missed.",
                snapshot.transactions.blind_spot,
                seconds,
            )
        if snapshot.transactions.oldest_prepared is not None:
            self.logger.warning(
                "A transaction is prepared since %s, and does not show when it began: bookmarks "
                "stay where they are until it is gone. On a first run they start at "
                "lookback_seconds (%d) before that.",
                snapshot.transactions.oldest_prepared.isoformat(sep=" ", timespec="seconds"),
                seconds,
            )

    def _close_connections(self) -> None:
        if workers := self.__dict__.pop("workers", None):
            workers.close()
        if self._snapshot is not None:
            self._snapshot.connection.close()
        self._snapshot = None

    def _delete_batch_files(self) -> None:
        """Delete what nobody will read any more."""
        if "batch_directory" in self.__dict__:
            shutil.rmtree(self.batch_directory, ignore_errors=True)

    def _clean_up(self) -> None:
        self._close_connections()
        if "batch_directory" in self.__dict__:
            batch_files.close_run_directory(self.batch_directory)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End at once.

        The SDK's own writes the state from within the signal handler, maybe into the middle of
        another message, and reports success.
        """
        stop(signum)
