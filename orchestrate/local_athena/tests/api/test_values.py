"""Values as text: pure, no server."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from orchestrate.local_athena.queries.values import texts

MOMENT = dt.datetime(2026, 11, 1, 2, 3, 4, 123456)
ZONED = pa.timestamp("us", tz="Europe/Copenhagen")


@pytest.mark.parametrize(
    ("value", "kind", "type_name", "text"),
    [
        ("x", None, "varchar", "x"),
        ("", None, "varchar(10)", ""),
        ("a,b", None, "char(3)", "a,b"),
        (7, pa.int32(), "integer", "7"),
        (-(2**63), pa.int64(), "bigint", "-9223372036854775808"),
        (Decimal(12), pa.decimal128(38, 0), "bigint", "12"),
        (True, None, "boolean", "true"),
        (Decimal("1.50"), None, "decimal(10,2)", "1.50"),
        (Decimal("0.0000000001"), pa.decimal128(38, 10), "decimal(38,10)", "0.0000000001"),
        # https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Double.html
        (1.0, None, "double", "1.0"),
        (100.0, None, "double", "100.0"),
        (1.5e10, None, "double", "1.5E10"),
        (Decimal("1.50"), None, "double", "1.5"),
        (9999999.0, None, "double", "9999999.0"),
        (1e7, None, "double", "1.0E7"),
        (12345678.9, None, "double", "1.23456789E7"),
        (0.001, None, "double", "0.001"),
        (0.00099, None, "double", "9.9E-4"),
        (5e-324, None, "double", "4.9E-324"),
        (-0.0, None, "double", "-0.0"),
        (float("nan"), None, "double", "NaN"),
        (float("-inf"), None, "double", "-Infinity"),
        (0.1, pa.float32(), "real", "0.1"),
        (1e10, pa.float32(), "real", "1.0E10"),
        (dt.date(2026, 1, 2), None, "date", "2026-01-02"),
        (MOMENT, None, "timestamp", "2026-11-01 02:03:04.123"),
        (MOMENT, None, "timestamp(3)", "2026-11-01 02:03:04.123"),
        (MOMENT, None, "timestamp(6)", "2026-11-01 02:03:04.123456"),
        (MOMENT, ZONED, "timestamp(3) with time zone", "2026-11-01 01:03:04.123 UTC"),
        (MOMENT, ZONED, "timestamp(6) with time zone", "2026-11-01 01:03:04.123456 UTC"),
        (dt.time(1, 2, 3), None, "time", "01:02:03.000"),
        (b"\x00\xab", None, "varbinary", "00 ab"),
        ('{"a": 1}', None, "json", '{"a": 1}'),
        ([1, None], pa.list_(pa.int32()), "array(integer)", "[1, null]"),
        ([], pa.list_(pa.int32()), "array(integer)", "[]"),
        ([["a"], []], None, "array(array(varchar))", "[[a], []]"),
        ([1.0], None, "array(double)", "[1.0]"),
        ([("k", 1), ("l", None)], pa.map_(pa.string(), pa.int32()), "map(varchar, integer)",
         "{k=1, l=null}"),
        ({"a": 1, "b": "x"}, None, "row(a integer, b varchar)", "{a=1, b=x}"),
        ({"a": 1, "b": "x"}, None, "struct<a:int,b:string>", "{a=1, b=x}"),
        ({"a": 1, "b": None}, None, "row(integer, varchar)", "{field0=1, field1=null}"),
        ([{"a": [1, None]}, None], None, "array(row(a array(integer)))", "[{a=[1, null]}, null]"),
        ({"a": [("k", [2])]}, pa.struct({"a": pa.map_(pa.string(), pa.list_(pa.int32()))}),
         "row(a map(varchar, array(integer)))", "{a={k=[2]}}"),
        ([{"a": MOMENT}], None, "array(row(a timestamp(6)))",
         "[{a=2026-11-01 02:03:04.123456}]"),
        (pa.MonthDayNano([14, 0, 0]), None, "interval year to month", "1-2"),
        (pa.MonthDayNano([0, 2, 3_600_000_000_000]), None, "interval day to second",
         "2 01:00:00.000"),
    ],
)  # fmt: skip
def test_a_value_as_athena_writes_it(value: Any, kind: Any, type_name: str, text: str) -> None:
    if kind is ZONED:
        values = pa.array([value.replace(tzinfo=dt.UTC).timestamp() * 1e6 - 3.6e9, None])
        values = values.cast(pa.int64()).cast(ZONED)
    else:
        values = pa.array([value, None], kind)
    assert texts(values, type_name) == [text, None]
    assert texts(pa.concat_arrays([values, values])[1:3], type_name) == [None, text]
