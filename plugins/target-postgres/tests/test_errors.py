"""What the user can put right is told in one line, and nothing is half-written."""

from __future__ import annotations

import socket

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

COLUMNS = {"id": "integer"}


@pytest.fixture
def limited(loaded):
    """A role that may log in and nothing else."""
    role = f"limited_{conninfo_to_dict(loaded.url)['dbname']}"
    loaded.execute(f"create role {role} login password 'limited-secret'")
    yield {"user": role, "password": "limited-secret"}
    loaded.execute(f"drop owned by {role}")
    loaded.execute(f"drop role {role}")


def run(start, *messages, **settings):
    process = start(**settings)
    try:
        process.send(*messages)
    except BrokenPipeError:
        process._process.stdin = None
    status, states, log = process.finish()
    last = log.strip().splitlines()[-1]
    assert "Traceback" not in log
    assert "secret" not in log
    return status, states, last


def test_wrong_password(stream, start, loaded):
    role = f"typo_{conninfo_to_dict(loaded.url)['dbname']}"
    loaded.execute(f"create role {role} login password 'right'")
    a = stream("public-a", COLUMNS)
    status, states, line = run(start, a.schema(), user=role, password="wrong-secret")
    loaded.execute(f"drop role {role}")
    assert (status, states) == (1, [])
    assert "password" in line


def test_host_down(stream, start):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        status, states, line = run(
            start, stream("public-a", COLUMNS).schema(), port=port, connect_attempts=1
        )
    assert (status, states) == (1, [])
    assert str(port) in line


def test_unknown_database(stream, start):
    status, _, line = run(start, stream("public-a", COLUMNS).schema(), database="nowhere")
    assert status == 1
    assert "'nowhere'" in line


def test_invalid_setting(stream, start):
    a = stream("public-a", COLUMNS)
    status, _, line = run(start, a.schema(), batch_size_rows="many", password="a-secret")
    assert status == 1
    assert "batch_size_rows" in line


def test_no_right_to_create_the_schema(loaded, stream, start, limited):
    a = stream("public-a", COLUMNS)
    status, states, line = run(start, a.schema(), a.record(id=1), **limited)
    assert (status, states) == (1, [])
    assert "grant create on database" in line
    assert loaded.query("select to_regnamespace('raw')") == [(None,)]


def test_no_right_to_create_in_the_schema(loaded, stream, start, limited):
    loaded.execute("create schema raw")
    loaded.execute(f"grant usage on schema raw to {limited['user']}")
    a = stream("public-a", COLUMNS)
    status, states, line = run(start, a.schema(), a.record(id=1), **limited)
    assert (status, states) == (1, [])
    assert 'grant usage, create on schema "raw"' in line
    assert loaded.query(
        "select count(*) from pg_class where relkind = 'r' and relnamespace = 'raw'::regnamespace"
    ) == [(0,)]


def test_no_right_to_write_a_table(loaded, stream, start, limited, state_of):
    a, b = stream("public-a", COLUMNS), stream("public-b", COLUMNS)
    loaded.run(a.schema(), a.record(id=1), b.schema())
    loaded.execute(f"grant usage, create on schema raw to {limited['user']}")
    for table in ("b", "load_log"):
        loaded.execute(f"grant select, insert, update, delete on raw.{table} to {limited['user']}")
    status, states, line = run(
        start,
        a.schema(),
        a.record(id=2),
        b.schema(),
        b.record(id=3),
        state_of(a={}, b={"v": 1}),
        **limited,
    )
    assert (status, states) == (1, [{"bookmarks": {"public-b": {"v": 1}}}])
    assert 'grant select, insert, update, delete on table "raw"."a"' in line
    assert loaded.query("select id from raw.a union all select id from raw.b") == [(1,), (3,)]


def test_no_right_to_change_a_table(loaded, stream, start, limited):
    a = stream("public-a", COLUMNS)
    loaded.run(a.schema())
    loaded.execute(f"grant usage, create on schema raw to {limited['user']}")
    loaded.execute(
        f"grant select, insert, update, delete on all tables in schema raw to {limited['user']}"
    )
    wider = stream("public-a", {**COLUMNS, "more": "text"})
    status, _, line = run(start, wider.schema(), **limited)
    assert status == 1
    assert 'alter table "raw"."a" owner to' in line


def test_who_may_only_write_rows_leaves_the_comments(loaded, stream, start, limited):
    a = stream("public-a", COLUMNS)
    loaded.run(a.schema(), a.record(id=1))
    loaded.execute(f"grant usage, create on schema raw to {limited['user']}")
    loaded.execute(
        f"grant select, insert, update, delete on all tables in schema raw to {limited['user']}"
    )
    schema = a.schema()
    schema["schema"]["description"] = "All of a"
    process = start(**limited)
    process.send(schema, a.record(id=2))
    status, _, log = process.finish()
    assert status == 0
    assert "must be owner of table a" in log
    assert loaded.query("select count(*) from raw.a") == [(2,)]


def test_null_in_the_key(loaded, stream, start):
    a = stream("public-a", {"id": "integer", "name": "text"})
    status, _, line = run(start, a.schema(), a.record(id=1, name="x"), a.record(id=None, name="y"))
    assert status == 1
    assert '"id"' in line
    assert loaded.query("select to_regclass('raw.a')") == [(None,)]


def test_disconnected(loaded, stream, start, state_of, tmp_path):
    a = stream("public-a", COLUMNS)
    process = start()
    process.send(state_of(a={"v": "old"}), a.schema(), a.batch(tmp_path, [{"id": 1}]))
    process.wait_for_log("rows staged")
    with psycopg.connect(loaded.url) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where application_name = 'target-postgres' and datname = current_database()"
        )
    process.send(state_of(a={"v": "new"}))
    status, states, log = process.finish()
    assert (status, states) == (1, [{"bookmarks": {"public-a": {"v": "old"}}}])
    assert "lost the connection" in log.strip().splitlines()[-1]
    assert "Traceback" not in log
    assert loaded.query("select to_regclass('raw.a')") == [(None,)]
    assert list(tmp_path.glob("**/*.arrow")) == []


def test_batch_file_that_is_not_there(loaded, stream, start, state_of):
    a = stream("public-a", COLUMNS)
    batch = {
        "type": "BATCH",
        "stream": "public-a",
        "encoding": {"format": "arrow"},
        "manifest": ["file:///nowhere/x.arrow"],
    }
    status, states, line = run(start, a.schema(), batch, state_of(a={"v": 1}))
    assert (status, states) == (1, [])
    assert "/nowhere/x.arrow" in line


def test_batch_format_of_another_kind(stream, start, state_of):
    a = stream("public-a", COLUMNS)
    batch = {
        "type": "BATCH",
        "stream": "public-a",
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "manifest": ["file:///nowhere/x.jsonl.gz"],
    }
    status, _, line = run(start, a.schema(), batch, state_of(a={"v": 1}))
    assert status == 1
    assert "jsonl" in line


def test_stream_map_cannot_pass_over_batches(loaded, stream, start, state_of, tmp_path):
    """A map that hides a column must not be ignored without a word."""
    a = stream("public-a", {"id": "integer", "email": "text"})
    batch = a.batch(tmp_path, [{"id": 1, "email": "x@example.com"}])
    maps = {"public-a": {"email": "__NULL__"}}
    status, _, line = run(start, a.schema(), batch, state_of(a={"v": 1}), stream_maps=maps)
    assert status == 1
    assert "stream map" in line
    assert loaded.query("select to_regclass('raw.a')") == [(None,)]


def test_stream_map_is_applied_to_records(loaded, stream):
    a = stream("public-a", {"id": "integer", "email": "text"})
    maps = {"public-a": {"email": "__NULL__"}, "public-b": "__NULL__"}
    b = stream("public-b", {"id": "integer"})
    record = a.record(id=1, email="x@example.com")
    loaded.run(a.schema(), record, b.schema(), b.record(id=1), stream_maps=maps)
    columns = "select count(*) from pg_attribute where attname = 'email'"
    assert loaded.query(columns) == [(0,)]
    assert loaded.query("select to_regclass('raw.b')") == [(None,)]
