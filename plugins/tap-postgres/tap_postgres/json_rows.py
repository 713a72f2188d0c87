"""Rows of a record batch as RECORD messages, written column by column."""

from __future__ import annotations

import json
from datetime import date
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from columnar_singer import odd_values

from tap_postgres.far_times import print_date, print_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from columnar_singer.odd_values import OddValue

ROWS_AT_ONCE = 8192
"""Rows written at a time: few, so that they stay in the processor's cache."""

_FIRST_DAY = (date.min - date(1970, 1, 1)).days
_LAST_DAY = (date.max - date(1970, 1, 1)).days
_MICROSECONDS_PER_DAY = 24 * 60 * 60 * 1_000_000
_NUMBER = r"^-?[0-9]"
_TO_ESCAPE = r'["\\\x00-\x1f]'


def to_lines(
    batch: pa.RecordBatch,
    stream_name: str,
    properties: Mapping[str, Mapping[str, Any]],
    *,
    version: int | None,
    time_extracted: datetime,
) -> Iterator[str]:
    """Give the RECORD messages of a batch.

    Args:
        batch: The rows, with their odd values attached.
        stream_name: Of the messages.
        properties: `schema.properties` of the SCHEMA message, as the batch's columns.
        version: Of the messages, None for none.
        time_extracted: Of the messages, with its time zone.

    Yields:
        Many lines at once, each with its end.
    """
    end: dict[str, Any] = {} if version is None else {"version": version}
    end["time_extracted"] = time_extracted.isoformat()
    head = f'{{"type":"RECORD","stream":{encode_basestring(stream_name)},"record":'
    for objects in _objects(batch, properties):
        lines = _joined([head, objects, "," + json.dumps(end)[1:] + "\n"])
        # All lines are one buffer already.
        _, offsets, text = lines.buffers()
        size = memoryview(offsets).cast("i")[len(lines)]
        yield str(memoryview(text)[:size], "utf-8")


def to_rows(
    batch: pa.RecordBatch, properties: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Give the `record` of each RECORD message of a batch, as `to_lines` writes it."""
    for objects in _objects(batch, properties):
        yield from map(json.loads, objects.to_pylist())


def _objects(
    batch: pa.RecordBatch, properties: Mapping[str, Mapping[str, Any]]
) -> Iterator[pa.StringArray]:
    """Give each row as a JSON object.

    Numbers have all their digits, times are ISO 8601, a time with a time zone names it, bytes are
    base 16. What JSON has no number for, and odd values, are strings: `"NaN"`, `"infinity"`; a
    time outside of the years 1 to 9999 is what PostgreSQL prints for it.
    """
    odd = odd_values.of(batch)
    for start in range(0, batch.num_rows, ROWS_AT_ONCE):
        part = batch.slice(start, ROWS_AT_ONCE)
        texts = _with_odd(
            {name: _to_json(part.column(name), properties[name]) for name in batch.schema.names},
            odd_values.part(odd, start, part.num_rows),
        )
        parts: list[str | pa.Array] = []
        for name, text in texts.items():
            parts += ["," if parts else "{", encode_basestring(name) + ":", text]
        yield _joined([*parts, "}"])


def _with_odd(texts: dict[str, pa.Array], odd: Iterable[OddValue]) -> dict[str, pa.Array]:
    by_column: dict[str, dict[int, str]] = {}
    for each in odd:
        by_column.setdefault(each.column, {})[each.row] = encode_basestring(each.text)
    for name, by_row in by_column.items():
        values = texts[name].to_pylist()
        for row, text in by_row.items():
            values[row] = text
        texts[name] = _strings(values)
    return texts


def _joined(parts: Iterable[str | pa.Array]) -> pa.StringArray:
    strings: list[Any] = []
    for part in parts:
        if strings and isinstance(part, str) and isinstance(strings[-1], str):
            strings[-1] += part
        else:
            strings.append(part)
    return pc.binary_join_element_wise(
        *strings, "", null_handling="replace", null_replacement="null"
    )


def _to_json(column: pa.Array, schema: Mapping[str, Any]) -> pa.StringArray:
    datatype = column.type
    if pa.types.is_string(datatype):
        if "number" in schema["type"]:
            return _numbers(column)
        if pc.any(pc.match_substring_regex(column, _TO_ESCAPE)).as_py():
            texts = column.to_pylist()
            return _strings(None if each is None else encode_basestring(each) for each in texts)
        return _quoted(column)
    if pa.types.is_binary(datatype):
        values = column.to_pylist()
        return _quoted(_strings(None if each is None else each.hex() for each in values))
    if pa.types.is_date(datatype) or pa.types.is_timestamp(datatype):
        return _quoted(_times(column))
    text = column.cast(pa.string())
    return _numbers(text) if pa.types.is_floating(datatype) else text


def _numbers(texts: pa.StringArray) -> pa.StringArray:
    """Quote what is no number in JSON; PostgreSQL's words for it, which Arrow knows too."""
    is_number = pc.match_substring_regex(texts, _NUMBER)
    if pc.all(is_number, min_count=0).as_py():
        return texts
    words = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return _strings(
        text if text is None or fits else f'"{words.get(text, text)}"'
        for text, fits in zip(texts.to_pylist(), is_number.to_pylist(), strict=True)
    )


def _times(column: pa.Array) -> pa.StringArray:
    """Print times in ISO 8601, those that it has no form for as PostgreSQL prints them."""
    if pa.types.is_date(column.type):
        per_day, numbers, texts = 1, column.cast(pa.int32()), column.cast(pa.string())
    else:
        per_day, numbers, texts = _MICROSECONDS_PER_DAY, column.cast(pa.int64()), _isoformat(column)
    far = pc.or_(
        pc.less(numbers, _FIRST_DAY * per_day),
        pc.greater_equal(numbers, (_LAST_DAY + 1) * per_day),
    )
    if not pc.any(far).as_py():
        return texts
    printed = [
        print_date(number) if per_day == 1 else _print_timestamp(number, column.type)
        for number in numbers.filter(far).to_pylist()
    ]
    return pc.replace_with_mask(texts, pc.fill_null(far, False), _strings(printed))


def _print_timestamp(microseconds: int, datatype: pa.TimestampType) -> str:
    return print_timestamp(microseconds, has_zone=datatype.tz is not None)


def _isoformat(column: pa.TimestampArray) -> pa.StringArray:
    offset = "+00:00" if column.type.tz else ""
    text = column.cast(pa.int64()).cast(pa.timestamp("us")).cast(pa.string())
    parts = pc.replace_substring(text, " ", "T", max_replacements=1)
    return pc.binary_join_element_wise(parts, offset, "")


def _quoted(texts: pa.StringArray) -> pa.StringArray:
    return pc.binary_join_element_wise('"', texts, '"', "")


def _strings(texts: Iterable[str | None]) -> pa.StringArray:
    return pa.array(texts, pa.string())
