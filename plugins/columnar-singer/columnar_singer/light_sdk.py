"""The SDK without the libraries that it imports for what no plugin here does.

A run starts a plugin three times, and half of a start went into importing libraries for HTTP
streams, for draining sinks in parallel and for batch files in cloud storage. While the SDK is
imported each of them is stood in for by an empty module; afterwards it can be imported as ever.

A fifth of what was left went into looking for garbage among the modules' objects, which all stay.

For a console script only: nothing of this happens to a program that uses a plugin as a library.
"""

from __future__ import annotations

import gc
import importlib
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNUSED = (
    "backoff",
    "importlib_metadata",
    "joblib",
    "jsonpath_ng",
    "jsonpath_ng.ext",
    "requests",
    "requests.adapters",
    "requests.auth",
    "requests.exceptions",
    "singer_sdk.streams.graphql",
    "singer_sdk.streams.rest",
    "upath",
    "urllib3",
)
_FOR_ABOUT = ("packaging", "packaging.specifiers", "packaging.version")


class _LeftOut(Exception):  # noqa: N818 (a class that may be asked for as an exception, or a base)
    def __init__(self, *_: object, **__: object) -> NoReturn:
        message = f"{type(self).__name__} is left out by columnar_singer.light_sdk"
        raise NotImplementedError(message)


class _EmptyModule(ModuleType):
    """A module in which every name is a class that cannot be used."""

    __path__ = []  # noqa: RUF012 (which makes it a package)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return sys.modules.get(f"{self.__name__}.{name}") or type(name, (_LeftOut,), {})


def import_sdk() -> None:
    """Import the SDK, unless it is imported already. To be called before anything imports it."""
    if "singer_sdk" in sys.modules:
        return
    unused = _UNUSED if "--about" in sys.argv else (*_UNUSED, *_FOR_ABOUT)
    stand_ins = {name: _EmptyModule(name) for name in unused if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("singer_sdk")
        importlib.import_module("singer_sdk.helpers._batch")
    finally:
        for name in stand_ins:
            del sys.modules[name]


@contextmanager
def importing() -> Iterator[None]:
    """Import what stays until the end without looking for garbage, then or later.

    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
