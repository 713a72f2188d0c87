"""Values as Athena writes them: what a row of GetQueryResults or a results file holds."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
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
_MICROSECONDS = 6


def parse_type(name: str) -> exp.DataType:
    """The type that Athena calls `name`, as `decimal(10,2)` or `array<int>`."""
    return exp.DataType.build(name, dialect="athena")


def texts(values: pa.Array, type_name: str) -> list[str | None]:
    """Each value of `values` as Athena writes a value of `type_name`; None for NULL."""
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    kind = parse_type(type_name)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return list(values.to_pylist())
    if kind.this in _AS_ARROW_PRINTS:
        return list(pc.cast(values, pa.string()).to_pylist())
    if kind.this in _TIMESTAMPS and pa.types.is_timestamp(values.type):
        return _timestamps(values, _precision(kind), "")
    if kind.this in _TIMESTAMPS_WITH_ZONE and pa.types.is_timestamp(values.type):
        return _timestamps(values, _precision(kind), " UTC")
    write = writer(kind)
    return [None if value is None else write(value) for value in values.to_pylist()]


def writer(kind: exp.DataType) -> Callable[[Any], str]:
    """A function that writes a Python value of a type, inside an array, a map or a row too."""
    if kind.this in (_Type.ARRAY, _Type.LIST):
        item = _or_null(kind.expressions[0])
        return lambda values: "[" + ", ".join(map(item, values)) + "]"
    if kind.this == _Type.MAP:
        key, value = (_or_null(inner) for inner in kind.expressions)
        return lambda pairs: "{" + ", ".join(f"{key(k)}={value(v)}" for k, v in pairs) + "}"
    if kind.this == _Type.STRUCT:
        fields = [_or_null(_field_type(field)) for field in kind.expressions]
        return lambda row: _row(row, fields)
    if kind.this in (_Type.FLOAT, _Type.DOUBLE):
        return _float if kind.this == _Type.FLOAT else _double
    if kind.this in _TIMESTAMPS | _TIMESTAMPS_WITH_ZONE:
        spec = "microseconds" if _precision(kind) >= _MICROSECONDS else "milliseconds"
        zone = " UTC" if kind.this in _TIMESTAMPS_WITH_ZONE else ""
        return lambda value: value.replace(tzinfo=None).isoformat(" ", spec) + zone
    return _plain


def _or_null(kind: exp.DataType) -> Callable[[Any], str]:
    write = writer(kind)
    return lambda value: "null" if value is None else write(value)


def _field_type(field: exp.Expression) -> exp.DataType:
    """The type of a row's field, named (`ColumnDef`) or not."""
    found = field.args.get("kind") if isinstance(field, exp.ColumnDef) else field
    if not isinstance(found, exp.DataType):
        raise TypeError(f"{field.sql('athena')!r} is no field of a row")
    return found


def _row(row: dict[str, Any], fields: list[Callable[[Any], str]]) -> str:
    pairs = zip(row.items(), fields, strict=True)
    return "{" + ", ".join(f"{name}={write(value)}" for (name, value), write in pairs) + "}"


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
