"""Which versions the lake holds after runs that send rows once or anew."""

from __future__ import annotations

import json

import pytest

ANN, BOB, CAT = ({"id": n, "name": name} for n, name in enumerate(("Ann", "Bob", "Cat"), 1))


def _names(rows):
    return [{"id": row["id"], "name": row["name"]} for row in rows]


def test_f33_incremental_rows_are_appended_as_versions(run, reader, players):
    players.replication_key = "id"
    for rows in ([ANN, BOB], [{**BOB, "name": "Bobby"}], [CAT]):
        assert not run([players.schema(), players.batch(rows), players.state()]).error
    assert reader.rows("players", "id", "name") == [
        (1, "Ann"),
        (2, "Bob"),
        (2, "Bobby"),
        (3, "Cat"),
    ]
    assert _names(reader.current("players", "id")) == [ANN, {**BOB, "name": "Bobby"}, CAT]


def test_f13_sequence_grows_from_run_to_run_even_if_the_clock_does_not(
    run, reader, players, monkeypatch
):
    run([players.schema(), players.batch([ANN, BOB]), players.state()])
    monkeypatch.setattr("columnar_singer.metadata.time.time_ns", lambda: 0)
    run([players.schema(), players.batch([CAT]), players.state()])
    run([players.schema(), *players.records([ANN]), players.state()])
    sequences = [sequence for (sequence,) in reader.rows("players", "_sdc_sequence")]
    assert len(set(sequences)) == 4
    assert reader.rows("players", "id") == [(1,), (2,), (3,), (1,)]
    log = reader.load_log()
    assert [row["sequence_from"] for row in log] == [sequences[0], *sequences[2:]]
    assert [row["sequence_to"] for row in log] == sequences[1:]


def test_f13_sequence_is_found_in_the_load_log_once_snapshots_have_expired(
    run, reader, players, monkeypatch
):
    run([players.schema(), players.batch([ANN]), players.state()])
    monkeypatch.setattr("target_s3.lake.SUMMARY_PREFIX", "not.")
    monkeypatch.setattr("columnar_singer.metadata.time.time_ns", lambda: 0)
    run([players.schema(), players.batch([BOB]), players.state()])
    first, second = (sequence for (sequence,) in reader.rows("players", "_sdc_sequence"))
    assert second == first + 1


@pytest.mark.parametrize("rows_per_batch", [1, 50_000])
def test_f04_a_row_that_is_gone_gets_a_tombstone_and_may_return(
    run, reader, players, rows_per_batch
):
    more = {"batch_size_rows": rows_per_batch}
    run(players.full_refresh([ANN, BOB, CAT]), **more)
    run(players.full_refresh([ANN, CAT]), **more)
    assert _names(reader.current("players", "id")) == [ANN, CAT]
    (*_, tombstone) = reader.rows("players")
    assert (tombstone["id"], tombstone["name"]) == (2, None)
    assert tombstone["_sdc_deleted_at"] is not None

    run(players.full_refresh([ANN, CAT]), **more)
    assert len(reader.rows("players")) == 4, "a tombstone is written once"
    run(players.full_refresh([ANN, BOB, CAT]), **more)
    assert sorted(_names(reader.current("players", "id")), key=json.dumps) == [ANN, BOB, CAT]
    assert len(reader.rows("players")) == 5


def test_a_refresh_appends_only_what_changed(run, reader, players):
    players.schema(score="double precision", born="date", price="numeric(9,2)")
    empty = {"score": None, "born": None, "price": None}
    rows = [
        {**ANN, **empty},
        {**BOB, **empty, "score": float("nan")},
        {**CAT, **empty, "name": None, "score": 0.0},
    ]
    run(players.full_refresh(rows))
    run(players.full_refresh(list(reversed(rows))))
    assert reader.snapshots("players") == 1

    changed = [{**rows[0], "name": None}, rows[1], {**rows[2], "score": -0.0}]
    run(players.full_refresh([*changed, {"id": 4, "name": "Dan", **empty}]))
    assert reader.rows("players", "id")[3:] == [(1,), (3,), (4,)]
    *_, log = reader.load_log()
    assert (log["rows_read"], log["rows_committed"], log["files"]) == (4, 3, 1)
    _, unchanged, _ = reader.load_log()
    assert (unchanged["rows_read"], unchanged["rows_committed"], unchanged["files"]) == (3, 0, 0)


def test_a_refresh_with_a_new_column_fills_it(run, reader, players):
    run(players.full_refresh([ANN, BOB]))
    players.schema(country="text")
    run(players.full_refresh([{**ANN, "country": "DK"}, {**BOB, "country": None}]))
    assert reader.rows("players", "id", "country") == [(1, None), (2, None), (1, "DK")]


def test_composite_keys_are_keys(run, reader, players):
    players.keys = ["id", "name"]
    rows = [ANN, {**ANN, "name": "Bob"}, BOB]
    run(players.full_refresh(rows))
    run(players.full_refresh(rows[1:]))
    assert _names(reader.current("players", "id", "name")) == rows[1:]
    assert len(reader.rows("players")) == 4


def test_a_foreign_tap_s_versioned_records_are_refreshed_too(run, reader, players):
    first = [players.activate(1), *players.records([ANN, BOB], 1), players.activate(1)]
    run([players.schema(), *first, players.state()])
    second = [players.activate(2), *players.records([{**ANN, "name": "Anna"}], 2)]
    run([players.schema(), *second, players.activate(2), players.state()])
    assert _names(reader.current("players", "id")) == [{**ANN, "name": "Anna"}]
    assert reader.rows("players", "_sdc_table_version") == [(1,), (1,), (2,), (None,)]


def test_f04_a_refresh_may_take_several_commits(run, reader, players, monkeypatch):
    run(players.full_refresh([ANN, BOB, CAT]))
    monkeypatch.setattr("columnar_singer.target.MAX_UNCOMMITTED_ROWS", 1)
    committed = [*players.records([ANN]), players.state()]
    last = [*players.records([CAT]), players.activate(), players.state()]
    assert not run([players.schema(), *committed, *last]).error
    assert _names(reader.current("players", "id")) == [ANN, CAT]
    assert reader.rows("players", "id")[3:] == [(1,), (2,)], "Ann again, and Bob's tombstone"


def test_of_a_key_sent_twice_the_last_counts(run, reader, players):
    run(players.full_refresh([ANN]))
    run(players.full_refresh([{**ANN, "name": "Anna"}, ANN]))
    assert reader.rows("players", "id", "name") == [(1, "Ann")]


@pytest.mark.parametrize("keys", [["id"], []])
def test_f09_an_empty_refresh_deletes_only_if_allowed(run, reader, players, keys):
    players.keys = keys
    run(players.full_refresh([ANN, BOB]))
    refused = run(players.full_refresh([]))
    assert "allow_empty_full_refresh" in str(refused.error)
    assert len(reader.rows("players")) == 2

    for _ in range(2):
        assert not run(players.full_refresh([]), allow_empty_full_refresh=True).error
    deleted = [row for row in reader.rows("players") if row["_sdc_deleted_at"]]
    assert len(deleted) == (2 if keys else 1)
    assert run(players.full_refresh([])).error is None


def test_a_stream_without_key_is_current_in_its_latest_run(run, reader, players):
    players.keys = []
    run(players.full_refresh([ANN, ANN]))
    run(players.full_refresh([BOB, BOB, ANN]))
    rows = reader.rows("players")
    latest = max(row["_sdc_sync_started_at"] for row in rows)
    current = [row for row in rows if row["_sdc_sync_started_at"] == latest]
    assert _names(current) == [BOB, BOB, ANN]
    assert len(rows) == 5


def test_f24_columns_are_added_and_widened_in_place(run, reader, players):
    players.schema(count="integer", ratio="real", price="numeric(5,2)")
    row = {**ANN, "count": 1, "ratio": 0.5, "price": None}
    run([players.schema(), players.batch([row]), players.state()])
    players.schema(
        count="bigint", ratio="double precision", price="numeric(9,2)", country="character(2)"
    )
    wide = {"count": 2**40, "ratio": 0.1, "price": None, "country": "DK"}
    run([players.schema(), players.batch([{**BOB, **wide}]), players.state()])
    assert reader.rows("players", "count", "ratio", "country") == [
        (1, 0.5, None),
        (2**40, 0.1, "DK"),
    ]
    created, changed = (json.loads(row["schema_changes"]) for row in reader.load_log())
    assert created == ["created table"]
    assert changed == [
        "widened column count from int to long",
        "widened column ratio from float to double",
        "widened column price from decimal(5, 2) to decimal(9, 2)",
        "added column country string",
    ]


def test_f24_a_column_that_vanishes_stays(run, reader, players):
    run([players.schema(), players.batch([ANN]), players.state()])
    del players.properties["name"]
    run([players.schema(), players.batch([{"id": 2}]), players.state()])
    assert reader.rows("players", "id", "name") == [(1, "Ann"), (2, None)]


def test_f24_a_schema_may_change_between_batches(run, reader, players):
    players.replication_key = "id"
    first = [players.schema(count="integer"), players.batch([{**ANN, "count": 1}])]
    second = [players.schema(count="bigint", more="text")]
    second.append(players.batch([{**BOB, "count": 2**40, "more": "x"}]))
    assert not run([*first, *second, players.state()]).error
    assert reader.rows("players", "count", "more") == [(1, None), (2**40, "x")]
    assert reader.snapshots("players") == 1


def test_f24_a_type_that_is_not_wider_goes_on_in_a_new_column(run, reader, players):
    players.schema(value="integer")
    run(players.full_refresh([{**ANN, "value": 7}, {**BOB, "value": None}]))
    players.schema(value="text")
    for _ in range(2):
        run(players.full_refresh([{**ANN, "value": "seven"}, {**BOB, "value": None}]))
    assert reader.rows("players", "id", "value", "value__v2") == [
        (1, 7, None),
        (2, None, None),
        (1, None, "seven"),
    ]
    changes = [row["schema_changes"] for row in reader.load_log()]
    assert json.loads(changes[1]) == ["column value is now string: its values go to value__v2"]
    assert json.loads(changes[2]) == []


def test_f24_a_value_that_becomes_null_as_its_type_changes_is_a_change(run, reader, players):
    """Else the older column would still hold the newest value of the row."""
    for datatype, value in (("integer", 7), ("text", None), ("text", "x"), ("integer", None)):
        players.schema(value=datatype)
        for _ in range(2):
            run(players.full_refresh([{**ANN, "value": value}]))
    assert reader.rows("players", "value", "value__v2") == [
        (7, None),
        (None, None),
        (None, "x"),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("before", "after"), [("bigint", "integer"), ("numeric(9,2)", "numeric(5,2)")]
)
def test_f24_a_narrower_type_stays_in_its_column(run, reader, players, before, after):
    for number, datatype in enumerate((before, after)):
        players.schema(value=datatype)
        row = {"id": number, "name": None, "value": 7}
        assert run([players.schema(), players.batch([row]), players.state()]).error is None
    assert reader.rows("players", "value") == [(7,), (7,)]


@pytest.mark.parametrize(
    ("mode", "change", "is_allowed"),
    [
        ("add_columns", {"more": "text"}, True),
        ("add_columns", {"value": "bigint"}, False),
        ("block", {"more": "text"}, False),
        ("allow", {"id": "text"}, False),
    ],
)
def test_f24_schema_drift_says_what_may_change(run, reader, players, mode, change, is_allowed):
    run([players.schema(value="integer"), players.state(at=1)])
    outcome = run([players.schema(**change), players.state(at=2)], schema_drift=mode)
    assert (outcome.error is None) is is_allowed
    assert bool(outcome.states) is is_allowed
    if not is_allowed:
        assert f"column '{next(iter(change))}'" in str(outcome.error)
        assert "\n" not in str(outcome.error)
        assert "more" not in reader.table("players").schema().column_names
