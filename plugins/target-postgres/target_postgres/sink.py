"""One stream on its way into a table of PostgreSQL."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import psycopg
from columnar_singer import metadata
from columnar_singer.description import TableDescription
from columnar_singer.destination import CommitResult
from columnar_singer.errors import UserError
from columnar_singer.sink import ColumnarSink
from psycopg import sql

from target_postgres import load_log, merge
from target_postgres.merge import Source
from target_postgres.rights import check_rights
from target_postgres.table import Column, Table, check_names, plan_table, read_table
from target_postgres.views import check_views

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from columnar_singer.load_log import LoadLogRow
    from columnar_singer.odd_values import OddValue
    from columnar_singer.types import ColumnType
    from psycopg import Connection
    from singer_sdk.target_base import Target

    from target_postgres.stage import Stage
    from target_postgres.table import Plan
    from target_postgres.target import TargetPostgres


class PostgresSink(ColumnarSink):
    """Stages rows and merges them into the stream's table."""

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Start with the SCHEMA message's content.

        Raises:
            UserError: The database cannot be reached.
        """
        super().__init__(target, stream_name, schema, key_properties)
        self._database = cast("TargetPostgres", target).database
        self._table = sql.Identifier(self._database.schema, self.table_name)
        self._stage: Stage | None = None
        self._table_is_there = False
        self._dropped_staged_rows = False
        # Of every SCHEMA of the run: rows of an earlier one may be staged.
        self._own_columns: dict[str, ColumnType] = {}
        self._comments: dict[str, str] = {}

    def open_table(self) -> list[str]:
        """Find what has to change in the table; `commit` does it."""
        check_names([self.table_name, *self.columns])
        for name, column in self.columns.items():
            self._own_columns[name] = column
        self._description = TableDescription.from_schema(self.stream_name, self.original_schema)
        self._comments |= self._description.columns
        with self._database.explained():
            self._database.hold_lease(self._table)
            connection = self._database.connection
            found = read_table(connection, self._table)
            self._table_is_there = found is not None
            if self.keys_only:
                self._check_keys(found)
                return []
            plan = self._plan(found)
            check_rights(
                connection,
                self._database.schema,
                self.table_name,
                changes_table=bool(plan.changes),
            )
            if plan.widened:
                check_views(connection, self._table, plan.widened)
            if not plan.changes:
                # Comments, which concern no row: a stream without rows has no commit for them.
                self._database.comment(self._table, plan.statements)
            if self._stage is not None:
                self._stage.change(self._staged_columns)
        for warning in plan.warnings:
            self.logger.warning("%s: %s", self.stream_name, warning)
        return plan.changes

    @property
    def is_begun(self) -> bool:
        """Whether the table is there: it is made in the transaction of its first commit."""
        return self._table_is_there

    def last_sequence(self) -> int | None:
        """Give the greatest sequence number in the load log."""
        with self._database.explained():
            connection = self._database.connection
            if not load_log.exists(connection, self._database.schema):
                return None
            return load_log.last_sequence(connection, self._database.schema, self.table_name)

    def has_live_rows(self) -> bool:
        """Tell whether the table has a row that is not marked deleted."""
        with self._database.explained():
            connection = self._database.connection
            if read_table(connection, self._table) is None:
                return False
            row = connection.execute(merge.any_live_row(self._table)).fetchone()
        return bool(row and row[0])

    def stage(self, table: pa.Table, odd_values: Sequence[OddValue]) -> None:
        """Copy rows into the staged table."""
        with self._database.explained():
            self._database.hold_lease(self._table)
            if self._stage is None:
                self._stage = self._new_stage()
            self._stage.copy(table, odd_values)

    def commit(self, row: LoadLogRow, *, full_refresh: bool) -> CommitResult:
        """Change the table, merge, mark deletions and write the load log in one transaction."""
        if full_refresh and self.key_properties and self._dropped_staged_rows:
            message = (
                "ACTIVATE_VERSION came after a part of the stream was committed, and its SCHEMA "
                "names a replication key ('bookmark_properties'); the tap must leave out one"
            )
            raise UserError(message)
        stage = self._stage
        is_direct = stage is not None and stage.is_direct
        # A full refresh may follow later in this run: it needs all keys that were staged. Those
        # of a table that is new are in the table.
        keeps_stage = bool(self.key_properties) and not (
            self.is_incremental or full_refresh or is_direct
        )
        result = self._run(row, lambda row: self._load(row, full_refresh=full_refresh))
        self._table_is_there = True
        if not is_direct:
            changed = result.rows_committed + result.rows_deleted
            self._database.analyze(self._table, changed)
        if stage is not None:
            stage.bytes = 0
            if not keeps_stage:
                self._let_go()
                self._dropped_staged_rows = not (full_refresh or is_direct)
        return result

    def commit_keys(self, row: LoadLogRow) -> CommitResult:
        """Mark the rows deleted whose key is not staged; without a table there is nothing to do."""

        def work(row: LoadLogRow) -> CommitResult:
            if not self._table_is_there:
                return CommitResult(0)
            if (stage := self._stage) is not None:
                stage.rejected.settle(stage.table, stage.datatypes, stage.declared)
            return CommitResult(0, self._delete_others(row), bytes=self._bytes)

        result = self._run(row, work)
        self._let_go()
        return result

    def abandon(self) -> None:
        """Drop what is staged."""
        # What cannot be dropped goes with its connection.
        with contextlib.suppress(UserError):
            self._let_go()

    # Details

    @property
    def _wanted(self) -> Table:
        own = {
            name: Column(column.postgres, self._comments.get(name))
            for name, column in self._own_columns.items()
        }
        metadata_columns = {
            name: Column(column.postgres, metadata.COLUMN_COMMENTS[name])
            for name, column in metadata.COLUMNS.items()
        }
        return Table(
            columns={**own, **metadata_columns},
            key=tuple(self.key_properties),
            comment=self._description.comment,
        )

    @property
    def _staged_columns(self) -> dict[str, ColumnType]:
        return {**self._own_columns, **metadata.COLUMNS}

    @property
    def _connection(self) -> Connection[Any]:
        """The connection that the stream's next commit is on."""
        return self._database.connection if self._stage is None else self._stage.connection

    @property
    def _bytes(self) -> int:
        return self._stage.bytes if self._stage is not None else 0

    def _plan(self, found: Table | None) -> Plan:
        return plan_table(self._table, self._wanted, found, mode=self.schema_drift)

    def _check_keys(self, found: Table | None) -> None:
        if found is None:
            return
        # Without a key every row would look deleted.
        if not self.key_properties or set(found.key) != set(self.key_properties):
            message = (
                f"table {self._table.as_string()} has the primary key ({', '.join(found.key)}), "
                f"the keys sent are ({', '.join(self.key_properties)}); rename the table to load "
                "the stream anew, or give the stream the table's key"
            )
            raise UserError(message)

    def _new_stage(self) -> Stage:
        # Only who has rows has to wait until it is imported.
        from target_postgres.stage import Stage

        columns = self._staged_columns
        if not self._table_is_there and not self.keys_only and Stage.can_be_direct(columns):
            connection = self._database.new_connection()
            if connection is not None:
                return Stage(connection, columns, new_table=self._table)
        return Stage(self._database.connection, columns, new_table=None)

    def _let_go(self) -> None:
        stage, self._stage = self._stage, None
        if stage is None or stage.connection.closed:
            return
        if stage.is_direct:
            stage.connection.close()
            return
        with self._database.explained():
            stage.drop()

    def _run(self, row: LoadLogRow, work: Callable[[LoadLogRow], CommitResult]) -> CommitResult:
        """Do something and write the load log's row, in one transaction."""
        if self._stage is not None:
            self._stage.check_connection()
        with self._database.explained():
            self._database.hold_lease(self._table)
        connection = self._connection

        def transaction() -> tuple[CommitResult, list[LoadLogRow]]:
            self._view_changes: list[str] = []
            result = work(row)
            changes = [*json.loads(row.schema_changes), *self._view_changes]
            finished = replace(row, schema_changes=json.dumps(changes)).finished(result)
            load_log.insert(connection, self._database.schema, [finished])
            return result, [finished]

        return self._database.commit(connection, transaction)

    def _load(self, row: LoadLogRow, *, full_refresh: bool) -> CommitResult:
        if self._stage is not None and self._stage.is_direct:
            return self._finish_new_table(self._stage, row)
        connection = self._connection
        plan = self._plan(read_table(connection, self._table))
        views = self._database.change(connection, self._table, plan)
        self._view_changes = [f"re-created view {view}" for view in views]
        rows = rejected = deleted = 0
        if self._stage is not None:
            rows, rejected = self._merge_stage(self._stage, plan, row)
        if full_refresh:
            deleted = self._delete_others(row)
        return CommitResult(rows, deleted, rejected, self._bytes)

    def _finish_new_table(self, stage: Stage, row: LoadLogRow) -> CommitResult:
        """Make a table that was filled what it is to be; its transaction is still open."""
        connection = stage.connection
        stage.rejected.settle(stage.table, stage.datatypes, stage.declared)
        stage.finish()
        rejected = stage.rejected.quarantine(
            self._database.schema, stage.table, self.key_properties, row
        )
        rows = stage.rows
        if self.key_properties:
            try:
                with connection.transaction():
                    connection.execute(merge.add_key(stage.table, self.key_properties))
            except psycopg.errors.UniqueViolation:
                older = merge.delete_older_versions(stage.table, self.key_properties)
                rows -= connection.execute(older).rowcount
                connection.execute(merge.add_key(stage.table, self.key_properties))
        for statement in self._plan(read_table(connection, stage.table)).statements:
            connection.execute(statement)
        connection.execute(sql.SQL("analyze {}").format(stage.table))
        return CommitResult(rows, 0, rejected, stage.bytes)

    def _merge_stage(self, stage: Stage, plan: Plan, row: LoadLogRow) -> tuple[int, int]:
        """Bring the staged rows into the table: how many, and how many values could not be."""
        connection, first = stage.connection, row.sequence_from
        assert first is not None  # noqa: S101 (a commit's row has one)
        stage.rejected.settle(stage.table, stage.datatypes, stage.declared)
        source = self._source(plan.written)
        assert source is not None  # noqa: S101 (there is a stage)
        key = [plan.written[name] for name in self.key_properties]
        if key:
            statement = merge.upsert(
                self._table,
                source,
                key,
                plan.emptied,
                plan.superseded,
                sequence_from=first,
                expects_unchanged=not self.is_incremental,
            )
        else:
            statement = merge.append(self._table, source, sequence_from=first)
        try:
            with connection.transaction():
                rows = connection.execute(statement).rowcount
        except psycopg.DataError:
            if not stage.rejected.take_misfits(stage.table, stage.cast_columns()):
                raise
            rows = connection.execute(statement).rowcount
        rejected = stage.rejected.quarantine(
            self._database.schema, stage.table, self.key_properties, row
        )
        return rows, rejected

    def _source(self, written: Mapping[str, str]) -> Source | None:
        """Give the staged rows in the form of the table.

        Args:
            written: The table's column for each of the stream's that is wanted.
        """
        stage = self._stage
        if stage is None:
            return None
        found = read_table(stage.connection, self._table)
        assert found is not None  # noqa: S101 (it is there, or the plan was carried out)
        columns = {
            column: stage.cast(name, found.columns[column].datatype)
            for name, column in written.items()
        }
        return Source(stage.table, columns)

    def _delete_others(self, row: LoadLogRow) -> int:
        first, last = row.sequence_from, row.sequence_to
        assert first is not None and last is not None  # noqa: S101 (a commit's row has both)
        first = first if self.first_sequence is None else self.first_sequence
        if not self.key_properties:
            statement = merge.delete_before(self._table, first_sequence=first)
            self._connection.execute(statement)
            return 0
        source = self._source({name: name for name in self.key_properties})
        if source is not None:
            # Nothing analyzes a temporary table by itself.
            keys = sql.SQL(", ").join(map(sql.Identifier, self.key_properties))
            analyze = sql.SQL("analyze {} ({})").format(source.stage, keys)
            self._connection.execute(analyze)
        statement = merge.mark_deleted(
            self._table,
            source,
            self.key_properties,
            now=datetime.now(tz=UTC),
            first_sequence=first,
            sequence_to=last,
            # Another run may have loaded newer rows since the keys were read.
            read_before=row.source_time if self.keys_only else None,
        )
        return self._connection.execute(statement).rowcount
