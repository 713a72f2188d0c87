"""The table of types: each entry, and what foreign taps send."""

from __future__ import annotations

import pyarrow as pa
import pytest
from columnar_singer.types import (
    MAX_DECIMAL_DIGITS,
    arrow_schema,
    from_postgres,
    from_property,
    type_name,
)
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("datatype", "arrow"),
    [
        ("boolean", pa.bool_()),
        ("smallint", pa.int32()),
        ("integer", pa.int32()),
        ("bigint", pa.int64()),
        ("real", pa.float32()),
        ("double precision", pa.float64()),
        ("numeric", pa.string()),
        ("numeric(12,2)", pa.decimal128(12, 2)),
        ("numeric(12,0)", pa.decimal128(12, 0)),
        ("numeric(38,10)", pa.decimal128(38, 10)),
        ("numeric(39,10)", pa.string()),
        ("numeric(3,-2)", pa.decimal128(5, 0)),
        ("numeric(2,5)", pa.decimal128(5, 5)),
        ("text", pa.string()),
        ("character varying(10)", pa.string()),
        ("character(3)", pa.string()),
        ('"char"', pa.string()),
        ("bytea", pa.binary()),
        ("date", pa.date32()),
        ("time without time zone", pa.string()),
        ("time(3) without time zone", pa.string()),
        ("time with time zone", pa.string()),
        ("timestamp without time zone", pa.timestamp("us")),
        ("timestamp(3) with time zone", pa.timestamp("us", tz="UTC")),
        ("uuid", pa.string()),
        ("jsonb", pa.string()),
        ("interval", pa.string()),
        ("integer[]", pa.string()),
        ("numeric(12,2)[]", pa.string()),
        ("timestamp with time zone[]", pa.string()),
        ("int4range", pa.string()),
        ("bit(8)", pa.string()),
    ],
)
def test_each_postgresql_type_has_one_arrow_type(datatype: str, arrow: pa.DataType) -> None:
    found = from_postgres(datatype)
    assert found.postgres == datatype
    assert found.arrow == arrow
    # What a tap of ours sends is understood as what it read.
    assert from_property({**found.json_schema, "x-sql-datatype": datatype}) == found


@settings(deadline=None)
@given(st.integers(1, 1000), st.integers(-1000, 1000))
def test_f15_a_decimal_type_holds_every_value_of_its_numeric(precision: int, scale: int) -> None:
    arrow = from_postgres(f"numeric({precision},{scale})").arrow
    if pa.types.is_decimal(arrow):
        assert arrow.precision <= MAX_DECIMAL_DIGITS
        assert arrow.scale >= max(scale, 0)
        assert arrow.precision - arrow.scale >= precision - scale
    else:
        assert arrow == pa.string()


@pytest.mark.parametrize(
    ("schema", "datatype"),
    [
        ({"type": "string"}, "text"),
        ({"type": ["null", "string"]}, "text"),
        ({"type": "string", "format": "date-time"}, "timestamp with time zone"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "time"}, "time without time zone"),
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": "string", "format": "email"}, "text"),
        ({"type": "string", "contentEncoding": "base16"}, "bytea"),
        ({"type": "string", "contentEncoding": "base64"}, "text"),
        ({"type": "string", "format": "singer.decimal"}, "numeric"),
        (
            {"type": "string", "format": "x-singer.decimal", "precision": 10, "scale": 2},
            "numeric(10,2)",
        ),
        ({"type": ["integer", "null"]}, "bigint"),
        ({"type": "integer", "maximum": 2**64}, "numeric"),
        ({"type": "number"}, "double precision"),
        ({"type": ["null", "integer", "number"]}, "double precision"),
        ({"type": "number", "multipleOf": 0.01}, "numeric"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "object", "properties": {}}, "jsonb"),
        ({"type": ["array", "null"], "items": {"type": "string"}}, "jsonb"),
        ({"type": ["string", "object"]}, "jsonb"),
        ({"type": ["string", "integer"]}, "text"),
        ({}, "jsonb"),
        (
            {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
            "timestamp with time zone",
        ),
        (
            {"anyOf": [{"type": "string", "format": "date-time"}, {"type": ["string", "null"]}]},
            "text",
        ),
    ],
)
def test_a_property_of_a_foreign_tap_has_a_type_that_holds_it(
    schema: dict[str, object], datatype: str
) -> None:
    assert from_property(schema).postgres == datatype


def test_an_arrow_schema_has_the_columns_in_order() -> None:
    schema = arrow_schema({"b": {"type": "integer"}, "a": {"x-sql-datatype": "date"}})
    assert schema == pa.schema([("b", pa.int64()), ("a", pa.date32())])


def test_a_type_name_is_without_modifiers() -> None:
    assert type_name("timestamp(3) with time zone") == "timestamp with time zone"
    assert type_name("numeric(12,2)[]") == "numeric[]"
