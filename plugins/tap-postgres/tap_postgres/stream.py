"""A table as a Singer stream."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from columnar_singer.retry import retry
from columnar_singer.types import X_KEYS_ONLY
from psycopg import sql
from singer_sdk import Stream
from singer_sdk.singerlib import (
    Catalog,
    MetadataMapping,
    SchemaMessage,
)
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL

from tap_postgres import queries, session
from tap_postgres.chunks import Chunk
from tap_postgres.faults import SnapshotLostError, passes
from tap_postgres.position import (
    Candidate,
    Position,
    is_ahead,
    is_time,
    next_ordered_value,
    next_time_value,
)
from tap_postgres.sending import Selection, Sender

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_postgres.backfill import Backfill
    from tap_postgres.discovery import Column, Table
    from tap_postgres.snapshot import Snapshot
    from tap_postgres.tap import TapPostgres

_INTEGERS = ("smallint", "integer", "bigint")


class PostgresStream(Stream):
    """A table, view, materialised view, foreign table or partitioned table."""

    _tap: TapPostgres

    def __init__(self, tap: TapPostgres, table: Table, fault: str | None = None) -> None:
        """Make the stream of a table.

        Args:
            tap: The tap.
            table: As it was discovered in this run.
            fault: Why it must not be read, None if it may.
        """
        super().__init__(tap, schema=table.json_schema, name=table.stream_name)
        self.table = table
        self._rows_sent = 0
        self._fault = fault
        self.primary_keys = table.key
        for name in tap.settings.replication_keys:
            column = table.column(name)
            if column is not None and (column.can_order or column.mask):
                self.replication_key = name
                break

    # What the catalog says

    @property
    def metadata(self) -> MetadataMapping:
        """The catalog's metadata, with what the table says about itself."""
        mapping = super().metadata
        mapping.root.schema_name = self.table.schema
        mapping.root.valid_replication_keys = [
            column.name for column in self.table.columns if column.can_order
        ]
        return mapping

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take selection, keys and replication from a catalog, but not the schema.

        The catalog may be older than the table: columns come and go in between.

        Args:
            catalog: As it was given to the tap.
        """
        super().apply_catalog(catalog)
        self._input_schema = None
        self.primary_keys = self.primary_keys or self.table.key

    @property
    def key_column(self) -> Column | None:
        """The replication key, None if the stream is not incremental.

        Raises:
            UserError: The replication method or key is not possible.
        """
        if self.replication_method == REPLICATION_FULL_TABLE:
            return None
        if self.replication_method != REPLICATION_INCREMENTAL:
            message = (
                f"replication-method {self.replication_method!r} is not supported; set "
                f"{REPLICATION_INCREMENTAL} or {REPLICATION_FULL_TABLE} in the stream's metadata"
            )
            raise UserError(message)
        if not self.replication_key:
            message = (
                f"replication-method {REPLICATION_INCREMENTAL} needs a replication-key; set one of "
                f"{', '.join(self.metadata.root.valid_replication_keys or ())} in the stream's "
                f"metadata, or replication-method {REPLICATION_FULL_TABLE}"
            )
            raise UserError(message)
        column = self._existing_column(self.replication_key, "replication-key")
        if column.mask:
            message = (
                f"column {column.name!r} is the replication-key, whose values stand in the state, "
                "and the setting 'mask' masks it; take it out of the mask, or set another "
                "replication-key in the stream's metadata"
            )
            raise UserError(message)
        if not column.can_order:
            message = (
                f"column {column.name!r} of type {column.datatype} cannot be a replication-key; "
                f"set one of {', '.join(self.metadata.root.valid_replication_keys or ())} in the "
                "stream's metadata"
            )
            raise UserError(message)
        return column

    @property
    def is_reconciled(self) -> bool:
        """Whether a reconcile reads the stream's keys: it has some, and is not sent whole."""
        return bool(self.primary_keys) and self.replication_method != REPLICATION_FULL_TABLE

    @property
    def selected_columns(self) -> list[Column]:
        """The columns to read: those selected, and all keys; in a reconcile only the latter.

        Raises:
            UserError: A key column does not exist or is masked so that keys would be equal, or the
                stream must not be read.
        """
        if self._fault is not None:
            raise UserError(self._fault)
        for name in self.primary_keys:
            mask = self._existing_column(name, "key").mask
            if mask and not mask.keeps_values_apart:
                message = (
                    f"column {name!r} is part of the key, and the setting 'mask' gives it the kind "
                    f"{mask.kind}, which makes all keys equal; give it the kind sha256"
                )
                raise UserError(message)
        if self._tap.settings.reconcile:
            return [self._existing_column(name, "key") for name in self.primary_keys]
        always = {*self.primary_keys, self.replication_key}
        return [
            column
            for column in self.table.columns
            if column.name in always or self.mask[("properties", column.name)]
        ]

    def _existing_column(self, name: str, role: str) -> Column:
        column = self.table.column(name)
        if column is None:
            message = (
                f"the {role} column {name!r} does not exist in {self.table.schema}."
                f"{self.table.name}, whose columns are "
                f"{', '.join(column.name for column in self.table.columns)}; correct the "
                "stream's metadata"
            )
            raise UserError(message)
        return column

    # What the stream sends

    def sync(self, context: Any = None) -> None:  # type: ignore[misc]  # noqa: ANN401
        """Read the table and send its messages: SCHEMA, rows, STATE.

        The SDK's own goes through every row, and sends STATE before all rows are out.

        Args:
            context: Of a child stream; there are none here.

        Raises:
            UserError: The table cannot be read as the catalog asks.
        """
        key = self.key_column
        columns = self.selected_columns
        if self._tap.settings.backfill is not None:
            self._tap.settings.backfill.check(self._tap.snapshot.connection, key)
        self._write_schema_message()
        bookmark = retry(
            lambda: self._read(columns, key),
            what=f"read {self.table.schema}.{self.table.name}",
            passes=self._may_read_again,
        )
        # Only now: a signal may end the tap anywhere above, and the state must not have moved.
        if self.ABORT_AT_RECORD_COUNT is None:
            self.stream_state.clear()
            self.stream_state.update(bookmark)
        self._tap.state_writer.write_state(self.tap_state)

    def _read(self, columns: list[Column], key: Column | None) -> dict[str, Any]:
        """Send the rows; give the bookmark."""
        # Another one if it was lost since.
        snapshot = self._tap.snapshot
        with session.released(snapshot.connection):
            if self._tap.settings.reconcile:
                bookmark = snapshot.facts(self._send(snapshot, columns, None))
            elif key is None:
                bookmark = self._sync_full_table(snapshot, columns)
            elif self._tap.settings.backfill is not None:
                bookmark = self._sync_again(snapshot, columns, key, self._tap.settings.backfill)
            else:
                bookmark = self._sync_incremental(snapshot, columns, key)
            if snapshot.is_rewritten():
                message = (
                    f"{self.table.schema}.{self.table.name} was truncated or rewritten while the "
                    "tap ran, so its rows of before cannot be read; the next run reads it"
                )
                raise UserError(message)
        return bookmark

    def _may_read_again(self, error: Exception) -> bool:
        """Tell whether to begin again, in a new snapshot if the old one was lost.

        What was sent stays sent. So it is for rows that are merged by their key: all rows that the
        new snapshot has are sent again, in their newest version last, and the bookmark is that of
        the new snapshot alone. A row that the old snapshot had and the new one has not was deleted,
        which this method of replication does not see in any case. Where the rows sent are all
        there are (FULL_TABLE, keys to reconcile), or have no key, only an attempt that has sent
        nothing may be followed by another.
        """
        if not (isinstance(error, SnapshotLostError) or passes(error)):
            return False
        is_merged = (
            bool(self.primary_keys)
            and self.replication_method == REPLICATION_INCREMENTAL
            and not self._tap.settings.reconcile
        )
        return is_merged or not self._rows_sent

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:  # noqa: ANN401
        """Read all rows, one dictionary each; the SDK's interface, which `sync` does without.

        Args:
            context: Of a child stream; there are none here.

        Yields:
            The rows.
        """
        from tap_postgres.json_rows import to_rows

        selection = Selection(self.table, self.selected_columns)
        with closing(selection.batches(self._tap.snapshot.connection, Chunk())) as batches:
            for batch in batches:
                yield from to_rows(batch, self.schema["properties"])

    def _write_schema_message(self) -> None:
        properties = self.schema["properties"]
        schema = {
            **self.schema,
            "properties": {
                column.name: properties[column.name] for column in self.selected_columns
            },
            "required": list(self.primary_keys),
        }
        bookmark_properties = [self.replication_key] if self.replication_key else None
        if self._tap.settings.reconcile:
            schema[X_KEYS_ONLY] = True
            bookmark_properties = None
        self._tap.write_message(
            SchemaMessage(self.name, schema, list(self.primary_keys), bookmark_properties)
        )

    def _sync_incremental(
        self, snapshot: Snapshot, columns: list[Column], key: Column
    ) -> dict[str, Any]:
        position = Position.from_bookmark(self.stream_state, key.name)
        if is_ahead(position.value, snapshot.transactions, key.datatype):
            self.logger.warning(
                "%s is read from %s on, and the source's clock shows %s: if it was set back, rows "
                "written since bear times that were read before; read that range again (backfill)",
                self.name,
                position.value,
                snapshot.transactions.listed_at.isoformat(sep=" ", timespec="seconds"),
            )
        condition = self._unread(snapshot, position, key)
        rows_read = self._send(snapshot, columns, condition)
        new = self._next_position(snapshot, position, key)
        return {
            **new.to_bookmark(key.name),
            **snapshot.facts(rows_read, position.value, new.value),
        }

    def _sync_again(
        self, snapshot: Snapshot, columns: list[Column], key: Column, backfill: Backfill
    ) -> dict[str, Any]:
        rows_read = self._send(snapshot, columns, backfill.condition(key))
        return backfill.bookmark(self.stream_state, snapshot.facts(rows_read))

    def _unread(self, snapshot: Snapshot, position: Position, key: Column) -> sql.Composable | None:
        unknown = position.unknown_of(self.table.relations)
        if position.value is None or len(unknown) == len(self.table.relations):
            conditions = []
        elif unknown:
            from_key = queries.from_key(key, position.value)
            conditions = [sql.SQL("({} or {})").format(from_key, queries.in_relations(unknown))]
        else:
            conditions = [queries.from_key(key, position.value)]
        settled = position.settled
        if (
            settled is not None
            and self.table.has_xmin
            and settled.server == snapshot.server
            and settled.value == position.value
            and settled.xid <= snapshot.xmax
            and position.relations == self.table.relations
        ):
            conditions.append(queries.unless_settled(settled.xid, snapshot.xmax))
        return sql.SQL(" and ").join(conditions) if conditions else None

    def _next_position(self, snapshot: Snapshot, position: Position, key: Column) -> Position:
        greatest = self._tap.greatest_keys.get(self.name)
        lookback = self._tap.settings.lookback
        if is_time(key.datatype):
            value = next_time_value(
                position.value, greatest, snapshot.transactions, lookback, key.datatype
            )
            history: tuple[Candidate, ...] = ()
        else:
            value, history = next_ordered_value(
                position.value,
                position.history,
                int(greatest) if greatest and key.datatype in _INTEGERS else greatest,
                snapshot.transactions,
                lookback,
            )
        return Position(value, snapshot.settled(value), history, self.table.relations)

    def _sync_full_table(self, snapshot: Snapshot, columns: list[Column]) -> dict[str, Any]:
        previous = self.stream_state.get("fingerprint")
        fingerprint = self._fingerprint(snapshot, columns)
        rows_read = 0
        if fingerprint != previous or self._tap.settings.backfill is not None:
            self._stream_version = self._initialized_at
            rows_read = self._send(snapshot, columns, None)
            self._write_activate_version_message(self._stream_version)
        return {"fingerprint": fingerprint, **snapshot.facts(rows_read, previous, fingerprint)}

    def _fingerprint(self, snapshot: Snapshot, columns: list[Column]) -> str:
        row = snapshot.connection.execute(queries.fingerprint(self.table, columns)).fetchone()
        contents = [[str(value) for value in row or ()]]
        contents += [[column.name, column.datatype] for column in columns]
        return hashlib.sha256(json.dumps(contents).encode()).hexdigest()

    def _send(
        self, snapshot: Snapshot, columns: list[Column], condition: sql.Composable | None
    ) -> int:
        """Read rows and write them as messages; give the number of all that the run has sent."""
        selection = Selection(self.table, columns, condition, self.ABORT_AT_RECORD_COUNT)
        sender = Sender(self._tap, self.name, self.schema["properties"], self._stream_version)
        with (
            closing(sender.send(selection, snapshot)) as sent,
            self.get_record_counter() as counter,
        ):
            for rows in sent:
                counter.increment(rows)
                self._rows_sent += rows
        return self._rows_sent
