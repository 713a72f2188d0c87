"""Create the simulated trackman-backend in an empty database, all or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from .connection import UserError
from .drift import TRIAL_TABLE
from .generate import generate
from .generate.table import Table

_SCHEMA = Path(__file__).with_name("schema.sql")
_AFTER_DATA = "-- after the data\n"
_OBJECT = re.compile(r"^create (table|type|domain|function) (\w+)", re.MULTILINE)
_PROGRESS_ROWS = 50_000

# Everything people made: what belongs to PostgreSQL or to an extension is left out.
_OBJECTS = """
select n.nspname, o.kind, o.name
from (
    select relnamespace as namespace, relname as name, oid, 'pg_class'::regclass as catalogue,
        case when relkind in ('v', 'm') then 'view' else 'table' end as kind
    from pg_class where relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select t.typnamespace, typname, t.oid, 'pg_type'::regclass,
        case typtype when 'd' then 'domain' else 'type' end
    from pg_type t left join pg_class c on c.oid = t.typrelid
    where typtype in ('d', 'e', 'r') or c.relkind = 'c'
    union all
    select pronamespace, proname, oid, 'pg_proc'::regclass, 'function' from pg_proc
) o
join pg_namespace n on n.oid = o.namespace
where n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and not exists (
        select from pg_depend d
        where d.classid = o.catalogue and d.objid = o.oid and d.deptype = 'e'
    )
order by 1, 2, 3
"""


@dataclass(frozen=True)
class LoadResult:
    """What `load` did."""

    loaded: bool
    """False when the data was there already and was left alone."""
    rows: dict[str, int]
    """Rows by table: written by this load, or found."""


def schema_objects() -> dict[str, list[str]]:
    """Names that schema.sql creates, by kind: table, type, domain, function."""
    names: dict[str, list[str]] = {"table": [], "type": [], "domain": [], "function": []}
    for kind, name in _OBJECT.findall(_SCHEMA.read_text(encoding="utf-8")):
        names[kind].append(name)
    return names


def load(
    connection: psycopg.Connection,
    *,
    scale: float,
    seed: int,
    until: datetime,
    replace: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> LoadResult:
    """Fill the database in one transaction; leave data that is there, unless told to replace it.

    Args:
        connection: an idle connection; it is committed.
        scale: 1 gives about 215,000 strokes.
        seed: start of all chance.
        until: the present of the data.
        replace: drop what an earlier load made and load anew.
        progress: called with lines for people.

    Raises:
        UserError: the database holds objects that are not ours, or only a part of ours.
        psycopg.Error: the server refused; nothing was changed.
    """
    ours = schema_objects()
    with connection.transaction():
        present, foreign = _inspect(connection, ours)
        if foreign:
            raise UserError(
                f"the database holds {len(foreign)} object(s) that are not of the simulated "
                f"trackman-backend, first {foreign[0]}; give an empty database"
            )
        rows = {table: _count(connection, table) for table in present}
        if any(rows.values()) and not replace:
            missing = sorted(set(ours["table"]) - set(present))
            if missing:
                raise UserError(
                    f"the simulated trackman-backend here lacks the table(s) {', '.join(missing)}; "
                    "load with --replace to make it anew"
                )
            return LoadResult(False, rows)
        before, after = _SCHEMA.read_text(encoding="utf-8").split(_AFTER_DATA)
        _drop(connection, present, ours)
        _run_script(connection, before)
        rows = {
            table.name: copy_rows(connection, table, progress)
            for table in generate(scale, seed, until)
        }
        progress("indexes and foreign keys")
        _run_script(connection, after)
        _advance_identities(connection)
        tables = sql.SQL(", ").join(map(sql.Identifier, ours["table"]))
        connection.execute(sql.SQL("analyze {}").format(tables))
    return LoadResult(True, rows)


def copy_rows(
    connection: psycopg.Connection,
    table: Table,
    progress: Callable[[str], None] = lambda line: None,
) -> int:
    """Write the rows with COPY and return how many there were."""
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for count, row in enumerate(table.rows, start=1):
            copy.write_row(row)
            if count % _PROGRESS_ROWS == 0:
                progress(f"{table.name}: {count:,} rows so far")
    progress(f"{table.name}: {count:,} rows")
    return count


def _inspect(
    connection: psycopg.Connection, ours: dict[str, list[str]]
) -> tuple[list[str], list[str]]:
    """Our tables that are present, and descriptions of objects that are not ours."""
    present, foreign = [], []
    for schema, kind, name in connection.execute(_OBJECTS).fetchall():
        is_ours = name in ours.get(kind, []) or (kind == "table" and TRIAL_TABLE.fullmatch(name))
        if schema != "public" or not is_ours:
            foreign.append(f"{kind} {schema}.{name}")
        elif kind == "table":
            present.append(name)
    return present, foreign


def _count(connection: psycopg.Connection, table: str) -> int:
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _drop(connection: psycopg.Connection, present: list[str], ours: dict[str, list[str]]) -> None:
    if present:
        names = sql.SQL(", ").join(map(sql.Identifier, present))
        connection.execute(sql.SQL("drop table {}").format(names))
    for kind in ("function", "domain", "type"):
        for name in ours[kind]:
            connection.execute(
                sql.SQL("drop {} if exists {}").format(sql.SQL(kind), sql.Identifier(name))
            )


def _run_script(connection: psycopg.Connection, script: str) -> None:
    # Bytes, for psycopg takes text only where it is a literal of the code.
    connection.execute(script.encode())


def _advance_identities(connection: psycopg.Connection) -> None:
    """Let identity columns go on after the keys that COPY wrote."""
    columns = connection.execute(
        "select attrelid::regclass::text, attname from pg_attribute "
        "where attidentity <> '' and attrelid::regclass::text = any(%s)",
        [schema_objects()["table"]],
    ).fetchall()
    for table, column in columns:
        connection.execute(
            sql.SQL("select setval(pg_get_serial_sequence({}, {}), max({})) from {}").format(
                sql.Literal(table), sql.Literal(column), sql.Identifier(column),
                sql.Identifier(table),
            )
        )  # fmt: skip
