"""A second run, a broken connection, a lost answer: nothing is lost, doubled or half-visible."""

from __future__ import annotations

import signal
import time

import psycopg
import pytest
from columnar_singer.errors import UserError
from target_postgres import lease, rejected

from tests.faults.proxy import TcpProxy

A = {"id": "integer", "name": "text"}
NEW = {"v": "new"}


@pytest.fixture
def proxy(loaded):
    with TcpProxy(loaded.config["port"]) as proxy:
        loaded.settings["port"] = proxy.port
        yield proxy


def test_f27_a_second_run_is_refused_and_told_who_loads(
    loaded, stream, state_of, tmp_path, start, monkeypatch
):
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", 1)
    a, b = stream("public-a", A), stream("public-b", A)
    first = start()
    first.send(a.schema(), a.batch(tmp_path, [{"id": 1, "name": "x"}]))
    first.wait_for_log("rows staged")
    with pytest.raises(UserError, match=r"'target-postgres' from 127.0.0.1, connected since \d{4}"):
        loaded.run(a.schema(), a.record(id=2, name="y"), b.schema(), b.record(id=1, name="z"))
    assert loaded.query("select id from raw.b") == [(1,)]
    first.send(state_of(a=NEW))
    assert first.finish()[0] == 0
    assert loaded.query("select id from raw.a") == [(1,)]
    loaded.run(a.schema(), a.record(id=2, name="y"))


def test_f27_the_lease_of_a_killed_run_is_free(loaded, stream, tmp_path, start):
    a = stream("public-a", A)
    first = start()
    first.send(a.schema(), a.batch(tmp_path, [{"id": 1, "name": "x"}]))
    first.wait_for_log("rows staged")
    first.signal(signal.SIGKILL)
    first.finish()
    loaded.run(a.schema(), a.record(id=2, name="y"))
    assert loaded.query("select id from raw.a") == [(2,)]


@pytest.mark.parametrize("is_there", [True, False], ids=["merged", "new"])
def test_f05_commit_whose_answer_is_lost_is_recognised(
    loaded, stream, state_of, tmp_path, proxy, start, is_there
):
    a = stream("public-a", A)
    if is_there:
        loaded.run(a.schema(), a.record(id=0, name="x"))
    process = start()
    process.send(a.schema(), a.batch(tmp_path, [{"id": 1, "name": "x"}]))
    process.wait_for_log("rows staged")
    proxy.lose_answer(rb"COMMIT\b")
    process.send(state_of(a=NEW))
    status, states, log = process.finish()
    assert (status, states) == (0, [{"bookmarks": {"public-a": NEW}}])
    assert "1 rows committed" in log
    assert loaded.query("select count(*) from raw.a where id = 1") == [(1,)]
    assert loaded.log("rows_committed")[-1] == (1,)


def test_f25_a_stream_with_nothing_staged_survives_a_lost_connection(
    loaded, stream, state_of, tmp_path, proxy, start
):
    """What the other had staged went with the connection."""
    a, b, c = stream("public-a", A), stream("public-b", A), stream("public-c", A)
    loaded.run(*(each.schema() for each in (a, b, c)))
    row = [{"id": 1, "name": "x"}]
    process = start()
    process.send(state_of(a={}, b={}, c={}), a.schema(), a.batch(tmp_path, row))
    process.send(state_of(a=NEW, b={}, c={}))
    process.wait_for_log("rows committed")
    process.send(b.schema(), b.batch(tmp_path, row))
    process.wait_for_log("public-b: 1 rows staged")
    proxy.cut()
    process.send(c.schema(), c.batch(tmp_path, row), state_of(a=NEW, b=NEW, c=NEW))
    status, states, log = process.finish()
    assert (status, states[-1]["bookmarks"]) == (
        1,
        {"public-a": NEW, "public-b": {}, "public-c": NEW},
    )
    assert "1 of 3 streams failed: stream 'public-b': the connection was lost" in log
    assert loaded.query("select id from raw.b union all select id from raw.c") == [(1,)]


@pytest.mark.parametrize("ids", [[1, 2, 1, 3, 2, 1], [1, 2, 3]])
def test_new_table_has_the_newest_version_of_each_row(loaded, stream, state_of, tmp_path, ids):
    a = stream("public-a", A)
    rows = [{"id": number, "name": str(age)} for age, number in enumerate(ids)]
    loaded.run(a.schema(), a.batch(tmp_path, rows), state_of(a=NEW))
    newest = {number: str(age) for age, number in enumerate(ids)}
    assert dict(loaded.query("select id, name from raw.a")) == newest
    assert loaded.log("rows_read, rows_committed") == [(len(ids), len(newest))]
    defaults = "select count(*) from pg_attrdef where adrelid = 'raw.a'::regclass"
    assert loaded.query(defaults) == [(0,)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        loaded.execute("insert into raw.a (id) values (1)")


def test_many_new_tables_at_once(loaded, stream):
    """Each that is filled in its own transaction takes a connection: no more than a few do."""
    streams = [stream(f"public-t{number}", A) for number in range(8)]
    messages = [each.schema() for each in streams]
    messages += [each.record(id=n, name="x") for n in range(2) for each in streams]
    loaded.run(*messages, batch_size_rows=1)
    for number in range(8):
        assert loaded.query(f"select count(*) from raw.t{number}") == [(2,)]


def test_f25_a_failed_commit_with_values_for_the_quarantine_fails_its_stream_only(loaded, stream):
    a = stream("public-a", {"id": "integer", "ip": "inet"})
    b = stream("public-b", A)
    loaded.run(a.schema(), a.record(id=0, ip=None))
    loaded.execute("alter table raw.a add check (id < 5)")
    with pytest.raises(UserError, match=r"1 of 2 streams failed: stream 'public-a': .*check"):
        loaded.run(a.schema(), a.record(id=9, ip="no"), b.schema(), b.record(id=1, name="x"))
    assert loaded.query("select id from raw.b") == [(1,)]


def test_f10_values_for_the_quarantine_outlast_a_commit_that_is_tried_again(
    loaded, stream, monkeypatch
):
    a = stream("public-a", {"id": "integer", "ip": "inet"})
    loaded.run(a.schema(), a.record(id=1, ip=None))
    quarantine, failures = rejected.Rejected.quarantine, [psycopg.errors.DeadlockDetected("once")]

    def fail_once(*args):
        if failures:
            raise failures.pop()
        return quarantine(*args)

    monkeypatch.setattr(rejected.Rejected, "quarantine", fail_once)
    loaded.run(a.schema(), a.record(id=1, ip="no"), a.record(id=2, ip="10.0.0.1"))
    assert loaded.query("select id, host(ip) from raw.a order by id") == [
        (1, None),
        (2, "10.0.0.1"),
    ]
    assert loaded.query("select original_text from raw.quarantine") == [("no",)]


def test_f25_a_stream_that_fails_on_a_lost_connection_leaves_the_others(loaded, stream, start):
    """Its staged rows cannot be dropped; they went with the connection."""
    a, b = stream("public-a", A), stream("public-b", A)
    loaded.run(a.schema(), b.schema())
    process = start(batch_size_rows=1)
    process.send(a.schema(), a.record(id=1, name="x"))
    process.wait_for_log("rows staged")
    loaded.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'target-postgres' and datname = current_database()"
    )
    process.send(a.record(id="none", name="x"), b.schema(), b.record(id=1, name="x"))
    status, _, log = process.finish()
    assert status == 1
    assert "1 of 2 streams failed: stream 'public-a': property 'id' has the value none" in log
    assert loaded.query("select id from raw.b") == [(1,)]


REFUSES_ANALYZE = """
create schema raw;
create or replace function public.refuse(v integer) returns integer immutable language plpgsql as
    $$ begin if current_query() ~ '^analyze' then raise 'no statistics'; end if; return v; end $$;
create table raw.a (id integer primary key, name text);
create index on raw.a (public.refuse(id));
"""


def test_an_error_after_the_commit_does_not_fail_the_stream(loaded, stream, state_of, caplog):
    loaded.execute(REFUSES_ANALYZE)
    a = stream("public-a", A)
    rows = [a.record(id=number, name="x") for number in range(200)]
    assert loaded.run(a.schema(), *rows, state_of(a=NEW)) == [{"bookmarks": {"public-a": NEW}}]
    assert loaded.query("select count(*) from raw.a") == [(200,)]
    assert 'Table "raw"."a" is loaded, but not analyzed' in caplog.text
    assert "no statistics" in caplog.text


LIMIT = """
do $$ begin execute format('alter database %I set transaction_timeout to 500', current_database());
end $$
"""
IS_OVER = """
select from pg_stat_activity where application_name = 'target-postgres'
    and datname = current_database() and clock_timestamp() - xact_start > interval '600 ms'
"""


def test_a_time_limit_of_transactions_does_not_end_a_long_load(
    loaded, stream, state_of, tmp_path, start
):
    loaded.execute(LIMIT)
    try:
        a = stream("public-a", A)
        process = start()
        process.send(a.schema(), a.batch(tmp_path, [{"id": 1, "name": "x"}]))
        process.wait_for_log("rows staged")
        while not loaded.query(IS_OVER):
            time.sleep(0.05)
        process.send(state_of(a=NEW))
        status, states, log = process.finish()
        assert (status, states) == (0, [{"bookmarks": {"public-a": NEW}}]), log
    finally:
        loaded.execute(LIMIT.replace("set transaction_timeout to 500", "reset transaction_timeout"))
