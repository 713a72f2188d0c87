"""A stream read again beside its ordinary runs, and the keys that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Metadata, Source

STREAM = "public-events"
BY_TIME: Metadata = {STREAM: {"replication-method": "INCREMENTAL", "replication-key": "updated_at"}}
POSITION = ("replication_key", "replication_key_value", "settled", "history", "relations")


@pytest.fixture
def events(source: Source) -> Source:
    source.execute(
        "create table events (id int primary key, note text, updated_at timestamptz)",
        "insert into events select n, 'note', timestamptz '2024-01-01 00:00+00' + n * interval "
        "'1 day' from generate_series(0, 9) n",
        "insert into events values (99, 'undated', null)",
        "create table others (id int primary key)",
    )
    return source


def position(bookmark: dict[str, Any]) -> dict[str, Any]:
    return {name: bookmark[name] for name in POSITION if name in bookmark}


@pytest.mark.parametrize(
    ("bounds", "ids"),
    [
        ({}, [*range(10), 99]),
        ({"from": "2024-01-08"}, [7, 8, 9]),
        ({"to": "2024-01-03 00:00:00"}, [0, 1]),
        ({"from": "2024-01-03T01:00+01:00", "to": "2024-01-05"}, [2, 3]),
    ],
    ids=["whole", "from", "to", "range"],
)
def test_a_backfill_reads_one_stream_again_and_leaves_its_position(
    events: Source, bounds: dict[str, str], ids: list[int]
) -> None:
    first = events.run(BY_TIME)
    again = events.run(BY_TIME, first.state, backfill={"stream": STREAM, **bounds})
    assert again.error is None
    assert again.values(STREAM, "id") == ids
    assert {m.get("stream") for m in again.messages} == {None, STREAM}
    old, new = first.bookmark(STREAM), again.bookmark(STREAM)
    assert position(new) == position(old)
    assert new["rows_read"] == len(ids)
    assert (new.get("position_from"), new.get("position_to")) == (
        bounds.get("from"),
        bounds.get("to"),
    )
    assert again.bookmark("public-others") == first.bookmark("public-others")
    # A part of the stream says nothing of how far the whole reflects the source.
    assert (new["source_time"] > old["source_time"]) == (not bounds)
    events.execute("insert into events values (100, 'new', now())")
    third = events.run(BY_TIME, again.state)
    assert third.values(STREAM, "id") == [100]
    assert "backfilled_at" not in third.bookmark(STREAM)


def test_the_same_backfill_twice_is_news_to_a_target_each_time(events: Source) -> None:
    state = events.run(BY_TIME).state
    setting = {"stream": STREAM, "from": "2024-01-08"}
    one = events.run(BY_TIME, state, backfill=setting)
    two = events.run(BY_TIME, one.state, backfill=setting)
    assert one.bookmark(STREAM) != two.bookmark(STREAM)


def test_a_backfill_of_a_stream_that_is_sent_whole_ignores_that_it_has_not_changed(
    events: Source,
) -> None:
    events.execute("insert into others values (1)")
    state = events.run(BY_TIME).state
    again = events.run(BY_TIME, state, backfill={"stream": "public-others"})
    assert again.values("public-others", "id") == [1]
    assert again.of("ACTIVATE_VERSION")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"stream": "strokes"}, "'strokes', and no such stream is selected; there are 2 streams"),
        ({"stream": "event"}, "did you mean public-events"),
        ({"stream": STREAM, "from": "yesterdays"}, "timestamp with time zone: invalid input"),
        ({"stream": STREAM, "from": "2024-02-01", "to": "2024-01-01"}, "'to' that is greater"),
        ({"stream": STREAM, "from": "2024-02-01", "to": "2024-02-01"}, "nothing from 2024-02-01"),
        ({"stream": "public-others", "from": "1"}, "(FULL_TABLE), so it has no ranges"),
    ],
)
def test_a_backfill_that_cannot_be_is_refused_in_one_line(
    events: Source, caplog: pytest.LogCaptureFixture, setting: dict[str, str], told: str
) -> None:
    run = events.run(BY_TIME, backfill=setting)
    assert run.error is not None
    assert told in f"{run.error} {caplog.text}"
    assert not run.of("SCHEMA")


def test_f04_a_reconcile_sends_the_keys_that_are_there_and_nothing_else(source: Source) -> None:
    source.execute(
        "create table events (note text, b int, a int, updated_at timestamptz, primary key (a, b))",
        "insert into events values ('x', 1, 2, '2024-01-01'), ('y', 3, 4, null)",
        "create table compared (id int primary key)",
        "create table keyless (note text, updated_at timestamptz)",
        "create table empty (id int primary key, updated_at timestamptz)",
    )
    setting: dict[str, Any] = {"default_replication_keys": ["updated_at"]}
    run = source.run(reconcile=True, **setting)
    assert run.error is None
    assert run.rows == {STREAM: [{"a": 2, "b": 1}, {"a": 4, "b": 3}]}
    [empty, schema] = run.of("SCHEMA")
    assert empty["stream"] == "public-empty"
    assert schema["schema"]["x-keys-only"] is True
    assert list(schema["schema"]["properties"]) == ["a", "b"] == schema["key_properties"]
    assert set(run.bookmark(STREAM)) == {"source_time", "rows_read", "snapshot"}
    assert run.bookmark("public-empty")["rows_read"] == 0
    # A later one is news to a target, whatever was read.
    assert source.run(state=run.state, reconcile=True, **setting).state != run.state


def test_a_reconcile_without_keys_is_refused(source: Source) -> None:
    source.execute("create table compared (id int primary key)")
    run = source.run(reconcile=True)
    assert "none of the 1 selected streams has keys to reconcile" in str(run.error)


def test_a_row_that_a_reconcile_cannot_see_is_newer_than_its_source_time(events: Source) -> None:
    keys = events.run(BY_TIME, reconcile=True)
    events.execute("insert into events values (100, 'later', now())")
    rows = events.run(BY_TIME, batch_config=None)
    [record] = [m for m in rows.of("RECORD", STREAM) if m["record"]["id"] == 100]
    assert record["time_extracted"] > keys.bookmark(STREAM)["source_time"]
