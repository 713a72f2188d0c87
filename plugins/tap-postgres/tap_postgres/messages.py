"""What the kernels do with a message: plain Python here, replaced by machine code in `compiler`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Bytes = NDArray[np.uint8]
    Limbs = NDArray[np.uint32]

Message = Any
"""A memoryview; when compiled an address."""

Source = Any
"""See `wire`; when compiled see `compiled.source`."""


def next_message(source: Source) -> int:
    """Get the next message; give its length, 0 if none has come, -1 at the end, -2 on an error."""
    length: int = source.fetch()
    return length


def message_bytes(source: Source) -> Message:
    """Give the bytes of the message at hand; when compiled, their address."""
    return source.message


def free_message(source: Source) -> None:
    """Let go of the message at hand."""
    source.message = None


def load8(message: Message, at: int) -> int:
    """Read an unsigned byte."""
    byte: int = message[at]
    return byte


def load16(message: Message, at: int) -> int:
    """Read a signed integer of 2 bytes."""
    return int.from_bytes(message[at : at + 2], "big", signed=True)


def load32(message: Message, at: int) -> int:
    """Read a signed integer of 4 bytes."""
    return int.from_bytes(message[at : at + 4], "big", signed=True)


def load64(message: Message, at: int) -> int:
    """Read a signed integer of 8 bytes."""
    return int.from_bytes(message[at : at + 8], "big", signed=True)


def copy_bytes(data: Bytes, to: int, message: Message, at: int, length: int) -> None:
    """Copy bytes of a message."""
    data[to : to + length] = np.frombuffer(message, np.uint8, length, at)
