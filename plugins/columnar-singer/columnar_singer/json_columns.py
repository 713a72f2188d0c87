"""The JSON values of a whole column at once, where that gives exactly what one by one gives.

Each function here takes a column's values as JSON text and gives the Arrow column, or raises one
of `ERRORS`: then some value is not what nearly all are, which proves nothing about it, and
`json_values` looks at each.
"""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv
from singer_sdk.singerlib.json import deserialize_json

from columnar_singer import json_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from columnar_singer.types import ColumnType

    Texts = Sequence[msgspec.Raw]
    Convert = Callable[[Texts, pa.DataType], pa.Array]

ERRORS = (*json_values.ERRORS, msgspec.MsgspecError)

_STRINGS = msgspec.json.Decoder(list[str | None])
_BOOLEANS = msgspec.json.Decoder(list[bool | None])
_VALUES = msgspec.json.Decoder(list, float_hook=Decimal)
_ANY_DOUBLE_DIGITS = 15
"""A decimal of so many digits is the only one of them that its nearest double stands for."""

_PLAIN_NUMBER = r"^(0|-?[1-9][0-9]*|-?[0-9]+\.[0-9]+)$"
"""Which `json_values.numeral` prints as it reads it: no exponent, no minus zero."""

_TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{6})?$"
_NO_FRACTION = r"\.000000$"


class UnprovenError(ValueError):
    """A value may be other than what it was printed from."""


def converter(column: ColumnType, schema: Mapping[str, object]) -> Convert:
    """Give the function for a column: the one that goes with `json_values.converter`."""
    return _CONVERTERS[json_values.converter(column, schema)]


def _array(texts: Texts) -> bytes:
    return b"[" + b",".join(texts) + b"]"


def _strings(texts: Texts, arrow: pa.DataType | None = None) -> pa.Array:
    return pa.array(_STRINGS.decode(_array(texts)), pa.string())


def _booleans(texts: Texts, arrow: pa.DataType) -> pa.Array:
    return pa.array(_BOOLEANS.decode(_array(texts)), arrow)


def _numbers(texts: Texts, arrow: pa.DataType) -> pa.Array:
    """Read numbers with Arrow's CSV reader, which refuses what does not fit exactly."""
    lines = b"\n".join(texts)
    if b'"' in lines:
        raise UnprovenError
    table = read_csv(
        pa.py_buffer(lines),
        # One block, on this thread: columns are short here.
        ReadOptions(column_names=["numbers"], use_threads=False, block_size=len(lines) + 1),
        ParseOptions(quote_char=False, double_quote=False),
        ConvertOptions(
            column_types={"numbers": arrow}, null_values=["null"], strings_can_be_null=True
        ),
    )
    if table.num_rows != len(texts):
        raise UnprovenError
    column = table.column(0).combine_chunks()
    # It takes 10000 for a numeric(6,2): it sees five digits, and adds two.
    column.validate(full=True)
    return column


def _doubles(texts: Texts, arrow: pa.DataType) -> pa.Array:
    printed = _numbers(texts, pa.string())
    doubles = printed.cast(pa.float64())
    few_digits = pc.and_not(
        pc.less_equal(pc.utf8_length(printed), _ANY_DOUBLE_DIGITS),
        pc.match_substring(printed, "e", ignore_case=True),
    )
    is_shortest = pc.equal(doubles.cast(pa.string()), printed)
    for text in printed.filter(pc.invert(pc.or_(few_digits, is_shortest))).to_pylist():
        json_values.double(deserialize_json(text))
    if pa.types.is_float32(arrow):
        finite = doubles.filter(pc.is_finite(doubles))
        if not pc.all(pc.less(pc.abs(finite), json_values.REAL_BOUND), min_count=0).as_py():
            raise UnprovenError
        return doubles.cast(arrow, safe=False)
    return doubles


def _numerals(texts: Texts, arrow: pa.DataType) -> pa.Array:
    """Give numbers as text, which no column of numbers could hold."""
    return _matching(_numbers(texts, arrow), _PLAIN_NUMBER)


def _matching(column: pa.Array, pattern: str) -> pa.Array:
    if not pc.all(pc.match_substring_regex(column, pattern), min_count=0).as_py():
        raise UnprovenError
    return column


def _bytes(texts: Texts, arrow: pa.DataType) -> pa.Array:
    strings = _STRINGS.decode(_array(texts))
    return pa.array([None if each is None else bytes.fromhex(each) for each in strings], arrow)


def _dates(texts: Texts, arrow: pa.DataType) -> pa.Array:
    return _in_years(_strings(texts).cast(arrow))


def _timestamps(texts: Texts, arrow: pa.DataType) -> pa.Array:
    strings = _strings(texts)
    try:
        return _in_years(strings.cast(arrow))
    except pa.ArrowInvalid:
        _matching(strings, r"(Z|[+]00:00)$")
        return _in_years(strings.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).cast(arrow))


def _timestamps_with_zone(texts: Texts, arrow: pa.DataType) -> pa.Array:
    strings = _strings(texts)
    try:
        return _in_years(strings.cast(arrow))
    except pa.ArrowInvalid:
        return _in_years(strings.cast(pa.timestamp("us")).cast(pa.int64()).cast(arrow))


def _in_years(times: pa.Array) -> pa.Array:
    """Give times back that all are within the years that Python knows."""
    years = pc.min_max(pc.year(times)).as_py()
    if years["min"] is not None and not MINYEAR <= years["min"] <= years["max"] <= MAXYEAR:
        raise UnprovenError
    return times


def _times_of_day(texts: Texts, arrow: pa.DataType) -> pa.Array:
    column = _matching(_strings(texts), _TIME_OF_DAY)
    return pc.replace_substring_regex(column, _NO_FRACTION, "")


def _json_texts(texts: Texts, arrow: pa.DataType) -> pa.Array:
    values = _VALUES.decode(_array(texts))
    return pa.array(
        [None if each is None else json_values.json_text(each) for each in values], arrow
    )


_CONVERTERS: dict[Callable[..., object], Convert] = {
    json_values.boolean: _booleans,
    json_values.integer: _numbers,
    json_values.real: _doubles,
    json_values.double: _doubles,
    json_values.decimal: _numbers,
    json_values.binary: _bytes,
    json_values.day: _dates,
    json_values.timestamp: _timestamps,
    json_values.timestamp_with_zone: _timestamps_with_zone,
    json_values.time_of_day: _times_of_day,
    json_values.numeral: _numerals,
    json_values.text: _strings,
    json_values.json_text: _json_texts,
}
