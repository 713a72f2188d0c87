"""No STATE claims rows that are not committed, whatever happens and whenever."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest
from columnar_singer.errors import UserError

COLUMNS = {"id": "integer", "name": "text"}
OLD = {"v": "old"}
NEW = {"v": "new"}


def rows(*ids: int) -> list[dict[str, object]]:
    return [{"id": number, "name": "x"} for number in ids]


def bookmarks(states):
    return [state["bookmarks"] for state in states]


def visible(loaded) -> bool:
    return loaded.query("select to_regclass('raw.a') is not null") == [(True,)]


def test_state_follows_the_commit_of_each_stream(loaded, stream, state_of, tmp_path, start):
    """Failure 5, through a real pipe: the STATE is out, so the rows are there."""
    a, b = stream("public-a", COLUMNS), stream("public-b", COLUMNS)
    process = start()
    process.send(a.schema(), a.batch(tmp_path, rows(1, 2)), state_of(a=NEW), b.schema())
    line = process._process.stdout.readline()
    assert "new" in line
    assert loaded.query("select count(*) from raw.a") == [(2,)]
    process.send(b.batch(tmp_path, rows(3)), state_of(a=NEW, b=NEW))
    status, states, _ = process.finish()
    assert status == 0
    assert bookmarks(states) == [{"public-a": NEW, "public-b": NEW}]


def test_batch_files_are_deleted_after_the_commit(loaded, stream, state_of, tmp_path):
    a = stream("public-a", COLUMNS)
    batch = a.batch(tmp_path, rows(1))
    file = Path(batch["manifest"][0].removeprefix("file://"))
    assert file.exists()
    loaded.run(a.schema(), batch, state_of(a=NEW))
    assert not file.exists()


def test_load_log_carries_the_facts_of_the_bookmark(loaded, stream, state_of, tmp_path):
    a = stream("public-a", COLUMNS)
    bookmark = {
        "replication_key_value": 2,
        "rows_read": 2,
        "position_from": "1",
        "position_to": "2",
        "source_time": "2026-01-01T00:00:00.000001+00:00",
    }
    loaded.run(a.schema(), state_of(a={"position_to": "1"}), run_id="the-run-before")
    states = loaded.run(
        a.schema(), a.batch(tmp_path, rows(1, 2)), state_of(a=bookmark), run_id="the-run"
    )
    assert bookmarks(states) == [{"public-a": bookmark}]
    columns = (
        "run_id, stream, table_name, rows_read, rows_committed, rows_rejected, bytes > 0, "
        "position_from, position_to, source_time::text, sequence_to - sequence_from, "
        "started_at < committed_at"
    )
    time = "2026-01-01 00:00:00.000001+00"
    assert loaded.log(columns)[1:] == [
        ("the-run", "public-a", "a", 2, 2, 0, True, "1", "2", time, 1, True)
    ]


def test_f26_rows_that_did_not_arrive_fail_the_stream(loaded, stream, state_of, tmp_path):
    """Failure 26: what was extracted equals what was committed."""
    a = stream("public-a", COLUMNS)
    with pytest.raises(UserError, match="read 3 rows, 2 arrived"):
        loaded.run(a.schema(), a.batch(tmp_path, rows(1, 2)), state_of(a={"rows_read": 3}))
    assert not visible(loaded)
    assert loaded.states == []


def test_a_table_that_is_gone_is_not_begun_in_the_middle(loaded, stream, state_of, tmp_path):
    """The state of a database that was replaced: what is before the position would be missing."""
    a = stream("public-a", COLUMNS)
    for _ in range(2):
        with pytest.raises(UserError, match="'a' is not there"):
            loaded.run(a.schema(), a.batch(tmp_path, rows(2)), state_of(a={"position_from": "1"}))
        assert not visible(loaded)
    loaded.run(a.schema(), a.batch(tmp_path, rows(1)), state_of(a={"position_to": "1"}))
    loaded.run(a.schema(), a.batch(tmp_path, rows(2)), state_of(a={"position_from": "1"}))
    assert loaded.query("select id from raw.a order by id") == [(1,), (2,)]


def test_one_failing_stream_leaves_the_others(loaded, stream, state_of, tmp_path):
    """Failure 25."""
    a, b, c = (stream(f"public-{name}", COLUMNS) for name in "abc")
    broken = stream("public-b", {"id": "numeric(3,0)", "name": "text"})
    loaded.run(b.schema(), b.record(id=1, name="x"))
    with pytest.raises(UserError, match=r"^1 of 3 streams failed: stream 'public-b': [^\n]*$"):
        loaded.run(
            state_of(a=OLD, b=OLD, c=OLD),
            a.schema(),
            a.batch(tmp_path, rows(1)),
            state_of(a=NEW, b=OLD, c=OLD),
            broken.schema(),
            broken.batch(tmp_path, [{"id": 2, "name": None}]),
            state_of(a=NEW, b=NEW, c=OLD),
            c.schema(),
            c.batch(tmp_path, rows(3)),
            state_of(a=NEW, b=NEW, c=NEW),
        )
    assert bookmarks(loaded.states) == [
        {"public-a": NEW, "public-b": OLD, "public-c": OLD},
        {"public-a": NEW, "public-b": OLD, "public-c": NEW},
    ]
    assert loaded.query("select id from raw.c") == [(3,)]
    assert loaded.query("select id from raw.b") == [(1,)]
    assert list(tmp_path.glob("**/*.arrow")) == []


def test_stream_that_fails_and_was_never_read_has_no_bookmark(loaded, stream, state_of, tmp_path):
    a, b = stream("public-a", COLUMNS), stream("public-b", {"id": "integer", "n" * 64: "text"})
    with pytest.raises(UserError, match="63"):
        loaded.run(
            b.schema(),
            state_of(b=NEW),
            a.schema(),
            a.batch(tmp_path, rows(1)),
            state_of(a=NEW, b=NEW),
        )
    assert bookmarks(loaded.states) == [{"public-a": NEW}]


def test_quiet_streams_get_a_row_each_with_the_facts(loaded, stream, state_of, tmp_path):
    a, b, c = (stream(f"public-{name}", COLUMNS) for name in "abc")
    every = (a.schema(), b.schema(), c.schema())
    loaded.run(*every)
    before = loaded.query("select count(*) from raw.load_log")[0][0]
    facts = {"rows_read": 0, "source_time": "2026-01-01T00:00:00+00:00"}
    states = loaded.run(*every, c.record(id=1, name="x"), state_of(a=facts, b=facts, c={}))
    log = loaded.log("stream, rows_read, rows_committed, source_time::text, sequence_to is null")
    time = "2026-01-01 00:00:00+00"
    assert log[before:] == [
        ("public-c", 1, 1, None, False),
        ("public-a", 0, 0, time, True),
        ("public-b", 0, 0, time, True),
    ]
    assert bookmarks(states) == [{"public-a": facts, "public-b": facts, "public-c": {}}]


@pytest.mark.parametrize("empty", [{}, {"bookmarks": {}}])
def test_f11_empty_state_is_never_written(loaded, stream, empty):
    """Failure 11."""
    a = stream("public-a", COLUMNS)
    message = {"type": "STATE", "value": empty}
    assert loaded.run(message, a.schema(), a.record(id=1, name="x"), message) == []
    assert loaded.query("select id from raw.a") == [(1,)]


def test_tap_without_state(loaded, stream):
    a = stream("public-a", COLUMNS)
    assert loaded.run(a.schema(), a.record(id=1, name="x")) == []
    assert loaded.query("select id from raw.a") == [(1,)]


def test_state_in_another_form_is_passed_on_whole(loaded, stream):
    a = stream("public-a", COLUMNS)
    value = {"a": {"position": 1.25}}
    assert loaded.run(a.schema(), a.record(id=1, name="x"), {"type": "STATE", "value": value}) == [
        value
    ]


def test_records_wait_for_a_bound_or_the_end(loaded, stream, state_of, monkeypatch):
    a = stream("public-a", COLUMNS)
    messages = [a.schema()]
    for number in range(6):
        messages += [a.record(id=number, name="x"), state_of(a={"n": number})]
    states = loaded.run(*messages)
    assert bookmarks(states) == [{"public-a": {"n": 5}}]
    monkeypatch.setattr("columnar_singer.target.MAX_UNCOMMITTED_ROWS", 2)
    states = loaded.run(*messages)
    assert [each["public-a"]["n"] for each in bookmarks(states)] == [1, 3, 5]


def test_batches_commit_while_records_of_another_stream_wait(loaded, stream, state_of, tmp_path):
    a, b = stream("public-a", COLUMNS), stream("public-b", COLUMNS)
    states = loaded.run(
        state_of(a=OLD, b=OLD),
        a.schema(),
        a.record(id=1, name="x"),
        state_of(a=NEW, b=OLD),
        b.schema(),
        b.batch(tmp_path, rows(1)),
        state_of(a=NEW, b=NEW),
    )
    assert bookmarks(states) == [
        {"public-a": OLD, "public-b": NEW},
        {"public-a": NEW, "public-b": NEW},
    ]


def test_input_that_ends_after_a_batch_commits_nothing_of_it(loaded, stream, state_of, tmp_path):
    """Failure 5: the tap died before the STATE that would cover its rows."""
    a, b = stream("public-a", COLUMNS), stream("public-b", COLUMNS)
    with pytest.raises(UserError, match="ended before a STATE"):
        loaded.run(
            state_of(a=OLD),
            b.schema(),
            b.record(id=1, name="x"),
            a.schema(),
            a.batch(tmp_path, rows(1)),
        )
    assert not visible(loaded)
    assert bookmarks(loaded.states) == [{"public-a": OLD}]
    assert loaded.query("select id from raw.b") == [(1,)]
    assert list(tmp_path.glob("**/*.arrow")) == []


def test_tap_that_fails_within_a_stream_and_goes_on(loaded, stream, state_of, tmp_path):
    """Failure 5: the STATE of the next stream does not cover half of this one."""
    a, b = stream("public-a", COLUMNS, []), stream("public-b", COLUMNS)
    with pytest.raises(UserError, match="'public-a': the input ended before a STATE"):
        loaded.run(
            state_of(a=OLD, b=OLD),
            a.schema(),
            a.batch(tmp_path, rows(1)),
            b.schema(),
            b.batch(tmp_path, rows(2)),
            state_of(a=OLD, b=NEW),
        )
    assert bookmarks(loaded.states) == [{"public-a": OLD, "public-b": NEW}]
    assert not visible(loaded)
    assert loaded.query("select id from raw.b") == [(2,)]


def test_killed_before_the_commit_nothing_is_visible(loaded, stream, state_of, tmp_path, start):
    """Failure 5: KILL with rows staged, and again within the commit."""
    a = stream("public-a", COLUMNS)
    process = start()
    process.send(a.schema(), a.batch(tmp_path, rows(1, 2)))
    process.wait_for_log("rows staged")
    process.signal(signal.SIGKILL)
    status, states, _ = process.finish()
    assert (status, states) == (-signal.SIGKILL, [])
    assert not visible(loaded)
    assert loaded.query("select to_regclass('raw.load_log')") == [(None,)]

    loaded.run(a.schema(), a.record(id=1, name="old"), state_of(a=OLD))
    before = loaded.query("select * from raw.load_log")
    with psycopg.connect(loaded.url) as reader:
        reader.execute("select from raw.a for update")
        process = start()
        process.send(a.schema(), a.batch(tmp_path, rows(1, 2)), state_of(a=NEW))
        loaded.wait_until_blocked()
        process.signal(signal.SIGKILL)
        status, states, _ = process.finish()
    assert (status, states) == (-signal.SIGKILL, [])
    assert loaded.query("select id, name from raw.a") == [(1, "old")]
    assert loaded.query("select * from raw.load_log") == before

    states = loaded.run(a.schema(), a.batch(tmp_path, rows(1, 2)), state_of(a=NEW))
    assert bookmarks(states) == [{"public-a": NEW}]
    assert loaded.query("select id, name from raw.a order by id") == [(1, "x"), (2, "x")]


def test_terminated_with_rows_staged_they_are_abandoned(loaded, stream, state_of, tmp_path, start):
    """Failure 5: a container stop is a SIGTERM."""
    a = stream("public-a", COLUMNS)
    process = start()
    process.send(state_of(a=OLD), a.schema(), a.batch(tmp_path, rows(1, 2)))
    process.wait_for_log("rows staged")
    process.signal(signal.SIGTERM)
    status, states, _ = process.finish()
    assert (status, states) == (128 + signal.SIGTERM, [])
    assert not visible(loaded)
    assert list(tmp_path.glob("**/*.arrow")) == []


def test_terminated_within_the_commit_it_is_finished(loaded, stream, state_of, tmp_path, start):
    """Failure 5: the STATE of what is committed gets out."""
    a, b = stream("public-a", COLUMNS), stream("public-b", COLUMNS)
    loaded.run(a.schema(), a.record(id=1, name="old"), state_of(a=OLD))
    with psycopg.connect(loaded.url) as reader:
        reader.execute("select from raw.a for update")
        process = start()
        process.send(a.schema(), a.batch(tmp_path, rows(1, 2)), state_of(a=NEW))
        process.send(b.schema(), b.batch(tmp_path, rows(1)), state_of(a=NEW, b=NEW))
        loaded.wait_until_blocked()
        process.signal(signal.SIGTERM)
    status, states, _ = process.finish()
    assert (status, bookmarks(states)) == (128 + signal.SIGTERM, [{"public-a": NEW}])
    assert loaded.query("select id, name from raw.a order by id") == [(1, "x"), (2, "x")]
    assert loaded.query("select to_regclass('raw.b')") == [(None,)]


def test_reader_that_holds_the_table_only_delays_a_change(loaded, stream, start):
    """Waiting for a lock would queue every later reader behind it: give up and try again."""
    a = stream("public-a", COLUMNS)
    loaded.run(a.schema(), a.record(id=1, name="x"))
    wider = stream("public-a", {**COLUMNS, "more": "text"})
    process = start()
    with psycopg.connect(loaded.url) as reader:
        reader.execute("select from raw.a")
        process.send(wider.schema(), wider.record(id=2, name="y", more="z"))
        process.end_input()
        process.wait_for_log("the next is in")
        assert loaded.query("select count(*) from raw.a") == [(1,)]
    status, _, _ = process.finish()
    assert status == 0
    assert loaded.query("select more from raw.a order by id") == [(None,), ("z",)]
