"""CREATE, ALTER, DROP, SHOW of databases and tables."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrate.local_athena.metastore.catalog import AlreadyExists, EntityNotFound, InvalidInput
from orchestrate.local_athena.tests.engine.helpers import Athena


def columns(athena: Athena, name: str) -> list[tuple[str, str]]:
    found = athena.metastore.table(athena.database, name)["StorageDescriptor"]["Columns"]
    return [(each["Name"], each["Type"]) for each in found]


def test_databases(athena: Athena) -> None:
    name = f"{athena.database}_more"
    athena.run(f"create database if not exists `{name}` comment 'of a test'")
    athena.run(f"create schema if not exists {name}")
    athena.fails(f"create schema {name}", "SCHEMA_ALREADY_EXISTS")
    assert athena.metastore.database(name)["Description"] == "of a test"
    assert (name,) in athena.rows("show databases")
    assert athena.rows(f"show schemas like '{name[:-2]}*'") == [(name,)]
    athena.run(f"create table {name}.t with (table_type = 'ICEBERG') as select 1 as a")
    athena.run(f"create view {name}.v as select * from {name}.t")
    athena.fails(f"drop schema {name}", "SCHEMA_NOT_EMPTY")
    athena.run(f"drop schema {name} cascade")
    athena.run(f"drop schema if exists {name}")
    athena.fails(f"drop schema {name}", "SCHEMA_NOT_FOUND")
    with pytest.raises(EntityNotFound):
        athena.metastore.tables(name)


def test_create_table_as_keeps_types_and_takes_a_place_of_its_own(athena: Athena) -> None:
    athena.run(
        "create table typed with (table_type = 'ICEBERG', location = 's3://elsewhere/a/b/c') as "
        "select 1 as I, cast(1 as bigint) as b, 1.5 as d, cast(1.5 as double) as f, 'x' as s, "
        "true as t, date '2026-11-01' as day, timestamp '2026-11-01 10:00:00' as ts, "
        "timestamp '2026-11-01 10:00:00 UTC' as tz, array[1] as a, sum(1) as total, "
        "cast(row(1, 'x') as row(x integer, y varchar)) as st, map(array['k'], array[1]) as m"
    )
    assert columns(athena, "typed") == [
        ("i", "int"),
        ("b", "bigint"),
        ("d", "decimal(2,1)"),
        ("f", "double"),
        ("s", "string"),
        ("t", "boolean"),
        ("day", "date"),
        ("ts", "timestamp"),
        ("tz", "timestamp"),
        ("a", "array<int>"),
        ("total", "bigint"),
        ("st", "struct<x:int,y:string>"),
        ("m", "map<string,int>"),
    ]
    table = athena.metastore.table(athena.database, "typed")
    location = table["StorageDescriptor"]["Location"]
    assert location.startswith(f"s3://{athena.lake.bucket}/{athena.database}/typed-")
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Parameters"]["table_type"] == "ICEBERG"
    assert table["Parameters"]["metadata_location"].startswith(location)
    given = f"s3://{athena.lake.bucket}/{athena.database}/a_place"
    athena.run(
        f"create table placed with (table_type = 'ICEBERG', location = '{given}/') as "
        "select 1 as a where false"
    )
    assert (
        athena.metastore.table(athena.database, "placed")["StorageDescriptor"]["Location"] == given
    )


@pytest.mark.parametrize(
    ("query", "properties", "name"),
    [
        ("select 1", "", "MISSING_COLUMN_NAME"),
        ("select null as a", "", "COLUMN_TYPE_UNKNOWN"),
        ("select 1 as a, 2 as A", "", "DUPLICATE_COLUMN_NAME"),
        ("select cast(1 as smallint) as a", "", "NOT_SUPPORTED"),
        ("select 1 as a", ", format = 'ORC'", "NOT_SUPPORTED"),
        ("select 1 as a", ", colour = 'red'", "INVALID_TABLE_PROPERTY"),
        ("select 1 as a", ", partitioning = ARRAY['b']", "INVALID_TABLE_PROPERTY"),
        ("select 1 as a", ", partitioning = ARRAY['week(a)']", "INVALID_TABLE_PROPERTY"),
        ("select 1 / 0 as a", "", "DIVISION_BY_ZERO"),
        ("select cast('x' as integer) as a", "", "INVALID_CAST_ARGUMENT"),
    ],
)
def test_a_create_table_as_that_fails_leaves_no_table(
    athena: Athena, query: str, properties: str, name: str
) -> None:
    athena.fails(f"create table failed with (table_type = 'ICEBERG'{properties}) as {query}", name)
    athena.fails("select * from failed", "TABLE_NOT_FOUND")


def test_a_table_takes_no_name_that_is_taken(athena: Athena) -> None:
    athena.run("create table taken with (table_type = 'ICEBERG') as select 1 as a")
    again = "taken with (table_type = 'ICEBERG') as select 2 as a"
    athena.fails(f"create table {again}", "TABLE_ALREADY_EXISTS")
    assert athena.run(f"create table if not exists {again}").update_count == 0
    athena.fails("create view taken as select 1 as a", "TABLE_ALREADY_EXISTS")
    athena.run("create table empty with (table_type='ICEBERG') as select 1 as a with no data")
    assert athena.rows("select * from empty") == []


def test_create_iceberg_table(athena: Athena) -> None:
    athena.run(
        "create table made (id bigint comment 'the key', s string, ts timestamp, "
        "d decimal(10, 2), a array<string>, st struct<x: int, y: array<string>>) "
        "comment 'made by hand' partitioned by (day(ts), bucket(4, id)) location 's3://b/x/' "
        "tblproperties ('table_type' = 'iceberg', 'classification' = 'personal')"
    )
    athena.run("insert into made (id, ts) values (1, timestamp '2026-11-01 10:00:00'), (2, null)")
    table = athena.metastore.table(athena.database, "made")
    assert table["Description"] == "made by hand"
    assert table["StorageDescriptor"]["Columns"][0]["Comment"] == "the key"
    assert table["Parameters"]["classification"] == "personal"
    assert athena.rows("describe made")[:2] == [("id", "bigint", "the key"), ("s", "string", "")]
    ddl = "\n".join(line for (line,) in athena.rows("show create table made"))
    assert "PARTITIONED BY (day(`ts`), bucket(4, `id`))" in ddl
    assert athena.rows('select sum(record_count) from "made$partitions"') == [(2,)]
    athena.fails("create table bad (a tinyint) location 's3://b/' tblproperties "
                 "('table_type' = 'iceberg')", "NOT_SUPPORTED")  # fmt: skip
    athena.fails("create table bad (a int) location 's3://b/'", "INVALID_TABLE_PROPERTY")


def test_columns_change(athena: Athena) -> None:
    athena.run("create table changing with (table_type = 'ICEBERG') as select 1 as a, 'x' as b")
    athena.run("alter table changing add columns (c int comment 'third', d string)")
    athena.run("insert into changing values (2, 'y', 3, 'z')")
    athena.run("alter table changing change column c cc bigint")
    athena.run("alter table changing drop column d")
    athena.fails("alter table changing drop column d", "COLUMN_NOT_FOUND")
    athena.fails("alter table changing change a a string", "NOT_SUPPORTED")
    assert athena.rows("select * from changing order by a") == [(1, "x", None), (2, "y", 3)]
    athena.run("alter table changing replace columns (a int, cc bigint, e double)")
    assert columns(athena, "changing") == [("a", "int"), ("cc", "bigint"), ("e", "double")]
    assert athena.rows("select * from changing order by a") == [(1, None, None), (2, 3, None)]


def test_renames_as_dbt_makes_them(athena: Athena) -> None:
    """A table and the one that takes its place change names; no data of either is lost."""
    iceberg = "with (table_type = 'ICEBERG') as select"
    athena.run(f"create table model {iceberg} 1 as a")
    for generation in (2, 3):
        athena.run(f"create table model__ha {iceberg} {generation} as a")
        athena.run(f"alter table {athena.database}.model rename to {athena.database}.model__bkp")
        athena.run("alter table model__ha rename to model")
        assert athena.rows("select a from model") == [(generation,)]
        assert athena.rows("select a from model__bkp") == [(generation - 1,)]
        athena.run("drop table model__bkp")
        assert athena.rows("select a from model") == [(generation,)]
    athena.fails("alter table model rename to model", "TABLE_ALREADY_EXISTS")
    athena.fails("select * from model__ha", "TABLE_NOT_FOUND")


def test_drop_deletes_the_data_of_an_iceberg_table_only(athena: Athena) -> None:
    athena.run("create table gone with (table_type = 'ICEBERG') as select 1 as a")
    ((path,),) = athena.rows('select "$path" from gone')
    place = athena.place()
    athena.run(f"create table kept with (external_location = '{place}') as select 1 as a")
    ((kept,),) = athena.rows('select "$path" from kept')
    athena.run("drop table gone")
    athena.run("drop table kept")
    athena.run("drop table if exists kept")
    athena.fails("drop table kept", "TABLE_NOT_FOUND")
    files = athena.metastore.lake.files()
    found = files.get_file_info([each.removeprefix("s3://") for each in (path, kept)])
    assert [each.is_file for each in found] == [False, True]


def test_show(athena: Athena) -> None:
    athena.run("create table shown with (table_type = 'ICEBERG') as select 1 as a, 2 as b")
    athena.run("create view shown_view as select a from shown")
    athena.run("alter table shown set tblproperties ('classification' = 'public')")
    assert athena.rows("show tables 'shown*'") == [("shown",), ("shown_view",)]
    assert athena.rows(f"show tables in {athena.database} like 'shown_v.*'") == [("shown_view",)]
    assert ("shown_view",) in athena.rows("show views")
    assert athena.rows("show columns in shown") == [("a",), ("b",)]
    assert athena.rows("show tblproperties shown('classification')") == [
        ("classification", "public")
    ]
    athena.run("alter table shown unset tblproperties ('classification')")
    assert athena.rows("show tblproperties shown('classification')") == []
    assert ("select a from shown",) in athena.rows("show create view shown_view")


def test_what_glue_writes_is_seen_by_sql(athena: Athena) -> None:
    """As dbt's persist_docs and awswrangler do."""
    store, database = athena.metastore, athena.database
    athena.run("create table documented with (table_type = 'ICEBERG') as select 1 as a, 2 as b")
    table = store.table(database, "documented")
    table["Description"] = "a table"
    table["Parameters"]["owner"] = "analysts"
    table["StorageDescriptor"]["Columns"][1]["Comment"] = "the second"
    store.update_table(database, table)
    assert athena.rows("describe documented") == [("a", "int", ""), ("b", "int", "the second")]
    found = store.table(database, "documented")
    assert (found["Description"], found["Owner"]) == ("a table", "analysts")
    loaded = store.lake.catalog.load_table((database, "documented"))
    assert loaded.schema().find_field("b").doc == "the second"
    with pytest.raises(InvalidInput):
        store.create_table(database, found)
    with pytest.raises(AlreadyExists):
        store.create_table(database, {"Name": "documented"})
    with pytest.raises(EntityNotFound):
        store.update_table(database, {"Name": "nothing"})


def test_versions(athena: Athena) -> None:
    store, database = athena.metastore, athena.database
    athena.run(f"create external table {database}.versioned (a int) location '{athena.place()}'")
    athena.run("alter table versioned add columns (b string)")
    athena.run("alter table versioned add columns (c string)")
    assert ids(store.table_versions(database, "versioned")) == ["2", "1", "0"]
    store.delete_table_version(database, "versioned", "0")
    with pytest.raises(InvalidInput):
        store.delete_table_version(database, "versioned", "2")
    assert ids(store.table_versions(database, "versioned")) == ["2", "1"]
    athena.run("create table commits with (table_type = 'ICEBERG') as select 1 as a")
    athena.run("insert into commits values (2)")
    athena.run("insert into commits values (3)")
    now, *before = ids(store.table_versions(database, "commits"))
    assert len(before) >= 2
    store.delete_table_version(database, "commits", before[-1])
    assert ids(store.table_versions(database, "commits")) == [now, *before[:-1]]


def ids(versions: list[dict[str, Any]]) -> list[str]:
    return [each["VersionId"] for each in versions]
