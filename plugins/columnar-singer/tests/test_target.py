"""RECORDs on their way through a target into a destination that keeps what it is given."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from columnar_singer import batch_files
from columnar_singer import target as module
from columnar_singer.errors import UserError
from columnar_singer.odd_values import OddValue
from columnar_singer.target import TARGET_SETTINGS, ColumnarSink, ColumnarTarget, CommitResult
from singer_sdk import typing as th
from singer_sdk.exceptions import MissingKeyPropertiesError


class KeptSink(ColumnarSink):
    """A stand-in for a destination: tables in memory."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.staged = []
        self.odd = []

    def open_table(self):
        return []

    @property
    def is_begun(self):
        return False

    def last_sequence(self):
        return None

    def has_live_rows(self):
        return False

    def stage(self, table, odd_values):
        self.staged.append(table)
        self.odd += odd_values

    def commit(self, row, *, full_refresh):
        return CommitResult(row.rows_read)

    def commit_keys(self, row):
        return CommitResult(0)

    def abandon(self):
        self.staged = []


class KeptTarget(ColumnarTarget):
    name = "target-kept"
    config_jsonschema = th.PropertiesList(*TARGET_SETTINGS).to_dict()
    default_sink_class = KeptSink

    def write_quiet(self, rows):
        pass


def schema(stream, **types):
    properties = {name: {"x-sql-datatype": datatype} for name, datatype in types.items()}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "key_properties": ["id"],
        "schema": {"properties": properties},
    }


def record(stream, **values):
    return {"type": "RECORD", "stream": stream, "record": values}


def load(*messages, as_bytes=False, **settings):
    """Load messages, lines as they are or to be made of dictionaries; give the sinks."""
    target = KeptTarget(config=settings)
    lines = "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in messages)
    with contextlib.redirect_stdout(io.StringIO()):
        target.listen(io.BytesIO(lines.encode()) if as_bytes else io.StringIO(lines))
    return target._sinks


def rows(sink, *names):
    return [
        tuple(row[name] for name in names) for table in sink.staged for row in table.to_pylist()
    ]


@pytest.mark.parametrize("as_bytes", [False, True])
def test_records_arrive_in_order(as_bytes):
    sinks = load(
        schema("a", id="integer", t="text"),
        record("a", id=1, t="é"),
        record("a", id=2, other=5),
        as_bytes=as_bytes,
    )
    assert rows(sinks["a"], "id", "t") == [(1, "é"), (2, None)]


def test_number_that_is_no_json_is_taken_as_what_it_says():
    message = '{"type": "RECORD", "stream": "a", "record": {"id": 1, "x": NaN, "y": -Infinity}}'
    sinks = load(schema("a", id="integer", x="double precision", y="numeric(5,2)"), message)
    [(_, x, y)] = rows(sinks["a"], "id", "x", "y")
    assert x != x
    assert y is None
    assert [(each.column, each.text) for each in sinks["a"].odd] == [("y", "-Infinity")]


def test_f10_value_that_does_not_fit_reaches_the_destination_beside_its_row():
    sinks = load(
        schema("a", id="integer", n="integer"),
        record("a", id=1, n=2),
        record("a", id=2, n="many"),
    )
    assert rows(sinks["a"], "id", "n") == [(1, 2), (2, None)]
    reason = "does not fit integer exactly"
    assert sinks["a"].odd == [OddValue(1, "n", "many", reason, is_legal=False)]


def test_f10_f25_key_that_does_not_fit_fails_its_stream_only():
    messages = [schema("a", id="integer"), schema("b", id="integer")]
    messages += [record("a", id="one"), record("b", id=1)]
    with pytest.raises(UserError, match=r"^1 of 2 streams failed: stream 'a': property 'id' has"):
        load(*messages)


def test_record_without_its_key_ends_the_run():
    with pytest.raises(MissingKeyPropertiesError, match=r"^stream 'a': a RECORD lacks .*'id'"):
        load(schema("a", id="integer"), record("a", other=1))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no JSON"),
        (json.dumps(record("a", id=1, name="Eve"))[:-1], "no JSON"),
        ("\n", "no JSON"),
        ("5", "lacks .*'type'"),
        ('{"stream": "a"}', "lacks .*'type'"),
        ('{"type": "RECORD", "stream": "a", "x": "Eve"}', "lacks .*'record'"),
        ('{"type": "SCHEMA", "stream": "a", "schema": []}', "lacks .*'properties'"),
    ],
)
def test_line_that_is_no_message_ends_the_run_in_one_line_without_its_values(line, reason, caplog):
    with pytest.raises(UserError, match=reason) as raised:
        load(schema("a", id="integer"), line)
    assert "Eve" not in caplog.text + str(raised.value)


@pytest.mark.parametrize("kind", ["NEWS", None, ["RECORD"]])
def test_message_of_an_unknown_type_ends_the_run(kind):
    with pytest.raises(ValueError, match="Unknown message type"):
        load(schema("a", id="integer"), {"type": kind, "stream": "a", "record": {}})


def test_rows_held_are_bounded_for_each_stream():
    messages = [record("a", id=number) for number in range(5)]
    sinks = load(schema("a", id="integer"), *messages, batch_size_rows=2)
    assert [table.num_rows for table in sinks["a"].staged] == [2, 2, 1]


def test_bytes_held_are_bounded_for_all_streams_together(monkeypatch):
    monkeypatch.setattr(module, "MAX_HELD_BYTES", 100)
    messages = [schema(name, id="integer", t="text") for name in "ab"]
    messages += [record("ab"[number % 2], id=number, t="x" * 10) for number in range(40)]
    sinks = load(*messages)
    assert all(len(sinks[name].staged) > 5 for name in "ab")
    assert [row[0] for row in rows(sinks["a"], "id")] == list(range(0, 40, 2))


def test_mapped_rows_go_the_same_way():
    maps = {"a": {"id": "id", "t": "record['t'] + '!'", "__else__": None}}
    sinks = load(schema("a", id="integer", t="text"), record("a", id=1, t="x"), stream_maps=maps)
    assert rows(sinks["a"], "id", "t") == [(1, "x!")]


@pytest.mark.parametrize("name", ["load_log", "quarantine"])
def test_stream_named_as_a_table_of_the_loader_is_refused(name):
    with pytest.raises(UserError, match=f"would be '{name}', which holds the"):
        load(schema(f"public-{name}", id="integer"), record(f"public-{name}", id=1))


@pytest.mark.parametrize("maps", [{}, {"a": "__NULL__"}, {"a": {"email": "__NULL__"}}])
def test_batch_file_is_deleted_whatever_becomes_of_its_rows(tmp_path, maps):
    """The tap waits until it is."""
    rows = pa.record_batch({"id": pa.array([1], pa.int32())})
    [file] = batch_files.write_batch_files(
        [rows], tmp_path, rows.schema, extracted_at=datetime.now(tz=UTC)
    )
    batch = {"type": "BATCH", "stream": "a", "encoding": {"format": "arrow"}}
    state = {"type": "STATE", "value": {"bookmarks": {"a": {"rows_read": 1}}}}
    with contextlib.suppress(UserError):
        load(schema("a", id="integer"), {**batch, "manifest": [file.url]}, state, stream_maps=maps)
    assert list(tmp_path.iterdir()) == []
