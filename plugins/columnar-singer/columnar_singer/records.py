"""RECORD messages to Arrow columns, without rounding or cutting a value.

JSON numbers arrive as `int` or `Decimal` (the SDK's reader parses them so), never as `float`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from singer_sdk.singerlib.json import serialize_json

from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from columnar_singer.types import ColumnType

_SHOWN_CHARACTERS = 80
_JSON_TYPES = {"json", "jsonb"}
_END_OF_DAY = "24:00:00"
"""Legal in PostgreSQL, unknown to Python."""

_FINER_THAN_MICROSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")
_REAL_MAX = 3.4028234663852886e38
_TIME = pa.timestamp("us", tz="UTC")


class RecordBuffer:
    """RECORD messages of one stream that wait to be staged."""

    def __init__(self) -> None:
        """Start empty."""
        self.records: list[dict[str, Any]] = []
        self.received_at = datetime.now(tz=UTC)
        self._extracted_at: list[str | None] = []
        self._versions: list[int | None] = []

    def __len__(self) -> int:
        """Count the records."""
        return len(self.records)

    def append(self, record: dict[str, Any], message: Mapping[str, Any]) -> None:
        """Add a record and what the message around it says."""
        if not self.records:
            self.received_at = datetime.now(tz=UTC)
        self.records.append(record)
        self._extracted_at.append(message.get("time_extracted"))
        self._versions.append(message.get("version"))

    def extracted_at(self) -> pa.Array:
        """Give `time_extracted` of each message.

        Raises:
            UserError: One is no time.
        """
        return _convert("time_extracted", self._extracted_at, _TIME, _timestamp_with_zone)

    def versions(self) -> pa.Array:
        """Give `version` of each message."""
        return pa.array(self._versions, pa.int64())


def to_arrow(
    records: list[dict[str, Any]],
    columns: Mapping[str, ColumnType],
    properties: Mapping[str, Mapping[str, Any]],
) -> pa.Table:
    """Turn records into a table.

    Args:
        records: Rows as parsed from JSON, decimal fractions as `Decimal`. A property that a row
            lacks is NULL; one that the SCHEMA lacks is left out.
        columns: The columns of the table, in order.
        properties: The SCHEMA property of each column, as far as there is one.

    Returns:
        The table, one Arrow column of `ColumnType.arrow` for each of `columns`.

    Raises:
        UserError: A value is not of its column's type or does not fit it exactly.
    """
    arrays = [
        _convert(
            name,
            [record.get(name) for record in records],
            column.arrow,
            _converter(column, properties.get(name, {})),
        )
        for name, column in columns.items()
    ]
    schema = pa.schema([pa.field(name, column.arrow) for name, column in columns.items()])
    return pa.Table.from_arrays(arrays, schema=schema)


def _convert(
    name: str, values: list[Any], arrow: pa.DataType, converter: Callable[[Any], Any]
) -> pa.Array:
    try:
        return pa.array([None if value is None else converter(value) for value in values], arrow)
    except (ValueError, TypeError, ArithmeticError, pa.ArrowException):
        # Only now, and once, is it worth the time to find the value at fault.
        for value in values:
            _check(name, value, arrow, converter)
        raise


def _check(name: str, value: Any, arrow: pa.DataType, converter: Callable[[Any], Any]) -> None:  # noqa: ANN401
    try:
        pa.array([None if value is None else converter(value)], arrow)
    except (ValueError, TypeError, ArithmeticError, pa.ArrowException) as error:
        shown = serialize_json(value)[:_SHOWN_CHARACTERS]
        message = (
            f"property '{name}' has the value {shown}, which does not fit {arrow} exactly; "
            "correct the value in the source or the property's type in the tap's catalog"
        )
        raise UserError(message) from error


def _converter(column: ColumnType, schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    arrow = column.arrow
    if column.postgres in _JSON_TYPES:
        # What the SCHEMA declares as a string is JSON text already; elsewhere a string is a
        # JSON string.
        return _text if _is_string(schema) else _json
    if pa.types.is_integer(arrow):
        return _integer
    if pa.types.is_float32(arrow):
        return _real
    if pa.types.is_float64(arrow):
        return _double
    if pa.types.is_decimal(arrow):
        return _decimal
    if pa.types.is_binary(arrow):
        return _bytes
    if pa.types.is_date(arrow):
        return _date
    if column.postgres.startswith("time") and column.postgres.endswith("without time zone"):
        return _timestamp if pa.types.is_timestamp(arrow) else _time
    if pa.types.is_timestamp(arrow):
        return _timestamp_with_zone
    if pa.types.is_boolean(arrow):
        return _boolean
    return _text


def _is_string(schema: Mapping[str, Any]) -> bool:
    declared = schema.get("type", [])
    names = {declared} if isinstance(declared, str) else set(declared)
    return names - {"null"} == {"string"}


def _boolean(value: Any) -> bool:  # noqa: ANN401
    if not isinstance(value, bool):
        raise TypeError
    return value


def _integer(value: Any) -> int:  # noqa: ANN401
    if isinstance(value, bool) or int(value) != value:
        raise ValueError
    return int(value)


def _double(value: Any) -> float:  # noqa: ANN401
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


def _real(value: Any) -> float:  # noqa: ANN401
    number = _double(value)
    if math.isfinite(number) and abs(number) > _REAL_MAX:
        raise ValueError
    return number


def _decimal(value: Any) -> Decimal:  # noqa: ANN401
    if isinstance(value, bool):
        raise TypeError
    return Decimal(value)


def _bytes(value: Any) -> bytes:  # noqa: ANN401
    return bytes.fromhex(value)


def _date(value: Any) -> date:  # noqa: ANN401
    moment = _datetime(value)
    if moment.tzinfo or moment.time() != time():
        raise ValueError
    return moment.date()


def _time(value: Any) -> str:  # noqa: ANN401
    """Give a time of day as text; PostgreSQL would drop an offset or round without a word."""
    if value == _END_OF_DAY:
        return _END_OF_DAY
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


def _timestamp(value: Any) -> datetime:  # noqa: ANN401
    """Give a time without zone; the SDK's taps write one with the offset +00:00."""
    moment = _datetime(value)
    if moment.utcoffset():
        raise ValueError
    return moment.replace(tzinfo=None)


def _timestamp_with_zone(value: Any) -> datetime:  # noqa: ANN401
    """Give a point in time; one without an offset, which RFC 3339 forbids, is taken as UTC."""
    moment = _datetime(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: Any) -> str:  # noqa: ANN401
    """Give a string as it is and anything else as its JSON text."""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:  # noqa: ANN401
    return serialize_json(value, ensure_ascii=False)
