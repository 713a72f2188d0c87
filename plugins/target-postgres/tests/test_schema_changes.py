"""The table follows the stream, and nothing in it is lost on the way."""

from __future__ import annotations

import json

import pytest
from columnar_singer.errors import UserError


def changes(loaded):
    return [json.loads(row[0]) for row in loaded.log("schema_changes")]


def test_table_has_key_and_comments(loaded, stream):
    a = stream("public-a", {"id": "integer", "name": "text"})
    schema = a.schema(name={"type": "string", "description": 'It\'s the "name"'})
    schema["schema"]["description"] = "All of a"
    loaded.run(schema, a.record(id=1, name="x"))
    comments = loaded.query(
        "select attname, col_description(attrelid, attnum) from pg_attribute "
        "where attrelid = 'raw.a'::regclass and attnum > 0 order by attnum"
    )
    assert comments[:2] == [("id", None), ("name", 'It\'s the "name"')]
    assert all(text for name, text in comments if name.startswith("_sdc_"))
    assert loaded.query("select obj_description('raw.a'::regclass)") == [("All of a",)]
    key = loaded.query(
        "select attname, attnotnull from pg_index join pg_attribute on attrelid = indrelid "
        "and attnum = any(indkey) where indrelid = 'raw.a'::regclass and indisprimary"
    )
    assert key == [("id", True)]


def test_load_log_has_comments_and_indexes(loaded, stream):
    a = stream("public-a", {"id": "integer"})
    loaded.run(a.schema())
    missing = loaded.query(
        "select attname from pg_attribute where attrelid = 'raw.load_log'::regclass "
        "and attnum > 0 and col_description(attrelid, attnum) is null"
    )
    assert missing == []
    indexes = loaded.query("select indexdef from pg_indexes where tablename = 'load_log'")
    assert any("(table_name, committed_at)" in row[0] for row in indexes)


def test_new_column_is_added_and_reported(loaded, stream):
    """Failure 35."""
    loaded.run(*_one(stream, {"id": "integer"}, id=1))
    loaded.run(*_one(stream, {"id": "integer", "late": "bigint"}, id=2, late=5))
    assert loaded.query("select id, late from raw.a order by id") == [(1, None), (2, 5)]
    assert changes(loaded) == [["created table"], ["added column late bigint"]]


def test_new_column_of_a_quiet_stream_is_added(loaded, stream):
    loaded.run(*_one(stream, {"id": "integer"}, id=1))
    loaded.run(stream("public-a", {"id": "integer", "late": "bigint"}).schema())
    assert loaded.query("select late from raw.a") == [(None,)]
    assert changes(loaded)[1] == ["added column late bigint"]


@pytest.mark.parametrize(
    ("narrow", "wide", "value"),
    [
        ("smallint", "integer", 7),
        ("integer", "bigint", 7),
        ("bigint", "numeric", 7),
        ("integer", "numeric(12,2)", 7),
        ("numeric(5,2)", "numeric(10,4)", "7.25"),
        ("real", "double precision", 0.5),
        ("character varying(3)", "character varying(9)", "abc"),
        ("character varying(3)", "text", "abc"),
    ],
)
def test_wider_type_is_taken_over(loaded, stream, narrow, wide, value):
    """Failure 24."""
    loaded.run(*_one(stream, {"id": "integer", "v": narrow}, id=1, v=value))
    loaded.run(*_one(stream, {"id": "integer", "v": wide}, id=2, v=value))
    assert loaded.query("select count(distinct v) from raw.a") == [(1,)]
    datatype = "select format_type(atttypid, atttypmod) from pg_attribute where attname = 'v'"
    assert loaded.query(datatype) == [(wide,)]
    assert changes(loaded)[1] == [f"widened column v from {narrow} to {wide}"]


@pytest.mark.parametrize(
    ("found", "wanted", "value"),
    [
        ("bigint", "integer", 1),
        ("text", "character varying(3)", "a"),
        ("text", "integer", 1),
        ("integer", "numeric(9,0)", 1),
        ("numeric(10,4)", "numeric(10,2)", "1.5"),
        ("numeric(10,2)", "numeric(10,4)", "1.5"),
        ("numeric", "numeric(38,9)", "1.5"),
        ("timestamp with time zone", "timestamp without time zone", "2026-01-01T00:00:00"),
    ],
)
def test_other_type_is_refused_and_nothing_changes(loaded, stream, found, wanted, value):
    loaded.run(*_one(stream, {"id": "integer", "v": found}))
    with pytest.raises(UserError, match=f"column 'v'.*{_escaped(found)}.*{_escaped(wanted)}"):
        loaded.run(*_one(stream, {"id": "integer", "v": wanted, "w": "text"}, id=2, v=value))
    columns = loaded.query(
        "select count(*) from pg_attribute where attrelid = 'raw.a'::regclass and attname = 'w'"
    )
    assert columns == [(0,)]


def test_other_key_is_refused(loaded, stream):
    loaded.run(*_one(stream, {"id": "integer", "v": "integer"}, id=1, v=1))
    other = stream("public-a", {"id": "integer", "v": "integer"}, ["id", "v"])
    with pytest.raises(UserError, match="primary key"):
        loaded.run(other.schema(), other.record(id=1, v=2))


def test_dropped_column_is_kept_and_not_overwritten(loaded, stream):
    """Failure 18: merge only the columns present."""
    loaded.run(*_one(stream, {"id": "integer", "v": "text", "w": "text"}, id=1, v="x", w="old"))
    loaded.run(*_one(stream, {"id": "integer", "v": "text"}, id=1, v="y"))
    loaded.run(*_one(stream, {"id": "integer", "v": "text"}, id=2, v="z"))
    rows = loaded.query("select id, v, w from raw.a order by id")
    assert rows == [(1, "y", "old"), (2, "z", None)]


def test_schema_that_changes_within_a_run(loaded, stream, state_of, tmp_path):
    narrow = stream("public-a", {"id": "integer", "v": "integer"})
    wide = stream("public-a", {"id": "integer", "v": "bigint", "w": "text"})
    loaded.run(
        narrow.schema(),
        narrow.batch(tmp_path, [{"id": 1, "v": 1}]),
        wide.schema(),
        wide.batch(tmp_path, [{"id": 2, "v": 2**40, "w": "x"}]),
        wide.activate(),
        state_of(a={}),
    )
    rows = loaded.query("select id, v, w, _sdc_deleted_at from raw.a order by id")
    assert rows == [(1, 1, None, None), (2, 2**40, "x", None)]
    assert changes(loaded) == [["created table"]]


@pytest.mark.parametrize(
    ("name", "table"), [("public-a", "a"), ("sales-orders", "sales_orders"), ("Orders", "Orders")]
)
def test_table_name(loaded, stream, name, table):
    a = stream(name, {"id": "integer"})
    loaded.run(a.schema(), a.record(id=1))
    assert loaded.query(f'select id from raw."{table}"') == [(1,)]


def test_names_are_quoted(loaded, stream):
    name = 'Odd; "name" %s {} --'
    loaded.run(*_one(stream, {"id": "integer", name: "text", "Order": "text"}, id=1, **{name: "x"}))
    columns = loaded.query(
        "select attname from pg_attribute where attrelid = 'raw.a'::regclass and attnum in (2, 3)"
    )
    assert columns == [(name,), ("Order",)]


@pytest.mark.parametrize("column", ["c" * 64, "é" * 32])
def test_name_that_postgresql_would_cut_is_refused(loaded, stream, column):
    with pytest.raises(UserError, match="64 bytes, PostgreSQL allows 63"):
        loaded.run(*_one(stream, {"id": "integer", column: "text"}))


def test_datatype_that_is_none_is_refused(loaded, stream):
    injection = "text); drop table x; --"
    with pytest.raises(UserError, match="x-sql-datatype"):
        loaded.run(*_one(stream, {"id": "integer", "v": injection}, id=1, v="x"))


def test_two_streams_on_one_table_are_refused(loaded, stream):
    one, other = stream("sales-a", {"id": "integer"}), stream("sales_a", {"id": "integer"})
    with pytest.raises(UserError, match="'sales-a' and 'sales_a'"):
        loaded.run(one.schema(), one.record(id=1), other.schema(), other.record(id=2))
    assert loaded.query("select id from raw.sales_a") == [(1,)]


def test_stream_named_as_the_load_log_is_refused(loaded, stream):
    log = stream("public-load_log", {"id": "integer"})
    with pytest.raises(UserError, match="holds the load log"):
        loaded.run(log.schema(), log.record(id=1))


def _one(stream, types, **record):
    a = stream("public-a", types)
    return [a.schema(), *([a.record(**record)] if record else [])]


def _escaped(text):
    return text.replace("(", r"\(").replace(")", r"\)")
