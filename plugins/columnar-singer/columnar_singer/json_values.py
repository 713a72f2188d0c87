"""One JSON value for a column, without rounding or cutting it.

JSON numbers are `int` or `Decimal` here (the SDK's reader parses them so), never `float`. What a
converter raises (`ERRORS`) means that the value does not fit its column.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from columnar_singer.types import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from columnar_singer.types import ColumnType

ERRORS = (ValueError, TypeError, ArithmeticError, pa.ArrowException)

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_JSON_TYPES = {"json", "jsonb"}
_MOST_DIGITS = 131_072
"""Before the point, https://www.postgresql.org/docs/current/datatype-numeric.html."""

END_OF_DAY = "24:00:00"
"""Legal in PostgreSQL, unknown to Python."""

_FINER_THAN_MICROSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")
REAL_BOUND = (2 - 2**-24) * 2.0**127
"""The least double that rounds to no 32 bits but infinity: PostgreSQL prints the greatest real as
`3.4028235e+38`, which is more than it is."""


def converter(column: ColumnType, schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Give the function that makes of a parsed JSON value what `pyarrow.array` takes.

    Args:
        column: The column.
        schema: The SCHEMA property of the column, empty if there is none.
    """
    arrow = column.arrow
    if column.postgres in _JSON_TYPES:
        # What the SCHEMA declares as a string is JSON text already; elsewhere a string is a
        # JSON string.
        return text if _is_string(schema) else json_text
    if pa.types.is_integer(arrow):
        return integer
    if pa.types.is_float32(arrow):
        return real
    if pa.types.is_float64(arrow):
        return double
    if pa.types.is_decimal(arrow):
        return decimal
    if pa.types.is_binary(arrow):
        return binary
    if pa.types.is_date(arrow):
        return day
    if pa.types.is_timestamp(arrow):
        return timestamp if arrow.tz is None else timestamp_with_zone
    if column.postgres.startswith("time") and column.postgres.endswith("without time zone"):
        return time_of_day
    if pa.types.is_boolean(arrow):
        return boolean
    return numeral if type_name(column.postgres) == "numeric" else text


def _is_string(schema: Mapping[str, Any]) -> bool:
    declared = schema.get("type", [])
    names = {declared} if isinstance(declared, str) else set(declared)
    return names - {"null"} == {"string"}


def boolean(value: Any) -> bool:  # noqa: ANN401
    """Give a boolean; a number is none."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def integer(value: Any) -> int:  # noqa: ANN401
    """Give a number without a fraction."""
    if isinstance(value, bool) or int(value) != value:
        raise ValueError
    return int(value)


def double(value: Any) -> float:  # noqa: ANN401
    """Give the double that a JSON number was printed from.

    A number that is no double (too large, too many digits) is refused rather than rounded.
    `NaN` and `Infinity`, which JSON numbers cannot express, come as strings.
    """
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    # The first comparison is the fast one, and true of nearly all numbers.
    if repr(number) != str(value) and not isinstance(value, str) and not _prints(number, value):
        raise ValueError
    return number


def _prints(number: float, value: int | Decimal) -> bool:
    """Tell whether some program prints a double so: exactly, shortest, or with 17 digits."""
    ways = (Decimal(number), Decimal(repr(number)), Decimal(f"{number:.17g}"))
    return Decimal(value) in ways


def real(value: Any) -> float:  # noqa: ANN401
    """Give the double of a number that is within the range of 32 bits."""
    number = double(value)
    if math.isfinite(number) and abs(number) >= REAL_BOUND:
        raise ValueError
    return number


def decimal(value: Any) -> Decimal:  # noqa: ANN401
    """Give a decimal; whether it has too many digits, Arrow says."""
    if isinstance(value, bool):
        raise TypeError
    return Decimal(value)


def binary(value: Any) -> bytes:  # noqa: ANN401
    """Give the bytes of a text in base 16."""
    return bytes.fromhex(value)


def day(value: Any) -> date:  # noqa: ANN401
    """Give a date; some taps write it with a midnight."""
    moment = _datetime(value)
    if moment.tzinfo or moment.time() != time():
        raise ValueError
    return moment.date()


def time_of_day(value: Any) -> str:  # noqa: ANN401
    """Give a time of day as text; PostgreSQL would drop an offset or round without a word."""
    if value == END_OF_DAY:
        return END_OF_DAY
    moment = time.fromisoformat(value)
    if moment.tzinfo or _FINER_THAN_MICROSECONDS.search(value):
        raise ValueError
    return moment.isoformat()


def _datetime(value: Any) -> datetime:  # noqa: ANN401
    moment = datetime.fromisoformat(value)
    # Python cuts finer fractions off without a word.
    if _FINER_THAN_MICROSECONDS.search(value):
        raise ValueError
    return moment


def timestamp(value: Any) -> datetime:  # noqa: ANN401
    """Give a time without zone; the SDK's taps write one with the offset +00:00."""
    moment = _datetime(value)
    if moment.utcoffset():
        raise ValueError
    return moment.replace(tzinfo=None)


def timestamp_with_zone(value: Any) -> datetime:  # noqa: ANN401
    """Give a point in time; one without an offset, which RFC 3339 forbids, is taken as UTC."""
    moment = _datetime(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def text(value: Any) -> str:  # noqa: ANN401
    """Give a string as it is and anything else as its JSON text."""
    return value if isinstance(value, str) else json_text(value)


def numeral(value: Any) -> str:  # noqa: ANN401
    """Give a number with all its digits and no exponent, as PostgreSQL prints it."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= _MOST_DIGITS:
        return f"{value:f}"
    return text(value)


def json_text(value: Any) -> str:  # noqa: ANN401
    """Give a value's JSON text, without spaces and with each digit of its numbers."""
    return _ENCODER.encode(value).decode()
