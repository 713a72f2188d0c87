"""RECORD messages become Arrow columns, exactly or not at all."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from columnar_singer import records
from columnar_singer.errors import UserError
from columnar_singer.types import from_postgres, from_property
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.singerlib.json import deserialize_json

_MOMENT = datetime(2026, 1, 2, 3, 4, 5, 60000)


def convert(schema, *values):
    """Send values through JSON, as a tap does, into one column."""
    parsed = [deserialize_json(json.dumps({"v": value}, default=str))["v"] for value in values]
    rows = [{"v": value} for value in parsed]
    table = records.to_arrow(rows, {"v": from_property(schema)}, {"v": schema})
    return table.column("v").to_pylist()


@pytest.mark.parametrize(
    ("datatype", "value", "expected"),
    [
        ("boolean", True, True),
        ("integer", 1.0, 1),
        ("bigint", 2**63 - 1, 2**63 - 1),
        ("double precision", 0.1, 0.1),
        ("double precision", "-Infinity", float("-inf")),
        ("double precision", 2**53, float(2**53)),
        ("double precision", 123456789012345680000, 123456789012345680000.0),
        ("numeric(12,2)", "1.50", Decimal("1.50")),
        ("numeric(12,2)", "1.500", Decimal("1.50")),
        ("numeric(12,2)", 7, Decimal("7.00")),
        ("numeric", 7, "7"),
        ("text", "", ""),
        ("text", 7, "7"),
        ("text", True, "true"),
        ("bytea", "00ff", b"\x00\xff"),
        ("date", "2026-01-02", date(2026, 1, 2)),
        ("date", "2026-01-02T00:00:00", date(2026, 1, 2)),
        ("time without time zone", "03:04:05.06", "03:04:05.060000"),
        ("time without time zone", "24:00:00", "24:00:00"),
        ("timestamp without time zone", "2026-01-02T03:04:05.06", _MOMENT),
        ("timestamp without time zone", "2026-01-02T03:04:05.06+00:00", _MOMENT),
        ("timestamp with time zone", "2026-01-02T03:04:05.06", _MOMENT.replace(tzinfo=UTC)),
        ("timestamp with time zone", "2026-01-02T04:04:05.060000+01:00", None),
        ("timestamp with time zone", "2026-01-02T03:04:05.060000000Z", None),
    ],
)
def test_values(datatype, value, expected):
    expected = _MOMENT.replace(tzinfo=UTC) if expected is None else expected
    schema = {"type": "string", "x-sql-datatype": datatype}
    assert convert(schema, value, None) == [expected, None]


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("boolean", 1),
        ("boolean", "true"),
        ("integer", 1.5),
        ("integer", 2**31),
        ("integer", True),
        ("bigint", 2**63),
        ("real", 1e39),
        ("double precision", "one"),
        ("double precision", 2**53 + 1),
        ("double precision", 10**310),
        ("numeric(5,2)", "1.005"),
        ("numeric(5,2)", "1000"),
        ("numeric(5,2)", "NaN"),
        ("bytea", "0g"),
        ("date", "2026-02-30"),
        ("date", "2026-01-02T00:00:01"),
        ("time without time zone", "03:04:05+01:00"),
        ("time without time zone", "03:04:05.0000001"),
        ("timestamp without time zone", "2026-01-02T03:04:05+01:00"),
        ("timestamp with time zone", "2026-01-02T03:04:05.1234567Z"),
        ("timestamp with time zone", "yesterday"),
    ],
)
def test_value_that_does_not_fit_is_named(datatype, value):
    """Failures 15, 16, 17: nothing is rounded, cut or narrowed without a word."""
    schema = {"type": "string", "x-sql-datatype": datatype}
    with pytest.raises(UserError) as failure:
        convert(schema, None, value)
    text = str(failure.value)
    assert "'v'" in text
    assert json.dumps(value).lower()[:50] in text.lower()
    assert "\n" not in text


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": ["null", "object"]}, {"a": 1.10}, '{"a":1.1}'),
        ({"type": "array"}, ["é", None], '["é",null]'),
        ({}, "text", '"text"'),
        ({"type": ["string", "object"]}, "text", '"text"'),
        ({"type": ["null", "string"], "x-sql-datatype": "jsonb"}, '{"a": 1}', '{"a": 1}'),
    ],
)
def test_json(schema, value, expected):
    assert convert(schema, value) == [expected]


def test_columns_are_those_of_the_schema():
    columns = {"a": from_postgres("integer"), "b": from_postgres("text")}
    table = records.to_arrow([{"b": "x", "c": 1}, {"a": 1}], columns, {})
    assert table.to_pylist() == [{"a": None, "b": "x"}, {"a": 1, "b": None}]


def test_buffer_keeps_what_the_messages_say():
    buffer = records.RecordBuffer()
    buffer.append({}, {"time_extracted": "2026-01-02T03:04:05.06Z", "version": 3})
    buffer.append({}, {})
    assert buffer.extracted_at().to_pylist() == [_MOMENT.replace(tzinfo=UTC), None]
    assert buffer.versions().to_pylist() == [3, None]
    assert len(buffer) == 2


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_any_double_comes_back(values):
    assert convert({"type": "number"}, *values) == values


@given(
    st.lists(
        st.decimals(
            allow_nan=False, allow_infinity=False, places=10, max_value=10**20, min_value=-(10**20)
        )
    )
)
def test_any_decimal_comes_back(values):
    schema = {"type": "number", "x-sql-datatype": "numeric(38,10)"}
    rows = [{"v": value} for value in values]
    table = records.to_arrow(rows, {"v": from_property(schema)}, {"v": schema})
    assert table.column("v").to_pylist() == values


@given(st.lists(st.datetimes(timezones=st.just(UTC))))
def test_any_time_comes_back(values):
    texts = [value.isoformat() for value in values]
    assert convert({"type": "string", "format": "date-time"}, *texts) == values
