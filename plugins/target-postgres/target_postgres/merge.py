"""Statements that bring staged rows into a table, to be run in one transaction.

Values are put in as literals: with parameters, a `%` in the name of a column would be taken for a
placeholder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from columnar_singer import metadata
from psycopg import sql

from target_postgres.table import column_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_DELETED_AT = sql.Identifier(metadata.DELETED_AT)
_EXTRACTED_AT = sql.Identifier(metadata.EXTRACTED_AT)
_SEQUENCE = sql.Identifier(metadata.SEQUENCE)
_BATCHED_AT = sql.Identifier(metadata.BATCHED_AT)


@dataclass(frozen=True)
class Source:
    """Staged rows, as the table that they go to has them.

    Attributes:
        stage: Table with the staged rows.
        columns: An expression of the staged columns for each column that is written.
    """

    stage: sql.Identifier
    columns: dict[str, sql.Composable]

    def rows(self, names: Sequence[str], *, sequence_from: int) -> sql.Composed:
        """Give the query for all rows from a number on."""
        return sql.SQL("select {columns} from {stage} where {sequence} >= {first}").format(
            columns=sql.SQL(", ").join(
                sql.SQL("{} as {}").format(self.columns[name], sql.Identifier(name))
                for name in names
            ),
            stage=self.stage,
            sequence=_SEQUENCE,
            first=sql.Literal(sequence_from),
        )


def upsert(
    table: sql.Identifier,
    source: Source,
    key: Sequence[str],
    emptied: Sequence[str],
    superseded: Sequence[str],
    *,
    sequence_from: int,
    expects_unchanged: bool,
) -> sql.Composed:
    """Insert the newest staged version of each row, or update the row that has its key.

    A row that is there with the same content is left as it is: it is neither rewritten nor
    counted, and keeps its metadata. Contents are compared by their binary image (`*<>`), because
    `=` takes different values as equal (`1.0` and `1.00`, `'a'` and `'A'` of citext) or does not
    exist (json, point).

    https://www.postgresql.org/docs/current/functions-comparisons.html#COMPOSITE-TYPE-COMPARISON

    Args:
        table: Table to merge into.
        source: The staged rows.
        key: Columns of the primary key.
        emptied: The table's columns that are NULL in a row that is updated.
        superseded: Those of them in which a value makes a row another than the one sent.
        sequence_from: Staged rows with a smaller number were merged before.
        expects_unchanged: Most rows are there as they are. They are then found by a join, since
            ON CONFLICT locks, and so writes, each row that it looks at.

    Returns:
        The statement.
    """
    every = list(source.columns)
    compared = [name for name in every if name not in key and name not in metadata.COLUMNS]
    compared.append(metadata.DELETED_AT)
    unchanged: sql.Composable = sql.SQL("")
    if expects_unchanged:
        unchanged = sql.SQL(
            " where not exists (select from {table} as present where {same} and not ({differ}))"
        ).format(
            table=table,
            same=_same(key, "present", "latest"),
            differ=_differ("latest", compared, superseded),
        )
    assignments = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
        for name in every
        if name not in key
    ]
    assignments += [sql.SQL("{} = null").format(sql.Identifier(name)) for name in emptied]
    return sql.SQL(
        "insert into {table} as present ({every}) "
        "select {every} from ("
        "select distinct on ({key}) * from ({sent_rows}) as sent order by {key}, {sequence} desc"
        ") as latest{unchanged} "
        "on conflict ({key}) do update set {assignments} "
        "where {differ}"
    ).format(
        table=table,
        sent_rows=source.rows(every, sequence_from=sequence_from),
        every=column_list(every),
        key=column_list(key),
        sequence=_SEQUENCE,
        unchanged=unchanged,
        assignments=sql.SQL(", ").join(assignments),
        differ=_differ("excluded", compared, superseded),
    )


def append(table: sql.Identifier, source: Source, *, sequence_from: int) -> sql.Composed:
    """Insert all staged rows, for a stream without a key.

    Args:
        table: Table to append to.
        source: The staged rows.
        sequence_from: Staged rows with a smaller number were appended before.

    Returns:
        The statement.
    """
    every = list(source.columns)
    return sql.SQL("insert into {table} ({every}) {rows} order by {sequence}").format(
        table=table,
        every=column_list(every),
        rows=source.rows(every, sequence_from=sequence_from),
        sequence=_SEQUENCE,
    )


def add_key(table: sql.Identifier, key: Sequence[str]) -> sql.Composed:
    """Make columns of a table its primary key."""
    return sql.SQL("alter table {} add primary key ({})").format(table, column_list(key))


def delete_older_versions(table: sql.Identifier, key: Sequence[str]) -> sql.Composed:
    """Delete all versions of a row but the newest, in a table that has no key yet."""
    return sql.SQL(
        "delete from {table} where ctid in (select ctid from ("
        "select ctid, row_number() over (partition by {key} order by {sequence} desc) as age "
        "from {table}) as version where age > 1)"
    ).format(table=table, key=column_list(key), sequence=_SEQUENCE)


def mark_deleted(
    table: sql.Identifier,
    source: Source | None,
    key: Sequence[str],
    *,
    now: datetime,
    first_sequence: int,
    sequence_to: int,
    read_before: datetime | None = None,
) -> sql.Composed:
    """Mark the rows deleted whose key was not sent.

    Args:
        table: Table with a primary key.
        source: All that was staged in this run, None if nothing was.
        key: Columns of the primary key.
        now: Time of the deletion.
        first_sequence: The first number of this run: rows from it on were sent.
        sequence_to: The marked rows are numbered from the number after it.
        read_before: Rows read from the source at this time or later are left alone: whoever read
            the keys could not see them yet. None for no such bound.

    Returns:
        The statement.
    """
    is_known: sql.Composable = sql.SQL("true")
    if read_before is not None:
        is_known = sql.SQL("({0} is null or {0} < {1})").format(
            _EXTRACTED_AT, sql.Literal(read_before)
        )
    sent: sql.Composable = sql.SQL("false")
    if source is not None:
        sent = sql.SQL("exists (select from ({rows}) as sent where {same})").format(
            rows=source.rows(key, sequence_from=0), same=_same(key, "sent", "present")
        )
    return sql.SQL(
        "with gone as ("
        "select {keys}, row_number() over (order by {keys}) as number "
        "from {table} as present where {deleted_at} is null "
        "and {sequence} < {first_sequence} and {is_known} and not {sent}"
        ") "
        "update {table} as present set {deleted_at} = {now}, {batched_at} = {now}, "
        "{sequence} = {sequence_to} + gone.number from gone where {same}"
    ).format(
        keys=_qualified("present", key),
        table=table,
        deleted_at=_DELETED_AT,
        batched_at=_BATCHED_AT,
        sent=sent,
        is_known=is_known,
        now=sql.Literal(now),
        first_sequence=sql.Literal(first_sequence),
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


def _differ(sent: str, compared: Sequence[str], superseded: Sequence[str]) -> sql.Composed:
    """Tell whether a row of `present` is another than the one that was sent."""
    contents = sql.SQL("row({})::record *<> row({})::record").format(
        _qualified("present", compared), _qualified(sent, compared)
    )
    values = (
        sql.SQL("{} is not null").format(sql.Identifier("present", name)) for name in superseded
    )
    return sql.SQL(" or ").join([contents, *values])


def _same(key: Sequence[str], left: str, right: str) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, name), sql.Identifier(right, name))
        for name in key
    )
