# ruff: noqa: PLR0917
"""Machine code of `kernels.read_rows`, made by numba: a native object for this processor.

Importing numba takes a quarter of a second and compiling some seconds; `compiled` keeps what comes
out, so that neither is needed again.

https://numba.readthedocs.io/en/stable/extending/high-level.html
https://numba.readthedocs.io/en/stable/user/cfunc.html
https://www.postgresql.org/docs/current/libpq-copy.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import cfunc, types
from numba.extending import intrinsic, overload, register_jitable
from numba.np.arrayobj import get_cfarray_intrinsic

from tap_postgres import kernels, messages

if TYPE_CHECKING:
    from collections.abc import Mapping

Unknown = Any
"""What numba infers."""

IDLE_MILLISECONDS = 100
"""How long the compiled code waits for the server before it lets Python look at its signals."""

_POLLIN = 1

_OPTIONS: Any = {
    # Without counting references to arrays, which takes more time than all the rest: the caller
    # holds them, and nothing in here makes one.
    "_nrt": False,
    "forceinline": True,
    # Nothing is divided by zero: without the exception for it nothing of Python is called.
    "error_model": "numpy",
}

# Pointers are plain integers here.
_get_copy_data = types.ExternalFunction(
    "PQgetCopyData", types.int32(types.intp, types.intp, types.int32)
)
_consume_input = types.ExternalFunction("PQconsumeInput", types.int32(types.intp))
_free = types.ExternalFunction("PQfreemem", types.void(types.intp))
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


for helper in (*kernels.HELPERS, kernels.read_rows):
    register_jitable(**_OPTIONS)(helper)

# What `numba.carray` is made of; that itself is refused without counting references.
_array = get_cfarray_intrinsic("C", None)

_INT64, _INT32, _UINT32, _UINT8 = (
    types.CPointer(each) for each in (types.int64, types.int32, types.uint32, types.uint8)
)
_SIGNATURE = types.int64(
    *(_INT64, _INT64, _INT64, _INT64, _INT64),
    *(_UINT8, _INT64, _UINT32, _INT32, _INT64, _INT64, _UINT8, _INT64, _INT64),
    *[types.int64] * 7,
)


def _read_rows(
    source: Unknown,
    kinds: Unknown,
    slots: Unknown,
    scales: Unknown,
    limits: Unknown,
    valid: Unknown,
    fixed: Unknown,
    wide: Unknown,
    offsets: Unknown,
    starts: Unknown,
    ends: Unknown,
    data: Unknown,
    odd: Unknown,
    state: Unknown,
    columns: Unknown,
    rows: Unknown,
    fixeds: Unknown,
    wides: Unknown,
    texts: Unknown,
    data_bytes: Unknown,
    odds: Unknown,
) -> Unknown:
    """Call `kernels.read_rows` with arrays; given are their addresses, then their dimensions."""
    return kernels.read_rows(
        _array(source, 5),
        kernels.Plan(
            _array(kinds, columns),
            _array(slots, columns),
            _array(scales, columns),
            _array(limits, columns),
        ),
        kernels.Buffers(
            _array(valid, (columns, rows)),
            _array(fixed, (fixeds, rows)),
            _array(wide, (wides, rows, 4)),
            _array(offsets, (texts, rows + 1)),
            _array(starts, texts),
            _array(ends, texts),
            _array(data, data_bytes),
            _array(odd, (odds, 3)),
        ),
        _array(state, kernels.STATE_SIZE),
    )


def compile_object(name: str, symbols: Mapping[str, int]) -> bytes:
    """Compile; takes some seconds.

    Args:
        name: Of the function in the object, which has the arguments of `_read_rows`.
        symbols: Addresses of the functions of libpq.

    Returns:
        A relocatable object with the function, which needs the symbols, and `poll` and `memcpy`
        of the C library.
    """
    for symbol, address in symbols.items():
        llvmlite.binding.add_symbol(symbol, address)
    function = cfunc(_SIGNATURE, **_OPTIONS)(_read_rows)
    module = llvmlite.binding.parse_assembly(function.inspect_llvm())
    module.get_function(function.native_name).name = name
    machine = llvmlite.binding.Target.from_default_triple().create_target_machine(
        cpu=llvmlite.binding.get_host_cpu_name(),
        features=llvmlite.binding.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="small",
    )
    return machine.emit_object(module)  # type: ignore[no-any-return]
