# ruff: noqa: PLR0912, PLR0915, PLR0917, PLR1714, SIM109
r"""Binary COPY to columns: the loops over rows and fields.

Plain Python on numpy arrays, so that a handful of rows can be read at once; `compiler` makes
machine code of the same functions for more, and of those in `numerics`. They are written for
both: whole numbers stay within 64 bits, a field is looked at only after its bounds were, and what
differs between the two ways is in `messages`. The style is what makes fast machine code: few
calls, many arguments, numbers instead of objects.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tap_postgres import numerics
from tap_postgres.messages import (
    copy_bytes,
    free_message,
    load8,
    load16,
    load32,
    load64,
    message_bytes,
    next_message,
)
from tap_postgres.numerics import (
    IS_BAD,
    IS_ODD,
    IS_VALUE,
    is_numeric,
    numeric_length,
    read_decimal,
    read_wide_decimal,
    write_numeric,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tap_postgres.messages import Bytes, Integers, Limbs, Message, Source

# How a field is decoded. Those before text have a fixed length.
INT2, INT4, INT8, FLOAT4, FLOAT8, BOOL, DATE, TIMESTAMP = range(8)
DECIMAL, WIDE_DECIMAL = 8, 9
TEXT, NUMERIC_TEXT, UUID, JSONB = range(10, 14)

# What `read_rows` returns.
WAIT = 0
"""Nothing has come for a while; call it again."""
BATCH = 1
"""The buffers are full, of rows or of text: `state[COLUMN]` needs room for `state[NEED]` bytes."""
END = 2
"""The server has sent all it had; what it says about it is still to be read."""
LOST = 3
"""libpq says why."""
BAD_HEADER, BAD_COUNT, BAD_LENGTH, BAD_VALUE, TOO_LONG, NO_TRAILER = range(4, 10)

# Where the numbers that outlive a call stand in `state`.
ROWS, ODD, COLUMN, NEED, LENGTH, AT, HAS_HEADER, HAS_TRAILER, STATE_SIZE = range(9)

_IS_READ = 0
"""Of a row; else it is one of the codes of `read_rows`."""

_SIGNATURE = np.frombuffer(b"PGCOPY\n\xff\r\n\0", np.uint8)
_HEADER_LENGTH = 19
_CRITICAL_FLAGS = 0xFFFF0000
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
# PostgreSQL counts from 2000-01-01, Arrow from 1970-01-01.
_EPOCH_DAYS = 10_957
EPOCH_MICROSECONDS = 946_684_800_000_000
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


class Plan(NamedTuple):
    """What the columns are; one entry each.

    Attributes:
        kinds: How to decode.
        slots: Index of the column in `Buffers.fixed`, `wide` or `offsets`, as its kind has it.
        scales: Digits after the point of a decimal.
        limits: Of a `DECIMAL`, the greatest value without its point.
    """

    kinds: Integers
    slots: Integers
    scales: Integers
    limits: Integers


class Buffers(NamedTuple):
    """Where the values go.

    Attributes:
        valid: 1 for each value that is not NULL; by column and row.
        fixed: Values of 64 bits; by slot and row.
        wide: Four times 32 bits from the lowest, a decimal128; by slot and row.
        offsets: Where each text begins in its column's part of `data`; by slot and row.
        starts: Where each text column's part of `data` begins.
        ends: Where it ends.
        data: All texts.
        odd: Row, column and raw value of the values that are legal but not representable.
    """

    valid: Bytes
    fixed: Integers
    wide: Limbs
    offsets: NDArray[np.int32]
    starts: Integers
    ends: Integers
    data: Bytes
    odd: Integers


# Rows


def read_rows(source: Source, plan: Plan, buffers: Buffers, state: Integers) -> int:
    """Read rows until the buffers are full or nothing comes; say which of it.

    Args:
        source: Of messages.
        plan: The columns.
        buffers: To fill.
        state: All zero at first, then as the last call left it, but for `ROWS` and `ODD`, which
            start at zero with each batch.

    Returns:
        One of the codes above.
    """
    rows_limit = buffers.valid.shape[1]
    odd_limit = buffers.odd.shape[0] - len(plan.kinds)
    while state[ROWS] < rows_limit and state[ODD] <= odd_limit:
        if state[LENGTH] == 0:
            length = next_message(source)
            if length == 0:
                return WAIT
            if length == -1:
                return END if state[HAS_TRAILER] == 1 else NO_TRAILER
            if length < 0:
                return LOST
            state[LENGTH] = length
            state[AT] = 0
        message = message_bytes(source)
        if state[HAS_HEADER] == 0:
            header = _header_length(message, state[LENGTH])
            if header < 0:
                return BAD_HEADER
            state[HAS_HEADER] = 1
            state[AT] = header
        if state[AT] < state[LENGTH]:
            code = _read_row(message, plan, buffers, state)
            if code != _IS_READ:
                return code
        state[LENGTH] = 0
        free_message(source)
    state[NEED] = 0
    return BATCH


def _header_length(message: Message, length: int) -> int:
    if length < _HEADER_LENGTH:
        return -1
    for index in range(len(_SIGNATURE)):
        if load8(message, index) != _SIGNATURE[index]:
            return -1
    if load32(message, 11) & _CRITICAL_FLAGS:
        return -1
    extension = load32(message, 15)
    if extension < 0 or extension > length - _HEADER_LENGTH:
        return -1
    return _HEADER_LENGTH + extension


def _read_row(message: Message, plan: Plan, buffers: Buffers, state: Integers) -> int:
    at = state[AT]
    size = state[LENGTH]
    columns = len(plan.kinds)
    if state[HAS_TRAILER] == 1 or size - at < 2:
        return TOO_LONG
    count = load16(message, at)
    at += 2
    if count == -1 and at == size:
        state[HAS_TRAILER] = 1
        return _IS_READ
    if count != columns:
        return BAD_COUNT
    row = state[ROWS]
    odd = state[ODD]
    for column in range(columns):
        state[COLUMN] = column
        if size - at < 4:
            return BAD_LENGTH
        length = load32(message, at)
        at += 4
        if length < -1 or length > size - at:
            return BAD_LENGTH
        slot = plan.slots[column]
        kind = plan.kinds[column]
        if kind >= TEXT:
            # The text begins where the one before it has ended.
            position = buffers.offsets[slot, row]
            if length >= 0:
                room = buffers.ends[slot] - buffers.starts[slot] - position
                need = _text_length(kind, message, at, length)
                if need < 0:
                    return BAD_VALUE
                if need > room:
                    state[NEED] = position + need
                    return BATCH
                target = buffers.starts[slot] + position
                position += _write_text(kind, message, at, length, buffers.data, target)
            buffers.offsets[slot, row + 1] = position
            buffers.valid[column, row] = 1 if length >= 0 else 0
        elif length == -1:
            buffers.valid[column, row] = 0
            _store_zero(kind, slot, row, buffers)
        else:
            if not _has_length_of(kind, length):
                return BAD_LENGTH
            if kind == WIDE_DECIMAL:
                what, value = read_wide_decimal(
                    message, at, length, plan.scales[column], buffers.wide, slot, row
                )
            elif kind == DECIMAL:
                what, value = read_decimal(
                    message, at, length, plan.scales[column], plan.limits[column]
                )
            else:
                what, value = _read_fixed(kind, message, at)
            if what == IS_BAD:
                return BAD_VALUE
            buffers.valid[column, row] = 1 - what
            if what == IS_ODD:
                buffers.odd[odd, 0] = row
                buffers.odd[odd, 1] = column
                buffers.odd[odd, 2] = value
                odd += 1
                _store_zero(kind, slot, row, buffers)
            elif kind != WIDE_DECIMAL:
                buffers.fixed[slot, row] = value
        at += max(length, 0)
    if at != size:
        return TOO_LONG
    state[ODD] = odd
    state[ROWS] = row + 1
    return _IS_READ


def _store_zero(kind: int, slot: int, row: int, buffers: Buffers) -> None:
    if kind == WIDE_DECIMAL:
        for limb in range(4):
            buffers.wide[slot, row, limb] = 0
    else:
        buffers.fixed[slot, row] = 0


# Values


def _has_length_of(kind: int, length: int) -> bool:
    if kind == DECIMAL or kind == WIDE_DECIMAL:
        return True
    if kind == INT4 or kind == FLOAT4 or kind == DATE:
        return length == 4
    if kind == INT2:
        return length == 2
    if kind == BOOL:
        return length == 1
    return length == 8


def _read_fixed(kind: int, message: Message, at: int) -> tuple[int, int]:
    """Read a value that has the length of its kind; say what it is."""
    if kind == INT8 or kind == FLOAT8:
        return IS_VALUE, load64(message, at)
    if kind == INT4 or kind == FLOAT4:
        return IS_VALUE, load32(message, at)
    if kind == DATE:
        value = load32(message, at)
        # Infinity is the greatest and the least number.
        if value > _INT32_MAX - _EPOCH_DAYS or value == -_INT32_MAX - 1:
            return IS_ODD, value
        return IS_VALUE, value + _EPOCH_DAYS
    if kind == TIMESTAMP:
        value = load64(message, at)
        if value > _INT64_MAX - EPOCH_MICROSECONDS or value == -_INT64_MAX - 1:
            return IS_ODD, value
        return IS_VALUE, value + EPOCH_MICROSECONDS
    if kind == INT2:
        return IS_VALUE, load16(message, at)
    return IS_VALUE, 1 if load8(message, at) != 0 else 0


def _text_length(kind: int, message: Message, at: int, length: int) -> int:
    """Give the most bytes that a value takes as text, -1 if it is malformed."""
    if kind == TEXT:
        return length
    if kind == UUID:
        return 36 if length == 16 else -1
    if kind == JSONB:
        return length - 1 if length >= 1 and load8(message, at) == 1 else -1
    if not is_numeric(message, at, length):
        return -1
    return numeric_length(message, at)


def _write_text(kind: int, message: Message, at: int, length: int, data: Bytes, to: int) -> int:
    """Write a value as text; give the number of bytes."""
    if kind == TEXT:
        copy_bytes(data, to, message, at, length)
        return length
    if kind == JSONB:
        # A version number comes before the text.
        copy_bytes(data, to, message, at + 1, length - 1)
        return length - 1
    if kind == UUID:
        return _write_uuid(message, at, data, to)
    return write_numeric(message, at, data, to)


def _write_uuid(message: Message, at: int, data: Bytes, to: int) -> int:
    position = to
    for index in range(16):
        if index == 4 or index == 6 or index == 8 or index == 10:
            data[position] = 45
            position += 1
        byte = load8(message, at + index)
        data[position] = _HEX[byte >> 4]
        data[position + 1] = _HEX[byte & 15]
        position += 2
    return position - to


HELPERS = (
    *numerics.HELPERS,
    _header_length,
    _read_row,
    _store_zero,
    _has_length_of,
    _read_fixed,
    _text_length,
    _write_text,
    _write_uuid,
)
"""What `read_rows` calls besides `messages`, for `compiler`."""
