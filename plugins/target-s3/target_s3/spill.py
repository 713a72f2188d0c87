"""Rows on local disk, divided by their key, so that each key's rows can be looked at in memory."""

from __future__ import annotations

import itertools
import tempfile
from typing import IO, TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PART_BYTES = 16 * 1024 * 1024
"""What a part should have, as Arrow; a few times as much is in memory while it is worked on."""

MAX_PARTS = 512
"""A part is an open file."""

_WORD = pa.uint64()
_WORD_BYTES = 8
_PADDING = pa.scalar(bytes(_WORD_BYTES), pa.binary())
_MULTIPLIER = pa.scalar(0x9E3779B97F4A7C15, _WORD)
"""2^64 divided by the golden ratio: https://en.wikipedia.org/wiki/Hash_function#Fibonacci_hashing"""


class KeySpill:
    """Takes rows in any order and gives them back in parts; all rows of a key are in one part.

    Few rows stay in memory. More go to temporary files that have no name, so that they vanish
    with this process however it ends.
    """

    def __init__(self, keys: Sequence[str], expected_bytes: int) -> None:
        """Start empty.

        Args:
            keys: Names of the key columns. NULL is a value like any other.
            expected_bytes: About how much will come, as Arrow.
        """
        self._keys = list(keys)
        # The next power of two.
        self._bits = (min(MAX_PARTS, max(2, expected_bytes // PART_BYTES)) - 1).bit_length()
        self._pending: list[pa.Table] = []
        self._pending_bytes = 0
        self._schema: pa.Schema | None = None
        self._files: list[IO[bytes]] = []
        self._writers: list[pa.ipc.RecordBatchStreamWriter] = []

    def add(self, rows: pa.Table) -> None:
        """Add rows; all must have the same schema."""
        self._schema = self._schema or rows.schema
        self._pending.append(rows)
        self._pending_bytes += rows.nbytes
        if self._pending_bytes >= PART_BYTES:
            self._write()

    def parts(self) -> Iterator[pa.Table]:
        """Give the rows back, once.

        Yields:
            Each part; of one key, the rows in the order in which they came.
        """
        for batches in self._batches_of_parts():
            yield pa.concat_tables(batches)

    def tables(self, max_bytes: int) -> Iterator[pa.Table]:
        """Give the rows back, once, where a part may be too large for memory.

        Args:
            max_bytes: About the size of each table.

        Yields:
            The rows of one part after the other, of each in the order in which they came.
        """
        for batches in self._batches_of_parts():
            waiting, waiting_bytes = [], 0
            for batch in batches:
                waiting.append(batch)
                waiting_bytes += batch.nbytes
                if waiting_bytes >= max_bytes:
                    yield pa.concat_tables(waiting)
                    waiting, waiting_bytes = [], 0
            if waiting:
                yield pa.concat_tables(waiting)

    def close(self) -> None:
        """Forget the rows."""
        self._pending, self._writers = [], []
        for file in self._files:
            file.close()
        self._files = []

    def _batches_of_parts(self) -> Iterator[Iterable[pa.Table]]:
        if not self._writers:
            if self._pending:
                yield self._pending
            return
        self._write()
        for writer, file in zip(self._writers, self._files, strict=True):
            writer.close()
            file.seek(0)
            with file, pa.ipc.open_stream(pa.PythonFile(file, "r")) as reader:
                empty = reader.schema.empty_table()
                yield itertools.chain([empty], (pa.Table.from_batches([batch]) for batch in reader))
        self.close()

    def _write(self) -> None:
        if not self._pending:
            return
        assert self._schema is not None  # noqa: S101 (`add` sets it)
        rows = pa.concat_tables(self._pending)
        self._pending, self._pending_bytes = [], 0
        if not self._writers:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            for _ in range(1 << self._bits):
                file = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
                self._files.append(file)
                sink = pa.PythonFile(file, "w")
                self._writers.append(pa.ipc.new_stream(sink, self._schema, options=options))
        part = _part_numbers(rows, self._keys, self._bits)
        rows = rows.take(pc.sort_indices(part))
        runs = pc.run_end_encode(part.sort())
        start = 0
        for number, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            self._writers[number].write_table(rows.slice(start, end - start).combine_chunks())
            start = end


def _part_numbers(rows: pa.Table, keys: Sequence[str], bits: int) -> pa.Array:
    """Give each row the number of its part: a hash of its key.

    Of each value the first and the last eight bytes of its text count: numbers, times and UUIDs
    differ there. Values that do not would only share a part.
    """
    value = pa.repeat(pa.scalar(0, _WORD), rows.num_rows)
    for name in keys:
        text = _as_bytes(rows[name])
        padded = pc.binary_join_element_wise(_PADDING, text, _PADDING, pa.scalar(b""))
        for start in (_WORD_BYTES, -2 * _WORD_BYTES):
            piece = pc.binary_slice(padded, start, start + _WORD_BYTES)
            word = piece.cast(pa.binary(_WORD_BYTES)).view(_WORD)
            value = pc.multiply(pc.bit_wise_xor(value, word), _MULTIPLIER)
            value = pc.bit_wise_xor(value, pc.shift_right(value, pa.scalar(29, _WORD)))
    spread = pc.multiply(value, _MULTIPLIER)
    return pc.shift_right(spread, pa.scalar(_WORD.bit_width - bits, _WORD)).cast(pa.uint16())


def _as_bytes(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_timestamp(array.type):
        # Of its text the last bytes would be mostly zeros.
        array = array.view(pa.int64())
    if not pa.types.is_binary(array.type):
        array = array.cast(pa.string())
    return pc.fill_null(array.cast(pa.binary()), b"\xff")
