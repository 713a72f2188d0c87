# ruff: noqa: PLR0917, PLR1714, SIM109
"""PostgreSQL's numeric, as it is sent, to decimals and to text; see `kernels`.

It is sent as groups of four digits: their number, the power of 10,000 of the first, a sign, the
number of digits after the point, and the groups without zeros at either end.

https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c (numeric_send)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tap_postgres.messages import load16

if TYPE_CHECKING:
    from tap_postgres.messages import Bytes, Limbs, Message

# What is said of a value besides the value.
IS_VALUE, IS_ODD, IS_BAD = range(3)

SPECIAL_SIGNS = {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}
"""What stands in the place of the sign of what is no number."""

_NAN, _INFINITY, _NEGATIVE_INFINITY = SPECIAL_SIGNS
_WORDS = np.frombuffer(b"NaNInfinity-Infinity", np.uint8)
_NEGATIVE = 0x4000
_HEADER_LENGTH = 8
_DIGITS = 4
_BASE = 10_000
_MAX_DIGITS = 18
_POWERS = np.array([10**exponent for exponent in range(_MAX_DIGITS + 1)], np.int64)
_INT32_MAX = 2**31 - 1
_INT32_MASK = 2**32 - 1


def is_numeric(message: Message, at: int, length: int) -> bool:
    """Check what a numeric says about itself, and each of its groups."""
    if length < _HEADER_LENGTH:
        return False
    groups = load16(message, at) & 0xFFFF
    sign = load16(message, at + 4) & 0xFFFF
    if length != _HEADER_LENGTH + 2 * groups or load16(message, at + 6) < 0:
        return False
    if sign != 0 and sign != _NEGATIVE:
        return (sign == _NAN or sign == _INFINITY or sign == _NEGATIVE_INFINITY) and groups == 0
    for index in range(groups):
        group = load16(message, at + _HEADER_LENGTH + 2 * index)
        if group < 0 or group >= _BASE:
            return False
    return True


def read_decimal(message: Message, at: int, length: int, scale: int, limit: int) -> tuple[int, int]:
    """Read a numeric of at most 18 digits; say what it is, and give it without its point.

    Args:
        message: With the value.
        at: Where it begins.
        length: Its length.
        scale: Digits after the point.
        limit: The greatest value without its point.

    Returns:
        One of the `IS_…`, and the value; of an odd one the sign.
    """
    if not is_numeric(message, at, length):
        return IS_BAD, 0
    groups = load16(message, at) & 0xFFFF
    sign = load16(message, at + 4) & 0xFFFF
    if sign > _NEGATIVE:
        return IS_ODD, sign
    # The power of ten between the last group and the last digit of the column.
    shift = scale + _DIGITS * (load16(message, at + 2) + 1 - groups)
    # To divide takes longer than all the rest; of so few digits nothing can overflow.
    is_short = _DIGITS * groups + shift <= _MAX_DIGITS
    value = 0
    for index in range(groups):
        group, factor = _group(message, at, index, groups, shift)
        if factor == 0 or (not is_short and value > (limit - group) // factor):
            return IS_BAD, 0
        value = value * factor + group
    if shift > 0 and value > 0:
        if shift > _MAX_DIGITS or (not is_short and value > limit // _POWERS[shift]):
            return IS_BAD, 0
        value *= _POWERS[shift]
    if value > limit:
        return IS_BAD, 0
    return IS_VALUE, -value if sign == _NEGATIVE else value


def read_wide_decimal(
    message: Message, at: int, length: int, scale: int, wide: Limbs, slot: int, row: int
) -> tuple[int, int]:
    """Read a numeric of at most 38 digits into four parts of 32 bits, the lowest first.

    Args:
        message: With the value.
        at: Where it begins.
        length: Its length.
        scale: Digits after the point.
        wide: Where the value goes.
        slot: First index there.
        row: Second index there.

    Returns:
        One of the `IS_…`; with an odd one the sign.
    """
    if not is_numeric(message, at, length):
        return IS_BAD, 0
    groups = load16(message, at) & 0xFFFF
    sign = load16(message, at + 4) & 0xFFFF
    if sign > _NEGATIVE:
        return IS_ODD, sign
    shift = scale + _DIGITS * (load16(message, at + 2) + 1 - groups)
    for limb in range(4):
        wide[slot, row, limb] = 0
    for index in range(groups):
        group, factor = _group(message, at, index, groups, shift)
        if factor == 0 or not _multiply_add(wide, slot, row, factor, group):
            return IS_BAD, 0
    while shift > 0 and groups > 0:
        step = min(shift, _DIGITS)
        if not _multiply_add(wide, slot, row, _POWERS[step], 0):
            return IS_BAD, 0
        shift -= step
    if sign == _NEGATIVE:
        # Two's complement: invert and add one.
        carry = np.int64(1)
        for limb in range(4):
            negated = (np.int64(wide[slot, row, limb]) ^ _INT32_MASK) + carry
            wide[slot, row, limb] = negated & _INT32_MASK
            carry = negated >> 32
    return IS_VALUE, 0


def _group(message: Message, at: int, index: int, groups: int, shift: int) -> tuple[int, int]:
    """Give a group, and what is multiplied before it is added: 0 if it does not fit the column."""
    group = load16(message, at + _HEADER_LENGTH + 2 * index)
    if index < groups - 1 or shift >= 0:
        return group, _BASE
    # The last group reaches beyond the column's digits, with zeros.
    if shift <= -_DIGITS or group % _POWERS[-shift] != 0:
        return 0, 0
    return group // _POWERS[-shift], _POWERS[_DIGITS + shift]


def _multiply_add(wide: Limbs, slot: int, row: int, factor: int, summand: int) -> bool:
    """Multiply an unsigned number of 128 bits; tell whether it still fits 127."""
    carry = np.int64(summand)
    for limb in range(4):
        product = np.int64(wide[slot, row, limb]) * factor + carry
        wide[slot, row, limb] = product & _INT32_MASK
        carry = product >> 32
    return bool(carry == 0 and wide[slot, row, 3] <= _INT32_MAX)


def numeric_length(message: Message, at: int) -> int:
    """Give the most bytes that a valid numeric takes as text."""
    weight = max(load16(message, at + 2), 0)
    fraction = load16(message, at + 6)
    # Sign, groups before the point, point, and the digits behind it; or a word.
    return max(1 + _DIGITS * (weight + 1) + 1 + fraction, 9)


def write_numeric(message: Message, at: int, data: Bytes, to: int) -> int:
    """Write a valid numeric as PostgreSQL prints it.

    Args:
        message: With the value.
        at: Where it begins.
        data: Where it goes, with room for `numeric_length`.
        to: Where there.

    Returns:
        The number of bytes written.
    """
    groups = load16(message, at) & 0xFFFF
    weight = load16(message, at + 2)
    sign = load16(message, at + 4) & 0xFFFF
    fraction = load16(message, at + 6)
    if sign > _NEGATIVE:
        begin = 0 if sign == _NAN else (3 if sign == _INFINITY else 11)
        end = 3 if sign == _NAN else (11 if sign == _INFINITY else 20)
        for index in range(begin, end):
            data[to + index - begin] = _WORDS[index]
        return end - begin
    position = to
    if sign == _NEGATIVE:
        data[position] = 45
        position += 1
    if weight < 0:
        data[position] = 48
        position += 1
    for index in range(weight + 1):
        group = load16(message, at + _HEADER_LENGTH + 2 * index) if index < groups else 0
        for digit in range(_DIGITS):
            power = _POWERS[_DIGITS - 1 - digit]
            # No zeros in front, but for the last digit before the point.
            if index > 0 or group >= power or digit == _DIGITS - 1:
                data[position] = 48 + group // power % 10
                position += 1
    if fraction > 0:
        data[position] = 46
        position += 1
        for place in range(fraction):
            index = weight + 1 + place // _DIGITS
            group = load16(message, at + _HEADER_LENGTH + 2 * index) if 0 <= index < groups else 0
            power = _POWERS[_DIGITS - 1 - place % _DIGITS]
            data[position] = 48 + group // power % 10
            position += 1
    return position - to


HELPERS = (
    is_numeric,
    read_decimal,
    read_wide_decimal,
    _group,
    _multiply_add,
    numeric_length,
    write_numeric,
)
"""For `compiler`."""
