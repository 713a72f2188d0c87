"""Values that the lake cannot hold: the row arrives, the value's text goes to the quarantine."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from columnar_singer.batch_files import new_run_directory, write_batch_files
from columnar_singer.errors import UserError
from columnar_singer.odd_values import OddValue, attach
from columnar_singer.types import arrow_schema
from target_s3.rejected import reject_far_times

ANN, BOB = {"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}


def odd_batch(messages, rows, odd):
    """A BATCH with odd values, as tap-postgres writes it."""
    schema = arrow_schema(messages.properties)
    (batch,) = pa.Table.from_pylist(rows, schema=schema).combine_chunks().to_batches()
    files = write_batch_files(
        [attach(batch, odd)],
        new_run_directory(str(messages.directory)),
        schema,
        extracted_at=messages.snapshot_time,
    )
    encoding = {"format": "arrow", "compression": None}
    manifest = [file.url for file in files]
    return {"type": "BATCH", "stream": messages.stream, "encoding": encoding, "manifest": manifest}


def quarantined(reader):
    names = ["table_name", "key", "column_name", "original_text"]
    return reader.rows("quarantine", *names)


@pytest.fixture
def priced(players):
    players.schema(price="numeric(5,2)", seen="timestamp with time zone")
    return players


def _rows():
    return [{**each, "price": None, "seen": None} for each in (ANN, BOB)]


def test_f10_f20_a_value_that_does_not_fit_goes_to_the_quarantine(run, reader, priced):
    odd = [OddValue(1, "price", "NaN", "no number"), OddValue(1, "seen", "infinity", "no time")]
    batch = odd_batch(priced, _rows(), odd)
    assert run([priced.schema(), batch, priced.state()], run_id="odd").error is None
    assert reader.rows("players", "id", "price", "seen") == [(1, None, None), (2, None, None)]
    assert quarantined(reader) == [
        ("players", '{"id": "2"}', "price", "NaN"),
        ("players", '{"id": "2"}', "seen", "infinity"),
    ]
    (row, _) = reader.rows("quarantine")
    assert (row["run_id"], row["stream"], row["reason"]) == ("odd", "public-players", "no number")
    assert row["_sdc_sequence"] == reader.rows("players", "_sdc_sequence")[1][0]
    assert reader.load_log()[-1]["rows_rejected"] == 2


def test_f21_far_years_go_to_the_quarantine(run, reader, players):
    players.schema(day="date", plain="timestamp without time zone", zoned="timestamptz")
    players.schema(zoned="timestamp with time zone")
    microseconds = 1_000_000
    far = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int32()),
            "name": pa.array([None, None, "near"], pa.string()),
            "day": pa.array([6585442, -730120, 0], pa.int32()).view(pa.date32()),
            "plain": pa.array([569034205445678901 // 10, -(10**17), 0]).view(pa.timestamp("us")),
            "zoned": pa.array([568971820800 * microseconds, -62135596801 * microseconds, 1]).view(
                pa.timestamp("us", "UTC")
            ),
        }
    )
    files = write_batch_files(
        far.to_batches(),
        new_run_directory(str(players.directory)),
        arrow_schema(players.properties),
        extracted_at=players.snapshot_time,
    )
    batch = {**odd_batch(players, [{"id": 1}], []), "manifest": [each.url for each in files]}
    assert run([players.schema(), batch, players.state()]).error is None
    assert reader.rows("players", "day", "zoned")[:2] == [(None, None)] * 2
    assert reader.rows("players", "zoned")[2] == (datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),)
    texts = {(json.loads(key)["id"], name): text for _, key, name, text in quarantined(reader)}
    assert texts["1", "day"] == "20000-04-30"
    assert texts["2", "day"] == "0030-01-01 BC"
    assert texts["1", "zoned"] == "20000-01-01 00:00:00+00"
    assert texts["2", "zoned"] == "0001-12-31 23:59:59+00 BC"
    assert texts["2", "plain"] == "1200-02-15 14:13:20 BC"
    reasons = {row["reason"] for row in reader.rows("quarantine")}
    assert reasons == {"its year is not in 1 to 9999, which is all that Athena and Python can read"}


def test_near_times_are_not_touched():
    rows = pa.table({"a": pa.array([None, datetime(9999, 12, 31, 23, 59, 59, 999999)])})
    assert reject_far_times(rows) == (rows, [])


def test_a_refresh_sees_when_a_value_in_the_quarantine_changes(run, reader, priced):
    def send(text):
        odd = [OddValue(0, "price", text, "no number")] if text else []
        batch = odd_batch(priced, _rows(), odd)
        messages = [priced.schema(), batch, priced.activate(), priced.state(rows_read=2)]
        assert run(messages).error is None

    for text in ("NaN", "NaN", "Infinity", None):
        send(text)
    assert reader.rows("players", "id") == [(1,), (2,), (1,), (1,)]
    assert [row[-1] for row in quarantined(reader)] == ["NaN", "Infinity"]
    assert [row["rows_rejected"] for row in reader.load_log()] == [1, 0, 1, 0]


def test_the_quarantine_is_written_before_the_rows(run, reader, priced, monkeypatch):
    run([priced.schema(), priced.state()])
    odd = [OddValue(0, "price", "NaN", "no number")]

    def die(*_):
        raise UserError("stopped here")

    with monkeypatch.context() as patch:
        patch.setattr("target_s3.lake.Lake.append", die)
        outcome = run([priced.schema(), odd_batch(priced, _rows(), odd), priced.state()])
    assert "stopped here" in str(outcome.error)
    assert reader.rows("players") == []
    run([priced.schema(), odd_batch(priced, _rows(), odd), priced.state()])
    in_table = set(reader.rows("players", "_sdc_sequence"))
    found = [row["original_text"] for row in reader.rows("quarantine")]
    joined = [s for s in reader.rows("quarantine", "_sdc_sequence") if s in in_table]
    assert found == ["NaN", "NaN"]
    assert len(joined) == 1, "the first is of a version that is in no table"
