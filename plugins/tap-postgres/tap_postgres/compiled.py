"""`kernels.read_rows` as machine code, which reads from libpq without Python.

Importing this module takes a third of a second, and some seconds more the first time ever: numba
then compiles, and keeps the result beside `kernels.py`, or where NUMBA_CACHE_DIR says, or in the
user's cache directory, whichever can be written to.

https://numba.readthedocs.io/en/stable/extending/high-level.html
https://www.postgresql.org/docs/current/libpq-copy.html
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload, register_jitable
from psycopg import pq

from tap_postgres import kernels, messages, numerics

if TYPE_CHECKING:
    from tap_postgres.messages import Integers

Unknown = Any
"""What numba infers."""

IDLE_MILLISECONDS = 100
"""How long the compiled code waits for the server before it lets Python look at its signals."""

_POLLIN = 1

# Without counting references to arrays, which takes more time than all the rest: the caller holds
# them, and nothing in here makes one.
_OPTIONS: Any = {"_nrt": False, "forceinline": True}


def _libpq() -> ctypes.CDLL:
    """Give the libpq that psycopg itself uses: a connection of another would be of no use."""
    if pq.__impl__ == "python":
        from psycopg.pq import _pq_ctypes

        return cast("Any", _pq_ctypes).pq  # type: ignore[no-any-return]
    # The search through the extension module goes on in the libraries it was linked with.
    return ctypes.CDLL(importlib.import_module(f"psycopg_{pq.__impl__}.pq").__file__)


_library = _libpq()


def _external(name: str, signature: Unknown) -> Unknown:
    address = ctypes.cast(getattr(_library, name), ctypes.c_void_p).value
    llvmlite.binding.add_symbol(name, address)
    return types.ExternalFunction(name, signature)


# Pointers are plain integers here.
_get_copy_data = _external("PQgetCopyData", types.int32(types.intp, types.intp, types.int32))
_consume_input = _external("PQconsumeInput", types.int32(types.intp))
_free = _external("PQfreemem", types.void(types.intp))
_poll = types.ExternalFunction("poll", types.int32(types.intp, types.uint64, types.int32))
_memcpy = types.ExternalFunction("memcpy", types.intp(types.intp, types.intp, types.intp))


def _load(bits: int) -> Unknown:
    """Make the function that loads a number in network order from an address."""

    @intrinsic
    def load(_context: Unknown, address: Unknown) -> Unknown:
        def generate(
            _context: Unknown, builder: Unknown, _signature: Unknown, arguments: Unknown
        ) -> Unknown:
            pointer = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            value = builder.load(pointer, align=1)
            if bits == 8:
                return builder.zext(value, ir.IntType(64))
            return builder.sext(builder.bswap(value), ir.IntType(64))

        return types.int64(types.int64), generate

    return load


_load8, _load16, _load32, _load64 = (_load(bits) for bits in (8, 16, 32, 64))


def source(pgconn: pq.abc.PGconn) -> Integers:
    """Give what `read_rows` reads from.

    That is five numbers: the PGconn, its socket, the message, its length and a pollfd.
    """
    return np.array([cast("Any", pgconn).pgconn_ptr, pgconn.socket, 0, 0, 0], np.int64)


@overload(messages.next_message, jit_options=_OPTIONS)
def _next_message(source: Unknown) -> Unknown:
    def implementation(source: Unknown) -> Unknown:
        while True:
            length = _get_copy_data(source[0], source.ctypes.data + 16, 1)
            if length != 0:
                source[3] = length
                return np.int64(length)
            source[4] = source[1] | (_POLLIN << 32)
            if _poll(source.ctypes.data + 32, 1, IDLE_MILLISECONDS) <= 0:
                return np.int64(0)
            if _consume_input(source[0]) == 0:
                return np.int64(-2)

    return implementation


@overload(messages.message_bytes, jit_options=_OPTIONS)
def _message_bytes(source: Unknown) -> Unknown:
    def implementation(source: Unknown) -> Unknown:
        return source[2]

    return implementation


@overload(messages.free_message, jit_options=_OPTIONS)
def _free_message(source: Unknown) -> Unknown:
    def implementation(source: Unknown) -> Unknown:
        _free(source[2])
        source[2] = 0

    return implementation


def _replace_load(plain: Unknown, load: Unknown) -> None:
    @overload(plain, jit_options=_OPTIONS)
    def replacement(message: Unknown, at: Unknown) -> Unknown:
        def implementation(message: Unknown, at: Unknown) -> Unknown:
            return load(message + at)

        return implementation


_replace_load(messages.load8, _load8)
_replace_load(messages.load16, _load16)
_replace_load(messages.load32, _load32)
_replace_load(messages.load64, _load64)


@overload(messages.copy_bytes, jit_options=_OPTIONS)
def _copy_bytes(
    data: Unknown, to: Unknown, message: Unknown, at: Unknown, length: Unknown
) -> Unknown:
    def implementation(
        data: Unknown, to: Unknown, message: Unknown, at: Unknown, length: Unknown
    ) -> Unknown:
        _memcpy(data.ctypes.data + to, message + at, length)

    return implementation


for helper in kernels.HELPERS:
    register_jitable(**_OPTIONS)(helper)

read_rows: Any = numba.njit(nogil=True, cache=True, **_OPTIONS)(kernels.read_rows)


def _stamp() -> str:
    """Name the sources that the machine code was made of."""
    sources = [kernels.__file__, messages.__file__, numerics.__file__, __file__]
    return hashlib.sha256(b"".join(Path(path).read_bytes() for path in sources)).hexdigest()


# By itself numba looks at one file only, and at the time that it was written: an image that was
# copied would compile again, and a change of the others would go unnoticed.
read_rows._cache._cache_file._source_stamp = _stamp()

# Now, so that importing this module is all that it takes to have the machine code ready.
_NUMBERS = np.zeros(0, np.int64)
read_rows.compile(
    tuple(
        numba.typeof(argument)
        for argument in (
            _NUMBERS,
            kernels.Plan(_NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS),
            kernels.Buffers(
                valid=np.zeros((0, 0), np.uint8),
                fixed=np.zeros((0, 0), np.int64),
                wide=np.zeros((0, 0, 4), np.uint32),
                offsets=np.zeros((0, 0), np.int32),
                starts=_NUMBERS,
                ends=_NUMBERS,
                data=np.zeros(0, np.uint8),
                odd=np.zeros((0, 3), np.int64),
            ),
            _NUMBERS,
        )
    )
)
