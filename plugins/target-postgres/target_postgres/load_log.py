"""The load log as a table of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from columnar_singer import load_log
from psycopg import sql

from target_postgres.table import column_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from columnar_singer.load_log import LoadLogRow
    from psycopg import Connection

_DATATYPES = {
    pa.string(): "text",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.timestamp("us", tz="UTC"): "timestamp with time zone",
}

# What is newest of a table, and which number comes next, without reading the log.
_INDEXED = (("table_name", "committed_at"), ("table_name", "sequence_to"))


def name(schema: str) -> sql.Identifier:
    """Name the load log of a schema."""
    return sql.Identifier(schema, load_log.TABLE_NAME)


def exists(connection: Connection, schema: str) -> bool:
    """Tell whether the load log is there."""
    statement = "select to_regclass(%s) is not null"
    row = connection.execute(statement, [name(schema).as_string(connection)]).fetchone()
    return bool(row and row[0])


def create(connection: Connection, schema: str) -> None:
    """Create the load log with its comments and indexes; the schema must be there."""
    table = name(schema)
    columns = [
        sql.SQL("{} {} {}").format(
            sql.Identifier(field.name),
            sql.SQL(_DATATYPES[field.type]),
            sql.SQL("" if field.nullable else "not null"),
        )
        for field in load_log.ARROW_SCHEMA
    ]
    create_table = sql.SQL("create table {} ({})")
    connection.execute(create_table.format(table, sql.SQL(", ").join(columns)))
    comment = sql.SQL("comment on table {} is {}")
    connection.execute(comment.format(table, sql.Literal(load_log.TABLE_COMMENT)))
    for column, text in load_log.COLUMN_COMMENTS.items():
        statement = sql.SQL("comment on column {}.{} is {}")
        connection.execute(statement.format(table, sql.Identifier(column), sql.Literal(text)))
    for indexed in _INDEXED:
        create_index = sql.SQL("create index on {} ({})")
        connection.execute(create_index.format(table, column_list(indexed)))


def insert(connection: Connection, schema: str, rows: Iterable[LoadLogRow]) -> None:
    """Add rows to the load log."""
    columns = load_log.ARROW_SCHEMA.names
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
