"""The rights that loading takes, and the statement that gives each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from columnar_singer.errors import UserError
from psycopg import sql

if TYPE_CHECKING:
    from psycopg import Connection

_READ_RIGHTS = """
select
    current_database(),
    current_user,
    has_database_privilege(current_database(), 'temporary'),
    space.oid is not null,
    has_database_privilege(current_database(), 'create'),
    has_schema_privilege(space.oid, 'usage'),
    has_schema_privilege(space.oid, 'create'),
    loaded.oid is not null,
    has_table_privilege(loaded.oid, 'select')
        and has_table_privilege(loaded.oid, 'insert')
        and has_table_privilege(loaded.oid, 'update')
        and has_table_privilege(loaded.oid, 'delete'),
    pg_has_role(loaded.relowner, 'usage')
from (select) as one
left join pg_namespace as space on space.nspname = %(schema)s
left join pg_class as loaded
    on loaded.relnamespace = space.oid and loaded.relname = %(table)s
"""


def check_rights(connection: Connection, schema: str, table: str, *, changes_table: bool) -> None:
    """Check that the role may create, change and load a table.

    Args:
        connection: To the database.
        schema: Schema of the table; need not be there.
        table: Name of the table; need not be there.
        changes_table: Whether the table has to be altered, which only its owner may.

    Raises:
        UserError: A right is missing; the text holds the statement that gives it.
    """
    row = connection.execute(_READ_RIGHTS, {"schema": schema, "table": table}).fetchone()
    assert row is not None  # noqa: S101 (the query gives one row whatever there is)
    database, user = sql.Identifier(row[0]), sql.Identifier(row[1])
    temporary, has_schema, database_create, usage, create, has_table, rows, owner = row[2:]
    space, qualified = sql.Identifier(schema), sql.Identifier(schema, table)
    missing: list[sql.Composed] = []
    if not temporary:
        missing.append(sql.SQL("grant temporary on database {} to {}").format(database, user))
    if not has_schema and not database_create:
        missing.append(sql.SQL("grant create on database {} to {}").format(database, user))
    if has_schema and not (usage and (create or has_table)):
        missing.append(sql.SQL("grant usage, create on schema {} to {}").format(space, user))
    if has_table and not rows:
        statement = sql.SQL("grant select, insert, update, delete on table {} to {}")
        missing.append(statement.format(qualified, user))
    if has_table and changes_table and not owner:
        missing.append(sql.SQL("alter table {} owner to {}").format(qualified, user))
    if missing:
        statements = "; ".join(statement.as_string(connection) for statement in missing)
        message = (
            f"user {user.as_string(connection)} may not load table "
            f"{qualified.as_string(connection)}; let its owner or a superuser run: {statements}"
        )
        raise UserError(message)
