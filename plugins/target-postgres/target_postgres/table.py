"""A table as it is and as it should be: read from the catalog, compared, and made so."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from columnar_singer.destination import CREATED_TABLE
from columnar_singer.errors import UserError
from psycopg import sql

from target_postgres.widening import is_wider

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names off without an error, so that two could become one.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
"""

_DATATYPE = re.compile(r'"?[a-z][a-z0-9_ ]*"?(\(-?\d+(,-?\d+)?\))?[a-z ]*(\(\d+\))?(\[\])*\Z')

_READ_COLUMNS = """
select
    attribute.attname,
    format_type(attribute.atttypid, attribute.atttypmod),
    col_description(attribute.attrelid, attribute.attnum),
    array_position(key.conkey, attribute.attnum)
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
    """A column's type, as `format_type` prints it, and its comment."""

    datatype: str
    comment: str | None = None


@dataclass(frozen=True)
class Table:
    """What makes up a table: columns in order, the columns of the primary key, the comment."""

    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    comment: str | None = None


@dataclass(frozen=True)
class Plan:
    """Statements that make a table what it should be, and the changes in words.

    A new comment is no change in this sense: nobody who reads the table need know.

    Attributes:
        statements: To be run in order.
        changes: One phrase each.
        widened: Columns that take another type.
    """

    statements: list[sql.Composed] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    widened: list[str] = field(default_factory=list)


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
    keyed = sorted((position, column) for column, _, _, position in rows if position)
    return Table(
        columns={column: Column(datatype, text) for column, datatype, text, _ in rows},
        key=tuple(column for _, column in keyed),
        comment=comment[0] if comment else None,
    )


def plan_table(name: sql.Identifier, wanted: Table, found: Table | None) -> Plan:
    """Find what it takes to make a table what it should be, without losing anything.

    Args:
        name: The table's name with its schema.
        wanted: The table as it should be. Columns it lacks stay as they are.
        found: The table as it is, None if it does not exist.

    Returns:
        The statements, to be run in order in one transaction.

    Raises:
        UserError: A type or the key differs in a way that cannot be had without loss.
    """
    plan = Plan()
    if found is None:
        plan.changes.append(CREATED_TABLE)
        plan.statements.append(_create(name, wanted))
        found = Table(columns={})
    else:
        _check_key(name, wanted, found)
        for column, new in wanted.columns.items():
            _plan_column(plan, name, column, new, found.columns.get(column))
    if wanted.comment is not None and wanted.comment != found.comment:
        statement = sql.SQL("comment on table {} is {}")
        plan.statements.append(statement.format(name, sql.Literal(wanted.comment)))
    for column, new in wanted.columns.items():
        old = found.columns.get(column)
        if new.comment is not None and (old is None or new.comment != old.comment):
            statement = sql.SQL("comment on column {}.{} is {}")
            plan.statements.append(
                statement.format(name, sql.Identifier(column), sql.Literal(new.comment))
            )
    return plan


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


def _create(name: sql.Identifier, wanted: Table) -> sql.Composed:
    parts = [
        sql.SQL("{} {}").format(sql.Identifier(column), _datatype(new))
        for column, new in wanted.columns.items()
    ]
    if wanted.key:
        parts.append(sql.SQL("primary key ({})").format(column_list(wanted.key)))
    return sql.SQL("create table {} ({})").format(name, sql.SQL(", ").join(parts))


def _plan_column(
    plan: Plan, name: sql.Identifier, column: str, new: Column, old: Column | None
) -> None:
    if old is None:
        statement = sql.SQL("alter table {} add column {} {}")
        plan.changes.append(f"added column {column} {new.datatype}")
    elif new.datatype == old.datatype:
        return
    elif is_wider(new.datatype, old.datatype):
        statement = sql.SQL("alter table {} alter column {} type {}")
        plan.changes.append(f"widened column {column} from {old.datatype} to {new.datatype}")
        plan.widened.append(column)
    else:
        message = (
            f"column '{column}' of table {_shown(name)} is {old.datatype}, the stream has "
            f"{new.datatype}; only a wider type can be taken over: change the column by hand "
            f"(alter table … alter column … type …) or leave it out of the selection"
        )
        raise UserError(message)
    plan.statements.append(statement.format(name, sql.Identifier(column), _datatype(new)))


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


def _datatype(column: Column) -> sql.SQL:
    # The only part of a statement that cannot be quoted, and it comes from outside.
    if not _DATATYPE.match(column.datatype):
        message = (
            f"'{column.datatype}' is no name of a PostgreSQL type; correct 'x-sql-datatype' in "
            "the tap's catalog"
        )
        raise UserError(message)
    return sql.SQL(column.datatype)
