"""RECORDs hold what batch files hold: a target that reads them gets the same columns."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from columnar_singer import odd_values, records
from columnar_singer.messages import RecordLine
from columnar_singer.odd_values import OddValue
from columnar_singer.types import X_SQL_DATATYPE, arrow_schema, from_postgres
from hypothesis import given
from hypothesis import strategies as st
from tap_postgres import json_rows
from tap_postgres.json_rows import to_lines, to_rows

_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def properties(types: dict[str, str]) -> dict[str, Any]:
    columns = {name: from_postgres(datatype) for name, datatype in types.items()}
    return {
        name: {
            **column.json_schema,
            "type": [column.json_schema["type"], "null"],
            X_SQL_DATATYPE: column.postgres,
        }
        for name, column in columns.items()
    }


def batch_of(types: dict[str, str], rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=arrow_schema(properties(types)))


def lines_of(batch: pa.RecordBatch, types: dict[str, str]) -> list[str]:
    lines = to_lines(batch, "s", properties(types), version=None, time_extracted=_AT)
    return "".join(lines).split("\n")[:-1]


def sent(batch: pa.RecordBatch, types: dict[str, str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(batch, types)]


def arrived(
    batch: pa.RecordBatch, types: dict[str, str]
) -> tuple[list[dict[str, Any]], list[OddValue]]:
    rows = [msgspec.json.decode(line, type=RecordLine).record for line in lines_of(batch, types)]
    columns = {name: from_postgres(datatype) for name, datatype in types.items()}
    table, odd = records.to_arrow(rows, columns, properties(types))
    assert table.schema == batch.schema.remove_metadata()
    return table.to_pylist(), odd


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(width=32, allow_nan=False),
    "double precision": st.floats(allow_nan=False),
    "numeric(10,4)": st.decimals(-999999, 999999, places=4),
    "numeric": st.decimals(-(10**50), 10**50, places=20).map(lambda value: f"{value:f}"),
    "text": st.text(),
    "json": st.sampled_from(['{"a": 1}', "null", '"x"']),
    "bytea": st.binary(),
    "date": st.dates(),
    "time without time zone": st.sampled_from(["00:00:00", "23:59:59.999999", "24:00:00"]),
    "timestamp without time zone": st.datetimes(),
    "timestamp with time zone": st.datetimes(timezones=st.just(UTC)),
    "integer[]": st.sampled_from(["{1,NULL}", "{}"]),
}


@pytest.mark.parametrize("datatype", _VALUES)
@given(data=st.data())
def test_any_value_comes_back(datatype: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | _VALUES[datatype], min_size=1))
    types = {"v": datatype}
    batch = batch_of(types, [{"v": value} for value in values])
    rows, odd = arrived(batch, types)
    assert not odd
    assert rows == batch.to_pylist()


def test_f20_what_json_has_no_number_for_is_a_string() -> None:
    types = {"d": "double precision", "r": "real", "n": "numeric"}
    batch = batch_of(
        types,
        [
            {"d": math.nan, "r": -math.inf, "n": "NaN"},
            {"d": math.inf, "r": 0.1, "n": "-Infinity"},
            {"d": 1.0, "r": None, "n": "1.50"},
        ],
    )
    assert [message["record"] for message in sent(batch, types)] == [
        {"d": "NaN", "r": "-Infinity", "n": "NaN"},
        {"d": "Infinity", "r": 0.1, "n": "-Infinity"},
        {"d": 1, "r": None, "n": 1.5},
    ]
    rows, odd = arrived(batch, types)
    assert not odd
    assert math.isnan(rows[0]["d"])
    assert rows[0]["r"] == -math.inf
    assert [row["n"] for row in rows] == ["NaN", "-Infinity", "1.50"]


def test_f10_odd_values_are_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "ROWS_AT_ONCE", 2)
    types = {"t": "timestamp with time zone", "n": "numeric(5,2)"}
    rows = [{"t": _AT, "n": Decimal("1.50")}, {}, {"t": None}, {}, {}]
    odd = [OddValue(2, "t", "infinity", "why"), OddValue(3, "n", "NaN", "why")]
    batch = odd_values.attach(batch_of(types, rows), odd)
    assert [message["record"] for message in sent(batch, types)] == [
        {"t": "2026-01-02T03:04:05.000000+00:00", "n": 1.5},
        {"t": None, "n": None},
        {"t": "infinity", "n": None},
        {"t": None, "n": "NaN"},
        {"t": None, "n": None},
    ]
    _, found = arrived(batch, types)
    assert [(each.row, each.text, each.is_legal) for each in found] == [
        (2, "infinity", True),
        (3, "NaN", True),
    ]


def test_message_says_what_and_when() -> None:
    types = {'a "b"\\\n': "text", "é": "date"}
    batch = batch_of(types, [{'a "b"\\\n': 'q"\\\n\x00é', "é": date(2026, 1, 2)}])
    [line] = to_lines(batch, 'p"s', properties(types), version=7, time_extracted=_AT)
    assert json.loads(line) == {
        "type": "RECORD",
        "stream": 'p"s',
        "record": {'a "b"\\\n': 'q"\\\n\x00é', "é": "2026-01-02"},
        "version": 7,
        "time_extracted": "2026-01-02T03:04:05+00:00",
    }
    assert list(to_rows(batch, properties(types))) == [json.loads(line)["record"]]


def test_no_rows_are_no_lines() -> None:
    batch = batch_of({"v": "text"}, [])
    assert sent(batch, {"v": "text"}) == []
