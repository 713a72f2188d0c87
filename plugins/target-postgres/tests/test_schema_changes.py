"""The table follows the stream, and nothing in it is lost on the way."""

from __future__ import annotations

import json

import psycopg
import pytest
from columnar_singer.errors import UserError
from target_postgres import database


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


def test_comments_follow_the_source_with_rows_or_without(loaded, stream):
    a = stream("public-a", {"id": "integer", "name": "text"})

    def load(name, table, *records, **told):
        schema = a.schema(name={"type": "string", "description": name})
        schema["schema"].update(told, description=table)
        loaded.run(schema, *records)
        return loaded.query(
            "select obj_description(oid), col_description(oid, 2) from pg_class "
            "where oid = 'raw.a'::regclass"
        )[0]

    assert load("The name", "All of a", a.record(id=1, name="x")) == ("All of a", "The name")
    assert load("Its name", "Every a") == ("Every a", "Its name")
    # A tap that knows nothing of descriptions erases none, one that reads the source's does.
    assert load("", "") == ("Every a", "Its name")
    assert load("", "", **{"x-source": "b.public.a"}) == (None, None)
    assert [each for each in changes(loaded) if each] == [["created table"]]


def _described(a, comment):
    schema = a.schema()
    schema["schema"]["description"] = comment
    return schema


def test_a_comment_waits_for_nobody(loaded, stream, monkeypatch):
    """A VACUUM or a CREATE INDEX CONCURRENTLY may hold that lock for hours; rows need it not."""
    monkeypatch.setattr(database, "LOCK_TIMEOUT_SECONDS", 0.1)
    a = stream("public-a", {"id": "integer"})
    comment = "select obj_description('raw.a'::regclass)"
    loaded.run(_described(a, "old"), a.record(id=1))
    with psycopg.connect(loaded.url) as other:
        other.execute("lock table raw.a in share update exclusive mode")
        loaded.run(_described(a, "new"), a.record(id=2))
        assert loaded.query(comment) == [("old",)]
    assert loaded.query("select count(*) from raw.a") == [(2,)]
    loaded.run(_described(a, "new"))
    assert loaded.query(comment) == [("new",)]


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
        ("text", "boolean", True),
        ("integer", "boolean", True),
        ("numeric(10,2)", "numeric(10,4)", "1.5"),
        ("timestamp with time zone", "timestamp without time zone", "2026-01-01T00:00:00"),
        ("interval", "uuid", "3b241101-e2bb-4255-8caf-4136c566a962"),
    ],
)
def test_f24_other_type_gets_a_new_column(loaded, stream, caplog, found, wanted, value):
    old = {"text": "x", "integer": 5, "interval": "1 day"}.get(found)
    loaded.run(*_one(stream, {"id": "integer", "v": found}, id=1, v=old))
    loaded.run(*_one(stream, {"id": "integer", "v": found}, id=2, v=old))
    loaded.run(*_one(stream, {"id": "integer", "v": wanted}, id=2, v=value))
    columns = (
        "select format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = 'raw.a'::regclass and attname in ('v', 'v__v2') order by attname"
    )
    assert loaded.query(columns) == [(found,), (wanted,)]
    rows = loaded.query("select id, v is not null, v__v2 is not null from raw.a order by id")
    assert rows == [(1, old is not None, False), (2, False, True)]
    assert changes(loaded)[2] == [f"column v is now {wanted}: its values go to v__v2"]
    assert "its values go to v__v2" in caplog.text


@pytest.mark.parametrize(("wide", "narrow"), [("bigint", "integer"), ("text", "numeric")])
def test_f24_a_narrower_type_goes_on_in_the_wider_column(loaded, stream, wide, narrow):
    loaded.run(*_one(stream, {"id": "integer", "v": wide}, id=1, v=1))
    loaded.run(*_one(stream, {"id": "integer", "v": narrow}, id=2, v=2))
    assert loaded.query("select v::text from raw.a order by id") == [("1",), ("2",)]
    assert changes(loaded)[1] == []


@pytest.mark.parametrize("narrow", ["smallint", "bigint", "numeric(9,2)", "numeric"])
def test_f24_numbers_widen_to_text(loaded, stream, narrow):
    loaded.run(*_one(stream, {"id": "integer", "v": narrow}, id=1, v=12))
    loaded.run(*_one(stream, {"id": "integer", "v": "text"}, id=2, v="x"))
    assert loaded.query("select split_part(v, '.', 1) from raw.a order by id") == [("12",), ("x",)]


@pytest.mark.parametrize(
    ("mode", "types", "refused"),
    [
        ("add_columns", {"w": "text"}, False),
        ("add_columns", {"v": "bigint"}, True),
        ("add_columns", {"v": "text[]"}, True),
        ("block", {"w": "text"}, True),
        ("block", {}, False),
    ],
)
def test_f24_mode_of_drift(loaded, stream, mode, types, refused):
    loaded.run(*_one(stream, {"id": "integer", "v": "integer"}, id=1, v=1))
    again = _one(stream, {"id": "integer", "v": "integer", **types}, id=2)
    if not refused:
        loaded.run(*again, schema_drift=mode)
        return
    with pytest.raises(UserError, match=rf"'schema_drift' is '{mode}'[^\n]*$"):
        loaded.run(*again, schema_drift=mode)
    assert loaded.query("select id from raw.a") == [(1,)]


def test_other_type_of_a_key_is_refused(loaded, stream):
    loaded.run(*_one(stream, {"id": "integer"}, id=1))
    with pytest.raises(UserError, match="column of the key"):
        loaded.run(*_one(stream, {"id": "uuid"}))


def test_other_key_is_refused(loaded, stream):
    loaded.run(*_one(stream, {"id": "integer", "v": "integer"}, id=1, v=1))
    other = stream("public-a", {"id": "integer", "v": "integer"}, ["id", "v"])
    with pytest.raises(UserError, match="primary key"):
        loaded.run(other.schema(), other.record(id=1, v=2))


def test_f24_dropped_column_is_kept_and_null_from_then_on(loaded, stream):
    loaded.run(*_one(stream, {"id": "integer", "v": "text", "w": "text"}, id=1, v="x", w="old"))
    loaded.run(*_one(stream, {"id": "integer", "v": "text", "w": "text"}, id=2, v="x", w="old"))
    loaded.run(*_one(stream, {"id": "integer", "v": "text"}, id=1, v="y"))
    loaded.run(*_one(stream, {"id": "integer", "v": "text"}, id=2, v="x"))
    rows = loaded.query("select id, v, w from raw.a order by id")
    assert rows == [(1, "y", None), (2, "x", "old")]


def test_columns_that_someone_added_do_not_stop_a_merge(loaded, stream):
    a = stream("public-a", {"id": "integer", "v": "integer"})
    loaded.run(a.schema(), a.record(id=1, v=1))
    loaded.execute(
        "alter table raw.a add column twice integer generated always as (v * 2) stored, "
        "add column note text not null default 'n'"
    )
    loaded.run(a.schema(), a.record(id=1, v=2), a.record(id=2, v=3))
    assert loaded.query("select twice, note from raw.a order by id") == [(4, "n"), (6, "n")]


def test_more_columns_than_postgresql_has_are_refused_in_one_line(loaded, stream):
    a = stream("public-a", {"id": "integer", **{f"c{n}": "boolean" for n in range(1593)}})
    with pytest.raises(UserError, match=r"1601 columns with the 7 of the loader[^\n]*$"):
        loaded.run(a.schema(), a.record(id=1))
    a.types.pop("c0")
    loaded.run(a.schema(), a.record(id=1, c1=True))
    loaded.run(a.schema(), a.record(id=1, c1=False))
    assert loaded.query("select c1 from raw.a") == [(False,)]


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


@pytest.mark.parametrize(
    ("types", "values", "wanted"),
    [
        ({"ip": "inet"}, {"ip": "10.0.0.1/32"}, "inet"),
        ({"n": "numeric"}, {"n": "2.50"}, "numeric"),
    ],
)
def test_schema_that_changes_within_the_run_that_creates_the_table(
    loaded, stream, types, values, wanted
):
    """Rows of the first SCHEMA are in the table already, where COPY has no form for the new."""
    first = stream("public-a", {"id": "integer", **dict.fromkeys(types.keys() & {"n"}, "bigint")})
    then = stream("public-a", {"id": "integer", **types})
    old = dict.fromkeys(types.keys() & {"n"}, 7)
    loaded.run(
        first.schema(), first.record(id=1, **old), then.schema(), then.record(id=2, **values)
    )
    (name,) = types
    columns = loaded.query(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute "
        f"where attrelid = 'raw.a'::regclass and attname like '{name}%'"
    )
    assert columns == [(name, wanted)]
    rows = loaded.query(f"select id, {name}::text from raw.a order by id")
    assert rows == [(1, str(old[name]) if old else None), (2, str(values[name]))]


def test_f10_misfits_of_a_schema_that_changes_within_the_run_go_to_quarantine(loaded, stream):
    first = stream("public-a", {"id": "integer"})
    then = stream("public-a", {"id": "integer", "ip": "inet", "mac": "macaddr"})
    loaded.run(
        first.schema(),
        first.record(id=1),
        then.schema(),
        then.record(id=2, ip="10.0.0.1", mac="no"),
    )
    assert loaded.query("select id, host(ip), mac from raw.a order by id") == [
        (1, None, None),
        (2, "10.0.0.1", None),
    ]
    assert loaded.query("select original_text from raw.quarantine") == [("no",)]


@pytest.mark.parametrize("is_incremental", [True, False])
def test_f24_a_value_that_became_null_with_its_type_is_null(loaded, stream, is_incremental):
    """Nothing else in the row tells that its value is no longer the one of the old column."""
    key = {"id": "integer"}
    old = stream("public-a", {**key, "v": "text"}, is_incremental=is_incremental)
    new = stream("public-a", {**key, "v": "boolean"}, is_incremental=is_incremental)
    value = "select id, v, v__v2 from raw.a order by id"
    loaded.run(old.schema(), old.record(id=1, v="x"), old.record(id=2, v="x"))
    loaded.run(new.schema(), new.record(id=1, v=None), new.record(id=2, v=True))
    assert loaded.query(value) == [(1, None, None), (2, None, True)]
    loaded.run(new.schema(), new.record(id=1, v=None), new.record(id=2, v=True))
    assert loaded.log("rows_committed")[-1] == (0,)
    loaded.run(old.schema(), old.record(id=2, v=None))
    assert loaded.query(value) == [(1, None, None), (2, None, None)]
