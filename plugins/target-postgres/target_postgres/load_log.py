"""The load log as a table of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from columnar_singer import load_log
from psycopg import sql

from target_postgres.own_table import create_own_table, table_exists
from target_postgres.table import column_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from columnar_singer.load_log import LoadLogRow
    from psycopg import Connection

# What is newest of a table, and which number comes next, without reading the log.
_INDEXED = (("table_name", "committed_at"), ("table_name", "sequence_to"))


def name(schema: str) -> sql.Identifier:
    """Name the load log of a schema."""
    return sql.Identifier(schema, load_log.TABLE_NAME)


def exists(connection: Connection, schema: str) -> bool:
    """Tell whether the load log is there."""
    return table_exists(connection, name(schema))


def insert(connection: Connection, schema: str, rows: Iterable[LoadLogRow]) -> None:
    """Add rows to the load log, which is created if it is not there; its schema must be."""
    create_own_table(
        connection,
        name(schema),
        load_log.arrow_schema,
        load_log.TABLE_COMMENT,
        load_log.COLUMN_COMMENTS,
        indexed=_INDEXED,
    )
    columns = list(load_log.COLUMN_COMMENTS)
    values = [
        sql.SQL("({})").format(
            sql.SQL(", ").join(sql.Literal(getattr(row, column)) for column in columns)
        )
        for row in rows
    ]
    statement = sql.SQL("insert into {} ({}) values {}")
    connection.execute(
        statement.format(name(schema), column_list(columns), sql.SQL(", ").join(values))
    )


def last_sequence(connection: Connection, schema: str, table: str) -> int | None:
    """Give the greatest `sequence_to` of a table, None if the log has none."""
    statement = sql.SQL("select max(sequence_to) from {} where table_name = {}")
    row = connection.execute(statement.format(name(schema), sql.Literal(table))).fetchone()
    return row[0] if row else None


def has_rows(connection: Connection, schema: str, rows: Iterable[LoadLogRow]) -> bool:
    """Tell whether a commit is in the log, by what only that commit can have written.

    Args:
        connection: To the database.
        schema: Of the load log.
        rows: Rows of one commit, finished.
    """
    if not exists(connection, schema):
        return False
    found = sql.SQL("select from {} where run_id = {} and stream = {} and committed_at = {}")
    return all(
        connection.execute(
            found.format(
                name(schema),
                sql.Literal(row.run_id),
                sql.Literal(row.stream),
                sql.Literal(row.committed_at),
            )
        ).fetchone()
        is not None  # a row without columns is an empty tuple
        for row in rows
    )
