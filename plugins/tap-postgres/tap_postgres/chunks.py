"""Which parts a table is read in.

A large table is read as ranges of pages (`ctid`), which the server finds without an index, by
several workers. The table grows at its end only, and pages without a row of the snapshot are all
that VACUUM cuts off; so ranges over the pages that are there after the snapshot was taken hold
every row of the snapshot once, and the last range has no end.

https://www.postgresql.org/docs/current/ddl-system-columns.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

if TYPE_CHECKING:
    import psycopg

    from tap_postgres.discovery import Table

CHUNK_BYTES = 48 * 1024 * 1024
"""What a chunk takes on the server's disk, its long values included."""

_FINDS_RANGES = 140_000
"""Version of PostgreSQL that reads a range of pages without reading all."""

# A partition may be read by itself if the role has a right to it, and where no policy decides
# which of its rows are seen. A partitioned table holds no rows. Like the planner,
# `pg_partition_tree` sees partitions as they are now and not as discovery or the snapshot saw them.
_RELATIONS = """
with read (oid) as (
    select to_regclass(format('%%I.%%I', %(schema)s::text, %(name)s::text))
)
select
    n.nspname as schema,
    c.relname as name,
    c.relkind in ('r', 'm') as has_pages,
    coalesce(
        case when c.relkind in ('r', 'm') then pg_relation_size(c.oid) end, 0
    ) / current_setting('block_size')::bigint as pages,
    coalesce(case when c.relkind in ('r', 'm') then pg_table_size(c.oid) end, 0) as bytes,
    c.relkind in ('r', 'm', 'f')
        and (c.relkind = 'f' or coalesce(am.amname, 'heap') = 'heap')
        and not c.relrowsecurity
        and has_table_privilege(c.oid, 'SELECT') as is_readable
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_am am on am.oid = c.relam
where c.relkind <> 'p' and c.oid in (
    select oid from read
    union
    select tree.relid from read cross join pg_partition_tree(read.oid) tree
)
order by c.oid
"""


@dataclass(frozen=True)
class Chunk:
    """A part of a table.

    Attributes:
        source: What to select from, None for the table with all that inherits from it.
        condition: On `t`, None for all rows.
        is_large: Whether many rows are to be expected.
    """

    source: sql.Composable | None = None
    condition: sql.Composable | None = None
    is_large: bool = False


def plan(connection: psycopg.Connection[Any], table: Table, query: sql.Composed) -> list[Chunk]:
    """Divide a table.

    Args:
        connection: In the snapshot.
        table: To divide.
        query: What is to be read of it.

    Returns:
        One chunk for the whole table if it is small, if little of it is to be read, or if its
        parts may not be read by themselves.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        relations = cursor.execute(
            _RELATIONS, {"schema": table.schema, "name": table.name}
        ).fetchall()
    if sum(relation["bytes"] for relation in relations) <= CHUNK_BYTES:
        return [Chunk()]
    if not _reads_pages(connection, query):
        return [Chunk()]
    if connection.info.server_version < _FINDS_RANGES or not all(
        relation["is_readable"] for relation in relations
    ):
        return [Chunk(is_large=True)]
    return [
        Chunk(
            sql.SQL("only {}").format(sql.Identifier(relation["schema"], relation["name"])),
            condition,
            is_large=True,
        )
        for relation in relations
        for condition in _ranges(relation)
    ]


def _reads_pages(connection: psycopg.Connection[Any], query: sql.Composed) -> bool:
    """Ask the planner whether it would read whole tables rather than look rows up in an index."""
    explained = connection.execute(sql.SQL("explain (format json) {}").format(query)).fetchone()
    assert explained is not None  # noqa: S101 (EXPLAIN gives one row)
    return _scans(explained[0][0]["Plan"])


def _scans(node: dict[str, Any]) -> bool:
    if node["Node Type"] in {"Seq Scan", "Foreign Scan"}:
        return True
    return any(_scans(child) for child in node.get("Plans", ()))


def _ranges(relation: dict[str, Any]) -> list[sql.Composable | None]:
    pages, size = relation["pages"], relation["bytes"]
    if size <= CHUNK_BYTES or not pages:
        return [None]
    step = max(1, pages * CHUNK_BYTES // size)
    starts = range(0, pages, step)
    return [
        sql.SQL(" and ").join(
            [
                sql.SQL("t.ctid >= {}::tid").format(sql.Literal(f"({start},0)")),
                *(
                    [sql.SQL("t.ctid < {}::tid").format(sql.Literal(f"({start + step},0)"))]
                    if start + step < pages
                    else []
                ),
            ]
        )
        for start in starts
    ]
