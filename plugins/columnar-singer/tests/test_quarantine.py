"""What a destination cannot hold is kept as it was, with what is needed to find its row."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
from columnar_singer import metadata, quarantine
from columnar_singer.odd_values import OddValue


def staged(**columns):
    return metadata.add_metadata(
        pa.table(columns),
        extracted_at=None,
        received_at=datetime.now(tz=UTC),
        batched_at=datetime.now(tz=UTC),
        sequence=100,
        table_version=None,
        sync_started_at=0,
    )


def of(table, *odd, key=()):
    names = {"run_id": "r", "stream": "public-t", "table_name": "t"}
    return quarantine.to_arrow(odd, table, key_properties=list(key), **names).to_pylist()


def test_f10_value_is_kept_with_its_key_column_reason_and_version():
    table = staged(id=pa.array([7, 8]), at=pa.array([None, None], pa.timestamp("us")))
    rows = of(table, OddValue(1, "at", "infinity", "Arrow has no infinite time"), key=["id"])
    assert rows[0].pop("quarantined_at").tzinfo
    assert rows == [
        {
            "run_id": "r",
            "stream": "public-t",
            "table_name": "t",
            "key": '{"id": "8"}',
            "column_name": "at",
            "original_text": "infinity",
            "reason": "Arrow has no infinite time",
            "_sdc_sequence": 101,
        }
    ]


def test_f10_key_of_any_type_is_text():
    table = staged(
        d=pa.array([date(2026, 1, 2)]),
        n=pa.array([Decimal("1.50")]),
        b=pa.array([b"\xff"]),
        t=pa.array(['"é"']),
    )
    (row,) = of(table, OddValue(0, "x", "NaN", "why"), key=["d", "n", "b", "t"])
    assert json.loads(row["key"]) == {"d": "2026-01-02", "n": "1.50", "b": "\\xff", "t": '"é"'}


def test_f10_key_that_is_odd_itself_is_its_text():
    table = staged(id=pa.array([1]), d=pa.array([None], pa.date32()))
    (row,) = of(table, OddValue(0, "d", "-infinity", "why"), key=["id", "d"])
    assert json.loads(row["key"]) == {"id": "1", "d": "-infinity"}


def test_f10_row_without_a_key():
    table = staged(a=pa.array([1, 2]))
    rows = of(table, OddValue(1, "a", "x", "why"), OddValue(0, "a", "y", "why"))
    assert [(row["key"], row["_sdc_sequence"]) for row in rows] == [("{}", 101), ("{}", 100)]


def test_comments_name_the_columns():
    assert list(quarantine.COLUMN_COMMENTS) == quarantine.arrow_schema().names
