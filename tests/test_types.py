"""Every type of PostgreSQL, from the source into both destinations, value by value.

A value arrives exactly, or (in the lake only) it is NULL there and its text is in the quarantine.
Rule 19 of FAILURES.md, and 10, 15 to 17, 20 and 21 with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql
from target_s3.columns import lake_schema

from plugins import types_page
from tests import type_samples
from tests.older_postgres import postgres_16
from tests.pipe import move, postgres_settings
from tests.servers import Lake

# What a session of this test prints, whatever the server's settings are; but names of objects (of
# regclass) are qualified where the search path of the source does not lead to them.
_PRINTING = (
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


@pytest.fixture(scope="module", params=[16, 18], ids=lambda version: f"postgres-{version}")
def samples(
    request: pytest.FixtureRequest,
    make_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Samples]:
    """A source of either version that holds a sample of everything."""
    if request.param == 16:
        with postgres_16(tmp_path_factory.mktemp("postgres-16")) as url:
            yield filled(url)
    else:
        yield filled(make_database())


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
        connection.execute(_PRINTING)
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


# The tests


def test_the_table_in_the_docs_is_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert types_page.main(["--check"]) == 0, capsys.readouterr().err
    # What it says of the lake is what target-s3 makes of the Arrow types.
    for arrow, name in types_page.ICEBERG.items():
        assert str(lake_schema({"a": arrow}, {}).fields[0].field_type) == name


def test_f19_every_type_that_a_column_can_have_is_in_the_samples(samples: Samples) -> None:
    with psycopg.connect(samples.url, autocommit=True) as connection:
        connection.execute("set search_path = public")
        rows = connection.execute(
            "select oid, format_type(oid, null) from pg_type where typtype <> 'p' order by oid"
        ).fetchall()
        covered = {
            oid
            for (oid,) in connection.execute(
                "select atttypid from pg_attribute where attrelid = any (%s::regclass[])"
                " and attnum > 0",
                (list(samples.texts),),
            )
        }
        # The tables of this test, and their arrays, are types too.
        own = r"^(public\.)?(scalars_\d|arrays|rows|generated|nested|pair|\"Odd Name\")(\[\])?$"
        missing = [
            name
            for oid, name in rows
            if oid not in covered and not re.match(own, name) and is_column_type(connection, name)
        ]
    assert missing == []
    assert set(samples.refused) <= set(type_samples.NO_VALUE)


def test_f19_every_value_arrives_in_postgresql(
    samples: Samples, make_database: Callable[[], str], tmp_path: Path
) -> None:
    url = make_database()
    move(
        tmp_path,
        {**postgres_settings(samples.url), "filter_schemas": ["public"]},
        "target-postgres",
        {**postgres_settings(url), "default_target_schema": "raw"},
    )
    differing = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_PRINTING)
        for table, wanted in samples.texts.items():
            # A column of the source's money is a numeric here: it needs no special care.
            arrived = texts(connection, sql.Identifier("raw", table), dict.fromkeys(wanted, ""))
            differing += compared(samples, table, wanted, arrived)
    assert not differing, "\n".join(differing)


def test_f10_f20_every_value_arrives_in_the_lake_or_is_in_its_quarantine(
    samples: Samples, lake: Lake, tmp_path: Path
) -> None:
    move(
        tmp_path,
        {**postgres_settings(samples.url), "filter_schemas": ["public"]},
        "target-s3",
        lake.settings,
    )
    catalog, namespace = lake.catalog(), lake.settings["namespace"]
    quarantined = {
        (row["table_name"], row["column_name"], json.loads(row["key"])["id"]): row["original_text"]
        for row in catalog.load_table((namespace, "quarantine")).scan().to_arrow().to_pylist()
    }
    differing = []
    with psycopg.connect(samples.url, autocommit=True) as connection:
        connection.execute(_PRINTING)
        for table, wanted in samples.texts.items():
            rows = catalog.load_table((namespace, table)).scan().to_arrow()
            ids = rows["id"].to_pylist()
            arrived: dict[str, dict[int, str]] = {}
            for name in wanted:
                values = printed(connection, rows[name].combine_chunks())
                arrived[name] = {
                    key: value for key, value in zip(ids, values, strict=True) if value is not None
                }
                for key in ids:
                    text = quarantined.pop((table, name, str(key)), None)
                    if text is not None:
                        assert key not in arrived[name], f"{table}.{name} {key} is in both"
                        arrived[name][key] = text
            differing += compared(samples, table, wanted, arrived)
    assert not differing, "\n".join(differing)
    assert not quarantined


def compared(
    samples: Samples,
    table: str,
    wanted: dict[str, dict[int, str]],
    arrived: dict[str, dict[int, str]],
) -> list[str]:
    """Tell in words which values differ."""
    return [
        f"{samples.columns[table][name]}: {wanted[name].get(key)!r:.90} arrived as"
        f" {arrived[name].get(key)!r:.90}"
        for name in wanted
        for key in sorted({*wanted[name], *arrived[name]})
        if wanted[name].get(key) != arrived[name].get(key)
    ]


def printed(connection: psycopg.Connection[Any], column: pa.Array) -> list[str | None]:
    """What PostgreSQL prints for the values of an Arrow column."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column.to_pylist()
    if pa.types.is_timestamp(kind):
        # By whole days and the rest, because an interval is multiplied as a double.
        zone = "timestamptz" if kind.tz else "timestamp"
        values = column.cast(pa.int64()).to_pylist()
        expression = (
            f"{zone} '1970-01-01' + make_interval(days => (floor(v::numeric / 86400000000))::int)"
            " + mod(mod(v::numeric, 86400000000) + 86400000000, 86400000000)::float8"
            " * interval '1 microsecond'"
        )
    elif pa.types.is_date(kind):
        values = column.cast(pa.int32()).to_pylist()
        expression = "date '1970-01-01' + v::int"
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = [None if value is None else f"\\x{value.hex()}" for value in column.to_pylist()]
        expression = "v::bytea"
    else:
        name = _POSTGRES_NAMES.get(
            kind, f"numeric({kind.precision},{kind.scale})" if pa.types.is_decimal(kind) else ""
        )
        values = column.to_pylist()
        # The shortest text of a double of 32 bits has too many digits for a real.
        expression = f"v::float8::{name}" if name == "real" else f"v::{name}"
    return [
        text
        for (text,) in connection.execute(
            f"select case when v is not null then concat({expression}) end"
            " from unnest(%s::text[]) with ordinality as t (v, n) order by n".encode(),
            ([None if value is None else str(value) for value in values],),
        )
    ]


_POSTGRES_NAMES = {
    pa.bool_(): "boolean",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
}
