"""Every type of PostgreSQL, from the source into both destinations, value by value.

A value arrives exactly, or (in the lake only) it is NULL there and its text is in the quarantine.
Rule 19 of FAILURES.md, and 10, 15 to 17, 20 and 21 with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
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
from tests.type_source import PRINTING, Samples, filled, is_column_type, texts


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
        connection.execute(PRINTING)
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
        connection.execute(PRINTING)
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
