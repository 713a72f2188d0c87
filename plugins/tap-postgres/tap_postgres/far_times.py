"""Times before year 1 and after 9999, which Python has none of, as PostgreSQL prints them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CYCLE_YEARS = 400
_CYCLE = 146_097 * 86_400 * 1_000_000
"""Microseconds after which the calendar repeats."""

_MICROSECONDS_PER_DAY = 86_400 * 1_000_000


def print_timestamp(microseconds: int, *, has_zone: bool) -> str:
    """Print a timestamp in ISO style.

    Args:
        microseconds: Since 1970, UTC.
        has_zone: Whether it is a `timestamp with time zone`.
    """
    year, rest = _split(microseconds)
    fraction = f".{rest.microsecond:06d}".rstrip("0") if rest.microsecond else ""
    zone = "+00" if has_zone else ""
    return _with_era(year, f"{rest:-%m-%d %H:%M:%S}{fraction}{zone}")


def print_date(days: int) -> str:
    """Print a date in ISO style.

    Args:
        days: Since 1970.
    """
    year, rest = _split(days * _MICROSECONDS_PER_DAY)
    return _with_era(year, f"{rest:-%m-%d}")


def _split(microseconds: int) -> tuple[int, datetime]:
    cycles, rest = divmod(microseconds, _CYCLE)
    near = _EPOCH + timedelta(microseconds=rest)
    return near.year + _CYCLE_YEARS * cycles, near


def _with_era(year: int, rest: str) -> str:
    # There is no year zero.
    return f"{year:04d}{rest}" if year > 0 else f"{1 - year:04d}{rest} BC"
