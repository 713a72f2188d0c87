"""Rows whose key the source no longer has are marked deleted, without an extract of the rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from columnar_singer import odd_values
from columnar_singer.batch_files import write_batch_files
from columnar_singer.errors import UserError
from columnar_singer.types import arrow_schema

A = {"id": "integer", "part": "uuid", "name": "text"}
PARTS = [f"3b241101-e2bb-4255-8caf-4136c566a96{n}" for n in range(5)]


@pytest.fixture
def reconcile(loaded, stream, state_of, tmp_path):
    def run(*ids, name="public-a"):
        keys = stream(name, {"id": "integer", "part": "uuid"}, ["id", "part"])
        schema = keys.schema()
        schema["schema"]["x-keys-only"] = True
        rows = [{"id": number, "part": PARTS[number]} for number in ids]
        batch = [keys.batch(tmp_path, rows)] if rows else []
        return loaded.run(schema, *batch, state_of(a={"rows_read": len(rows)}))

    return run


@pytest.fixture
def table(loaded, stream):
    a = stream("public-a", A, ["id", "part"])
    rows = [a.record(id=number, part=PARTS[number], name="x") for number in range(4)]
    loaded.run(a.schema(), *rows)
    return a


GONE = "select id from raw.a where _sdc_deleted_at is not null order by id"


def test_f04_rows_whose_key_was_not_sent_are_marked(loaded, reconcile, table):
    ((last,),) = loaded.query("select max(_sdc_sequence) from raw.a")
    reconcile(0, 2)
    assert loaded.query(GONE) == [(1,), (3,)]
    marked = loaded.query("select _sdc_sequence from raw.a where _sdc_deleted_at is not null")
    assert len(set(marked)) == 2
    assert min(marked) > (last,)
    ((rows_read, committed, log_last),) = loaded.log("rows_read, rows_committed, sequence_to")[-1:]
    assert (rows_read, committed) == (2, 0)
    assert loaded.query("select max(_sdc_sequence) from raw.a") == [(log_last,)]
    # Once marked they stay as they are, and nothing was added or updated.
    reconcile(0, 2, 4)
    assert loaded.query("select count(*), max(_sdc_sequence) from raw.a") == [(4, log_last)]
    assert loaded.query("select distinct name from raw.a") == [("x",)]


def test_f04_truncate_is_seen(loaded, reconcile, table):
    reconcile()
    assert loaded.query(GONE) == [(0,), (1,), (2,), (3,)]


def test_f04_a_row_that_returns_is_live_again(loaded, reconcile, table):
    reconcile(0)
    loaded.run(table.schema(), table.record(id=1, part=PARTS[1], name="x"))
    assert loaded.query(GONE) == [(2,), (3,)]


def test_keys_of_a_table_that_is_not_there(loaded, reconcile):
    reconcile(0, 1)
    assert loaded.query("select to_regclass('raw.a')") == [(None,)]
    assert loaded.log("rows_read, rows_committed, schema_changes") == [(2, 0, "[]")]


def test_keys_that_are_not_the_tables_are_refused(loaded, stream, reconcile):
    a = stream("public-a", A)
    loaded.run(a.schema(), a.record(id=1, part=PARTS[1], name="x"))
    with pytest.raises(UserError, match="primary key"):
        reconcile(2)
    assert loaded.query(GONE) == []


@pytest.mark.parametrize("bookmark", [None, {}, {"rows_read": 3}])
def test_f09_keys_that_are_not_known_to_be_complete_delete_nothing(
    loaded, stream, state_of, tmp_path, table, bookmark
):
    """The tap died within the stream, and another stream's STATE came."""
    keys = stream("public-a", {"id": "integer", "part": "uuid"}, ["id", "part"])
    schema = keys.schema()
    schema["schema"]["x-keys-only"] = True
    old = {"rows_read": 0, "source_time": "2026-01-01T00:00:00+00:00"}
    states = [state_of(a=old), schema, state_of(a=old, b={})]
    if bookmark is not None:
        states.append(state_of(a=bookmark))
    with pytest.raises(UserError, match="'public-a'"):
        loaded.run(*states)
    assert loaded.query(GONE) == []


def test_f04_a_key_that_arrow_cannot_hold_is_known(loaded, stream, state_of, tmp_path):
    """What travels beside its column is a key like any other."""
    a = stream("public-a", {"id": "integer", "until": "timestamp with time zone"}, ["id", "until"])

    def batch(*ids):
        schema = arrow_schema(a.properties)
        rows = [{"id": number, "until": None} for number in ids]
        odd = [odd_values.OddValue(row, "until", "infinity", "") for row in range(len(ids))]
        plain = pa.RecordBatch.from_pylist(rows, schema=schema)
        files = write_batch_files(
            [odd_values.attach(plain, odd)], tmp_path, schema, extracted_at=datetime.now(tz=UTC)
        )
        return {**a.batch(tmp_path, []), "manifest": [file.url for file in files]}

    loaded.run(a.schema(), batch(1, 2), state_of(a={}))
    keys = a.schema()
    keys["schema"]["x-keys-only"] = True
    loaded.run(keys, batch(1), state_of(a={"rows_read": 1}))
    assert loaded.query(GONE) == [(2,)]


def test_keys_of_a_table_without_a_key_delete_nothing(loaded, stream, state_of):
    a = stream("public-a", {"id": "integer"}, [])
    loaded.run(a.schema(), a.record(id=1))
    keys = a.schema()
    keys["schema"]["x-keys-only"] = True
    with pytest.raises(UserError, match="primary key"):
        loaded.run(keys, a.record(id=1), state_of(a={"rows_read": 1}))
    assert loaded.query("select id from raw.a") == [(1,)]
