"""SELECT, views, parameters, prepared statements, time travel, metadata tables, limits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import psutil
import pyarrow as pa
import pytest

from orchestrate.local_athena.model import Cancellation, Column, Identity, QueryError
from orchestrate.local_athena.tests.engine.helpers import Athena, batches


@pytest.fixture(scope="module", autouse=True)
def _strokes(athena: Athena) -> None:
    athena.run(
        "create table strokes with (table_type = 'ICEBERG', location = 's3://any/where/deep/', "
        "partitioning = ARRAY['club', 'bucket(id, 2)']) as "
        "select * from (values (1, 'driver', 250.5), (2, 'putter', 3.2), (3, 'driver', null)) "
        "as t(id, club, carry)"
    )


def test_rows_columns_and_types(athena: Athena) -> None:
    result = athena.run(
        f'select id, carry, count(*), 7 / 2 from "awsdatacatalog"."{athena.database}"."strokes" '
        "where club = 'driver' group by 1, 2 order by 1"
    )
    assert result.sub_kind == "SELECT"
    assert result.columns == (
        Column("id", "integer"),
        Column("carry", "decimal(4,1)"),
        Column("_col2", "bigint"),
        Column("_col3", "integer"),
    )
    assert athena.rows("select id, carry from strokes where id = 1") == [(1, Decimal("250.5"))]
    assert athena.scanned("select max(id) from strokes") > 0


def test_views_stand_on_views_and_on_the_database_they_were_made_in(athena: Athena) -> None:
    athena.run("create or replace view far as select id as stroke, club from strokes where id < 3")
    athena.run(
        "create view farther as with strokes as (select * from far) "
        "select s.stroke as stroke_id from strokes as s where club = 'driver'"
    )
    assert athena.rows(f"select * from {athena.database}.farther as f", database="other") == [(1,)]
    view = athena.metastore.table(athena.database, "farther")
    assert view["TableType"] == "VIRTUAL_VIEW"
    assert view["ViewOriginalText"].startswith("/* Presto View: ")
    assert view["StorageDescriptor"]["Columns"] == [{"Name": "stroke_id", "Type": "int"}]
    athena.fails("create view far as select 1 as a", "TABLE_ALREADY_EXISTS")
    athena.fails("drop table far", "NOT_SUPPORTED")
    athena.fails("insert into far select 1, 'x'", "NOT_SUPPORTED")
    athena.run("drop view farther")
    athena.fails("select * from farther", "TABLE_NOT_FOUND")


def test_a_view_is_stale_once_its_query_gives_other_columns(athena: Athena) -> None:
    athena.run("create table wide with (table_type = 'ICEBERG') as select 1 as a, 2 as b")
    athena.run("create view all_of_it as select * from wide")
    athena.run("create view part_of_it as select b from wide")
    athena.run("alter table wide add columns (c int)")
    athena.fails("select * from all_of_it", "VIEW_IS_STALE")
    athena.run("alter table wide drop column a")  # as many columns as before, of other names
    athena.fails("select * from all_of_it", "VIEW_IS_STALE")
    assert athena.rows("select * from part_of_it") == [(2,)]
    athena.run("alter table wide change b b bigint")
    athena.fails("select * from part_of_it", "VIEW_IS_STALE")


def test_a_view_that_reads_itself_is_refused(athena: Athena) -> None:
    athena.run("create view turns as select 1 as a")
    athena.run("create or replace view turns as select * from (select * from turns) as t")
    athena.fails("select * from turns", "VIEW_IS_RECURSIVE")


def test_parameters_are_values_whatever_they_hold(athena: Athena) -> None:
    sql = "select id from strokes where club = ? and id >= ? order by 1"
    assert athena.rows(sql, "'driver'", "2") == [(3,)]
    assert athena.rows("select ?", "'it''s -- no ? comment'") == [("it's -- no ? comment",)]
    for value in ("(select 1)", "1; drop table strokes", "1 or true", "id", ""):
        athena.fails(sql, "INVALID_PARAMETER_USAGE", "'driver'", value)
    athena.fails(sql, "INVALID_PARAMETER_USAGE", "'driver'")
    athena.fails("select '?' as a", "INVALID_PARAMETER_USAGE", "1")


def test_prepared_statements(athena: Athena) -> None:
    athena.run("prepare one_club from select id from strokes where club = ? order by 1")
    assert athena.rows("execute one_club using 'putter'") == [(2,)]
    assert athena.rows("execute one_club", "'driver'") == [(1,), (3,)]
    athena.run("deallocate prepare one_club")
    athena.fails("execute one_club using 'putter'", "NOT_FOUND")


def test_time_travel_over_commits_of_another_program(athena: Athena) -> None:
    catalog = athena.metastore.lake.catalog
    table = catalog.create_table(
        (athena.database, "log"), pa.schema([("id", pa.int64()), ("at", pa.timestamp("us", "UTC"))])
    )
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    for number in (1, 2):
        table.append(pa.table({"id": [number], "at": [moment]}, schema=table.schema().as_arrow()))
    first, second = (each.snapshot_id for each in table.metadata.snapshots)
    assert athena.rows(f"select id from log for version as of {first}") == [(1,)]
    assert athena.rows(
        "select id, at from log for timestamp as of current_timestamp order by 1"
    ) == [
        (1, moment),
        (2, moment),
    ]
    athena.fails("select * from log for version as of 5", "INVALID_ARGUMENTS")
    athena.fails(
        "select * from log for timestamp as of timestamp '2020-01-01 00:00:00 UTC'",
        "INVALID_ARGUMENTS",
    )
    assert athena.rows('select snapshot_id, operation from "log$snapshots"') == [
        (first, "append"),
        (second, "append"),
    ]
    assert athena.rows('select count(*), sum(record_count) from "log$files"') == [(2, 2)]
    assert athena.rows('select snapshot_id from "log$history" order by made_current_at') == [
        (first,),
        (second,),
    ]
    assert athena.rows('select name, snapshot_id from "log$refs"') == [("main", second)]
    assert athena.rows('select count(*) from "log$manifests"') == [(2,)]
    assert athena.rows('select sum(file_count) from "log$partitions"') == [(2,)]
    athena.fails('select * from "log$nothing"', "TABLE_NOT_FOUND")


def test_partitions_tell_the_bounds_of_columns(athena: Athena) -> None:
    athena.run(
        "create table bounds with (table_type = 'ICEBERG', partitioning = array['k']) as "
        "select * from (values ('a', 1, cast(null as double)), ('a', 5, null), ('b', 3, 0.5e0)) "
        "as t (k, n, x)"
    )
    found = athena.rows(
        "select partition.k, data.n.min, data.n.max, data.x.max, data.x.null_count "
        'from "bounds$partitions" order by 1'
    )
    assert found == [("a", 1, 5, None, 2), ("b", 3, 3, 0.5, 0)]


def test_path_of_a_row(athena: Athena) -> None:
    location = athena.metastore.table(athena.database, "strokes")["StorageDescriptor"]["Location"]
    athena.run("create table named with (table_type = 'ICEBERG') as select 'x' as filename")
    athena.fails('select "$path" from named', "NOT_SUPPORTED")  # DuckDB would give 'x'
    ((path,),) = athena.rows('select "$path" from strokes where id = 2')
    assert path.startswith(f"{location}/data/")


def test_partitions_and_columns_left_out_are_not_read(athena: Athena) -> None:
    assert athena.run('select * from "strokes$partitions"').columns[0].type == (
        "row(club varchar, id_bucket integer)"
    )
    athena.run(
        "create table days with (table_type = 'ICEBERG', partitioning = ARRAY['day']) as "
        "select n % 4 as day, n as wide_a, cast(n * 7 as varchar) as wide_b from "
        f"({athena.numbers(200_000)})"
    )

    scanned = athena.scanned
    everything = scanned("select max(wide_a), max(wide_b) from days")
    assert scanned("select max(wide_a), max(wide_b) from days where day = 1") < everything / 3
    assert scanned("select max(wide_a) from days") < everything / 1.5
    assert scanned("select max(wide_a), max(wide_b) from days") == everything  # no cache
    message = athena.fails(
        "select max(wide_a), max(wide_b) from days",
        "EXCEEDED_SCAN_LIMIT",
        bytes_limit=everything // 2,
    )
    assert message.endswith("Bytes scanned limit was exceeded")
    athena.run("select max(wide_a) from days where day = 1", bytes_limit=everything // 2)


def test_too_long_a_scan_ends_no_table(athena: Athena) -> None:
    athena.fails(
        "create table copied with (table_type = 'ICEBERG') as select * from strokes",
        "EXCEEDED_SCAN_LIMIT",
        bytes_limit=10,
    )
    athena.fails("select * from copied", "TABLE_NOT_FOUND")


def test_who_may_only_read_a_database_changes_nothing_in_it(athena: Athena) -> None:
    reader = Identity("dbt", frozenset({athena.database}))
    assert athena.rows("select count(*) from strokes", identity=reader) == [(3,)]
    for sql in (
        "create table new_one with (table_type = 'ICEBERG') as select 1 as a",
        "create view new_one as select 1 as a",
        "insert into strokes values (4, 'driver', 1.0)",
        "update strokes set carry = 1",
        "delete from strokes",
        "merge into strokes using (select 1 as id) s on strokes.id = s.id "
        "when matched then update set carry = 1",
        "alter table strokes rename to other.strokes",
        "alter table strokes add columns (a int)",
        "drop table strokes",
        "optimize strokes rewrite data using bin_pack",
        "vacuum strokes",
        f"create external table {athena.database}.f (a int) location 's3://x/'",
        "msck repair table strokes",
        f"drop schema {athena.database} cascade",
    ):
        athena.fails(sql, "ACCESS_DENIED", identity=reader)


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("", "SYNTAX_ERROR"),
        ("-- nothing", "SYNTAX_ERROR"),
        ("selec 1", "SYNTAX_ERROR"),
        ("select 1; select 2", "SYNTAX_ERROR"),
        ("create table user (a int) location 's3://x/'", "SYNTAX_ERROR"),
        ("select * from nowhere.strokes", "SCHEMA_NOT_FOUND"),
        ("select * from elsewhere.raw.strokes", "CATALOG_NOT_FOUND"),
        ("select nothing from strokes", "COLUMN_NOT_FOUND"),
        ("grant all on strokes to everybody", "SYNTAX_ERROR"),
        ("show nothing", "SYNTAX_ERROR"),
    ],
)
def test_what_is_wrong_is_refused(athena: Athena, sql: str, name: str) -> None:
    athena.fails(sql, name)


def test_explain(athena: Athena) -> None:
    lines = [line for (line,) in athena.rows("explain select * from strokes")]
    assert any("ICEBERG_SCAN" in line for line in lines)


def test_a_large_result_is_never_in_memory(athena: Athena) -> None:
    result = athena.run(
        f"select n, '{'x' * 80}' as a, m from ({athena.numbers(1_000_000)}), "
        "(values 1, 2, 3, 4, 5) as five(m)"
    )
    process = psutil.Process()
    before, count, most = process.memory_info().rss, 0, 0
    for batch in batches(result):
        count += len(batch)
        most = max(most, process.memory_info().rss - before)
    assert count == 5_000_000
    assert most < 150 << 20  # all of it would take some 500 MB


def test_rows_that_fail_late_are_told(athena: Athena) -> None:
    sql = f"select 1 / (n - 999999) from ({athena.numbers(1_000_000)})"
    assert "Division by zero" in athena.fails(sql, "DIVISION_BY_ZERO")


def test_long_conditions_are_answered_and_deep_ones_refused(athena: Athena) -> None:
    ranges = " or ".join(f"(n >= {i} and n < {i} + 1)" for i in range(1_000))
    sql = f"select count(*) from (values 1, 999, 1000) as numbers (n) where {ranges}"
    assert athena.rows(sql) == [(2,)]
    athena.fails(f"select {'abs(' * 1_500}1{')' * 1_500}", "STACK_OVERFLOW")


def test_rows_left_unread_leave_nothing_behind(athena: Athena) -> None:
    result = athena.run(athena.numbers(1_000_000))
    assert next(iter(batches(result)))
    del result
    assert athena.rows("select 1") == [(1,)]


def test_rows_are_cut_off_when_the_query_is_stopped(athena: Athena) -> None:
    cancellation = Cancellation()
    found = iter(batches(athena.run(athena.numbers(1_000_000), cancellation=cancellation)))
    next(found)
    cancellation.ask()
    with pytest.raises(QueryError, match="QUERY_CANCELLED"):
        list(found)


def test_names_of_results_keep_their_case_and_those_of_tables_do_not(athena: Athena) -> None:
    sql = 'select count(*) Total, max(id) "MaxId", Club from strokes group by Club'
    assert [each.name for each in athena.run(sql).columns] == ["Total", "MaxId", "Club"]
    assert [each.name for each in athena.run(f"select * from ({sql})").columns][:2] == [
        "Total",
        "MaxId",
    ]
    athena.run(f"create table Counted with (table_type = 'ICEBERG') as {sql}")
    assert [each.name for each in athena.run("select * from counted").columns] == [
        "total",
        "maxid",
        "club",
    ]
