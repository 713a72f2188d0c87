"""Files of one record a line: how text, JSON and CSV become rows, and rows text."""

from __future__ import annotations

import uuid

import pytest

from orchestrate.local_athena.tests.engine.helpers import Athena
from orchestrate.local_athena.tests.engine.test_files import OPEN_CSV, write

SIMPLE = "row format delimited fields terminated by ','"


def table(athena: Athena, name: str, columns: str, how: str, *files: bytes) -> str:
    """A table of files; returns where they lie."""
    place = athena.place()
    athena.run(
        f"create external table {athena.database}.{name} ({columns}) {how} location '{place}'"
    )
    for number, content in enumerate(files):
        write(athena, f"{place}{number}", content)
    return place


def test_text_with_a_header_is_written_with_one(athena: Athena) -> None:
    def properties(lines: int) -> str:
        return f"tblproperties ('skip.header.line.count' = '{lines}')"

    for count in (1, 2):
        athena.run(
            f"create external table {athena.database}.headed_{count} (a int, b string) {SIMPLE} "
            f"location '{athena.place()}' {properties(count)}"
        )
    assert athena.run("insert into headed_1 values (1, 'x'), (2, null)").update_count == 2
    assert athena.rows("select * from headed_1 order by a") == [(1, "x"), (2, None)]
    ((path,),) = athena.rows('select distinct "$path" from headed_1')
    with athena.metastore.lake.files().open_input_stream(path.removeprefix("s3://")) as file:
        assert file.read() == b"a,b\n1,x\n2,\\N\n"
    athena.fails("insert into headed_2 values (1, 'x')", "NOT_SUPPORTED")
    escaped = f"{SIMPLE} escaped by '\\\\'"
    table(athena, "escaped_too", "a int, b string", escaped)
    athena.fails("insert into escaped_too values (1, 'a,b')", "NOT_SUPPORTED")


def test_text_may_be_escaped(athena: Athena) -> None:
    lines = b"a\\,b,c\n\\\\,d\\\n\\N,\\\\N\n"
    how = f"{SIMPLE} escaped by '\\\\' null defined as 'none'"
    table(athena, "escaped", "a string, b string", how, lines)
    assert athena.rows("select * from escaped order by a") == [
        ("N", "\\N"),
        ("\\", "d\\"),
        ("a,b", "c"),
    ]
    default = f"{SIMPLE} escaped by '\\\\'"
    table(athena, "escaped_null", "a string, b int", default, b"\\N,1\n\\x\\N,\\1\n")
    assert athena.rows("select * from escaped_null order by 1") == [("xN", None), (None, 1)]
    table(athena, "tabs", "a string, b string", SIMPLE.replace(",", "9"), b"1\t2\t3\n")
    assert athena.rows("select * from tabs") == [("1", "2")]


def test_blank_lines_of_text_are_rows(athena: Athena) -> None:
    table(athena, "blank", "a string, b string", SIMPLE, b"x,y\n\n\r\nz,\n")
    assert athena.rows("select * from blank order by a, b") == [
        ("", None),
        ("", None),
        ("x", "y"),
        ("z", ""),
    ]
    table(athena, "blank_numbers", "a int, b string", SIMPLE, b"\n1,x\n")
    assert athena.rows("select * from blank_numbers order by a") == [(1, "x"), (None, None)]
    table(athena, "blank_csv", "a string, b string", OPEN_CSV, b"x\n\n")
    assert athena.rows("select * from blank_csv order by a") == [("x", None), (None, None)]


def test_what_text_does_not_hold_is_null(athena: Athena) -> None:
    columns = "s string, b boolean, i int, x double, d decimal(5,1), at timestamp"
    lines = (
        b"0,true,3,1.5,1.25,2026-01-01 02:03:04\n"
        b"1,TRUE,+3.9,NaN,1,2026-01-01\n"
        b"2,1,.5,1e2,1e1,x\n"
        b"3,yes, 3 , 3 , 3 ,\n"
        b"4,f,0x1F,0x1F,12345,\n"
        b"5,False,3000000000,1_0,1_0,\n"
        b"6,t,-,-,-,\n"
    )
    table(athena, "typed", columns, SIMPLE, lines)
    found = athena.rows("select b, i, if(is_nan(x), -1e0, x), d, at is null from typed order by s")
    assert [row[0] for row in found] == [True, True, None, None, None, False, None]
    assert [row[1] for row in found] == [3, 3, 0, None, None, None, None]
    assert [row[2] for row in found] == [1.5, -1.0, 100.0, 3.0, None, None, None]
    assert [row[3] and float(row[3]) for row in found] == [1.3, 1, 10, None, None, None, None]
    assert [row[4] for row in found] == [False, False, True, True, True, True, True]


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (SIMPLE, b"x,long,long\n"),
        (OPEN_CSV, b"x,long,long\n"),
        ("stored as json", b'{"c": "x", "v": "long", "s": "long"}\n'),
    ],
)
def test_texts_are_as_long_as_their_types(athena: Athena, how: str, line: bytes) -> None:
    name = f"sized_{len(how)}"
    table(athena, name, "c char(5), v varchar(2), s string", how, line)
    query = f"select c = 'x', length(c), v, s from {name}"
    assert athena.rows(query) == [(True, 5, "lo", "long")]


def test_text_of_nested_columns_is_refused(athena: Athena) -> None:
    for number, kind in enumerate(["array<int>", "map<string,int>", "struct<a:int>", "binary"]):
        table(athena, f"nested_{number}", f"a int, b {kind}", SIMPLE, b"1,2\n")
        assert "column b" in athena.fails(f"select * from nested_{number}", "NOT_SUPPORTED")
        athena.fails(f"insert into nested_{number} (a) values (1)", "NOT_SUPPORTED")


OPENX = "row format serde 'org.openx.data.jsonserde.JsonSerDe'"


@pytest.mark.parametrize("how", [OPENX, "stored as json"])
def test_keys_of_json_are_found_whatever_their_case(athena: Athena, how: str) -> None:
    columns = (
        "id int, at struct<x:int,points:array<struct<y:string>>>, kinds map<string,int>, "
        "price decimal(30,10), is_in boolean"
    )
    line = (
        b'{"ID": 1.9, "At": {"X": 2, "Points": [{"Y": "why"}, {"z": 1}]}, '
        b'"Kinds": {"A": 1, "a": 2}, "Price": 12345678901234567890.0123456789, "IS_IN": "yes"}\n'
    )
    name = f"cased_{len(how)}"
    table(athena, name, columns, how, line)
    assert athena.rows(
        f"select id, at.x, at.points[1].y, at.points[2].y, kinds['A'], kinds['a'], "
        f"cast(price as varchar), is_in from {name}"
    ) == [(1, 2, "why", None, 1, 2, "12345678901234567890.0123456789", False)]


def test_json_of_openx_as_its_properties_say(athena: Athena) -> None:
    properties = (
        "'case.insensitive' = 'FALSE', 'mapping.second' = 'ID', 'dots.in.keys' = 'TRUE', "
        "'ignore.malformed.json' = 'TRUE'"
    )
    how = f"{OPENX} with serdeproperties ({properties})"
    lines = b'{"id": 1, "ID": "017", "a.b": {"x": [1, "y"]}}\n{"A_b": 1}\n\n{broken\n'
    table(athena, "mapped", "id int, second int, a_b string", how, lines)
    assert athena.rows("select * from mapped order by id nulls last") == [
        (1, 15, '{"x":[1,"y"]}'),
        (None, None, None),
        (None, None, None),
        (None, None, None),
    ]


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (OPENX, b"{broken\n"),
        (OPENX, b'{"a": 1, "A": 2}\n'),
        (OPENX, b'{"a": {"b": 1}}\n'),
        (OPENX, b'{"a": " 3 "}\n'),
        ("stored as json", b'{"a": "1"}\n'),
        ("stored as json", b"\n"),
        ("stored as json", b"[1]\n"),
    ],
)
def test_wrong_json_is_told(athena: Athena, how: str, line: bytes) -> None:
    name = f"wrong_{uuid.uuid4().hex}"
    table(athena, name, "a int", how, line)
    assert "line 1" in athena.fails(f"select * from {name}", "HIVE_BAD_DATA")


def test_csv_as_the_documentation_declares_it(athena: Athena) -> None:
    """https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html"""
    how = (
        f"{OPEN_CSV} with serdeproperties ('separatorChar' = ',', 'quoteChar' = '`', "
        "'escapeChar' = '\\\\')"
    )
    table(athena, "declared", "a string, b string", how, b'`a,1`,b\n`c\\`d`,"e\n')
    assert athena.rows("select * from declared order by a") == [("a,1", "b"), ("c`d", '"e')]
    table(athena, "numbered", "i int, x double, d decimal(5,1)", OPEN_CSV, b"1,1.5,2.5\n,,\n")
    found = athena.rows("select i, x, cast(d as varchar) from numbered order by i")
    assert found == [(1, 1.5, "2.5"), (None, None, None)]
    table(athena, "wrongly_numbered", "i int", OPEN_CSV, b"1.5\n")
    athena.fails("select * from wrongly_numbered", "HIVE_BAD_DATA")


def test_partitions_in_camel_case_are_not_repaired(athena: Athena) -> None:
    columns = f"a string) partitioned by (p string) {SIMPLE}"
    place = athena.place()
    athena.run(f"create external table {athena.database}.camel ({columns} location '{place}'")
    for key in ("p=1", "P=2"):
        write(athena, f"{place}{key}/0", b"x\n")
    athena.run("msck repair table camel")
    assert athena.rows("show partitions camel") == [("p=1",)]
    table(athena, "flat_text", "a string", SIMPLE)
    athena.fails("msck repair table flat_text", "INVALID_ARGUMENTS")


def test_partitions_of_text_have_their_header(athena: Athena) -> None:
    athena.run(
        f"create external table {athena.database}.headed_parts (a int) partitioned by (p string) "
        f"{SIMPLE} location '{athena.place()}' tblproperties ('skip.header.line.count' = '1')"
    )
    athena.run("insert into headed_parts values (1, 'x'), (2, 'y'), (3, 'y')")
    found = [(1, "x"), (2, "y"), (3, "y")]
    assert athena.rows("select * from headed_parts order by a") == found


def test_properties_that_are_not_read_are_refused(athena: Athena) -> None:
    for number, (how, properties, error) in enumerate(
        [
            (SIMPLE, "'skip.footer.line.count' = '1'", "NOT_SUPPORTED"),
            (SIMPLE, "'skip.header.line.count' = 'one'", "HIVE_INVALID_METADATA"),
        ]
    ):
        name = f"{athena.database}.refused_{number}"
        place = athena.place()
        athena.run(
            f"create external table {name} (a int) {how} location '{place}' "
            f"tblproperties ({properties})"
        )
        write(athena, f"{place}0", b"1\n")
        athena.fails(f"select * from {name}", error)
    formats = "with serdeproperties ('timestamp.formats' = 'yyyy')"
    table(athena, "refused_formats", "a timestamp", f"{OPENX} {formats}", b"{}\n")
    athena.fails("select * from refused_formats", "NOT_SUPPORTED")
