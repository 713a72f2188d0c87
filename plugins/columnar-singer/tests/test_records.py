"""RECORD messages become Arrow columns, exactly or not at all."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from columnar_singer import json_columns, records
from columnar_singer.errors import UserError
from columnar_singer.messages import RecordLine, as_json
from columnar_singer.odd_values import OddValue
from columnar_singer.types import from_postgres, from_property
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from singer_sdk.exceptions import MissingKeyPropertiesError

_MOMENT = datetime(2026, 1, 2, 3, 4, 5, 60000)


def raw(*rows):
    return [Raw(json.dumps(row, default=str).encode()) for row in rows]


def convert(schema, *values):
    """Send values through JSON, as a tap does, into one column."""
    rows = raw(*({"v": value} for value in values))
    table, odd = records.to_arrow(rows, {"v": from_property(schema)}, {"v": schema})
    assert not odd
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
def test_f10_f15_value_that_does_not_fit_is_null_and_kept_as_it_came(datatype, value):
    """Nothing is rounded, cut or narrowed without a word, and the row still arrives."""
    schema = {"type": "string", "x-sql-datatype": datatype}
    rows = raw({"v": None}, {"v": value}, {"v": None})
    table, odd = records.to_arrow(rows, {"v": from_property(schema)}, {"v": schema})
    assert table.column("v").to_pylist() == [None, None, None]
    text = value if isinstance(value, str) else json.dumps(value)
    is_legal = value == "NaN"
    reason = "decimal128(5, 2) cannot hold it" if is_legal else f"does not fit {datatype} exactly"
    assert odd == [OddValue(1, "v", text, reason, is_legal)]


@pytest.mark.parametrize(("datatype", "value"), [("integer", 1.5), ("date", "2026-02-30")])
def test_f10_key_that_does_not_fit_fails_the_stream_in_one_line(datatype, value):
    schema = {"x-sql-datatype": datatype}
    with pytest.raises(UserError) as failure:
        records.to_arrow(raw({"v": value}), {"v": from_property(schema)}, {"v": schema}, ["v"])
    assert str(failure.value).startswith(f"property 'v' has the value {value}, which does not fit")
    assert "\n" not in str(failure.value)


def test_f10_infinite_times_are_legal_and_travel_beside_the_column():
    schema = {"x-sql-datatype": "timestamp with time zone"}
    _, odd = records.to_arrow(raw({"v": "-infinity"}), {"v": from_property(schema)}, {"v": schema})
    assert odd == [OddValue(0, "v", "-infinity", "timestamp[us, tz=UTC] cannot hold it")]


def test_f10_odd_values_have_the_row_of_the_table(monkeypatch):
    monkeypatch.setattr(records, "ROWS_AT_ONCE", 2)
    rows = raw(*({"i": number if number % 3 else "x"} for number in range(7)))
    table, odd = records.to_arrow(rows, {"i": from_postgres("integer")}, {})
    assert table.column("i").to_pylist() == [None, 1, 2, None, 4, 5, None]
    assert [each.row for each in odd] == [0, 3, 6]


def test_value_that_is_no_text_is_kept_as_json():
    text = {"type": "string"}
    broken = [Raw(b'{"v":"\\ud800"}'), Raw(b'{"v":"\xff"}')]
    table, odd = records.to_arrow(broken, {"v": from_property(text)}, {"v": text})
    assert table.column("v").to_pylist() == [None, None]
    assert [each.text for each in odd] == ['"\\ud800"', '"\\xff"']


@pytest.mark.parametrize("name", ["a b", 'a"b', "a\\b", "", "\n", "é", "\U0001f3cc", "class"])
def test_names(name):
    columns = {name: from_postgres("integer"), "id": from_postgres("integer")}
    table, _ = records.to_arrow(raw({"id": 1, name: 2}, {"id": 3}), columns, {}, ["id"])
    assert table.to_pylist() == [{name: 2, "id": 1}, {name: None, "id": 3}]


@pytest.mark.parametrize("name", ["id", 'i"d'])
def test_row_without_its_key_is_told(name):
    columns = {name: from_postgres("integer")}
    with pytest.raises(MissingKeyPropertiesError, match=r"lacks the key property .*'x'"):
        records.to_arrow(raw({name: 1}, {"x": 2}), columns, {}, [name])


def test_record_that_is_no_row_is_told():
    with pytest.raises(UserError, match=r"a RECORD holds \[1\], which is no row"):
        records.to_arrow(raw([1]), {"v": from_postgres("integer")}, {})


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
    table, _ = records.to_arrow(raw({"b": "x", "c": 1}, {"a": 1}), columns, {})
    assert table.to_pylist() == [{"a": None, "b": "x"}, {"a": 1, "b": None}]


def test_messages_tell_when_and_which_version():
    lines = [
        RecordLine("RECORD", "s", Raw(b"{}"), Raw(b'"2026-01-02T03:04:05.06Z"'), Raw(b"3")),
        RecordLine("RECORD", "s", Raw(b"{}")),
    ]
    assert records.extracted_at(lines).to_pylist() == [_MOMENT.replace(tzinfo=UTC), None]
    assert records.versions(lines).to_pylist() == [3, None]
    lines[0].time_extracted = Raw(b'"soon"')
    with pytest.raises(UserError, match="'time_extracted' has the value soon"):
        records.extracted_at(lines)


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
    rows = [as_json({"v": value}) for value in values]
    table, _ = records.to_arrow(rows, {"v": from_property(schema)}, {"v": schema})
    assert table.column("v").to_pylist() == values


@given(st.lists(st.datetimes(timezones=st.just(UTC))))
def test_any_time_comes_back(values):
    texts = [value.isoformat() for value in values]
    assert convert({"type": "string", "format": "date-time"}, *texts) == values


# Whole columns at once give what one value at a time gives


_NUMBERS = st.one_of(
    st.integers(),
    st.integers(-200, 200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-1000, 1000, places=2),
    st.decimals(allow_nan=False, allow_infinity=False),
).map(as_json)
_DATES = st.sampled_from(["2026-01-02", "2024-02-29", "2026-02-29", "0000-01-01", "0001-01-01"])
_CLOCKS = st.sampled_from(
    ["", "T03:04:05", " 23:59:59.5", "T00:00:00.000000", "T03:04", "T24:00:00", "T23:59:60"]
)
_ZONES = st.sampled_from(["", "Z", "+00:00", "-00:00", "+01:30", "-0800", "+05", "+24:00"])
_TIMES = st.one_of(
    st.builds("".join, st.tuples(_DATES, _CLOCKS, _ZONES)),
    st.builds("".join, st.tuples(_CLOCKS.map(lambda text: text[1:]), _ZONES)),
    st.times().map(str),
    st.datetimes().map(str),
).map(as_json)
_OTHER = st.one_of(
    st.sampled_from([None, True, False, "", "NaN", "-Infinity", "1", "1e2", "00ff", "null", "0g"]),
    st.text(),
    st.lists(st.integers()),
    st.dictionaries(st.text(), st.none() | st.booleans()),
).map(as_json)
_EXACTLY_AS_WRITTEN = st.sampled_from(
    [b"-0", b"-0.0", b"1e5", b"1.50", b"1E-7", b"0.1000000000000000055511151231257827"]
).map(Raw)
_COLUMNS = st.one_of(
    *(
        st.lists(kind | st.just(Raw(b"null")), min_size=1)
        for kind in (_NUMBERS, _TIMES, _OTHER, _EXACTLY_AS_WRITTEN, _NUMBERS | _OTHER | _TIMES)
    )
)


@pytest.mark.parametrize(
    "datatype",
    [
        "boolean",
        "integer",
        "bigint",
        "real",
        "double precision",
        "numeric(6,2)",
        "numeric(38,10)",
        "numeric",
        "text",
        "jsonb",
        "bytea",
        "date",
        "time without time zone",
        "timestamp without time zone",
        "timestamp with time zone",
    ],
)
@given(values=_COLUMNS)
def test_a_column_at_once_is_what_its_values_are(datatype, values):
    column = from_postgres(datatype)
    try:
        at_once = json_columns.converter(column, {})(values, column.arrow)
    except json_columns.ERRORS:
        return
    one_by_one, odd = records._convert_each("v", values, column, {})
    assert not odd
    assert at_once.type == column.arrow
    assert at_once.equals(one_by_one)


@pytest.mark.parametrize("datatype", ["real", "double precision"])
@pytest.mark.parametrize("zero", [b"-0", b"-0.0"])
def test_minus_zero_keeps_its_sign_whatever_its_neighbours(datatype, zero):
    column = from_postgres(datatype)
    alone, _ = records._convert("v", [Raw(zero)], column, {})
    beside, _ = records._convert("v", [Raw(zero), Raw(b'"NaN"')], column, {})
    assert [math.copysign(1, each[0].as_py()) for each in (alone, beside)] == [-1, -1]


@pytest.mark.parametrize(
    "numeral",
    ["-0.5", "0.000001", "0.0000001", "0.0000010", "0.000000", "0.0000000", "10.0000000", "1e-7"],
)
def test_a_numeral_has_one_text_whatever_its_neighbours(numeral):
    column = from_postgres("numeric")
    alone, _ = records._convert("v", [Raw(numeral.encode())], column, {})
    beside, _ = records._convert("v", [Raw(numeral.encode()), Raw(b"1e9")], column, {})
    assert alone[0] == beside[0]


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("boolean", [True, None]),
        ("bigint", [1, None, -5]),
        ("real", [0.1, 8.5]),
        ("double precision", [0.1, 1e22, 0.30000000000000004, 5, None]),
        ("numeric(6,2)", [1.5, 7, None]),
        ("numeric", [1.5, 123456789012345678901234567890123456789012]),
        ("text", ["a", "", None, 'q"\n']),
        ("jsonb", [{"a": 1.5}, [1, None], "text"]),
        ("bytea", ["00ff", ""]),
        ("date", ["2026-01-02", None]),
        ("time without time zone", ["03:04:05", "03:04:05.060000"]),
        ("timestamp without time zone", ["2026-01-02T03:04:05.06+00:00"]),
        ("timestamp without time zone", ["2026-01-02 03:04:05.06"]),
        ("timestamp with time zone", ["2026-01-02T03:04:05.06Z", "2026-01-02T03:04:05+01:00"]),
        ("timestamp with time zone", ["2026-01-02T03:04:05.06"]),
    ],
)
def test_what_taps_send_is_converted_at_once(datatype, values):
    column = from_postgres(datatype)
    json_columns.converter(column, {})([as_json(value) for value in values], column.arrow)
