"""One stream on its way into a table of PostgreSQL."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from columnar_singer import metadata
from columnar_singer.destination import CommitResult
from columnar_singer.errors import UserError
from columnar_singer.sink import ColumnarSink
from psycopg import sql

from target_postgres import load_log, merge
from target_postgres.copy_csv import copy_statement, to_csv
from target_postgres.rights import check_rights
from target_postgres.table import Column, Table, check_names, plan_table, read_table
from target_postgres.views import check_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from columnar_singer.load_log import LoadLogRow
    from columnar_singer.odd_values import OddValue
    from singer_sdk.target_base import Target

    from target_postgres.target import TargetPostgres

_stage_numbers = itertools.count(1)


class PostgresSink(ColumnarSink):
    """Stages rows in a temporary table and merges them into the stream's table.

    The temporary table vanishes with the connection, however the run ends.
    """

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
        self._connection = self._database.connection
        self._table = sql.Identifier(self._database.schema, self.table_name)
        self._staging: sql.Identifier | None = None
        self._staged_bytes = 0
        self._dropped_staged_rows = False
        # Of every SCHEMA of the run: rows of an earlier one may be staged.
        self._own_columns: dict[str, Column] = {}

    def open_table(self) -> list[str]:
        """Find what has to change in the table; `commit` does it."""
        check_names([self.table_name, *self.columns])
        for name, column in self.columns.items():
            comment = self.properties[name].get("description")
            self._own_columns[name] = Column(column.postgres, comment)
        with self._database.explained():
            found = read_table(self._connection, self._table)
            plan = plan_table(self._table, self._wanted, found)
            check_rights(
                self._connection,
                self._database.schema,
                self.table_name,
                changes_table=bool(plan.statements),
            )
            if plan.widened:
                check_views(self._connection, self._table, plan.widened)
            if self._staging is not None:
                staged = read_table(self._connection, self._staging)
                for statement in plan_table(self._staging, self._staged, staged).statements:
                    self._connection.execute(statement)
        return plan.changes

    def last_sequence(self) -> int | None:
        """Give the greatest sequence number in the load log."""
        with self._database.explained():
            if not load_log.exists(self._connection, self._database.schema):
                return None
            return load_log.last_sequence(self._connection, self._database.schema, self.table_name)

    def has_live_rows(self) -> bool:
        """Tell whether the table has a row that is not marked deleted."""
        with self._database.explained():
            if read_table(self._connection, self._table) is None:
                return False
            row = self._connection.execute(merge.any_live_row(self._table)).fetchone()
        return bool(row and row[0])

    def stage(self, table: pa.Table, odd_values: Sequence[OddValue]) -> None:
        """Copy rows into the temporary table."""
        if odd_values:
            raise UserError(f"column '{odd_values[0].column}': {odd_values[0].reason}")
        data = to_csv(table)
        with self._database.explained():
            if self._staging is None:
                stage = sql.Identifier("pg_temp", f"stage_{next(_stage_numbers)}")
                for statement in plan_table(stage, self._staged, None).statements:
                    self._connection.execute(statement)
                self._staging = stage
            statement = copy_statement(self._staging, table.column_names)
            with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(memoryview(data))
        self._staged_bytes += data.size

    def commit(self, row: LoadLogRow, *, full_refresh: bool) -> CommitResult:
        """Change the table, merge, mark deletions and write the load log in one transaction."""
        if full_refresh and self.key_properties and self._dropped_staged_rows:
            message = (
                "ACTIVATE_VERSION came after a part of the stream was committed, and its SCHEMA "
                "names a replication key ('bookmark_properties'); the tap must leave out one"
            )
            raise UserError(message)
        # A full refresh may follow later in this run: it needs all keys that were staged.
        keeps_stage = bool(self.key_properties) and not (self.is_incremental or full_refresh)
        result = self._database.commit(
            lambda: self._merge(row, full_refresh=full_refresh, keeps_stage=keeps_stage)
        )
        self._database.analyze(self._table, result.rows_committed + result.rows_deleted)
        self._staged_bytes = 0
        if self._staging is not None and not keeps_stage:
            self._staging = None
            self._dropped_staged_rows = not full_refresh
        return result

    def commit_keys(self, row: LoadLogRow) -> CommitResult:
        """Mark the rows deleted whose key is not staged."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Drop the temporary table."""
        if self._staging is not None:
            with self._database.explained():
                self._connection.execute(sql.SQL("drop table {}").format(self._staging))
            self._staging = None

    @property
    def _wanted(self) -> Table:
        metadata_columns = {
            name: Column(column.postgres, metadata.COLUMN_COMMENTS[name])
            for name, column in metadata.COLUMNS.items()
        }
        return Table(
            columns={**self._own_columns, **metadata_columns},
            key=tuple(self.key_properties),
            comment=self.original_schema.get("description"),
        )

    @property
    def _staged(self) -> Table:
        columns = {name: Column(each.datatype) for name, each in self._wanted.columns.items()}
        return Table(columns=columns)

    def _merge(self, row: LoadLogRow, *, full_refresh: bool, keeps_stage: bool) -> CommitResult:
        found = read_table(self._connection, self._table)
        views = self._database.change(self._table, plan_table(self._table, self._wanted, found))
        if views:
            changes = json.loads(row.schema_changes)
            changes += [f"re-created view {view}" for view in views]
            row = replace(row, schema_changes=json.dumps(changes))
        first, last = row.sequence_from, row.sequence_to
        assert first is not None and last is not None  # noqa: S101 (a commit's row has both)
        rows_committed = self._merge_stage(first) if self._staging is not None else 0
        rows_deleted = self._delete_others(first, last) if full_refresh else 0
        result = CommitResult(rows_committed, rows_deleted, bytes=self._staged_bytes)
        load_log.insert(self._connection, self._database.schema, [row.finished(result)])
        if self._staging is not None and not keeps_stage:
            self._connection.execute(sql.SQL("drop table {}").format(self._staging))
        return result

    def _merge_stage(self, sequence_from: int) -> int:
        assert self._staging is not None  # noqa: S101 (for the type checker)
        # Nothing analyzes a temporary table by itself, and the planner takes it for tiny.
        self._connection.execute(sql.SQL("analyze {}").format(self._staging))
        columns, key = list(self._own_columns), list(self.key_properties)
        if key:
            statement = merge.upsert(
                self._table, self._staging, columns, key, sequence_from=sequence_from
            )
        else:
            statement = merge.append(
                self._table, self._staging, columns, sequence_from=sequence_from
            )
        return self._connection.execute(statement).rowcount

    def _delete_others(self, sequence_from: int, sequence_to: int) -> int:
        if not self.key_properties:
            first = sequence_from if self.first_sequence is None else self.first_sequence
            self._connection.execute(merge.delete_before(self._table, first_sequence=first))
            return 0
        statement = merge.mark_deleted(
            self._table,
            self._staging,
            self.key_properties,
            now=datetime.now(tz=UTC),
            sequence_to=sequence_to,
        )
        return self._connection.execute(statement).rowcount
