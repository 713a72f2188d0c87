"""RECORD messages to Arrow columns, without rounding or cutting a value."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from singer_sdk.exceptions import MissingKeyPropertiesError
from singer_sdk.singerlib.json import deserialize_json

from columnar_singer import json_columns, json_values
from columnar_singer.errors import UserError
from columnar_singer.messages import JSON_NULL, RecordLine, as_json
from columnar_singer.odd_values import OddValue, moved
from columnar_singer.types import from_postgres, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from columnar_singer.types import ColumnType

    Column = tuple[msgspec.Raw, ...] | list[msgspec.Raw]

ROWS_AT_ONCE = 8192
"""Rows that are taken apart at a time: few, so that they stay in the processor's cache."""

_SHOWN_CHARACTERS = 80
_NULL = bytes(JSON_NULL)
_TIME = from_postgres("timestamp with time zone")
_NUMBER = from_postgres("bigint")

# Legal in PostgreSQL, without a place in Arrow; far times and those before the year 1 are legal,
# too, but no RECORD of a tap that keeps to JSON Schema has them.
_LEGAL = {
    "date": {"infinity", "-infinity"},
    "timestamp without time zone": {"infinity", "-infinity"},
    "timestamp with time zone": {"infinity", "-infinity"},
    "numeric": {"NaN"},
}


def to_arrow(
    records: Sequence[msgspec.Raw],
    columns: Mapping[str, ColumnType],
    properties: Mapping[str, Mapping[str, Any]],
    key_properties: Collection[str] = (),
) -> tuple[pa.Table, list[OddValue]]:
    """Turn records into a table.

    Args:
        records: Rows as JSON text. A property that a row lacks is NULL; one that the SCHEMA lacks
            is left out.
        columns: The columns of the table, in order.
        properties: The SCHEMA property of each column, as far as there is one.
        key_properties: Those of the key, which each row must have.

    Returns:
        The table, one Arrow column of `ColumnType.arrow` for each of `columns`; and the values
        that are not of their column's type or do not fit it exactly, NULL in the table.

    Raises:
        MissingKeyPropertiesError: A row lacks a key property.
        UserError: A value of the key does not fit its column: without it the row has no place.
    """
    schema = pa.schema([pa.field(name, column.arrow) for name, column in columns.items()])
    take_apart = _decoder(tuple(columns), frozenset(key_properties))
    batches: list[pa.RecordBatch] = []
    odd_values: list[OddValue] = []
    for start in range(0, len(records), ROWS_AT_ONCE):
        arrays = []
        texts = take_apart(records[start : start + ROWS_AT_ONCE])
        for (name, column), values in zip(columns.items(), texts, strict=True):
            array, odd = _convert(name, values, column, properties.get(name, {}))
            if odd and name in key_properties:
                raise UserError(_misfit(odd[0], column))
            arrays.append(array)
            odd_values += moved(odd, start)
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema), odd_values


def extracted_at(lines: Sequence[RecordLine]) -> pa.Array:
    """Give `time_extracted` of each message.

    Raises:
        UserError: One is no time.
    """
    return _of_messages("time_extracted", [line.time_extracted for line in lines], _TIME)


def versions(lines: Sequence[RecordLine]) -> pa.Array:
    """Give `version` of each message.

    Raises:
        UserError: One is no number.
    """
    return _of_messages("version", [line.version for line in lines], _NUMBER)


def _of_messages(name: str, texts: list[msgspec.Raw], column: ColumnType) -> pa.Array:
    array, odd = _convert(name, texts, column, {})
    if odd:
        raise UserError(_misfit(odd[0], column))
    return array


def _misfit(odd: OddValue, column: ColumnType) -> str:
    return (
        f"property '{odd.column}' has the value {odd.text[:_SHOWN_CHARACTERS]}, which does not fit "
        f"{column.postgres} exactly; correct the value in the source or the property's type in the "
        "tap's catalog"
    )


# Rows to columns


def _decoder(
    names: tuple[str, ...], key_properties: frozenset[str]
) -> Callable[[Sequence[msgspec.Raw]], Iterator[Column]]:
    """Give the function that takes records apart into columns of JSON text."""
    try:
        row = msgspec.defstruct(
            "Row",
            [
                (f"c{number}", msgspec.Raw)
                if name in key_properties
                else (f"c{number}", msgspec.Raw, JSON_NULL)
                for number, name in enumerate(names)
            ],
            rename={f"c{number}": name for number, name in enumerate(names)},
            kw_only=True,
            gc=False,
        )
    except ValueError:
        # A name with a quote or a backslash, which a struct cannot have.
        return lambda records: _by_name(records, names, key_properties)
    decode = msgspec.json.Decoder(row).decode

    def take_apart(records: Sequence[msgspec.Raw]) -> Iterator[Column]:
        try:
            rows = list(map(decode, records))
        except msgspec.MsgspecError:
            return _by_name(records, names, key_properties)
        return zip(*map(msgspec.structs.astuple, rows), strict=True)

    return take_apart


_BY_NAME = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _by_name(
    records: Sequence[msgspec.Raw], names: tuple[str, ...], key_properties: frozenset[str]
) -> Iterator[Column]:
    rows = []
    for record in records:
        row = _row(record)
        if missing := key_properties - row.keys():
            message = (
                f"a RECORD lacks the key property '{min(missing)}'; it has {sorted(row)}; every "
                f"RECORD needs {sorted(key_properties)}: correct the tap"
            )
            raise MissingKeyPropertiesError(message)
        rows.append(row)
    return ([row.get(name, JSON_NULL) for row in rows] for name in names)


def _row(record: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _BY_NAME.decode(record)
    except msgspec.MsgspecError:
        row: object = deserialize_json(bytes(record))
    if not isinstance(row, dict):
        shown = bytes(record)[:_SHOWN_CHARACTERS].decode(errors="backslashreplace")
        message = f"a RECORD holds {shown}, which is no row; correct the tap"
        raise UserError(message)
    # It has a text that is none, half of a surrogate pair: Python lets it pass.
    return {name: as_json(value) for name, value in row.items()}


# One column


def _convert(
    name: str, texts: Column, column: ColumnType, schema: Mapping[str, Any]
) -> tuple[pa.Array, list[OddValue]]:
    try:
        return json_columns.converter(column, schema)(texts, column.arrow), []
    except json_columns.ERRORS:
        return _convert_each(name, texts, column, schema)


def _convert_each(
    name: str, texts: Column, column: ColumnType, schema: Mapping[str, Any]
) -> tuple[pa.Array, list[OddValue]]:
    convert = json_values.converter(column, schema)
    # As an integer, which is what it is parsed to, it would lose the sign that a float keeps.
    parsed = {b"-0": Decimal("-0")} if pa.types.is_floating(column.arrow) else {}
    values: list[Any] = []
    odd: list[OddValue] = []
    for row, text in enumerate(map(bytes, texts)):
        value = None
        if text != _NULL:
            try:
                value = convert(parsed[text] if text in parsed else deserialize_json(text))
                pa.scalar(value, column.arrow)
            except json_values.ERRORS:
                value = None
                odd.append(_odd_value(row, name, text, column))
        values.append(value)
    return pa.array(values, column.arrow), odd


def _odd_value(row: int, name: str, text: bytes, column: ColumnType) -> OddValue:
    original = _original(text)
    if original in _LEGAL.get(type_name(column.postgres), ()):
        return OddValue(row, name, original, f"{column.arrow} cannot hold it")
    reason = f"does not fit {column.postgres} exactly"
    return OddValue(row, name, original, reason, is_legal=False)


def _original(text: bytes) -> str:
    """Give the text of a string, and of anything else, or of a broken string, its JSON text."""
    try:
        value = deserialize_json(text)
        if isinstance(value, str):
            value.encode()
            return value
    except ValueError:
        pass
    return text.decode(errors="backslashreplace")
