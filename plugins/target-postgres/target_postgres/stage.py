"""Rows of one stream on their way to a commit, where no reader sees them.

Either in a temporary table, from which they are merged; or, where the stream's table is not there
yet, in that table itself, whose transaction is still open: nothing is then written twice. Both are
gone with the connection, however the run ends.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import psycopg
from columnar_singer import metadata
from columnar_singer.errors import UserError
from psycopg import sql
from pyarrow.compute import call_function

from target_postgres.copy_binary import TEXT, copy_rows, staged_datatype
from target_postgres.rejected import Rejected
from target_postgres.table import add_columns, checked_datatype, create_table, set_datatypes
from target_postgres.widening import is_wider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from columnar_singer.odd_values import OddValue
    from columnar_singer.types import ColumnType
    from psycopg import Connection

_numbers = itertools.count(1)


class Stage:
    """A table that is filled by COPY.

    Attributes:
        connection: That it lives on.
        table: Its name.
        is_direct: It is the stream's table itself.
        datatypes: Of its columns; `text` where the stream's column has to be cast.
        declared: The types that the stream gives them.
        rejected: The values that are NULL in it.
        rows: How many it has.
        bytes: How many were sent.
    """

    def __init__(
        self,
        connection: Connection[Any],
        columns: Mapping[str, ColumnType],
        *,
        new_table: sql.Identifier | None,
    ) -> None:
        """Create the table.

        Args:
            connection: For a new table one of its own, which nothing else uses.
            columns: The stream's own columns and the metadata's.
            new_table: Name of the stream's table, which is not there; None for a temporary one.
        """
        number = next(_numbers)
        self.connection = connection
        self.is_direct = new_table is not None
        self.table = new_table or sql.Identifier("pg_temp", f"stage_{number}")
        self.datatypes = {name: staged_datatype(column) for name, column in columns.items()}
        self.declared = {name: column.postgres for name, column in columns.items()}
        self.rejected = Rejected(connection, sql.Identifier("pg_temp", f"rejected_{number}"))
        self.rows = 0
        self.bytes = 0
        self._defaults: dict[str, object] = {}
        connection.execute(create_table(self.table, self.datatypes))

    @staticmethod
    def can_be_direct(columns: Mapping[str, ColumnType]) -> bool:
        """Tell whether COPY takes all columns as they are."""
        return all(staged_datatype(column) == column.postgres for column in columns.values())

    def check_connection(self) -> None:
        """See that what was staged is still there.

        Raises:
            UserError: It went with its connection.
        """
        if self.connection.closed:
            message = (
                "the connection was lost and with it the rows that were staged; they are read "
                "again: run it again"
            )
            raise UserError(message)

    def change(self, columns: Mapping[str, ColumnType]) -> None:
        """Take the columns of a new SCHEMA; staged rows stay staged.

        Raises:
            UserError: A column takes a type that may not hold what is staged.
        """
        self.check_connection()
        added: dict[str, str] = {}
        changed: dict[str, str] = {}
        for name, column in columns.items():
            wanted, staged = column.postgres, staged_datatype(column)
            found = self.declared.get(name)
            if found is None:
                added[name] = staged
            elif wanted != found:
                if not is_wider(wanted, found):
                    message = (
                        f"column '{name}' changed from {found} to {wanted} within the run; what "
                        "was read before is not committed: run it again"
                    )
                    raise UserError(message)
                if staged != self.datatypes[name]:
                    changed[name] = staged
            self.declared[name] = wanted
            self.datatypes[name] = staged
        for statement in [
            *add_columns(self.table, added),
            *set_datatypes(self.table, changed),
        ]:
            self.connection.execute(statement)

    def copy(self, table: pa.Table, odd_values: Sequence[OddValue]) -> None:
        """Bring rows into the table.

        Args:
            table: Rows with their metadata.
            odd_values: What is NULL in `table` for want of a place in Arrow.
        """
        self.check_connection()
        sent = self._without_constants(table)
        found = copy_rows(self.connection, self.table, sent, self.datatypes)
        self.rejected.add([*odd_values, *found], table[metadata.SEQUENCE])
        self.rows += table.num_rows
        self.bytes += sent.nbytes

    def finish(self) -> None:
        """Make it a table that can stay: without defaults, each column of its own type.

        What cannot be cast to it is rejected. Only a column that a later SCHEMA of the run brought
        is staged as text here, see `can_be_direct`.
        """
        self._set_defaults(dict.fromkeys(self._defaults))
        texts = self.cast_columns()
        try:
            with self.connection.transaction():
                self._cast_in_place(texts)
        except psycopg.DataError:
            if not self.rejected.take_misfits(self.table, texts):
                raise
            self._cast_in_place(texts)

    def drop(self) -> None:
        """Drop a temporary table and what belongs to it."""
        self.connection.execute(sql.SQL("drop table {}").format(self.table))
        self.rejected.drop()

    def cast(self, column: str, datatype: str) -> sql.Composable:
        """Give an expression for a column's value in another table.

        Args:
            column: Name in this table.
            datatype: Type there, which holds every value of the stream's type.
        """
        if self.datatypes[column] == datatype:
            return sql.Identifier(column)
        cast = sql.SQL("{}::{}")
        return cast.format(sql.Identifier(column), checked_datatype(datatype))

    def cast_columns(self) -> dict[str, str]:
        """Give the columns that are staged as text for want of a binary form, and their types."""
        return {
            name: datatype
            for name, datatype in self.declared.items()
            if self.datatypes[name] == TEXT and datatype != TEXT
        }

    def _cast_in_place(self, columns: Mapping[str, str]) -> None:
        statement = sql.SQL("alter table {} alter column {} type {} using {}")
        for name, datatype in columns.items():
            self.connection.execute(
                statement.format(
                    self.table,
                    sql.Identifier(name),
                    checked_datatype(datatype),
                    self.cast(name, datatype),
                )
            )

    def _without_constants(self, table: pa.Table) -> pa.Table:
        """Leave out metadata that is the same in all rows: the table's defaults give it.

        Five of the seven columns are such, and each that is sent costs the server about 4 %.
        """
        constants: dict[str, object] = {}
        for name in metadata.COLUMNS:
            if name == metadata.SEQUENCE:
                continue
            values = table[name]
            if values.null_count == len(values):
                constants[name] = None
            elif not values.null_count:
                bounds = call_function("min_max", [values])
                if bounds["min"].equals(bounds["max"]):
                    constants[name] = bounds["min"].as_py()
        self._set_defaults(constants)
        return table.drop_columns(list(constants))

    def _set_defaults(self, values: Mapping[str, object]) -> None:
        changes = [
            sql.SQL("alter column {} set default {}").format(
                sql.Identifier(name), sql.Literal(value)
            )
            for name, value in values.items()
            if value != self._defaults.get(name)
        ]
        if changes:
            statement = sql.SQL("alter table {} {}")
            self.connection.execute(statement.format(self.table, sql.SQL(", ").join(changes)))
        self._defaults.update(values)
