"""Values as Athena writes them: what a row of GetQueryResults or a results file holds."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

_Type = exp.DataType.Type
_TIMESTAMPS = {_Type.TIMESTAMP, _Type.TIMESTAMPNTZ, _Type.DATETIME, _Type.TIMESTAMP_MS}
_TIMESTAMPS_WITH_ZONE = {_Type.TIMESTAMPTZ, _Type.TIMESTAMPLTZ}
_AS_ARROW_PRINTS = {
    _Type.TINYINT,
    _Type.SMALLINT,
    _Type.INT,
    _Type.BIGINT,
    _Type.BOOLEAN,
    _Type.DATE,
}
_UNITS = {3: "ms", 6: "us", 9: "ns"}


def parse_type(name: str) -> exp.DataType:
    """The type that Athena calls `name`, as `decimal(10,2)` or `array<int>`."""
    return exp.DataType.build(name, dialect="athena")


def texts(values: pa.Array, type_name: str) -> list[str | None]:
    """Each value of `values` as Athena writes a value of `type_name`; None for NULL."""
    return _texts(values, parse_type(type_name))


def _texts(values: pa.Array, kind: exp.DataType) -> list[str | None]:
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return list(values.to_pylist())
    if kind.this in (_Type.ARRAY, _Type.LIST, _Type.MAP):
        return _collections(values, kind)
    if kind.this == _Type.STRUCT:
        rows = _rows(values, kind)
        return [row if there else None for row, there in zip(rows, _is_there(values), strict=True)]
    if kind.this in _AS_ARROW_PRINTS:
        return list(pc.cast(values, pa.string()).to_pylist())
    if kind.this in _TIMESTAMPS and pa.types.is_timestamp(values.type):
        return _timestamps(values, _precision(kind), "")
    if kind.this in _TIMESTAMPS_WITH_ZONE and pa.types.is_timestamp(values.type):
        return _timestamps(values, _precision(kind), " UTC")
    if kind.this == _Type.TIME and _precision(kind) > 3:
        return [
            None if time is None else time.isoformat("microseconds") for time in values.to_pylist()
        ]
    write = _WRITERS.get(kind.this, _plain)
    return [None if value is None else write(value) for value in values.to_pylist()]


def _collections(values: pa.Array, kind: exp.DataType) -> list[str | None]:
    """Arrays and maps, from the texts of what is in all of them together."""
    if kind.this == _Type.MAP:
        pairs = pa.struct([values.type.key_field, values.type.item_field])
        values = values.cast(pa.list_(pairs))
    inner = values.flatten()  # without what lies behind NULL
    if kind.this == _Type.MAP:
        keys, items = (_inside(inner.field(at), each) for at, each in enumerate(kind.expressions))
        parts = [f"{key}={item}" for key, item in zip(keys, items, strict=True)]
        start, end = "{", "}"
    else:
        parts = _inside(inner, kind.expressions[0])
        start, end = "[", "]"
    found: list[str | None] = []
    at = 0
    for there, size in zip(_is_there(values), _sizes(values), strict=True):
        found.append(start + ", ".join(parts[at : at + size]) + end if there else None)
        at += size
    return found


def _rows(values: pa.StructArray, kind: exp.DataType) -> Iterator[str]:
    """Rows; a field without a name is called by its place.

    https://docs.aws.amazon.com/athena/latest/ug/rows-and-structs.html
    """
    columns = []
    for at, (field, part) in enumerate(zip(kind.expressions, values.flatten(), strict=True)):
        is_named = isinstance(field, exp.ColumnDef)
        inner = field.args["kind"] if is_named else field
        name = field.name if is_named else f"field{at}"
        columns.append([f"{name}={text}" for text in _inside(part, inner)])
    return ("{" + ", ".join(row) + "}" for row in zip(*columns, strict=True))


def _inside(values: pa.Array, kind: exp.DataType) -> list[str]:
    return ["null" if text is None else text for text in _texts(values, kind)]


def _is_there(values: pa.Array) -> list[bool]:
    return list(pc.is_valid(values).to_pylist())


def _sizes(values: pa.Array) -> list[int]:
    return [size or 0 for size in pc.list_value_length(values).to_pylist()]


def _plain(value: Any) -> str:  # noqa: ANN401 - whatever Arrow gives
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, dt.time):
        return value.isoformat("milliseconds")
    if isinstance(value, pa.MonthDayNano):
        return _interval(value)
    return str(value)


def _interval(value: pa.MonthDayNano) -> str:
    """Trino's `interval year to month` or `interval day to second`."""
    if value.months:
        sign, months = ("-" if value.months < 0 else ""), abs(value.months)
        return f"{sign}{months // 12}-{months % 12}"
    milliseconds = value.days * 86_400_000 + value.nanoseconds // 1_000_000
    sign, milliseconds = ("-" if milliseconds < 0 else ""), abs(milliseconds)
    seconds, rest = divmod(milliseconds, 1000)
    days, seconds = divmod(seconds, 86_400)
    return f"{sign}{days} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def _precision(kind: exp.DataType) -> int:
    """Digits of a timestamp's second: 3 unless its type says otherwise."""
    given = kind.expressions
    return int(given[0].name) if given else 3


def _timestamps(values: pa.Array, precision: int, zone: str) -> list[str | None]:
    unit = next(unit for digits, unit in _UNITS.items() if precision <= digits)
    naive = pc.cast(values, pa.timestamp(values.type.unit))
    written = pc.cast(pc.cast(naive, pa.timestamp(unit), safe=False), pa.string()).to_pylist()
    return [None if text is None else text + zone for text in written]


def _double(value: float | Decimal) -> str:
    """As Java writes a double: https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Double.html#toString(double)."""
    number = float(value)  # DuckDB may have computed a decimal
    return _java(number, repr(number))


def _float(value: float) -> str:
    single = pa.scalar(value, pa.float32())
    return _java(value, str(pc.cast(single, pa.string()).as_py()))


def _java(value: float, shortest: str) -> str:
    """`value` as Java writes it, from the shortest digits that stand for it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(shortest).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    if not text:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    if len(text) == 1:  # Java gives two digits, the nearest
        sign, digits, exponent = Decimal(f"{value:.1e}").as_tuple()
        text = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + int(exponent)  # digits before the decimal point
    prefix = "-" if sign else ""
    if -3 < point <= 7:
        padded = text.ljust(point, "0") if point > 0 else "0" * (1 - point) + text
        whole = max(point, 1)
        return f"{prefix}{padded[:whole]}.{padded[whole:] or '0'}"
    return f"{prefix}{text[0]}.{text[1:] or '0'}E{point - 1}"


_WRITERS: dict[object, Callable[[Any], str]] = {_Type.FLOAT: _float, _Type.DOUBLE: _double}
