"""Views are taken out of the way of a change of their columns' types, and put back.

PostgreSQL changes the type of no column that a view uses. So the views are dropped and created
again in the transaction of the change: who reads one waits for its lock and then finds the new
one by the same name.

https://www.postgresql.org/docs/current/sql-altertable.html
https://www.postgresql.org/docs/current/sql-createview.html
https://www.postgresql.org/docs/current/ddl-priv.html
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
from columnar_singer.errors import UserError
from psycopg import sql

from target_postgres.dependents import Grant, View, find_views, read_views
from target_postgres.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection


def check_views(connection: Connection, table: sql.Identifier, columns: Sequence[str]) -> None:
    """Check that columns can be changed, without changing anything or waiting for a lock.

    Raises:
        UserError: Something depends on them that could not be put back as it is.
    """
    with connection.transaction(), _names_qualified(connection):
        find_views(connection, table, columns)


@contextlib.contextmanager
def set_aside(
    connection: Connection, table: sql.Identifier, columns: Sequence[str]
) -> Iterator[list[View]]:
    """Drop the views on columns, and create them again after what is done inside.

    Args:
        connection: Within a transaction, which an error must roll back.
        table: Name of the table with its schema.
        columns: The columns whose types are changed inside; with none, nothing is locked.

    Yields:
        The views, each after those that it selects from.

    Raises:
        UserError: A view or what depends on it could not be put back as it is.
    """
    if not columns:
        yield []
        return
    with _names_qualified(connection):
        views = _lock(connection, table, columns)
        queries = [_read_query(connection, view) for view in views]
        if views:
            names = sql.SQL(", ").join(view.identifier for view in views)
            connection.execute(sql.SQL("drop view {}").format(names))
    yield views
    with _names_qualified(connection):
        for view, query in zip(views, queries, strict=True):
            _put_back(connection, view, query)


@contextlib.contextmanager
def _names_qualified(connection: Connection) -> Iterator[None]:
    """Let PostgreSQL print names with their schemas, and read them the same way."""
    connection.execute("set local search_path to ''")
    yield
    connection.execute("set local search_path to default")


def _lock(connection: Connection, table: sql.Identifier, columns: Sequence[str]) -> list[View]:
    """Lock the table and the views on it until nothing about them can change any more.

    The locks are taken in the order in which a reader takes his: a view before what it selects
    from. The other way round, one would wait for the other.
    """
    locked: set[tuple[int, str]] = set()
    views = find_views(connection, table, columns)
    while True:
        for view in reversed(views):
            if (view.oid, str(view)) not in locked:
                # LOCK TABLE would lock every table below the view. This changes nothing.
                statement = sql.SQL("alter view if exists {} owner to {}")
                connection.execute(statement.format(view.identifier, sql.Identifier(view.owner)))
        connection.execute(sql.SQL("lock table {} in access exclusive mode").format(table))
        locked.update((view.oid, str(view)) for view in views)
        # Others may have changed, renamed or created views before the locks were had.
        views = find_views(connection, table, columns)
        if locked.issuperset((view.oid, str(view)) for view in views):
            return views


def _put_back(connection: Connection, view: View, query: str) -> None:
    try:
        _create(connection, view, query)
        found = _read(connection, view)
        if found.grants != view.grants:
            _grant(connection, view, found.grants)
        same = _read(connection, view) == view
    except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
        raise _failure(view, reason(error)) from error
    if not same:
        raise _failure(view, "it came out different, see the event triggers in pg_event_trigger")


def _create(connection: Connection, view: View, query: str) -> None:
    options = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in view.options
    )
    connection.execute(
        sql.SQL("create view {} {} as {}").format(
            view.identifier,
            sql.SQL("with ({})").format(options) if view.options else sql.SQL(""),
            sql.SQL(query),
        )
    )
    owner = sql.SQL("alter view {} owner to {}")
    connection.execute(owner.format(view.identifier, sql.Identifier(view.owner)))
    if view.comment is not None:
        comment = sql.SQL("comment on view {} is {}")
        connection.execute(comment.format(view.identifier, sql.Literal(view.comment)))
    for column, text in view.columns:
        if column is not None and text is not None:
            comment = sql.SQL("comment on column {}.{} is {}")
            connection.execute(
                comment.format(view.identifier, sql.Identifier(column), sql.Literal(text))
            )


def _grant(connection: Connection, view: View, found: Sequence[Grant]) -> None:
    """Replace the rights that a new view has by default with those that it had."""
    for grantee in sorted({grant.grantee for grant in found}):
        statement = sql.SQL("revoke all on {} from {}")
        connection.execute(statement.format(view.identifier, _role(grantee)))
    for grant in view.grants:
        column = sql.SQL("({})").format(sql.Identifier(grant.column)) if grant.column else None
        connection.execute(
            sql.SQL("grant {} {} on {} to {} {}").format(
                sql.SQL(grant.privilege),
                column or sql.SQL(""),
                view.identifier,
                _role(grant.grantee),
                sql.SQL("with grant option" if grant.is_grantable else ""),
            )
        )


def _role(name: str) -> sql.Composable:
    return sql.Identifier(name) if name else sql.SQL("public")


def _read_query(connection: Connection, view: View) -> str:
    row = connection.execute("select rtrim(pg_get_viewdef(%s::oid), ';')", [view.oid]).fetchone()
    assert row is not None  # noqa: S101 (the query gives one row whatever there is)
    return str(row[0])


def _read(connection: Connection, view: View) -> View:
    """Read the view that has the same name now."""
    statement = "select to_regclass(%s)::oid"
    row = connection.execute(statement, [view.identifier.as_string(connection)]).fetchone()
    assert row is not None  # noqa: S101 (the query gives one row whatever there is)
    return read_views(connection, row)[0]


def _failure(view: View, why: str) -> UserError:
    message = (
        f"view {view} cannot be created again as it was after a column below it became wider: "
        f"{why}; nothing is changed: put that right, or drop the view, run again and create it anew"
    )
    return UserError(message)
