"""A source that holds values of every type, and what PostgreSQL prints for each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tests import type_samples

# What a session of this test prints, whatever the server's settings are; but names of objects (of
# regclass) are qualified where the search path of the source does not lead to them.
PRINTING = (
    "set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601';"
    " set bytea_output = 'hex'; set extra_float_digits = 1; set search_path = nowhere"
)
_COLUMNS = 32
"""Types in one table; a table that fails tells less than one of several."""

_ODD_SETTINGS = {
    "timezone": "Asia/Kathmandu",
    "datestyle": "German, DMY",
    "intervalstyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-5",
    "default_transaction_isolation": "serializable",
    "search_path": "nowhere",
}


@dataclass
class Samples:
    """The source: a table a group of types, and what PostgreSQL prints for each value.

    Attributes:
        url: Of the database.
        columns: By table, the declaration of each column.
        texts: By table, then by column, the text of each row's value by its id.
        refused: What the server said of values that it does not take.
    """

    url: str
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    texts: dict[str, dict[str, dict[int, str]]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def filled(url: str) -> Samples:
    found = Samples(url)
    with psycopg.connect(url, autocommit=True) as connection:
        database = sql.Identifier(connection.info.dbname)
        for name, value in _ODD_SETTINGS.items():
            connection.execute(
                sql.SQL("alter database {} set {} = {}").format(
                    database, sql.Identifier(name), sql.Literal(value)
                )
            )
        for statement in type_samples.SETUP:
            connection.execute(statement.encode())
        connection.execute("set timezone = 'UTC'")  # for the samples that name no zone
        known = [each for each in type_samples.SCALARS if exists(connection, each)]
        scalars = {each: accepted(connection, found, each) for each in known}
        declared = list(scalars)
        for start in range(0, len(declared), _COLUMNS):
            part = {each: scalars[each] for each in declared[start : start + _COLUMNS]}
            fill(connection, found, f"scalars_{start // _COLUMNS}", part)
        fill(
            connection,
            found,
            "arrays",
            {
                f"{each}[]": arrays(each, values)
                for each, values in scalars.items()
                if exists(connection, f"{each}[]")
            },
        )
        fill(connection, found, "rows", row_types(connection))
        generated(connection, found)
        connection.execute(PRINTING)
        for table, columns in found.columns.items():
            found.texts[table] = texts(connection, sql.Identifier("public", table), columns)
    return found


def exists(connection: psycopg.Connection[Any], declaration: str) -> bool:
    return connection.execute("select to_regtype(%s)", (declaration,)).fetchone() != (None,)


def accepted(
    connection: psycopg.Connection[Any], found: Samples, declaration: str
) -> list[sql.Composable]:
    """The values of a type as expressions, without those that this server refuses."""
    values = []
    for sample in type_samples.SCALARS[declaration]:
        text = sql.SQL(sample[1:]) if sample.startswith("=") else sql.Literal(sample)  # type: ignore[arg-type]
        value = sql.SQL("({})::{}").format(text, sql.SQL(declaration))  # type: ignore[arg-type]
        try:
            connection.execute(sql.SQL("select {}").format(value))
        except psycopg.Error as error:
            known = type_samples.NO_VALUE.get(declaration)
            assert known is not None and re.search(known, str(error)), f"{declaration}: {error}"
            found.refused[declaration] = str(error).partition("\n")[0]
        else:
            values.append(value)
    return values


def arrays(declaration: str, values: list[sql.Composable]) -> list[sql.Composable]:
    """Arrays of a type: of all its values, with NULL inside, empty, of two dimensions, …"""
    if declaration in {"int2vector", "oidvector"}:
        # They are arrays themselves to array[…].
        literals = ["{}", "{NULL}", '{"1 2 3",NULL,""}', '{{"1",NULL},{NULL,"2"}}', "[-5:-5]={1}"]
        return [sql.SQL("{}::{}").format(each, sql.SQL(f"{declaration}[]")) for each in literals]  # type: ignore[arg-type]
    kind = sql.SQL(f"{declaration}[]")  # type: ignore[arg-type]
    listed = sql.SQL(", ").join([sql.SQL("null"), *values])
    first = values[0] if values else sql.SQL("null")
    forms = [
        sql.SQL("array[{0}]").format(listed),
        sql.SQL("'{}'"),
        sql.SQL("array[array[{0}, null], array[null, {0}]]").format(first),
        # Another first index than 1; array_fill alone lets one choose it.
        sql.SQL("array_fill({0}::{1}, array[2], array[-5])").format(
            first,
            sql.SQL(declaration),  # type: ignore[arg-type]
        ),
        sql.SQL("array_fill({0}::{1}, array[1, 2], array[0, 7])").format(
            first,
            sql.SQL(declaration),  # type: ignore[arg-type]
        ),
    ]
    return [sql.SQL("({})::{}").format(form, kind) for form in forms]


def row_types(connection: psycopg.Connection[Any]) -> dict[str, list[sql.Composable]]:
    """The row type of each catalog table and view, with its first row."""
    names = connection.execute(
        "select c.oid::regclass::text from pg_class c where c.relkind in ('r', 'v') and"
        " c.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
        " order by 1"
    ).fetchall()
    found = {}
    for (name,) in names:
        if not is_column_type(connection, name):
            continue
        row = sql.SQL("(select t from {} t limit 1)").format(sql.SQL(name))
        try:
            connection.execute(sql.SQL("select {}").format(row))
        except psycopg.Error:
            # It tells of something that this machine does not have (NUMA).
            row = sql.SQL("null::{}").format(sql.SQL(name))
        found[name] = [row]
        found[f"{name}[]"] = [sql.SQL("array[{}, null]").format(row)]
    return found


def is_column_type(connection: psycopg.Connection[Any], declaration: str) -> bool:
    """Whether the server lets a column have the type."""
    try:
        with connection.transaction():
            connection.execute(f"create temporary table try (value {declaration})".encode())
            raise psycopg.Rollback
    except psycopg.Error:
        return False
    return True


def fill(
    connection: psycopg.Connection[Any],
    found: Samples,
    table: str,
    columns: dict[str, list[sql.Composable]],
) -> None:
    """Make a table with a column for each type; row n holds the n-th value of each, then NULL."""
    names = {declaration: f"c{number}" for number, declaration in enumerate(columns)}
    defined = ", ".join(f"{name} {declaration}" for declaration, name in names.items())
    connection.execute(f"create table public.{table} (id int primary key, {defined})".encode())
    for n in range(max(len(values) for values in columns.values()) + 1):
        row = {
            names[declaration]: values[n]
            for declaration, values in columns.items()
            if n < len(values)
        }
        connection.execute(
            sql.SQL("insert into public.{} (id{}) values ({}{})").format(
                sql.Identifier(table),
                sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in row),
                sql.Literal(n),
                sql.SQL("").join(sql.SQL(", {}").format(value) for value in row.values()),
            )
        )
    found.columns[table] = {name: declaration for declaration, name in names.items()}


def generated(connection: psycopg.Connection[Any], found: Samples) -> None:
    """Columns that the server fills in: identity, generated, and virtual where there are such."""
    columns = {
        "always": "int",
        "by_default": "smallint",
        "stored": "numeric(10,2)",
        **({"virtual": "timestamp"} if connection.info.server_version >= 180000 else {}),
    }
    virtual = ", virtual timestamp generated always as (at + interval '1 day') virtual"
    connection.execute(
        "create table public.generated (id int primary key, at timestamp, always int generated"
        " always as identity, by_default smallint generated by default as identity (minvalue -9),"
        " stored numeric(10,2) generated always as (id / 3.0) stored"
        f"{virtual if 'virtual' in columns else ''})".encode()
    )
    # Of its two identity columns a table has the sequence of each.
    connection.execute("insert into public.generated (id, at) values (1, '2024-01-01'), (2, null)")
    found.columns["generated"] = columns


def texts(
    connection: psycopg.Connection[Any], table: sql.Composable, columns: dict[str, str]
) -> dict[str, dict[int, str]]:
    """What PostgreSQL prints for each value that is not NULL, by column and id."""
    result = {}
    for name, declaration in columns.items():
        value: sql.Composable = sql.Identifier(name)
        if declaration.startswith("money"):
            # Its text depends on the locale; the number does not.
            value = sql.SQL("{}::{}").format(
                value,
                sql.SQL(declaration.replace("money", "numeric(19,2)")),  # type: ignore[arg-type]
            )
        # concat() prints as COPY does, where a cast to text would cut the blanks of a char(n); and
        # a composite of NULLs is one, but `is not null` says that it is none.
        query = sql.SQL("select id, concat({}) from {} where num_nulls({}) = 0").format(
            value, table, sql.Identifier(name)
        )
        result[name] = dict(connection.execute(query).fetchall())
    return result
