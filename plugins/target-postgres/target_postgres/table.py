"""A table as it is and as it should be: read from the catalog, compared, and made so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from columnar_singer import drift, metadata
from columnar_singer.errors import UserError
from psycopg import sql

from target_postgres.widening import is_wider

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg import Connection

MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names off without an error, so that two could become one.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
"""

MAX_COLUMNS = 1600
"""https://www.postgresql.org/docs/current/limits.html"""

_RULES = drift.Destination(is_wider=is_wider, name_bytes=MAX_NAME_BYTES)

_DATATYPE = re.compile(r'"?[a-z][a-z0-9_ ]*"?(\(-?\d+(,-?\d+)?\))?[a-z ]*(\(\d+\))?(\[\])*\Z')

_READ_COLUMNS = """
select
    attribute.attname,
    format_type(attribute.atttypid, attribute.atttypmod),
    col_description(attribute.attrelid, attribute.attnum),
    array_position(key.conkey, attribute.attnum),
    attribute.attgenerated = '' and not attribute.attnotnull,
    (select count(*) from pg_attribute as any_one
        where any_one.attrelid = attribute.attrelid and any_one.attnum > 0)
from pg_attribute as attribute
left join pg_constraint as key
    on key.conrelid = attribute.attrelid and key.contype = 'p'
where
    attribute.attrelid = to_regclass(%s)
    and attribute.attnum > 0
    and not attribute.attisdropped
order by attribute.attnum
"""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        datatype: Its type, as `format_type` prints it.
        comment: None if it has none, or, of a column that is wanted, if nobody knows.
        can_be_emptied: It can be set to NULL.
    """

    datatype: str
    comment: str | None = None
    can_be_emptied: bool = True


@dataclass(frozen=True)
class Table:
    """What makes up a table.

    Attributes:
        columns: In order.
        key: Columns of the primary key.
        comment: As for a column.
        width: Number of its columns, with those that were dropped.
    """

    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    comment: str | None = None
    width: int = 0


@dataclass(frozen=True)
class Plan:
    """Statements that make a table what it should be, and the changes in words.

    A new comment is no change in this sense: nobody who reads the table need know.

    Attributes:
        statements: To be run in order; without changes they are but comments.
        changes: One phrase each.
        widened: Columns that take another type.
        written: The table's column for each of the stream's.
        emptied: The table's columns that are NULL in each row that is written.
        superseded: Those of `emptied` that are other versions of a column of the stream.
        warnings: What whoever reads the table must know, in words.
    """

    statements: list[sql.Composed]
    changes: list[str]
    widened: list[str]
    written: dict[str, str]
    emptied: list[str]
    superseded: list[str]
    warnings: list[str]


def read_table(connection: Connection, name: sql.Identifier) -> Table | None:
    """Read a table from the catalog.

    Args:
        connection: To the database.
        name: The table's name with its schema.

    Returns:
        The table, None if there is none (or the schema is missing).
    """
    qualified = name.as_string(connection)
    rows = connection.execute(_READ_COLUMNS, [qualified]).fetchall()
    if not rows:
        return None
    comment = connection.execute(
        "select obj_description(to_regclass(%s), 'pg_class')", [qualified]
    ).fetchone()
    keyed = sorted((row[3], row[0]) for row in rows if row[3])
    return Table(
        columns={
            column: Column(datatype, text, can_be_emptied)
            for column, datatype, text, _, can_be_emptied, _ in rows
        },
        key=tuple(column for _, column in keyed),
        comment=comment[0] if comment else None,
        width=rows[0][-1],
    )


def plan_table(
    name: sql.Identifier, wanted: Table, found: Table | None, *, mode: str = drift.ALLOW
) -> Plan:
    """Find what it takes to make a table what it should be, without losing anything.

    Args:
        name: The table's name with its schema.
        wanted: The table as it should be. Columns it lacks stay as they are.
        found: The table as it is, None if it does not exist.
        mode: Setting `schema_drift`.

    Returns:
        The statements, to be run in order in one transaction.

    Raises:
        UserError: A type or the key differs in a way that cannot be had without loss, or that the
            mode does not allow.
    """
    if found is not None:
        _check_key(name, wanted, found)
    followed = drift.plan_drift(
        _shown(name),
        {column: new.datatype for column, new in wanted.columns.items()},
        None if found is None else {column: old.datatype for column, old in found.columns.items()},
        _RULES,
        mode=mode,
        fixed={*wanted.key, *metadata.COLUMNS},
    )
    count = len(followed.added) + (0 if found is None else found.width)
    if followed.added and count > MAX_COLUMNS:
        message = (
            f"table {_shown(name)} would have {count} columns with the {len(metadata.COLUMNS)} of "
            f"the loader, PostgreSQL allows {MAX_COLUMNS} (one that was dropped counts); leave "
            "some out of the selection"
        )
        raise UserError(message)
    if found is None:
        statements = [create_table(name, followed.added, wanted.key)]
    else:
        statements = [
            *add_columns(name, followed.added),
            *set_datatypes(name, followed.widened),
        ]
    emptied = [
        column
        for column in followed.unwritten
        if found is not None and found.columns[column].can_be_emptied
    ]
    return Plan(
        statements + _comments(name, wanted, found, followed.written),
        followed.changes,
        list(followed.widened),
        followed.written,
        emptied,
        [column for column in emptied if column in followed.superseded],
        followed.warnings,
    )


def _comments(
    name: sql.Identifier, wanted: Table, found: Table | None, written: Mapping[str, str]
) -> list[sql.Composed]:
    statements = []
    if _differs(wanted, found):
        statement = sql.SQL("comment on table {} is {}")
        statements.append(statement.format(name, sql.Literal(wanted.comment)))
    for column, new in wanted.columns.items():
        if _differs(new, found.columns.get(written[column]) if found else None):
            statement = sql.SQL("comment on column {}.{} is {}")
            column_name = sql.Identifier(written[column])
            statements.append(statement.format(name, column_name, sql.Literal(new.comment)))
    return statements


def _differs(new: Table | Column, old: Table | Column | None) -> bool:
    return new.comment is not None and new.comment != ((old and old.comment) or "")


def check_names(names: Iterable[str]) -> None:
    """Refuse names that PostgreSQL would cut off.

    Raises:
        UserError: A name is longer than 63 bytes.
    """
    for name in names:
        length = len(name.encode())
        if length > MAX_NAME_BYTES:
            message = (
                f"the name '{name}' has {length} bytes, PostgreSQL allows {MAX_NAME_BYTES}; "
                "give it a shorter one with a stream map"
            )
            raise UserError(message)


def column_list(names: Sequence[str]) -> sql.Composed:
    """Give quoted names, separated by commas."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def create_table(
    name: sql.Identifier, columns: Mapping[str, str], key: Sequence[str] = ()
) -> sql.Composed:
    """Give the statement that creates a table; one in `pg_temp` is temporary.

    Args:
        name: Its name with its schema.
        columns: Names and types.
        key: Columns of the primary key.
    """
    parts = [
        sql.SQL("{} {}").format(sql.Identifier(column), checked_datatype(datatype))
        for column, datatype in columns.items()
    ]
    if key:
        parts.append(sql.SQL("primary key ({})").format(column_list(key)))
    return sql.SQL("create table {} ({})").format(name, sql.SQL(", ").join(parts))


def add_columns(name: sql.Identifier, columns: Mapping[str, str]) -> list[sql.Composed]:
    """Give the statements that add columns of these names and types."""
    statement = sql.SQL("alter table {} add column {} {}")
    return [
        statement.format(name, sql.Identifier(column), checked_datatype(datatype))
        for column, datatype in columns.items()
    ]


def set_datatypes(name: sql.Identifier, columns: Mapping[str, str]) -> list[sql.Composed]:
    """Give the statements that change columns to these types."""
    statement = sql.SQL("alter table {} alter column {} type {}")
    return [
        statement.format(name, sql.Identifier(column), checked_datatype(datatype))
        for column, datatype in columns.items()
    ]


def _check_key(name: sql.Identifier, wanted: Table, found: Table) -> None:
    if set(wanted.key) != set(found.key):
        message = (
            f"table {_shown(name)} has the primary key ({', '.join(found.key)}), the stream has "
            f"({', '.join(wanted.key)}); rename the table to load the stream anew, or give the "
            "stream the table's key"
        )
        raise UserError(message)


def _shown(name: sql.Identifier) -> str:
    return name.as_string()


def checked_datatype(datatype: str) -> sql.SQL:
    """Give a type for a statement: the only part that cannot be quoted, and it comes from outside.

    Raises:
        UserError: It is no name of a type.
    """
    if not _DATATYPE.match(datatype):
        message = (
            f"'{datatype}' is no name of a PostgreSQL type; correct 'x-sql-datatype' in "
            "the tap's catalog"
        )
        raise UserError(message)
    return sql.SQL(datatype)
