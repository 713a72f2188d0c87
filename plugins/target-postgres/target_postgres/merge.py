"""Statements that bring staged rows into a table, to be run in one transaction.

Values are put in as literals: with parameters, a `%` in the name of a column would be taken for a
placeholder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from columnar_singer import metadata
from psycopg import sql

from target_postgres.table import column_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_DELETED_AT = sql.Identifier(metadata.DELETED_AT)
_SEQUENCE = sql.Identifier(metadata.SEQUENCE)
_BATCHED_AT = sql.Identifier(metadata.BATCHED_AT)


def upsert(
    table: sql.Identifier,
    stage: sql.Identifier,
    columns: Sequence[str],
    key: Sequence[str],
    *,
    sequence_from: int,
) -> sql.Composed:
    """Insert the newest staged version of each row, or update the row that has its key.

    A row that is there with the same content is left as it is: it is neither rewritten nor
    counted, and keeps its metadata. Contents are compared by their binary image (`*<>`), because
    `=` takes different values as equal (`1.0` and `1.00`, `'a'` and `'A'` of citext) or does not
    exist (json, point).

    https://www.postgresql.org/docs/current/functions-comparisons.html#COMPOSITE-TYPE-COMPARISON

    Args:
        table: Table to merge into.
        stage: Table with the staged rows.
        columns: The stream's own columns.
        key: Those of the primary key.
        sequence_from: Staged rows with a smaller number were merged before.

    Returns:
        The statement.
    """
    every = [*columns, *metadata.COLUMNS]
    compared = [*(name for name in columns if name not in key), metadata.DELETED_AT]
    return sql.SQL(
        "insert into {table} as present ({every}) "
        "select {every} from ("
        "select distinct on ({key}) * from {stage} where {sequence} >= {sequence_from} "
        "order by {key}, {sequence} desc"
        ") as latest "
        "on conflict ({key}) do update set {assignments} "
        "where row({present})::record *<> row({sent})::record"
    ).format(
        table=table,
        stage=stage,
        every=column_list(every),
        key=column_list(key),
        sequence=_SEQUENCE,
        sequence_from=sql.Literal(sequence_from),
        assignments=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
            for name in every
            if name not in key
        ),
        present=_qualified("present", compared),
        sent=_qualified("excluded", compared),
    )


def append(
    table: sql.Identifier, stage: sql.Identifier, columns: Sequence[str], *, sequence_from: int
) -> sql.Composed:
    """Insert all staged rows, for a stream without a key.

    Args:
        table: Table to append to.
        stage: Table with the staged rows.
        columns: The stream's own columns.
        sequence_from: Staged rows with a smaller number were appended before.

    Returns:
        The statement.
    """
    every = column_list([*columns, *metadata.COLUMNS])
    return sql.SQL(
        "insert into {table} ({every}) select {every} from {stage} "
        "where {sequence} >= {sequence_from} order by {sequence}"
    ).format(
        table=table,
        stage=stage,
        every=every,
        sequence=_SEQUENCE,
        sequence_from=sql.Literal(sequence_from),
    )


def mark_deleted(
    table: sql.Identifier,
    stage: sql.Identifier | None,
    key: Sequence[str],
    *,
    now: datetime,
    sequence_to: int,
) -> sql.Composed:
    """Mark the rows deleted whose key was not staged.

    Args:
        table: Table with a primary key.
        stage: Table with all rows of the full refresh, None if it had none.
        key: Columns of the primary key.
        now: Time of the deletion.
        sequence_to: The marked rows are numbered from the number after it.

    Returns:
        The statement.
    """
    sent: sql.Composable = sql.SQL("false")
    if stage is not None:
        sent = sql.SQL("exists (select from {stage} as sent where {same})").format(
            stage=stage, same=_same(key, "sent", "present")
        )
    return sql.SQL(
        "with gone as ("
        "select {keys}, row_number() over (order by {keys}) as number "
        "from {table} as present where {deleted_at} is null and not {sent}"
        ") "
        "update {table} as present set {deleted_at} = {now}, {batched_at} = {now}, "
        "{sequence} = {sequence_to} + gone.number from gone where {same}"
    ).format(
        keys=_qualified("present", key),
        table=table,
        deleted_at=_DELETED_AT,
        batched_at=_BATCHED_AT,
        sent=sent,
        now=sql.Literal(now),
        sequence_to=sql.Literal(sequence_to),
        sequence=_SEQUENCE,
        same=_same(key, "gone", "present"),
    )


def delete_before(table: sql.Identifier, *, first_sequence: int) -> sql.Composed:
    """Delete the rows of earlier runs, for a stream without a key that was sent anew.

    Not `truncate`, which would show an empty table to readers with an older snapshot.

    Args:
        table: Table without a primary key.
        first_sequence: The first number of this run.

    Returns:
        The statement.
    """
    statement = "delete from {} where {} < {}"
    return sql.SQL(statement).format(table, _SEQUENCE, sql.Literal(first_sequence))


def any_live_row(table: sql.Identifier) -> sql.Composed:
    """Tell whether a table has a row that is not marked deleted."""
    statement = "select exists (select from {} where {} is null)"
    return sql.SQL(statement).format(table, _DELETED_AT)


def _qualified(alias: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)


def _same(key: Sequence[str], left: str, right: str) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, name), sql.Identifier(right, name))
        for name in key
    )
