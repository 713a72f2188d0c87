"""Rows of a record batch as the `record` of a RECORD message."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from columnar_singer import odd_values
from columnar_singer.errors import UserError

from tap_postgres.far_times import print_date, print_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def to_rows(
    batch: pa.RecordBatch, properties: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Give each row in the form that the SDK's writer makes JSON of.

    Decimals stay exact (the writer prints them digit by digit), times are ISO 8601, a time with a
    time zone names it, bytes are base 16. A time that is infinite or outside of the years 1 to 9999
    is what PostgreSQL prints for it.

    Args:
        batch: The rows.
        properties: `schema.properties` of the SCHEMA message, as the batch's columns.

    Yields:
        One dictionary a row.

    Raises:
        UserError: A number that JSON does not have: NaN or infinity.
    """
    columns = [_to_json(batch.column(name), name, properties[name]) for name in batch.schema.names]
    for odd in odd_values.of(batch):
        if "number" in properties[odd.column]["type"]:
            raise _no_number(odd.column, odd.text)
        columns[batch.schema.names.index(odd.column)][odd.row] = odd.text
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


def _to_json(column: pa.Array, name: str, schema: Mapping[str, Any]) -> list[Any]:
    convert = _converter(column.type, name, is_number="number" in schema["type"])
    if pa.types.is_float32(column.type):
        # As text, because the nearest double of 0.1 of 32 bits prints as 0.10000000149011612.
        column = column.cast(pa.string())
    if pa.types.is_temporal(column.type):
        return _times(column)
    values: list[Any] = column.to_pylist()
    if convert is None:
        return values
    return [None if value is None else convert(value) for value in values]


def _converter(datatype: pa.DataType, name: str, *, is_number: bool) -> Callable[[Any], Any] | None:
    if pa.types.is_binary(datatype):
        return bytes.hex
    if pa.types.is_floating(datatype):
        return lambda value: _finite(float(value), name)
    if pa.types.is_string(datatype) and is_number:
        return lambda value: _finite(Decimal(value), name)
    return None


def _times(column: pa.Array) -> list[str | None]:
    try:
        return [None if value is None else value.isoformat() for value in column.to_pylist()]
    except (ValueError, OverflowError):
        numbers = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
        return [
            None if number is None else _time(value, number)
            for value, number in zip(column, numbers.to_pylist(), strict=True)
        ]


def _time(value: pa.Scalar, number: int) -> str:
    try:
        text: str = value.as_py().isoformat()
    except (ValueError, OverflowError):
        if pa.types.is_date32(value.type):
            return print_date(number)
        return print_timestamp(number, has_zone=value.type.tz is not None)
    return text


def _finite(value: float | Decimal, name: str) -> float | Decimal:
    if not math.isfinite(value):
        raise _no_number(name, str(value))
    return value


def _no_number(name: str, text: str) -> UserError:
    return UserError(
        f"column {name!r} holds {text}, which JSON has no number for; set batch_config to "
        "send columns instead of records, or deselect the column"
    )
