"""Values that are NULL in a staged table, and what becomes of them.

A legal value that only Arrow has no type for (an infinite date) is put in its place before the
merge. What PostgreSQL does not take goes into the quarantine table, in the commit of its row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from columnar_singer import metadata, quarantine
from psycopg import sql

from target_postgres.own_table import create_own_table, table_exists
from target_postgres.table import checked_datatype, column_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from columnar_singer.load_log import LoadLogRow
    from columnar_singer.odd_values import OddValue
    from psycopg import Connection

_COLUMNS = ("sequence", "column_name", "value", "reason", "is_legal")
_SEQUENCE = sql.Identifier(metadata.SEQUENCE)

# Since PostgreSQL 16 there is pg_input_is_valid, which does the same.
_CREATE_FITS = """
create or replace function pg_temp.fits(value text, datatype text) returns boolean
language plpgsql as $$
begin
    execute format('select %L::%s', value, datatype);
    return true;
exception when others then
    return false;
end
$$
"""


class Rejected:
    """The values of one staged table; it has a table of its own once there is one."""

    def __init__(self, connection: Connection[Any], table: sql.Identifier) -> None:
        """Start without any value, and without the table.

        Args:
            connection: Of the staged table.
            table: Name of the temporary table to keep values in.
        """
        self._connection = connection
        self._table = table

    def add(self, odd_values: Sequence[OddValue], sequence: pa.ChunkedArray) -> None:
        """Note values.

        Args:
            odd_values: The values.
            sequence: `_sdc_sequence` of the rows that they belong to.
        """
        if not odd_values:
            return
        self._create()
        statement = sql.SQL("copy {} ({}) from stdin").format(self._table, column_list(_COLUMNS))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for each in odd_values:
                number = sequence[each.row].as_py()
                text = each.text.replace("\0", "\\u0000")
                copy.write_row((number, each.column, text, each.reason, each.is_legal))

    def settle(
        self, stage: sql.Identifier, datatypes: Mapping[str, str], declared: Mapping[str, str]
    ) -> None:
        """Put the legal values in their places.

        Args:
            stage: The staged table.
            datatypes: Of its columns.
            declared: Their types in the stream.
        """
        if not self._exists:
            return
        statement = sql.SQL("select distinct column_name from {} where is_legal")
        for (column,) in self._connection.execute(statement.format(self._table)).fetchall():
            try:
                with self._connection.transaction():
                    self._place(stage, column, datatypes[column])
            except psycopg.DataError:
                # A value of another version of PostgreSQL, or of another that calls itself so.
                self._mark_misfits(column, declared[column])
                self._place(stage, column, datatypes[column])

    def take_misfits(self, stage: sql.Identifier, columns: Mapping[str, str]) -> bool:
        """Take out of a staged table what cannot be cast.

        Args:
            stage: The staged table.
            columns: Columns of it that are text, and the types that they are cast to.

        Returns:
            Whether there was any.
        """
        self._create()
        self._connection.execute(_CREATE_FITS)
        found = 0
        for column, datatype in columns.items():
            insert = sql.SQL(
                "insert into {rejected} select {sequence}, {name}, {column}, {reason}, false "
                "from {stage} where {column} is not null and not pg_temp.fits({column}, {datatype})"
            ).format(
                rejected=self._table,
                sequence=_SEQUENCE,
                name=sql.Literal(column),
                column=sql.Identifier(column),
                reason=sql.Literal(f"PostgreSQL does not take it as {datatype}"),
                stage=stage,
                datatype=sql.Literal(datatype),
            )
            rows = self._connection.execute(insert).rowcount
            if rows:
                self._connection.execute(
                    sql.SQL(
                        "update {stage} set {column} = null from {rejected} as rejected "
                        "where rejected.sequence = {of} and column_name = {name}"
                    ).format(
                        stage=stage,
                        column=sql.Identifier(column),
                        rejected=self._table,
                        of=sql.SQL("{}.{}").format(stage, _SEQUENCE),
                        name=sql.Literal(column),
                    )
                )
            found += rows
        return found > 0

    def quarantine(
        self, schema: str, stage: sql.Identifier, key: Sequence[str], row: LoadLogRow
    ) -> int:
        """Write what PostgreSQL does not take into the quarantine.

        Args:
            schema: Schema of the quarantine.
            stage: The staged table.
            key: Key columns of the stream.
            row: Of the load log, for the same commit.

        Returns:
            The number of values.
        """
        if not self._exists:
            return 0
        pairs = [
            sql.SQL("{}, staged.{}::text").format(sql.Literal(name), sql.Identifier(name))
            for name in key
        ]
        target = sql.Identifier(schema, quarantine.TABLE_NAME)
        rows = sql.SQL(
            "from {rejected} as rejected join {stage} as staged "
            "on staged.{sequence} = rejected.sequence "
            "where not is_legal and rejected.sequence >= {first}"
        ).format(
            rejected=self._table,
            stage=stage,
            sequence=_SEQUENCE,
            first=sql.Literal(row.sequence_from),
        )
        count = self._connection.execute(sql.SQL("select count(*) {}").format(rows)).fetchone()
        if not count or not count[0]:
            return 0
        create_own_table(
            self._connection,
            target,
            quarantine.arrow_schema,
            quarantine.TABLE_COMMENT,
            quarantine.COLUMN_COMMENTS,
            indexed=(("table_name", "quarantined_at"),),
        )
        statement = sql.SQL(
            "insert into {target} ({columns}) "
            "select {run}, {stream}, {table}, jsonb_build_object({key})::text, column_name, "
            "value, reason, sequence, clock_timestamp() {rows}"
        ).format(
            target=target,
            columns=column_list(quarantine.arrow_schema().names),
            run=sql.Literal(row.run_id),
            stream=sql.Literal(row.stream),
            table=sql.Literal(row.table_name),
            key=sql.SQL(", ").join(pairs),
            rows=rows,
        )
        return self._connection.execute(statement).rowcount

    def drop(self) -> None:
        """Drop the table."""
        if self._exists:
            self._connection.execute(sql.SQL("drop table {}").format(self._table))

    @property
    def _exists(self) -> bool:
        # Asked each time: a transaction that is rolled back takes a table with it.
        return table_exists(self._connection, self._table)

    def _create(self) -> None:
        if not self._exists:
            statement = sql.SQL(
                "create temporary table {} (sequence bigint, column_name text, value text, "
                "reason text, is_legal boolean)"
            )
            self._connection.execute(statement.format(self._table))

    def _place(self, stage: sql.Identifier, column: str, datatype: str) -> None:
        statement = sql.SQL(
            "update {stage} as staged set {column} = rejected.value::{datatype} "
            "from {rejected} as rejected where rejected.sequence = staged.{sequence} "
            "and rejected.column_name = {name} and rejected.is_legal"
        )
        self._connection.execute(
            statement.format(
                stage=stage,
                column=sql.Identifier(column),
                datatype=checked_datatype(datatype),
                rejected=self._table,
                sequence=_SEQUENCE,
                name=sql.Literal(column),
            )
        )

    def _mark_misfits(self, column: str, datatype: str) -> None:
        self._connection.execute(_CREATE_FITS)
        statement = sql.SQL(
            "update {} set is_legal = false where column_name = {} and is_legal "
            "and not pg_temp.fits(value, {})"
        )
        self._connection.execute(
            statement.format(self._table, sql.Literal(column), sql.Literal(datatype))
        )
