"""The queries that read a table's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from columnar_singer.types import type_name
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_postgres.discovery import Column, Table
    from tap_postgres.position import Value

_XID_EPOCH = 2**32


def rows(
    table: Table,
    columns: Sequence[Column],
    condition: sql.Composable | None = None,
    limit: int | None = None,
    *,
    source: sql.Composable | None = None,
) -> sql.Composed:
    """Select rows, each column as the type it is read as.

    Args:
        table: To read.
        columns: To read.
        condition: On `t`; None for all rows.
        limit: Most rows; None for no limit.
        source: What to select from; None for the table and all that inherits from it.
    """
    parts = [
        sql.SQL("select {columns} from {table} t").format(
            columns=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(_value(column), sql.Identifier(column.name))
                for column in columns
            ),
            table=source or _name(table),
        )
    ]
    if condition is not None:
        parts.append(sql.SQL("where {}").format(condition))
    if limit is not None:
        parts.append(sql.SQL("limit {}").format(sql.Literal(limit)))
    return sql.SQL(" ").join(parts)


def nothing(table: Table) -> sql.Composed:
    """Select no row, for the lock on the table and all that inherits from it."""
    return sql.SQL("select from {} limit 0").format(_name(table))


def greatest(table: Table, key: Column) -> sql.Composed:
    """Select the greatest value of a column as text; no row if there is none.

    By its order and not by max(): not every ordered type has that (uuid). A number that is none is
    greater than all that are to come, and so no bookmark.
    """
    is_number = type_name(key.datatype) == "numeric"
    return sql.SQL(
        "select t.{key}::text from {table} t where t.{key} is not null {numbers}"
        " order by t.{key} desc limit 1"
    ).format(
        key=sql.Identifier(key.name),
        table=_name(table),
        numbers=sql.SQL("and t.{}::text not in ('NaN', 'Infinity')").format(
            sql.Identifier(key.name)
        )
        if is_number
        else sql.SQL(""),
    )


def fingerprint(table: Table, columns: Sequence[Column]) -> sql.Composed:
    """Select the number of rows and a sum over their contents that does not depend on order."""
    return sql.SQL(
        "select count(*), sum(hashtextextended(row({columns})::text, 0)::numeric) from {table} t"
    ).format(columns=_columns(columns), table=_name(table))


def from_key(key: Column, value: Value) -> sql.Composed:
    """Match the rows at and after a bookmark, and those that have no key.

    Args:
        key: The replication key.
        value: The bookmark.
    """
    condition = sql.SQL("t.{key} >= {value}").format(
        key=sql.Identifier(key.name), value=sql.Literal(value)
    )
    if key.is_not_null:
        return condition
    return sql.SQL("({condition} or t.{key} is null)").format(
        condition=condition, key=sql.Identifier(key.name)
    )


def in_relations(relations: Sequence[int]) -> sql.Composed:
    """Match the rows that lie in some partitions of a table, by their object ids."""
    return sql.SQL("t.tableoid = any ({})").format(sql.Literal(list(relations)))


def unless_settled(settled_xid: int, xmax: int) -> sql.Composed:
    """Match the row versions that a transaction of `settled_xid` or later has written.

    Args:
        settled_xid: A transaction id of 64 bits.
        xmax: The first id not assigned in this snapshot, of 64 bits. A row's `xmin` is the low 32
            bits of an id below it: of this epoch, or of the one before if that would be greater.
    """
    epoch_start = xmax - xmax % _XID_EPOCH
    return sql.SQL(
        "t.xmin::text::bigint"
        " + case when t.xmin::text::bigint > {low} then {previous} else {current} end"
        " >= {settled}"
    ).format(
        low=sql.Literal(xmax - epoch_start),
        previous=sql.Literal(max(epoch_start - _XID_EPOCH, 0)),
        current=sql.Literal(epoch_start),
        settled=sql.Literal(settled_xid),
    )


def _columns(columns: Sequence[Column]) -> sql.Composed:
    return sql.SQL(", ").join(_value(column) for column in columns)


def _value(column: Column) -> sql.Composable:
    datatype = column.mask.datatype if column.mask else column.datatype
    value = sql.SQL("t.{}").format(sql.Identifier(column.name))
    if column.is_cast:
        value = sql.SQL("{}::{}").format(value, sql.SQL(datatype))
    return column.mask.expression(value) if column.mask else value


def _name(table: Table) -> sql.Composable:
    name = sql.Identifier(table.schema, table.name)
    return sql.SQL("only {}").format(name) if table.is_alone else name
