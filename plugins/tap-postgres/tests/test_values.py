"""Values arrive as they are, whichever way they go."""

from __future__ import annotations

import importlib
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest
from columnar_singer import odd_values
from columnar_singer.connection import PostgresConnection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from tap_postgres import blocks, engine, session

if TYPE_CHECKING:
    from .conftest import Source

COLUMNS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "t": ("text", st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    "i": ("integer", st.integers(-(2**31), 2**31 - 1)),
    "l": ("bigint", st.integers(-(2**63), 2**63 - 1)),
    "d": ("numeric(38,10)", st.decimals(-(10**28) + 1, 10**28 - 1, places=10)),
    "n": (
        "numeric",
        st.decimals(allow_nan=False, allow_infinity=False, places=40) | st.just("NaN"),
    ),
    "f": ("double precision", st.floats(allow_nan=False)),
    "g": ("real", st.floats(width=32, allow_nan=False)),
    "o": ("boolean", st.booleans()),
    "b": ("bytea", st.binary()),
    "y": ("date", st.dates()),
    "h": ("time without time zone", st.times()),
    "s": ("timestamp without time zone", st.datetimes()),
    # The first and last day would leave Python's range in some time zones.
    "z": (
        "timestamp with time zone",
        st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    ),
    "u": ("uuid", st.uuids()),
}


@pytest.fixture(scope="module")
def connection(make_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    info = psycopg.conninfo.conninfo_to_dict(make_database())
    opened = session.connect(PostgresConnection.from_config({**info, "database": info["dbname"]}))
    columns = ", ".join(f"{name} {datatype}" for name, (datatype, _) in COLUMNS.items())
    opened.execute(f"create table odd (n_th integer, {columns})")
    yield opened
    opened.close()


def read(
    connection: psycopg.Connection[Any], query: str, datatypes: dict[str, str]
) -> list[dict[str, Any]]:
    return [
        row
        for batch in engine.read(connection, sql.SQL(query), datatypes)
        for row in batch.to_pylist()
    ]


@pytest.fixture(params=["python", "machine code"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are decoded by the kernels as plain Python, or compiled."""
    if request.param == "machine code":
        importlib.import_module("tap_postgres.compiled")
    else:
        monkeypatch.delitem(sys.modules, "tap_postgres.compiled", raising=False)


@pytest.mark.usefixtures("_way")
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.fixed_dictionaries(
            {name: st.none() | strategy for name, (_, strategy) in COLUMNS.items()}
        ),
        max_size=8,
    )
)
def test_f15_f16_f17_values_are_neither_rounded_nor_cut(
    connection: psycopg.Connection[Any], rows: list[dict[str, Any]]
) -> None:
    connection.execute("truncate odd")
    places = ", ".join(["%s", *(f"%s::{datatype}" for datatype, _ in COLUMNS.values())])
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into odd values ({places})",
            [(n_th, *(row[name] for name in COLUMNS)) for n_th, row in enumerate(rows)],
        )
    datatypes = {"n_th": "integer", **{name: datatype for name, (datatype, _) in COLUMNS.items()}}
    arrived = read(connection, "select * from odd order by n_th", datatypes)
    assert len(arrived) == len(rows)
    for sent, row in zip(rows, arrived, strict=True):
        del row["n_th"]
        for name, value in sent.items():
            assert row[name] == _expected(name, value), name


def _expected(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "h":
        return re.sub(r"(\.\d*?)0+$", r"\1", str(value))  # PostgreSQL prints no zeros at the end
    if name == "n":
        # PostgreSQL has no negative zero and no exponent.
        return value if value == "NaN" else format(value if value else value.copy_abs(), "f")
    if name == "u":
        return str(value)
    return value


@pytest.mark.parametrize(
    ("datatype", "literal"),
    [
        ("text[]", '{a,NULL,"b c","\\"",""}'),
        ("integer[]", "{{1,2},{3,NULL}}"),
        ("jsonb", '{"a": [1.10, null, "x\\n"]}'),
        ("json", '{ "b":1,  "a":2 }'),
        ("interval", "P1Y2M-3DT4H5M6.789S"),
        ("int4range", "[1,5)"),
        ("tstzrange", '["2024-01-01 00:00:00+00",)'),
        ("inet", "10.0.0.1/8"),
        ("macaddr", "08:00:2b:01:02:03"),
        ("point", "(1.5,-2)"),
        ("bit(4)", "0101"),
        ("time with time zone", "12:00:00.5+05:30"),
        ("character(4)", "ab  "),
        ("bpchar", "ab  "),
        ("tsvector", "'a':1 'b'"),
        ("numeric(50,5)", "123456789012345678901234567890123456789012345.12345"),
        ("pg_lsn", "16/B374D848"),
    ],
)
def test_f19_types_without_an_arrow_type_arrive_as_postgresql_prints_them(
    connection: psycopg.Connection[Any], datatype: str, literal: str
) -> None:
    quoted = literal.replace("'", "''")
    [row] = read(connection, f"select '{quoted}'::{datatype} as v", {"v": datatype})
    assert row["v"] == literal


def test_numbers_that_are_none_arrive_as_such(connection: psycopg.Connection[Any]) -> None:
    query = "select 'NaN'::float8 as f, '-Infinity'::float4 as g, 'Infinity'::numeric as n"
    [row] = read(connection, query, {"f": "double precision", "g": "real", "n": "numeric"})
    assert math.isnan(row["f"])
    assert row["g"] == -math.inf
    assert row["n"] == "Infinity"


def test_null_and_the_empty_string_differ_in_a_table_of_one_column(
    connection: psycopg.Connection[Any],
) -> None:
    query = "select * from (values (''), (null), ('\\.'), ('\\N'), ('NULL'), (E'\\n')) as t (v)"
    assert [row["v"] for row in read(connection, query, {"v": "text"})] == [
        "",
        None,
        "\\.",
        "\\N",
        "NULL",
        "\n",
    ]


def test_rows_larger_than_a_batch_are_read(
    connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "TEXT_BYTES", 100)
    query = "select n, repeat(E'a\"\\n', n) as v, n::text as w from generate_series(1, 500) n"
    rows = read(connection, query, {"n": "integer", "v": "text", "w": "text"})
    assert [row["v"] for row in rows] == ['a"\n' * number for number in range(1, 501)]
    assert [row["w"] for row in rows] == [str(number) for number in range(1, 501)]


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("timestamp with time zone", "infinity"),
        ("timestamp with time zone", "294276-12-31 23:59:59.9999+00"),
        ("timestamp without time zone", "-infinity"),
        ("timestamp without time zone", "294247-01-10 04:00:54.775808"),
        ("date", "infinity"),
        ("date", "-infinity"),
        ("numeric(5,2)", "NaN"),
        ("numeric(38,2)", "NaN"),
    ],
)
def test_f10_f20_a_value_that_does_not_fit_travels_beside_its_column(
    connection: psycopg.Connection[Any], datatype: str, value: str
) -> None:
    query = (
        f"select n, case n when 2 then '{value}'::{datatype} end as v from generate_series(1, 3) n"
    )
    [batch] = engine.read(connection, sql.SQL(query), {"n": "integer", "v": datatype})
    assert batch.column("v").null_count == 3
    [odd] = odd_values.of(batch)
    assert (odd.row, odd.column, odd.text) == (1, "v", value)
    assert odd.reason


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("date", "20000-01-01"),
        ("date", "0044-03-15 BC"),
        ("date", "5874897-12-31"),
        ("date", "4714-11-24 BC"),
        ("timestamp without time zone", "4713-11-24 01:02:03.5 BC"),
        ("timestamp with time zone", "294247-01-10 04:00:00+00"),
    ],
)
def test_f21_far_times_arrive_as_they_are(
    connection: psycopg.Connection[Any], source: Source, datatype: str, value: str
) -> None:
    query = sql.SQL(f"select '{value}'::{datatype} as v")
    [batch] = engine.read(connection, query, {"v": datatype})
    unit = 86_400 if datatype == "date" else 1
    expected = source.value(f"select extract(epoch from '{value}'::{datatype}) * 1000000 / {unit}")
    if datatype == "date":
        expected /= 1_000_000
    column = batch.column("v")
    assert column.cast(pa.int32() if datatype == "date" else pa.int64()).to_pylist() == [expected]
    source.execute(
        f"create table t (v {datatype})", f"insert into t values ('{value}'), ('infinity')"
    )
    assert [row["v"] for row in source.run(batch_config=None).rows["public-t"]] == [
        value,
        "infinity",
    ]


def test_records_hold_the_values_that_batch_files_hold(source: Source) -> None:
    source.execute(
        """
        create table t (
            id int primary key, n numeric, d numeric(20,10), g real, z timestamptz, s timestamp,
            y date, h time, b bytea, o boolean, t text, l bigint, a int[]
        )
        """,
        """
        insert into t values
            (1, 12345678901234567890.123456789, 0.1, 0.1, '2024-01-01 00:00:00.000001+02',
             '2024-01-01 00:00:00.5', '2024-02-29', '23:59:59.999999', '\\x00ff', true, '',
             9223372036854775807, '{1,NULL}')
        """,
        "insert into t (id) values (2)",
    )
    run = source.run(batch_config=None)
    assert not run.of("BATCH")
    # The SDK's reader takes decimals as decimals; so does this.
    [one, two] = [
        json.loads(json.dumps(record), parse_float=Decimal) for record in run.rows["public-t"]
    ]
    assert one == {
        "id": 1,
        "n": one["n"],
        "d": Decimal("0.1"),
        "g": Decimal("0.1"),
        "z": "2023-12-31T22:00:00.000001+00:00",
        "s": "2024-01-01T00:00:00.500000",
        "y": "2024-02-29",
        "h": "23:59:59.999999",
        "b": "00ff",
        "o": True,
        "t": "",
        "l": 9223372036854775807,
        "a": "{1,NULL}",
    }
    assert '"n":12345678901234567890.123456789' in run.lines
    assert two == {**dict.fromkeys(one), "id": 2}


def test_f20_a_number_that_json_does_not_have_is_a_string(source: Source) -> None:
    source.execute("create table t (x float8)", "insert into t values ('NaN')")
    assert source.run(batch_config=None).rows["public-t"] == [{"x": "NaN"}]


def test_batch_files_are_bounded_and_stamped(source: Source) -> None:
    source.execute("create table t (id int)", "insert into t select generate_series(1, 1000)")
    run = source.run(batch_size_rows=300)
    assert len(run.of("BATCH")) == 4
    assert run.values("public-t", "id") == list(range(1, 1001))
    assert run.bookmark("public-t")["rows_read"] == 1000
