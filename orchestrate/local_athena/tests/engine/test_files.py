"""Tables of files: Parquet, CSV, JSON; partitions; UNLOAD."""

from __future__ import annotations

import gzip
from datetime import date

import pytest

from orchestrate.local_athena.metastore.catalog import InvalidInput
from orchestrate.local_athena.tests.engine.helpers import Athena

ROWS = (
    "select * from (values (1, 'x', date '2026-11-01', 'a'), (2, 'it''s, \"y\"', null, 'b')) "
    "as t(id, s, d, p)"
)
VALUES = [(1, "x", date(2026, 11, 1), "a"), (2, 'it\'s, "y"', None, "b")]


def write(athena: Athena, path: str, text: bytes) -> None:
    with athena.metastore.lake.files().open_output_stream(
        path.removeprefix("s3://"), compression=None
    ) as file:
        file.write(text)


@pytest.mark.parametrize(
    ("file_format", "partitioned"),
    [
        ("PARQUET", False),
        ("PARQUET", True),
        ("TEXTFILE", False),
        ("TEXTFILE", True),
        ("JSON", False),
    ],
)
def test_create_table_as_and_insert(athena: Athena, file_format: str, partitioned: bool) -> None:
    by = ", partitioned_by = ARRAY['p']" if partitioned else ""
    name = f"{file_format}_{partitioned}".lower()
    athena.run(
        f"create table {name} with (format = '{file_format}', external_location = "
        f"'{athena.place()}'{by}) as {ROWS}"
    )
    assert athena.rows(f"select * from {name} order by id") == VALUES
    assert athena.run(f"insert into {name} (id, p) values (3, 'c')").update_count == 1
    assert athena.rows(f"select * from {name} where p = 'c'") == [(3, None, None, "c")]


def test_partitions(athena: Athena) -> None:
    place = athena.place()
    athena.run(
        f"create table parts with (external_location = '{place}', partitioned_by = ARRAY['k', "
        "'day']) as select * from (values (1, 'a', 1), (2, 'b', 1), (3, 'b', 2)) as t(id, k, day)"
    )
    assert athena.rows("show partitions parts") == [
        ("k=a/day=1",),
        ("k=b/day=1",),
        ("k=b/day=2",),
    ]
    assert athena.rows("select * from \"parts$partitions\" where k = 'a'") == [("a", "1")]
    athena.run("alter table parts drop partition (k = 'a', day = '1'), partition (k='b', day=1)")
    athena.fails("alter table parts drop partition (k = 'a', day = 1)", "PARTITION_NOT_FOUND")
    athena.run("alter table parts drop if exists partition (k = 'a', day = 1)")
    assert athena.rows("select id from parts") == [(3,)]
    athena.run("alter table parts add partition (k = 'a', day = 1)")
    athena.fails("alter table parts add partition (k = 'a', day = 1)", "ALREADY_EXISTS")
    athena.run("alter table parts add if not exists partition (k = 'a', day = 1)")
    athena.fails("alter table parts add partition (k = 'a')", "INVALID_PARTITION_VALUE")
    repaired = [line for (line,) in athena.rows("msck repair table parts")]
    assert repaired[-1] == "Repair: Added partition to metastore parts:k=b/day=1"
    assert athena.rows("select id from parts order by 1") == [(1,), (2,), (3,)]
    every = athena.scanned("select max(id) from parts")
    one = athena.scanned("select max(id) from parts where k = 'b' and day = 2")
    assert one < every


def test_partitions_are_found_by_glue_s_filter(athena: Athena) -> None:
    athena.run(
        f"create external table {athena.database}.filtered (id int) partitioned by (kind string, "
        f"dt date, n int) location '{athena.place()}'"
    )
    for values in ("'FF', dt='2026-11-01', n=2", "'FF', dt='2026-11-02', n=10", "'X', dt='x', n=3"):
        athena.run(f"alter table filtered add partition (kind={values})")

    def numbers(expression: str) -> list[str]:
        found = athena.metastore.partitions(athena.database, "filtered", expression)
        return [each["Values"][2] for each in found]

    assert numbers("kind='FF' and dt > '2026-11-01'") == ["10"]
    assert numbers("(kind='FF' and dt='2026-11-01') or (kind = 'X')") == ["2", "3"]
    assert numbers("n >= 3") == ["10", "3"]
    assert numbers("n in (2, 3) and kind like 'F%'") == ["2"]
    assert numbers(" ") == ["2", "10", "3"]
    for wrong in ("kind =", "sleep(1) = 1", "(select 1) = 1", "nothing = 1"):
        with pytest.raises(InvalidInput):
            numbers(wrong)


def test_a_seed_as_dbt_uploads_it(athena: Athena) -> None:
    place = athena.place()
    athena.run(
        f"create external table `{athena.database}`.`seed` (`id` string, `s` string, `e` string) "
        "row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde' "
        f"location '{place}' tblproperties ('skip.header.line.count' = '1')"
    )
    assert athena.rows("select * from seed") == []
    first = b'id,s,e\r\n1,"a, ""b"" \\"c\\"",\r\n,x,y\r\n'
    second = gzip.compress(b"id,s,e\n2,second,z\n")
    write(athena, f"{place}a.csv", first)
    write(athena, f"{place}b.csv.gz", second)
    write(athena, f"{place}_hidden.csv", b"id,s,e\n9,9,9\n")
    assert athena.rows("select * from seed order by s") == [
        ("1", 'a, "b" "c"', ""),
        ("2", "second", "z"),
        ("", "x", "y"),
    ]
    assert athena.scanned("select * from seed") == len(first + second)
    write(athena, f"{place}c.csv", b'id,s,e\n1,"a\nb",x\n')
    assert "c.csv" in athena.fails("select * from seed", "HIVE_BAD_DATA")


OPEN_CSV = "row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde'"
BROKEN = b'"a\nb"\n'


def test_csv_is_read_only_as_far_as_a_query_needs(athena: Athena) -> None:
    """Each file ends in what cannot be read."""
    place = athena.place()
    athena.run(
        f"create external table {athena.database}.lines (filename string) partitioned by "
        f"(p string) {OPEN_CSV} location '{place}'"
    )
    whole = b"".join(b"%064d\n" % number for number in range(60_000))
    write(athena, f"{place}p=a/1.csv", whole)
    write(athena, f"{place}p=b/2.csv", whole + BROKEN)
    athena.run("msck repair table lines")
    assert athena.scanned("select count(*) from lines where p = 'a'") == len(whole)
    assert athena.scanned("select count(*) from lines where p = 'c'") == 0
    assert athena.scanned("select * from lines where p = 'b' limit 3") < len(whole)
    twice = "with t as (select * from lines where p = 'a') select count(*) from t union all "
    assert athena.rows(twice + "select count(distinct filename) from t") == [(60_000,)] * 2
    assert athena.rows("select distinct \"$path\" from lines where p = 'a'") == [
        (f"{place}p=a/1.csv",)
    ]
    athena.fails("select count(*) from lines", "EXCEEDED_SCAN_LIMIT", bytes_limit=1_000_000)
    athena.fails("select count(*) from lines", "HIVE_BAD_DATA")


def test_text_and_json_as_they_are_found(athena: Athena) -> None:
    place, other = athena.place(), athena.place()
    athena.run(
        f"create external table {athena.database}.text (a int, b string, c double) row format "
        f"delimited fields terminated by '\\t' stored as textfile location '{place}'"
    )
    write(athena, f"{place}a.txt", b'1\t"x"\t1.5\n\\N\ty\tnot a number\n3\n')
    assert athena.rows("select * from text order by b nulls last") == [
        (1, '"x"', 1.5),
        (None, "y", None),
        (3, None, None),
    ]
    athena.run(
        f"create external table {athena.database}.events (id int, tags array<string>, "
        "at struct<x:int,y:string>) row format serde 'org.openx.data.jsonserde.JsonSerDe' "
        f"location '{other}'"
    )
    write(athena, f"{other}a.json", b'{"id": 1, "tags": ["p"], "at": {"x": 2}}\n{"id": 2}\n')
    assert athena.rows("select id, tags[1], at.x from events where id = 1") == [(1, "p", 2)]


def test_parquet_columns_are_found_by_name(athena: Athena) -> None:
    place = athena.place()
    options = f"external_location = '{place}'"
    athena.run(f"create table earlier with ({options}) as select 1 as a, 2 as b")
    athena.run(
        f"create external table {athena.database}.later (c double, b bigint) stored as parquet "
        f"location '{place}'"
    )
    assert athena.rows("select * from later") == [(None, 2)]
    athena.run("alter table later rename to third")
    athena.run("alter table third replace columns (a int)")
    assert athena.rows("select * from third") == [(1,)]


def test_unload(athena: Athena) -> None:
    place = athena.place()
    result = athena.run(
        f"unload (select id, p from ({ROWS})) to '{place}' "
        "with (format = 'PARQUET', partitioned_by = ARRAY['p'])"
    )
    assert result.update_count == 2
    assert result.manifest_location is not None
    path = result.manifest_location.removeprefix("s3://")
    with athena.metastore.lake.files().open_input_stream(path) as file:
        listed = file.read().decode().split()
    assert len(listed) == 2
    assert all(each.startswith(place + "p=") for each in listed)
    athena.fails(f"unload (select 1 as a) to '{place}' with (format = 'JSON')",
                 "HIVE_PATH_ALREADY_EXISTS")  # fmt: skip
    athena.fails(f"unload (select 1 as a) to '{athena.place()}'", "INVALID_TABLE_PROPERTY")
    text = athena.place()
    athena.run(f"unload (select 1 as a, 'x' as b) to '{text}' with (format = 'TEXTFILE', "
               "field_delimiter = ',', compression = 'gzip')")  # fmt: skip


def test_files_have_no_place_among_tables(athena: Athena) -> None:
    place = f"s3://{athena.lake.bucket}/{athena.database}/files/"
    athena.fails(
        f"create table misplaced with (external_location = '{place}') as select 1 as a",
        "INVALID_TABLE_PROPERTY",
    )
    taken = athena.place()
    athena.run(f"create table one with (external_location = '{taken}') as select 1 as a")
    athena.fails(
        f"create table two with (external_location = '{taken}') as select 1 as a",
        "HIVE_PATH_ALREADY_EXISTS",
    )
