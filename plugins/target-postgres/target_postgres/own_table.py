"""Tables that the target keeps for itself beside the streams' tables: load log and quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from target_postgres.table import column_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from psycopg import Connection

_DATATYPES = {
    "string": "text",
    "int32": "integer",
    "int64": "bigint",
    "timestamp[us, tz=UTC]": "timestamp with time zone",
}


def table_exists(connection: Connection, table: sql.Identifier) -> bool:
    """Tell whether a table is there."""
    statement = "select to_regclass(%s) is not null"
    row = connection.execute(statement, [table.as_string(connection)]).fetchone()
    return bool(row and row[0])


def create_own_table(
    connection: Connection,
    table: sql.Identifier,
    schema: Callable[[], pa.Schema],
    table_comment: str,
    column_comments: Mapping[str, str],
    *,
    indexed: Sequence[Sequence[str]],
) -> None:
    """Create a table with its comments and indexes, if it is not there; its schema must be.

    Args:
        connection: Within a transaction.
        table: Its name.
        schema: Gives its columns; asked if there is a table to create.
        table_comment: What it is.
        column_comments: What each column is.
        indexed: Columns of each index.
    """
    if table_exists(connection, table):
        return
    # Another run may be about to do the same.
    lock = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"
    connection.execute(lock, [f"create table {table.as_string(connection)}"])
    if table_exists(connection, table):
        return
    columns = [
        sql.SQL("{} {} {}").format(
            sql.Identifier(field.name),
            sql.SQL(_DATATYPES[str(field.type)]),
            sql.SQL("" if field.nullable else "not null"),
        )
        for field in schema()
    ]
    create_table = sql.SQL("create table {} ({})")
    connection.execute(create_table.format(table, sql.SQL(", ").join(columns)))
    comment = sql.SQL("comment on table {} is {}")
    connection.execute(comment.format(table, sql.Literal(table_comment)))
    for column, text in column_comments.items():
        statement = sql.SQL("comment on column {}.{} is {}")
        connection.execute(statement.format(table, sql.Identifier(column), sql.Literal(text)))
    for names in indexed:
        create_index = sql.SQL("create index on {} ({})")
        connection.execute(create_index.format(table, column_list(names)))
