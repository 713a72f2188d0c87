"""`kernels.read_rows` as machine code, which reads from libpq without Python.

Importing this module takes a twentieth of a second, and some seconds more the first time ever:
numba is imported only then, to make an object file of it. That is kept in NUMBA_CACHE_DIR, or
beside this file, or in the user's cache directory, whichever can be written to.

https://llvmlite.readthedocs.io/en/stable/user-guide/binding/orcjit.html
https://www.postgresql.org/docs/current/libpq-copy.html
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import llvmlite.binding as llvm
import numpy as np
from psycopg import pq

from tap_postgres.object_file import directories, kept_or_made

if TYPE_CHECKING:
    from tap_postgres.kernels import Buffers, Plan
    from tap_postgres.messages import Integers

_ENTRY = "read_rows"
_LIBPQ_FUNCTIONS = ("PQgetCopyData", "PQconsumeInput", "PQfreemem")
_SOURCES = ("compiler.py", "kernels.py", "messages.py", "numerics.py")
_POINTERS, _NUMBERS = 14, 7
"""Among the arguments of `compiler._read_rows`."""


def source(pgconn: pq.abc.PGconn) -> Integers:
    """Give what `read_rows` reads from.

    That is five numbers: the PGconn, its socket, the message, its length and a pollfd.
    """
    return np.array([cast("Any", pgconn).pgconn_ptr, pgconn.socket, 0, 0, 0], np.int64)


def read_rows(source: Integers, plan: Plan, buffers: Buffers, state: Integers) -> int:
    """Do what `kernels.read_rows` does, without the GIL."""
    arrays = (source, *plan, *buffers, state)
    fixeds, wides, texts = (len(each) for each in (buffers.fixed, buffers.wide, buffers.offsets))
    columns, rows = buffers.valid.shape
    code: int = _entry(
        *(array.ctypes.data for array in arrays),
        *(columns, rows, fixeds, wides, texts, len(buffers.data), len(buffers.odd)),
    )
    return code


def _libpq() -> ctypes.CDLL:
    """Give the libpq that psycopg itself uses: a connection of another would be of no use."""
    if pq.__impl__ == "python":
        from psycopg.pq import _pq_ctypes

        return cast("Any", _pq_ctypes).pq  # type: ignore[no-any-return]
    # The search through the extension module goes on in the libraries it was linked with.
    return ctypes.CDLL(importlib.import_module(f"psycopg_{pq.__impl__}.pq").__file__)


def _symbols() -> dict[str, int]:
    library = _libpq()
    return {
        name: cast("int", ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
        for name in _LIBPQ_FUNCTIONS
    }


def _name() -> str:
    """Name all that the object depends on: the sources, what compiles them, the processor."""
    texts = (
        version("numba"),
        version("llvmlite"),
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    )
    digest = hashlib.sha256("\0".join(texts).encode())
    for source_name in _SOURCES:
        digest.update(Path(__file__).with_name(source_name).read_bytes())
    return f"kernels-{digest.hexdigest()}.o"


def _make() -> bytes:
    from tap_postgres.compiler import compile_object

    return compile_object(_ENTRY, _libpq_symbols)


def _link(machine_code: bytes) -> llvm.ResourceTracker:
    """Bring an object into memory; it stays as long as what is returned."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = llvm.JITLibraryBuilder().add_object_img(machine_code).add_current_process()
    for name, address in _libpq_symbols.items():
        library.import_symbol(name, address)
    # The older linker, which is the default, puts code and constants wherever there is room, and
    # does not notice when that is too far apart.
    compiler = llvm.create_lljit_compiler(use_jit_link=True)
    return library.export_symbol(_ENTRY).link(compiler, "tap_postgres")


# Now, so that importing this module is all that it takes to have the machine code ready.
_libpq_symbols = _symbols()
_linked = _link(kept_or_made(_name(), _make, directories()))
_entry = ctypes.CFUNCTYPE(
    ctypes.c_int64, *[ctypes.c_void_p] * _POINTERS, *[ctypes.c_int64] * _NUMBERS
)(_linked[_ENTRY])
