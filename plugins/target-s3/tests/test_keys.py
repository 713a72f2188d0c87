"""A tap that sends only the keys that are there: the others get a tombstone."""

from __future__ import annotations

import pyarrow as pa
import pytest
from columnar_singer.batch_files import new_run_directory, write_batch_files
from target_s3.spill import MAX_PARTS, PART_BYTES, KeySpill

ANN, BOB, CAT = ({"id": n, "name": name} for n, name in enumerate(("Ann", "Bob", "Cat"), 1))


def keys_only(players, ids, **bookmark):
    """All messages of a key reconcile."""
    full = dict(players.properties)
    players.properties = {"id": full["id"]}
    schema = players.schema()
    schema["schema"]["x-keys-only"] = True
    messages = [schema, *([players.batch([{"id": each} for each in ids])] if ids else [])]
    players.properties = full
    return [*messages, players.state(keys_read=len(ids), rows_read=len(ids), **bookmark)]


def _batch(messages, table):
    files = write_batch_files(
        table.to_batches(),
        new_run_directory(str(messages.directory)),
        table.schema,
        extracted_at=messages.snapshot_time,
    )
    return {**messages.batch([]), "manifest": [each.url for each in files]}


def current(reader):
    return [(row["id"], row["name"]) for row in reader.current("players", "id")]


@pytest.mark.parametrize("part_bytes", [1, 2**24])
def test_f04_rows_whose_key_is_gone_get_a_tombstone(run, reader, players, monkeypatch, part_bytes):
    monkeypatch.setattr("target_s3.spill.PART_BYTES", part_bytes)
    players.replication_key = "id"
    run([players.schema(), players.batch([ANN, BOB, CAT]), players.state(at=1)])
    outcome = run(keys_only(players, [1, 3, 9]), run_id="keys")
    assert outcome.error is None
    assert current(reader) == [(1, "Ann"), (3, "Cat")]
    *_, tombstone = reader.rows("players")
    assert (tombstone["id"], tombstone["name"]) == (2, None)
    log = reader.load_log()[-1]
    assert (log["run_id"], log["rows_read"], log["rows_committed"]) == ("keys", 3, 0)
    assert log["sequence_to"] == tombstone["_sdc_sequence"]

    run(keys_only(players, [1, 3]))
    assert len(reader.rows("players")) == 4, "a tombstone is written once"
    run([players.schema(), players.batch([BOB]), players.state(at=2)])
    assert (2, "Bob") in current(reader), "its row returned"


def test_f07_truncate_deletes_all_rows(run, reader, players):
    run(players.full_refresh([ANN, BOB]))
    assert run(keys_only(players, [])).error is None
    assert current(reader) == []
    assert len(reader.rows("players")) == 4


def test_f04_a_tap_that_dies_before_the_keys_deletes_nothing(run, reader, players):
    run(players.full_refresh([ANN, BOB]))
    schema, state = keys_only(players, [], source_time="2026-01-01T00:00:00+00:00")
    other = players.states({"public-clubs": {"rows_read": 0}})
    for messages in ([schema], [schema, other], [state, schema, state]):
        assert "the input ended before" in str(run(messages).error)
        assert current(reader) == [(1, "Ann"), (2, "Bob")]


def test_f04_many_keys_and_many_versions(run, reader, players, monkeypatch):
    monkeypatch.setattr("target_s3.spill.PART_BYTES", 1000)
    rows = [{"id": number, "name": str(number)} for number in range(2000)]
    for _ in range(3):
        run([players.schema(), players.batch(rows, rows_per_file=300), players.state()])
    run(keys_only(players, range(0, 2000, 2)))
    assert current(reader) == [(number, str(number)) for number in range(0, 2000, 2)]


def test_f04_a_key_that_the_lake_cannot_hold_is_not_taken_for_gone(run, reader, players):
    players.properties["id"] = {"x-sql-datatype": "date", "type": ["string"]}
    far = pa.table({"id": pa.array([6585442], pa.int32()).view(pa.date32()), "name": ["far"]})
    rows, keys = (_batch(players, table) for table in (far, far.select(["id"])))
    run([players.schema(), rows, players.state()])
    schema, _ = keys_only(players, [])
    assert run([schema, keys, players.state(rows_read=1)]).error is None
    assert reader.rows("players", "name", "_sdc_deleted_at") == [("far", None)]


def test_keys_of_a_table_that_is_not_there_change_nothing(run, reader, players):
    assert run(keys_only(players, [1])).error is None
    assert reader.load_log()[-1]["rows_committed"] == 0


@pytest.mark.parametrize(
    "keys",
    [
        pa.array(range(-500, 500)),
        pa.array([f"{number:040d}" for number in range(999)] + [None]),
        pa.array(range(1000), pa.int64()).cast(pa.timestamp("us", "UTC")),
        pa.array([number.to_bytes(2, "big") for number in range(1000)]),
        pa.array(range(1000), pa.int32()).view(pa.date32()),
    ],
    ids=lambda keys: str(keys.type),
)
def test_all_rows_of_a_key_are_in_one_part_and_parts_are_alike(keys, monkeypatch):
    monkeypatch.setattr("target_s3.spill.PART_BYTES", 1)
    spill = KeySpill(["a", "b"], 8)
    rows = pa.table({"a": keys, "b": pa.repeat(True, len(keys)), "c": pa.arange(0, len(keys))})
    for start in range(0, len(keys), 100):
        spill.add(rows.slice(start, 100))
    spill.add(rows)
    parts = [part["c"].to_pylist() for part in spill.parts()]
    assert sorted(number for part in parts for number in part) == sorted([*range(1000)] * 2)
    assert all(part.count(number) == 2 for part in parts for number in part[:20])
    assert max(len(part) for part in parts) < 4 * 2000 / len(parts)


@pytest.mark.parametrize("parts", [1, 2, 3, 64, MAX_PARTS, 10 * MAX_PARTS])
def test_a_spill_has_as_many_files_as_parts_are_needed_and_no_more(parts, monkeypatch):
    spill = KeySpill(["a"], parts * PART_BYTES)
    monkeypatch.setattr("target_s3.spill.PART_BYTES", 1)
    spill.add(pa.table({"a": [1, 2, 3]}))
    files = len(spill._files)
    assert min(parts, MAX_PARTS) <= files <= MAX_PARTS
    assert files < 2 * max(2, parts)
    spill.close()
