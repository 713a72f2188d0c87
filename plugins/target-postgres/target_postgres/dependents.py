"""What depends on columns: the views on them, and what could not be put back after a change.

Views are found by what the rules that make them up refer to.
https://www.postgresql.org/docs/current/catalog-pg-depend.html
https://www.postgresql.org/docs/current/catalog-pg-rewrite.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from columnar_singer.errors import UserError
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

_FIND_VIEWS = """
with recursive reference as (
    select link.refobjid as used, link.refobjsubid as used_column, rule.ev_class as view
    from pg_depend as link
    join pg_rewrite as rule on rule.oid = link.objid and rule.rulename = '_RETURN'
    join pg_class as view on view.oid = rule.ev_class and view.relkind = 'v'
    where link.classid = 'pg_rewrite'::regclass and link.refclassid = 'pg_class'::regclass
        and rule.ev_class <> link.refobjid
), found as (
    select reference.view
    from pg_attribute as attribute
    join reference
        on reference.used = attribute.attrelid and reference.used_column = attribute.attnum
    where attribute.attrelid = to_regclass(%(table)s) and attribute.attname = any(%(columns)s)
    union
    select reference.view from found join reference on reference.used = found.view
)
select view from found
"""

_READ_VIEWS = """
select
    view.oid,
    space.nspname,
    view.relname,
    pg_get_userbyid(view.relowner),
    obj_description(view.oid, 'pg_class'),
    array(
        select distinct link.refobjid
        from pg_depend as link join pg_rewrite as rule on rule.oid = link.objid
        where link.classid = 'pg_rewrite'::regclass and link.refclassid = 'pg_class'::regclass
            and rule.ev_class = view.oid and link.refobjid <> view.oid
            and link.refobjid = any(%(views)s::oid[])
    ),
    array(
        select array[name, value]
        from pg_options_to_table(view.reloptions) with ordinality as option (name, value, position)
        order by position
    ),
    array(
        select array[attname, col_description(attrelid, attnum)]
        from pg_attribute where attrelid = view.oid and attnum > 0 order by attnum
    ),
    (
        select coalesce(jsonb_agg(jsonb_build_array(
            attname, privilege_type, case when grantee <> 0 then pg_get_userbyid(grantee) end,
            is_grantable
        )), '[]')
        from (
            select null as attname, given.*
            from aclexplode(coalesce(view.relacl, acldefault('r', view.relowner))) as given
            union all
            select attname, given.* from pg_attribute, aclexplode(attacl) as given
            where attrelid = view.oid
        ) as given
    )
from pg_class as view join pg_namespace as space on space.oid = view.relnamespace
where view.oid = any(%(views)s::oid[])
"""

# Indexes, constraints, statistics and its own default of a column are changed with it by
# ALTER TABLE. What a view is made of depends on it internally ('i').
_FIND_OBSTACLES = """
with view as (
    select * from pg_class where oid = any(%(views)s::oid[])
), used as (
    select 'pg_class'::regclass as classid, attrelid as objid, attnum as column
    from pg_attribute
    where attrelid = to_regclass(%(table)s) and attname = any(%(columns)s)
    union all
    select 'pg_class'::regclass, oid, null from view
    union all
    select 'pg_type'::regclass, type.oid, null
    from view join pg_type as type on type.typrelid = view.oid or type.typelem = view.reltype
)
select
    case
        when rule.rulename = '_RETURN' then pg_describe_object('pg_class'::regclass, ev_class, 0)
        else pg_describe_object(link.classid, link.objid, link.objsubid)
    end || ' depends on '
    || pg_describe_object(link.refclassid, link.refobjid, link.refobjsubid),
    'drop it, run again and create it anew'
from used
join pg_depend as link
    on link.refclassid = used.classid and link.refobjid = used.objid and link.deptype <> 'i'
    and (used.column is null or link.refobjsubid = used.column)
left join pg_rewrite as rule
    on link.classid = 'pg_rewrite'::regclass and rule.oid = link.objid
left join pg_attrdef as own
    on link.classid = 'pg_attrdef'::regclass and own.oid = link.objid
    and own.adrelid = link.refobjid and own.adnum = used.column
where
    not (rule.rulename is not distinct from '_RETURN' and rule.ev_class in (select oid from view))
    and own.oid is null
    and (
        used.column is null
        or link.classid not in (
            'pg_class'::regclass, 'pg_constraint'::regclass, 'pg_statistic_ext'::regclass
        )
    )
union all
select
    pg_describe_object('pg_class'::regclass, oid, 0) || ' belongs to ' || relowner::regrole,
    'give its rights to the loading role (grant ' || relowner::regrole || ' to '
    || quote_ident(current_user) || '), or drop the view, run again and create it anew'
from view where not pg_has_role(relowner, 'usage')
union all
select
    pg_describe_object('pg_class'::regclass, oid, 0) || ' is temporary',
    'drop it or end its session, and run again'
from view where relpersistence = 't'
union all
select
    pg_describe_object('pg_class'::regclass, view.oid, 0) || ' belongs to '
    || pg_describe_object(link.refclassid, link.refobjid, 0),
    'take it out (alter extension … drop view …), or drop it, run again and create it anew'
from view
join pg_depend as link
    on link.classid = 'pg_class'::regclass and link.objid = view.oid
    and link.deptype in ('e', 'x')
union all
select
    pg_describe_object('pg_class'::regclass, view.oid, 0) || ' has rights that '
    || given.grantor::regrole || ' gave to others',
    'revoke them and let its owner give them, then run again'
from
    view,
    lateral (
        select grantor from aclexplode(view.relacl)
        union all
        select grantor from pg_attribute, aclexplode(attacl) where attrelid = view.oid
    ) as given
where given.grantor <> view.relowner
union all
select
    pg_describe_object('pg_class'::regclass, view.oid, 0) || ' has a security label',
    'drop the view, run again and create it anew'
from view join pg_seclabel as label
    on label.classoid = 'pg_class'::regclass and label.objoid = view.oid
limit 1
"""


@dataclass(frozen=True, order=True)
class Grant:
    """A right on a view, given by its owner.

    Attributes:
        column: Name of the column, empty for the whole view.
        privilege: As `aclexplode` prints it.
        grantee: Name of a role, empty for PUBLIC.
        is_grantable: Whether the grantee may pass it on.
    """

    column: str
    privilege: str
    grantee: str
    is_grantable: bool


@dataclass(frozen=True)
class View:
    """All there is to a view but its query, which PostgreSQL prints only when it has a lock.

    Two are equal if only the query or the types of the columns can tell one from the other.

    Attributes:
        oid: Changes when the view is created again.
        schema: Its schema's name.
        name: Its name in the schema.
        owner: Name of the role.
        comment: None if it has none.
        used: The other views of the same reading that it selects from, by oid.
        options: Names and values (security_barrier, security_invoker, check_option).
        columns: Names and comments, in order.
        grants: All rights, those of the owner among them.
    """

    oid: int = field(compare=False)
    schema: str
    name: str
    owner: str
    comment: str | None
    used: list[int] = field(compare=False)
    options: list[list[str]]
    columns: list[list[str | None]]
    grants: list[Grant]

    def __str__(self) -> str:
        """Name the view for a person."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """The name for a statement."""
        return sql.Identifier(self.schema, self.name)


def find_views(connection: Connection, table: sql.Identifier, columns: Sequence[str]) -> list[View]:
    """Find the views on columns, and the views on these.

    Args:
        connection: Within a transaction whose search_path is empty, so that what PostgreSQL
            prints has qualified names.
        table: Name of the table with its schema.
        columns: The columns that are to change.

    Returns:
        The views, each after those that it selects from.

    Raises:
        UserError: Something depends on the columns or on the views that could not be put back
            as it is.
    """
    place = {"table": table.as_string(connection), "columns": list(columns)}
    oids = [oid for (oid,) in connection.execute(_FIND_VIEWS, place)]
    obstacle = connection.execute(_FIND_OBSTACLES, {**place, "views": oids}).fetchone()
    if obstacle is not None:
        raise _refusal(table, columns, *obstacle)
    views = {view.oid: view for view in read_views(connection, oids)}
    try:
        order = list(
            TopologicalSorter({oid: view.used for oid, view in views.items()}).static_order()
        )
    except CycleError as error:
        names = ", ".join(str(views[oid]) for oid in sorted(set(error.args[1])))
        what = f"the views {names} select from each other"
        raise _refusal(table, columns, what, "drop them, they cannot be read") from error
    return [views[oid] for oid in order]


def read_views(connection: Connection, oids: Sequence[int]) -> list[View]:
    """Read views from the catalog, in no order and without a lock."""
    rows = connection.execute(_READ_VIEWS, {"views": list(oids)}).fetchall()
    return [View(*(*row, _grants(grants))) for *row, grants in rows]


def _grants(rows: Sequence[tuple[str | None, str, str | None, bool]]) -> list[Grant]:
    return sorted(
        Grant(column or "", privilege, grantee or "", is_grantable)
        for column, privilege, grantee, is_grantable in rows
    )


def _refusal(table: sql.Identifier, columns: Sequence[str], what: str, cure: str) -> UserError:
    names = ", ".join(f"'{column}'" for column in columns)
    message = (
        f"table {table.as_string()} has to take a wider type for {names}, but {what} and cannot "
        f"be put back as it is after the change; {cure}"
    )
    return UserError(message)
