"""What is sent to the local Athena: parsing, statements that write, and rules checked at random."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import duckdb
import pytest
from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate import (
    SETTINGS,
    Schema,
    bind_parameters,
    parse,
    prepare,
    result_types,
    to_duckdb,
)

SCHEMA = {
    "s": {
        "t": {"id": "bigint", "name": "varchar", "day": "date", "x": "double"},
        "u": {"id": "int", "name": "string", "day": "date", "n": "decimal(10,2)"},
    }
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        prepare(connection)
        for statement in SETTINGS:
            connection.execute(statement)
        connection.execute("create schema s")
        connection.execute("create table s.t (id bigint, name varchar, day date, x double)")
        connection.execute("create table s.u (id integer, name varchar, day date, n decimal(10,2))")
        yield connection


def run(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: tuple[str, ...] = ()
) -> list[Any]:
    tree = bind_parameters(parse(sql), parameters)
    return connection.execute(to_duckdb(tree, SCHEMA)[0].sql(dialect="duckdb")).fetchall()


def refusal(sql: str, schema: Schema | None = None) -> QueryError:
    with pytest.raises(QueryError) as caught:
        to_duckdb(parse(sql), schema or SCHEMA)
    return caught.value


def test_statements_that_write(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, "INSERT INTO s.t (id, name) SELECT 1, 'a' UNION ALL SELECT 2, 'b'")
    run(connection, "INSERT INTO s.t VALUES (3, 'c', DATE '2020-01-31', 1e0)")
    run(connection, "UPDATE s.t SET day = day + INTERVAL '1' MONTH, x = id / 2 WHERE id = 3")
    run(connection, "DELETE FROM s.t WHERE name = 'a'")
    rows = connection.execute("select id, name, day, x from s.t order by id").fetchall()
    assert rows == [(2, "b", None, None), (3, "c", dt.date(2020, 2, 29), 1.0)]


def test_merge_as_dbt_sends_it(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, "INSERT INTO s.t (id, name) VALUES (1, 'a'), (2, 'b')")
    run(connection, "INSERT INTO s.u (id, name) VALUES (2, 'B'), (3, 'C')")
    run(
        connection,
        """merge into s.t as target using s.u as src on (target.id = src.id)
        when matched and src.name <> target.name then update set "name" = src."name"
        when not matched then insert ("id", "name") values (src."id", src."name")""",
    )
    rows = connection.execute("select id, name from s.t order by id").fetchall()
    assert rows == [(1, "a"), (2, "B"), (3, "C")]


def test_a_value_of_another_type_is_not_stored() -> None:
    assert refusal("INSERT INTO s.t (id) VALUES ('a')").name == "TYPE_MISMATCH"
    assert refusal("UPDATE s.t SET name = 1").name == "TYPE_MISMATCH"


def test_parameters_stand_where_the_marks_are(connection: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT ? + 1, ? || 'x', ? > DATE '2020-01-01'"
    assert run(connection, sql, ("41", "'a'", "DATE '2020-01-02'")) == [(42, "ax", True)]
    with pytest.raises(QueryError, match="expected 3 but found 1"):
        bind_parameters(parse(sql), ("1",))
    with pytest.raises(QueryError, match="not a SQL literal"):
        bind_parameters(parse("SELECT ?"), ("1)",))


def test_tables_stay_for_the_engine() -> None:
    tree, _ = to_duckdb(
        parse(
            "SELECT \"$path\", id FROM s.t FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01 00:00:00 UTC'"
        ),
        SCHEMA,
    )
    (table,) = tree.find_all(exp.Table)
    assert (table.text("db"), table.name, table.alias) == ("s", "t", "t")
    assert table.args["version"] is not None
    columns = result_types(parse('SELECT *, "$path" FROM s.t'), SCHEMA)
    assert [column.name for column in columns] == ["id", "name", "day", "x", "$path"]


def test_a_table_of_snapshots_is_a_table() -> None:
    schema = {"s": {"t$snapshots": {"snapshot_id": "bigint"}}}
    (column,) = result_types(parse('SELECT * FROM s."t$snapshots"'), schema)
    assert (column.name, column.type) == ("snapshot_id", "bigint")


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("SELECT 1 +", "line 1:"),
        ("SELECT 'a", "line 1:"),
        ("SELECT a\nFROM b WHERE (c", "line 2:"),
        ("SELECT 1; SELECT 2", "only one sql statement"),
        ("", "no statement"),
        ("SELECT select FROM t", "line 1:"),
        ("SELECT a AS table FROM t", "line 1:"),
        ("CREATE EXTERNAL TABLE t (date string) LOCATION 's3://b/t/'", "reserved word"),
    ],
)
def test_a_wrong_text_is_a_syntax_error(sql: str, where: str) -> None:
    with pytest.raises(QueryError, match=where) as caught:
        parse(sql)
    assert caught.value.name == "SYNTAX_ERROR"


def test_a_comment_and_a_last_semicolon_are_fine() -> None:
    assert parse('-- /* {"app": "dbt"} */\nSELECT 1;').key == "select"


def test_a_long_query_is_refused() -> None:
    with pytest.raises(QueryError, match="262144"):
        parse("SELECT '" + "a" * 262_144 + "'")


def test_errors_say_where_and_what() -> None:
    error = refusal("SELECT id,\n  nam FROM s.t")
    assert str(error) == "COLUMN_NOT_FOUND: line 2:3: Column 'nam' cannot be resolved"
    assert "awsdatacatalog.s.v" in str(refusal("SELECT * FROM s.v"))


def _months(first: dt.datetime, second: dt.datetime) -> int:
    """Whole months between, as Joda-Time counts them for Trino."""
    if second < first:
        return -_months(second, first)
    months = (second.year - first.year) * 12 + second.month - first.month
    last = (second.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
    day = min(first.day, second.day) if second.day == last.day else first.day
    return months - ((second.day, second.time()) < (day, first.time()))


def test_date_diff_counts_whole_units(connection: duckdb.DuckDBPyConnection) -> None:
    rng = random.Random(7)
    start = dt.datetime(2019, 12, 25)
    pairs = [
        tuple(start + dt.timedelta(hours=rng.randrange(24 * 800)) for _ in "ab")
        for _ in range(3000)
    ]
    connection.execute("create table s.p (a timestamp, b timestamp)")
    connection.executemany("insert into s.p values (?, ?)", pairs[:1500])
    schema = {"s": {"p": {"a": "timestamp(3)", "b": "timestamp(3)"}}}
    units = ("second", "hour", "day", "week", "month", "quarter")
    items = ", ".join(f"date_diff('{unit}', a, b)" for unit in units)
    tree, _ = to_duckdb(parse(f"SELECT a, b, {items} FROM s.p"), schema)
    for a, b, *got in connection.execute(tree.sql(dialect="duckdb")).fetchall():
        seconds = int((b - a).total_seconds())
        whole = [int(seconds / size) for size in (1, 3600, 86400, 7 * 86400)]
        months = _months(a, b)
        assert got == [*whole, months, int(months / 3)], (a, b)


def test_decimal_division_rounds_half_up(connection: duckdb.DuckDBPyConnection) -> None:
    rng = random.Random(11)
    connection.execute("create table s.d (a decimal(12,3), b decimal(9,4))")
    pairs = [
        (
            Decimal(rng.randrange(-(10**9), 10**9)).scaleb(-3),
            Decimal(rng.randrange(1, 10**6)).scaleb(-4),
        )
        for _ in range(500)
    ]
    connection.executemany("insert into s.d values (?, ?)", pairs)
    schema = {"s": {"d": {"a": "decimal(12,3)", "b": "decimal(9,4)"}}}
    sql = "SELECT a, b, a / b, a * b, a + b, a % b FROM s.d"
    types = [column.type for column in result_types(parse(sql), schema)][2:]
    assert types == ["decimal(17,4)", "decimal(21,7)", "decimal(14,4)", "decimal(9,4)"]
    with localcontext() as context:
        context.prec = 60
        rows = connection.execute(to_duckdb(parse(sql), schema)[0].sql(dialect="duckdb")).fetchall()
        for a, b, *got in rows:
            quotient = (a / b).quantize(Decimal("0.0001"), ROUND_HALF_UP)
            assert got == [quotient, a * b, a + b, a % b]


def test_integer_division_truncates(connection: duckdb.DuckDBPyConnection) -> None:
    rng = random.Random(13)
    pairs = [(rng.randrange(-99, 99), rng.choice([-7, -3, -1, 1, 2, 9])) for _ in range(300)]
    values = ", ".join(f"({a}, {b})" for a, b in pairs)
    for a, b, quotient, rest in run(
        connection, f"SELECT a, b, a / b, a % b FROM (VALUES {values}) t(a, b)"
    ):
        assert quotient == int(a / b)
        assert rest == a - b * int(a / b)
