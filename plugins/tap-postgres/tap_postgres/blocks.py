"""The buffers that `kernels` fills, and the record batches that are views of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from columnar_singer import odd_values
from columnar_singer.odd_values import OddValue

from tap_postgres import kernels
from tap_postgres.columns import plan
from tap_postgres.far_times import print_timestamp
from tap_postgres.numerics import SPECIAL_SIGNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tap_postgres.columns import WireColumn
    from tap_postgres.messages import Integers

MAX_ROWS = 65_536
"""Most rows of a batch."""

FIXED_BYTES = 12 * 1024 * 1024
"""Most bytes of a batch that are not text."""

TEXT_BYTES = 12 * 1024 * 1024
"""Bytes of a batch that are text; more only if one row needs them."""

_ODD_VALUES = 4096
_LEAST_TEXT_BYTES = 64
_ROOM_TO_SPARE = 1.25


class Block:
    """Room for the rows of one batch, used for one batch after the other.

    Attributes:
        plan: The columns, for the kernels.
        buffers: For the kernels.
        state: For the kernels.
        has_invalid_text: Whether text may be no valid UTF-8, as in a database whose encoding is
            SQL_ASCII.
        names: Of the columns.
    """

    def __init__(self, columns: Sequence[WireColumn], *, has_invalid_text: bool = False) -> None:
        """Make room; memory is taken as rows come.

        Args:
            columns: Of the rows.
            has_invalid_text: Check texts.
        """
        self.plan = plan(columns)
        self.has_invalid_text = has_invalid_text
        self.names = [column.name for column in columns]
        self.state = np.zeros(kernels.STATE_SIZE, np.int64)
        self._columns = columns
        self._schema = pa.schema([(column.name, column.arrow) for column in columns])
        texts = sum(column.is_text for column in columns)
        wides = sum(column.is_wide for column in columns)
        fixed = len(columns) - texts - wides
        bytes_per_row = len(columns) + 8 * fixed + 16 * wides + 4 * texts
        rows = max(1, min(MAX_ROWS, FIXED_BYTES // max(1, bytes_per_row)))
        self.buffers = kernels.Buffers(
            valid=np.empty((len(columns), rows), np.uint8),
            fixed=np.empty((fixed, rows), np.int64),
            wide=np.empty((wides, rows, 4), np.uint32),
            offsets=np.zeros((texts, rows + 1), np.int32),
            starts=np.zeros(texts, np.int64),
            ends=np.zeros(texts, np.int64),
            data=np.empty(0, np.uint8),
            odd=np.empty((_ODD_VALUES + len(columns), 3), np.int64),
        )
        if texts:
            self._share_out(np.full(texts, TEXT_BYTES // texts, np.int64))

    @property
    def rows(self) -> int:
        """Rows read so far."""
        return int(self.state[kernels.ROWS])

    def batch(self) -> pa.RecordBatch:
        """Give the rows read so far, with their odd values.

        They lie in the block's own memory: they are gone with `next`.

        Raises:
            pa.ArrowInvalid: A text is no valid UTF-8.
        """
        arrays = [self._array(index, column) for index, column in enumerate(self._columns)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        if self.has_invalid_text:
            batch.validate(full=True)
        return odd_values.attach(batch, self._odd_values())

    def next(self) -> None:
        """Make room for the rows to come, as wide as those before were."""
        if len(self.buffers.starts):
            rows = self.rows
            used = self.buffers.offsets[:, rows].astype(np.int64)
            capacity = self.buffers.valid.shape[1]
            wanted = (used * (_ROOM_TO_SPARE * capacity / max(rows, 1))).astype(np.int64)
            wanted += _LEAST_TEXT_BYTES
            if wanted.sum() > TEXT_BYTES:
                wanted = (wanted * (TEXT_BYTES / wanted.sum())).astype(np.int64)
            if need := int(self.state[kernels.NEED]):
                # What the row that found no room needs, at the place it has in a new batch.
                slot = self.plan.slots[self.state[kernels.COLUMN]]
                if rows:
                    need -= int(self.buffers.offsets[slot, rows])
                else:
                    wanted = self.buffers.ends - self.buffers.starts
                wanted[slot] = max(wanted[slot], need)
            self._share_out(wanted)
        self.state[kernels.ROWS] = 0
        self.state[kernels.ODD] = 0
        self.state[kernels.NEED] = 0

    def _share_out(self, lengths: Integers) -> None:
        starts = self.buffers.starts
        # Each begins where a buffer of Arrow may.
        padded = (lengths + 63) // 64 * 64
        starts[:] = np.concatenate(([0], np.cumsum(padded)[:-1]))
        self.buffers.ends[:] = starts + lengths
        total = int(padded.sum())
        if total > len(self.buffers.data) or total < len(self.buffers.data) // 4:
            self.buffers = self.buffers._replace(data=np.empty(max(total, TEXT_BYTES), np.uint8))

    def _array(self, index: int, column: WireColumn) -> pa.Array:
        rows = self.rows
        slot = self.plan.slots[index]
        valid = self.buffers.valid[index, :rows]
        nulls = rows - np.count_nonzero(valid)
        bitmap = pa.py_buffer(np.packbits(valid, bitorder="little")) if nulls else None
        if column.is_text:
            start = self.buffers.starts[slot]
            offsets = self.buffers.offsets[slot, : rows + 1]
            data = self.buffers.data[start : start + offsets[rows]]
            buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(data)]
        elif column.is_wide:
            buffers = [bitmap, pa.py_buffer(self.buffers.wide[slot, :rows])]
        else:
            values = _values(column, self.buffers.fixed[slot, :rows])
            buffers = [bitmap, pa.py_buffer(values)]
        return pa.Array.from_buffers(column.arrow, rows, buffers, nulls)

    def _odd_values(self) -> list[OddValue]:
        return [
            _odd_value(int(row), self._columns[index], int(raw))
            for row, index, raw in self.buffers.odd[: self.state[kernels.ODD]]
        ]


def _values(column: WireColumn, values: Integers) -> NDArray[Any]:
    if column.kind == kernels.BOOL:
        return np.packbits(values.astype(np.uint8), bitorder="little")
    if column.kind == kernels.DECIMAL:
        wide = np.empty((len(values), 2), np.int64)
        wide[:, 0] = values
        np.right_shift(values, 63, out=wide[:, 1])
        return wide
    if column.arrow.bit_width == 32:
        return values.astype(np.int32)
    return values


def _odd_value(row: int, column: WireColumn, raw: int) -> OddValue:
    if column.is_decimal:
        text = SPECIAL_SIGNS[raw]
        return OddValue(row, column.name, text, f"{column.arrow} has no {text}")
    bits = column.arrow.bit_width
    if raw == 2 ** (bits - 1) - 1:
        text = "infinity"
    elif raw == -(2 ** (bits - 1)):
        text = "-infinity"
    else:
        text = print_timestamp(
            raw + kernels.EPOCH_MICROSECONDS, has_zone=column.arrow.tz is not None
        )
        return OddValue(row, column.name, text, f"{column.arrow} ends before it")
    return OddValue(row, column.name, text, f"{column.arrow} has no {text}")
