"""What there is to read: one query over `pg_catalog`.

https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from columnar_singer.description import X_OWNER, X_PERSONAL_DATA, X_SOURCE
from columnar_singer.types import CARRIED_TYPES, X_SQL_DATATYPE, from_postgres, type_name
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from tap_postgres.masks import Mask

# What may order the rows of a stream. The values of the others either have no order or cannot be
# written into a bookmark without loss.
_REPLICATION_KEY_TYPES = {
    "timestamp without time zone",
    "timestamp with time zone",
    "date",
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "uuid",
    "text",
    "character varying",
    "character",
}

# A type that another database need not have or does not read back (enum, composite, extension,
# regclass, xml, …), `CARRIED_TYPES` are all others, is read as text. A domain is read as what it is
# based on. Money is read as numeric: its text depends on the server's locale.
#
# A partition is read through its parent. A child by inheritance is a stream of its own, and its
# rows are not in its parent's: there they could have the keys of the parent's own rows.
_QUERY = """
with recursive domain_step (domain, base, typmod) as (
    select oid, typbasetype, typtypmod from pg_type where typtype = 'd'
    union all
    select step.domain, inner_domain.typbasetype, inner_domain.typtypmod
    from domain_step step
    join pg_type inner_domain on inner_domain.oid = step.base and inner_domain.typtype = 'd'
),
domain_base as (
    select step.domain, step.base, step.typmod
    from domain_step step
    join pg_type base on base.oid = step.base and base.typtype <> 'd'
),
relation as (
    select c.oid, n.nspname, c.relname, c.relkind, c.relowner
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
        and not c.relispartition
        and c.relpersistence <> 't'
        and (
            n.nspname = any (%(schemas)s::text[])
            or %(schemas)s::text[] is null
            and n.nspname <> 'information_schema'
            and n.nspname not like 'pg\\_%%'
        )
),
heap (relation, oid) as (
    select oid, oid from relation
    union
    select heap.relation, child.inhrelid
    from heap
    join pg_inherits child on child.inhparent = heap.oid
    join pg_class c on c.oid = child.inhrelid and c.relispartition
),
resolved as (
    select
        a.attrelid,
        a.attnum,
        a.attname,
        a.attnotnull,
        format_type(a.atttypid, a.atttypmod) as declared,
        case
            when scalar.oid = 'money'::regtype
                then format('numeric(19,%%s)', scale(0::money::numeric))
            when scalar.typnamespace <> 'pg_catalog'::regnamespace
                or format_type(scalar.oid, null) <> all (%(carried)s)
                then 'text'
            else format_type(
                scalar.oid,
                coalesce(element_base.typmod, whole_base.typmod, a.atttypmod)
            )
        end || case when is_array then '[]' else '' end as datatype
    from relation
    join pg_attribute a
        on a.attrelid = relation.oid and a.attnum > 0 and not a.attisdropped
    left join domain_base whole_base on whole_base.domain = a.atttypid
    join pg_type whole on whole.oid = coalesce(whole_base.base, a.atttypid)
    -- int2vector and oidvector have elements, and a text of their own.
    cross join lateral (select whole.typoutput = 'array_out'::regproc as is_array) as array_type
    left join domain_base element_base on is_array and element_base.domain = whole.typelem
    join pg_type scalar
        on scalar.oid = case
            when is_array then coalesce(element_base.base, whole.typelem) else whole.oid
        end
),
candidate_key as (
    select distinct on (i.indrelid) i.indrelid, key.columns
    from pg_index i
    cross join lateral (
        select
            array_agg(a.attname::text order by part.position) as columns,
            bool_and(a.attnotnull) as is_not_null
        from unnest(i.indkey::smallint[]) with ordinality part (attnum, position)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = part.attnum
        where part.position <= i.indnkeyatts
    ) key
    where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        and (i.indisprimary or key.is_not_null)
    order by i.indrelid, i.indisprimary desc, cardinality(key.columns), i.indexrelid
)
select
    relation.nspname as schema,
    relation.relname as name,
    current_database() as database,
    pg_get_userbyid(relation.relowner) as owner,
    obj_description(relation.oid, 'pg_class') as comment,
    coalesce(candidate_key.columns, '{}') as key,
    relation.relkind in ('r', 'f') as is_alone,
    (
        select array_agg(heap.oid order by heap.oid) from heap where heap.relation = relation.oid
    ) as relations,
    (
        -- The system column xmin is there to be read: on heaps, with a right to the whole table.
        select bool_and(c.relkind in ('r', 'p', 'm') and coalesce(am.amname, 'heap') = 'heap')
            and has_table_privilege(relation.oid, 'SELECT')
        from heap
        join pg_class c on c.oid = heap.oid
        left join pg_am am on am.oid = c.relam
        where heap.relation = relation.oid
    ) as has_xmin,
    (
        select jsonb_agg(
            jsonb_build_object(
                'name', resolved.attname,
                'datatype', resolved.datatype,
                'is_cast', resolved.datatype <> resolved.declared,
                'is_not_null', resolved.attnotnull,
                'comment', col_description(relation.oid, resolved.attnum)
            )
            order by resolved.attnum
        )
        from resolved
        where resolved.attrelid = relation.oid
    ) as columns
from relation
left join candidate_key on candidate_key.indrelid = relation.oid
order by relation.nspname, relation.relname
"""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its name.
        datatype: The built-in type it is read as.
        is_cast: Whether that differs from the type it is declared with.
        is_not_null: Whether it is declared NOT NULL.
        comment: Its comment.
        mask: How its values are masked; None if they are sent as they are.
        is_personal: Whether the setting `personal_data` names it.
    """

    name: str
    datatype: str
    is_cast: bool
    is_not_null: bool
    comment: str | None
    mask: Mask | None = None
    is_personal: bool = False

    @property
    def can_order(self) -> bool:
        """Whether the column may be a replication key."""
        return self.mask is None and type_name(self.datatype) in _REPLICATION_KEY_TYPES

    @property
    def json_schema(self) -> dict[str, Any]:
        """The column as a property of a SCHEMA message."""
        schema = {**from_postgres(self.datatype).json_schema, X_SQL_DATATYPE: self.datatype}
        if not self.is_not_null:
            schema["type"] = [schema["type"], "null"]
        told = [text for text in (self.comment, self.mask and self.mask.description) if text]
        if told:
            schema["description"] = " ".join(told)
        if self.mask or self.is_personal:
            schema[X_PERSONAL_DATA] = True
        return schema


@dataclass(frozen=True)
class Table:
    """A table, view, materialised view, foreign table or partitioned table.

    Attributes:
        database: Its database's name.
        schema: Its schema's name.
        name: Its name.
        owner: The role that owns it.
        comment: Its comment.
        key: Columns of the primary key, else of the shortest unique index over columns that are
            NOT NULL; empty if there is none.
        columns: In the table's order.
        is_alone: Whether the rows are those of the table itself, without those that inherit.
        relations: Object ids of the table and of its partitions.
        has_xmin: Whether each row's `xmin` can be read and tells when it came into sight.
    """

    database: str
    schema: str
    name: str
    owner: str
    comment: str | None
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    is_alone: bool
    relations: tuple[int, ...]
    has_xmin: bool

    @property
    def stream_name(self) -> str:
        """The name of its stream, as in the MeltanoLabs variant."""
        return f"{self.schema}-{self.name}"

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema of a SCHEMA message with all columns."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {column.name: column.json_schema for column in self.columns},
            "required": list(self.key),
            X_SOURCE: f"{self.database}.{self.schema}.{self.name} (PostgreSQL, tap-postgres)",
            X_OWNER: self.owner,
        }
        if self.comment:
            schema["description"] = self.comment
        return schema

    def column(self, name: str) -> Column | None:
        """Give a column by its name, None if there is none."""
        return next((column for column in self.columns if column.name == name), None)


def discover(
    connection: psycopg.Connection[Any], schemas: Sequence[str] | None
) -> tuple[Table, ...]:
    """Read which tables there are, whether the role may read them or not.

    A table that may not be read is listed all the same: a stream that fails is seen, one that is
    not there is not.

    Args:
        connection: To the database.
        schemas: Names of the schemas to look into, None for all but PostgreSQL's own.

    Returns:
        The tables that have columns, by schema and name.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            _QUERY,
            {
                "schemas": list(schemas) if schemas is not None else None,
                "carried": sorted(CARRIED_TYPES),
            },
        ).fetchall()
    return tuple(
        Table(
            database=row["database"],
            schema=row["schema"],
            name=row["name"],
            owner=row["owner"],
            comment=row["comment"],
            key=tuple(row["key"]),
            columns=tuple(Column(**column) for column in row["columns"]),
            is_alone=row["is_alone"],
            relations=tuple(row["relations"]),
            has_xmin=row["has_xmin"],
        )
        for row in rows
        if row["columns"]
    )
