"""Rows are merged by key, in one transaction, and counted truly."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest
from columnar_singer.errors import UserError

A = {"id": "integer", "name": "text"}


def test_sent_again_unchanged_counts_zero_and_keeps_metadata(loaded, stream, state_of):
    a = stream("public-a", A)
    messages = [a.schema(), a.record(id=1, name="x"), a.record(id=2, name=None), state_of(a={})]
    loaded.run(*messages)
    before = loaded.query("select * from raw.a order by id")
    loaded.run(*messages)
    assert loaded.query("select * from raw.a order by id") == before
    assert loaded.log("rows_read, rows_committed") == [(2, 2), (2, 0)]


@pytest.mark.parametrize(
    ("datatype", "old", "new"),
    [
        ("numeric", "1.0", "1.00"),
        ("json", '{"a":1}', '{"a": 1}'),
        ("interval", "P1D", "PT24H"),
        ("point", "(1,2)", "(1,3)"),
        ("box", "(1,1),(0,0)", "(2,2),(1,1)"),
        ("text", "a", "A"),
    ],
)
def test_a_change_that_equals_would_not_see_is_merged(loaded, stream, datatype, old, new):
    a = stream("public-a", {"id": "integer", "v": datatype})
    loaded.run(a.schema(), a.record(id=1, v=old))
    loaded.run(a.schema(), a.record(id=1, v=new))
    loaded.run(a.schema(), a.record(id=1, v=new))
    assert [row[0] for row in loaded.log("rows_committed")] == [1, 1, 0]


def test_the_latest_of_several_versions_wins(loaded, stream, tmp_path):
    a = stream("public-a", A)
    rows = [{"id": 1, "name": "old"}, {"id": 2, "name": "b"}, {"id": 1, "name": "new"}]
    loaded.run(a.schema(), *(a.record(**row) for row in rows), batch_size_rows=2)
    assert loaded.query("select id, name from raw.a order by id") == [(1, "new"), (2, "b")]
    assert loaded.log("rows_read, rows_committed") == [(3, 2)]


def test_composite_key(loaded, stream):
    a = stream("public-a", {"round": "uuid", "hole": "smallint", "n": "integer"}, ["round", "hole"])
    one, two = "3b241101-e2bb-4255-8caf-4136c566a962", "3b241101-e2bb-4255-8caf-4136c566a963"
    loaded.run(a.schema(), a.record(round=one, hole=1, n=1), a.record(round=two, hole=1, n=1))
    loaded.run(a.schema(), a.record(round=one, hole=1, n=2), a.record(round=one, hole=2, n=1))
    rows = loaded.query("select round::text, hole, n from raw.a order by 1, 2")
    assert rows == [(one, 1, 2), (one, 2, 1), (two, 1, 1)]


def test_table_of_key_columns_only(loaded, stream):
    a = stream("public-a", {"id": "integer"})
    loaded.run(a.schema(), a.record(id=1), a.record(id=1))
    loaded.run(a.schema(), a.record(id=1), a.record(id=2))
    assert [row[0] for row in loaded.log("rows_committed")] == [1, 1]


def test_row_gone_from_the_source_is_marked_and_comes_back(loaded, stream, state_of, tmp_path):
    """Failure 4, 9: hard deletes show; only after a full refresh that is complete."""
    a = stream("public-a", A)
    both = [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]
    loaded.run(a.schema(), a.batch(tmp_path, both), a.activate(), state_of(a={"v": 1}))
    loaded.run(a.schema(), a.batch(tmp_path, both[:1]), a.activate(), state_of(a={"v": 2}))
    gone = "select id, _sdc_deleted_at is not null from raw.a order by id"
    assert loaded.query(gone) == [(1, False), (2, True)]
    loaded.run(a.schema(), a.batch(tmp_path, both), a.activate(), state_of(a={"v": 3}))
    assert loaded.query(gone) == [(1, False), (2, False)]
    log = loaded.log("rows_committed, sequence_to - sequence_from + 1")
    assert log == [(2, 2), (0, 2), (1, 2)]


def test_deletion_has_a_new_sequence_number(loaded, stream, state_of, tmp_path):
    """Failure 13: downstream finds every change by the sequence, deletions too."""
    a = stream("public-a", A)
    rows = [{"id": n, "name": "x"} for n in range(5)]
    loaded.run(a.schema(), a.batch(tmp_path, rows), a.activate(), state_of(a={"v": 1}))
    ((last,),) = loaded.query("select max(_sdc_sequence) from raw.a")
    loaded.run(a.schema(), a.batch(tmp_path, rows[:2]), a.activate(), state_of(a={"v": 2}))
    marked = loaded.query(
        "select count(distinct _sdc_sequence), min(_sdc_sequence) from raw.a "
        "where _sdc_deleted_at is not null"
    )
    assert marked[0][0] == 3
    assert marked[0][1] > last
    sequences = loaded.query(
        "select max(_sdc_sequence) = (select max(sequence_to) from raw.load_log) from raw.a"
    )
    assert sequences == [(True,)]


def test_activate_version_before_and_after_the_records(loaded, stream, state_of):
    a = stream("public-a", A)
    loaded.run(a.schema(), a.record(id=1, name="x"), a.record(id=2, name="y"))
    loaded.run(a.schema(), a.activate(), a.record(id=1, name="x"), a.activate(), state_of(a={}))
    deleted = "select id from raw.a where _sdc_deleted_at is not null"
    assert loaded.query(deleted) == [(2,)]


def test_activate_version_before_the_records_alone_deletes_nothing(loaded, stream, state_of):
    """Failure 9: the message came before the rows, so that a tap that died looks the same."""
    a = stream("public-a", A)
    loaded.run(a.schema(), a.record(id=1, name="x"), a.record(id=2, name="y"))
    loaded.run(a.schema(), a.activate(), a.record(id=1, name="x"), state_of(a={"v": 1}))
    assert loaded.query("select count(*) from raw.a where _sdc_deleted_at is null") == [(2,)]


def test_full_refresh_committed_in_parts_deletes_only_what_no_part_had(
    loaded, stream, state_of, monkeypatch
):
    monkeypatch.setattr("columnar_singer.target.MAX_UNCOMMITTED_ROWS", 1)
    a = stream("public-a", A)
    loaded.run(a.schema(), *(a.record(id=n, name="x") for n in range(4)))
    states = loaded.run(
        a.schema(),
        a.record(id=0, name="x"),
        state_of(a={"n": 1}),
        a.record(id=1, name="changed"),
        state_of(a={"n": 2}),
        a.activate(),
        state_of(a={"n": 3}),
    )
    assert [each["bookmarks"]["public-a"]["n"] for each in states] == [1, 2, 3]
    deleted = "select id from raw.a where _sdc_deleted_at is not null order by id"
    assert loaded.query(deleted) == [(2,), (3,)]


def test_full_refresh_of_an_incremental_stream_committed_in_parts_is_refused(
    loaded, stream, state_of, monkeypatch
):
    """The keys of the first part are not kept: its rows would be marked deleted."""
    monkeypatch.setattr("columnar_singer.target.MAX_UNCOMMITTED_ROWS", 1)
    a = stream("public-a", A, is_incremental=True)
    part = [a.schema(), a.record(id=1, name="x"), state_of(a={"n": 1})]
    loaded.run(a.schema())
    with pytest.raises(UserError, match="bookmark_properties"):
        loaded.run(*part, a.record(id=2, name="y"), a.activate(), state_of(a={"n": 2}))
    assert loaded.states == [{"bookmarks": {"public-a": {"n": 1}}}]
    assert loaded.query("select id, _sdc_deleted_at from raw.a") == [(1, None)]


def test_empty_full_refresh_is_refused_unless_allowed(loaded, stream, state_of):
    """Failure 9: never swapped after an extract that is empty where the old one was not."""
    a = stream("public-a", A)
    loaded.run(a.schema(), a.record(id=1, name="x"), state_of(a={"v": 1}))
    empty = [state_of(a={"v": 1}), a.schema(), a.activate(), state_of(a={"v": 2})]
    with pytest.raises(UserError, match="allow_empty_full_refresh"):
        loaded.run(*empty)
    assert loaded.states == [{"bookmarks": {"public-a": {"v": 1}}}]
    assert loaded.query("select count(*) from raw.a where _sdc_deleted_at is null") == [(1,)]
    loaded.run(*empty, allow_empty_full_refresh=True)
    assert loaded.query("select count(*) from raw.a where _sdc_deleted_at is null") == [(0,)]


def test_empty_full_refresh_of_an_empty_table_is_no_failure(loaded, stream, state_of):
    a = stream("public-a", A)
    for version in (1, 2):
        states = loaded.run(a.schema(), a.activate(), state_of(a={"v": version}))
        assert states == [{"bookmarks": {"public-a": {"v": version}}}]


def test_stream_without_key_appends(loaded, stream, state_of):
    a = stream("public-a", A, [])
    loaded.run(a.schema(), a.record(id=1, name="x"), a.record(id=1, name="x"), state_of(a={}))
    loaded.run(a.schema(), a.record(id=2, name="y"), state_of(a={}))
    assert loaded.query("select id from raw.a order by _sdc_sequence") == [(1,), (1,), (2,)]


def test_stream_without_key_sent_anew_is_replaced(loaded, stream, state_of, tmp_path):
    a = stream("public-a", A, [])
    first = [{"id": 1, "name": "x"}, {"id": 1, "name": "x"}]
    loaded.run(a.schema(), a.batch(tmp_path, first), a.activate(), state_of(a={"v": 1}))
    second = [{"id": 2, "name": "y"}]
    loaded.run(a.schema(), a.batch(tmp_path, second), a.activate(), state_of(a={"v": 2}))
    assert loaded.query("select id, name from raw.a") == [(2, "y")]
    with pytest.raises(UserError):
        loaded.run(a.schema(), a.activate(), state_of(a={"v": 3}))
    assert loaded.query("select id, name from raw.a") == [(2, "y")]


def test_stream_without_key_sent_anew_in_parts_is_replaced(loaded, stream, state_of, monkeypatch):
    monkeypatch.setattr("columnar_singer.target.MAX_UNCOMMITTED_ROWS", 1)
    a = stream("public-a", A, [])
    loaded.run(a.schema(), a.record(id=0, name="old"))
    parts = [a.record(id=1, name="x"), state_of(a={"n": 1}), a.record(id=2, name="y")]
    loaded.run(a.schema(), *parts, a.activate(), state_of(a={"n": 2}))
    assert loaded.query("select id from raw.a order by id") == [(1,), (2,)]


def test_deletion_that_the_tap_reports_as_a_row(loaded, stream):
    a = stream("public-a", A)
    schema = a.schema(_sdc_deleted_at={"type": ["string", "null"], "format": "date-time"})
    when = "2026-03-04T05:06:07.000008+00:00"
    loaded.run(schema, a.record(id=1, name="x"), a.record(id=2, name="y"))
    loaded.run(schema, a.record(id=1, name="x", _sdc_deleted_at=when))
    found = loaded.query("select id, _sdc_deleted_at::text from raw.a order by id")
    assert found == [(1, "2026-03-04 05:06:07.000008+00"), (2, None)]


def test_readers_never_see_a_half_state(loaded, stream, state_of, tmp_path):
    """Failure 29: applications read the table while it is merged."""
    a = stream("public-a", {"id": "integer", "version": "integer"})

    def versions(version: int) -> list[dict[str, int]]:
        return [{"id": n, "version": version} for n in range(2000)]

    loaded.run(a.schema(), a.batch(tmp_path, versions(0)), a.activate(), state_of(a={"v": 0}))
    seen: set[tuple[int, int, int]] = set()
    stop = threading.Event()

    def read() -> None:
        with psycopg.connect(loaded.url, autocommit=True) as connection:
            while not stop.is_set():
                statement = "select count(*), min(version), max(version) from raw.a"
                seen.add(connection.execute(statement).fetchone())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for version in range(1, 6):
            batch = a.batch(tmp_path, versions(version))
            loaded.run(a.schema(), batch, a.activate(), state_of(a={"v": version}))
    finally:
        stop.set()
        reader.join()
    assert seen
    assert all(count == 2000 and least == most for count, least, most in seen)


def test_sdc_columns(loaded, stream, state_of, tmp_path: Path):
    a = stream("public-a", A)
    loaded.run(a.schema(), a.batch(tmp_path, [{"id": 1, "name": "x"}]), state_of(a={"v": 1}))
    loaded.run(a.schema(), {**a.record(id=2, name="y"), "version": 7})
    rows = loaded.query(
        "select _sdc_extracted_at::text, _sdc_received_at <= _sdc_batched_at, _sdc_deleted_at, "
        "_sdc_table_version, _sdc_sync_started_at > 0 from raw.a order by id"
    )
    extracted_at = "2026-01-02 03:04:05.678901+00"
    assert rows == [(extracted_at, True, None, None, True), (extracted_at, True, None, 7, True)]


def test_sequence_grows_strictly_even_if_the_clock_went_back(loaded, stream, monkeypatch):
    """Failure 13: downstream increments on it."""
    a = stream("public-a", A)
    loaded.run(a.schema(), a.record(id=1, name="x"), a.record(id=2, name="x"))
    monkeypatch.setattr("columnar_singer.metadata.time.time_ns", lambda: 1_000_000_000)
    loaded.run(a.schema(), a.record(id=1, name="y"), a.record(id=3, name="x"))
    order = [row[0] for row in loaded.query("select id from raw.a order by _sdc_sequence")]
    assert order == [2, 1, 3]
    (first, second) = loaded.log("sequence_from, sequence_to")
    assert first[1] < second[0]


def test_a_table_just_loaded_has_statistics(loaded, stream):
    """Without them the first dbt build joined it by nested loops, for hours instead of seconds."""
    a = stream("public-a", A)
    loaded.run(a.schema(), *(a.record(id=n, name="x") for n in range(200)))
    planned = "select reltuples from pg_class where oid = 'raw.a'::regclass"
    assert loaded.query(planned) == [(200,)]
    # A change of a few rows is left to autovacuum.
    loaded.run(a.schema(), a.record(id=201, name="y"))
    assert loaded.query(planned) == [(200,)]


def test_f04_keys_are_compared_as_the_table_has_them(loaded, stream, state_of, tmp_path):
    """The source went back from text to numbers; the table did not."""
    number, text = (stream("public-a", {**A, "id": each}) for each in ("integer", "text"))
    loaded.run(text.schema(), text.record(id="1", name="x"), text.record(id="2", name="x"))
    sent = number.batch(tmp_path, [{"id": 1, "name": "x"}])
    loaded.run(number.schema(), sent, number.activate(), state_of(a={"v": 2}))
    assert loaded.query("select id from raw.a where _sdc_deleted_at is not null") == [("2",)]
