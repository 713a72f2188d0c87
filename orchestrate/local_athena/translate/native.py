"""Functions of Trino's that DuckDB has no like of, in Python; NULLs do not come to them.

One that fails does so with Trino's name of the error first; TRY catches it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import unicodedata
import zlib
from collections.abc import Callable
from typing import Any

from orchestrate.local_athena.translate.hashes import xxhash64

Function = tuple[Callable[..., Any], tuple[str, ...], str]


def _crc32(data: bytes) -> int:  # zlib's own takes a second argument, which DuckDB would want
    return zlib.crc32(data)


def _base32(text: str) -> bytes:
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Invalid base32: {text}") from None


# https://trino.io/docs/current/functions/string.html#soundex: American Soundex.
_SOUNDEX = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "01230120022455012623010202", strict=True))


def _soundex(text: str) -> str:
    if not text.isascii():
        raise ValueError("NOT_SUPPORTED: soundex of letters beyond ASCII: use ASCII letters")
    letters = [letter for letter in text.upper() if letter.isalpha()]
    if not letters:
        return ""
    made, last = letters[0], _SOUNDEX[letters[0]]
    for letter in letters[1:]:
        if letter in "HW":  # silent: what stands around them counts as side by side
            continue
        digit = _SOUNDEX[letter]
        if digit not in ("0", last):
            made += digit
        last = digit
    return made[:4].ljust(4, "0")


def _luhn(text: str) -> bool:
    if not text or not all("0" <= digit <= "9" for digit in text):
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Input must be digits only: {text}")
    digits = [int(digit) for digit in reversed(text)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


_UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def _readable_seconds(seconds: float) -> str:
    """As `96` is `1 minute, 36 seconds`."""
    if not abs(seconds) < 2**63:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: Invalid argument found")
    left, parts = abs(math.floor(seconds + 0.5)), []  # as Java rounds
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return ", ".join(parts) or "0 seconds"


# Of what a JSON text cannot hold as it is, how Trino's writer (Jackson) puts it.
_ESCAPED = {chr(code): f"\\u{code:04X}" for code in range(32)} | dict(
    zip('"\\\b\t\n\f\r', ('\\"', "\\\\", "\\b", "\\t", "\\n", "\\f", "\\r"), strict=True)
)


class _Number(str):
    """A number of a JSON text, as written."""

    __slots__ = ()


def _json_in_order(text: str) -> str:
    """Write a JSON text with the names of each object in order; the last of equal ones stays."""
    found = json.loads(text, parse_float=_Number, parse_int=_Number)
    return _written(found)


def _written(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        pairs = (f"{_written(name)}:{_written(value[name])}" for name in names)
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, str):
        return '"' + "".join(_ESCAPED.get(letter, letter) for letter in value) + '"'
    return json.dumps(value)  # true, false, null


def _hmac(name: str) -> Callable[[bytes, bytes], bytes]:
    return lambda text, key: hmac.digest(key, text, name)


FUNCTIONS: dict[str, Function] = {
    # https://trino.io/docs/current/functions/binary.html
    "trino_crc32": (_crc32, ("BLOB",), "BIGINT"),
    "trino_sha512": (lambda x: hashlib.sha512(x).digest(), ("BLOB",), "BLOB"),
    "trino_xxhash64": (lambda x: xxhash64(x).to_bytes(8, "big"), ("BLOB",), "BLOB"),
    "trino_to_base32": (lambda x: base64.b32encode(x).decode(), ("BLOB",), "VARCHAR"),
    "trino_from_base32": (_base32, ("VARCHAR",), "BLOB"),
    **{
        f"trino_hmac_{name}": (_hmac(name), ("BLOB", "BLOB"), "BLOB")
        for name in ("md5", "sha1", "sha256", "sha512")
    },
    # https://trino.io/docs/current/functions/string.html
    "trino_normalize": (
        lambda text, form: unicodedata.normalize(form, text),
        ("VARCHAR", "VARCHAR"),
        "VARCHAR",
    ),
    "trino_soundex": (_soundex, ("VARCHAR",), "VARCHAR"),
    "trino_luhn": (_luhn, ("VARCHAR",), "BOOLEAN"),
    # https://trino.io/docs/current/functions/datetime.html
    "trino_readable_seconds": (_readable_seconds, ("DOUBLE",), "VARCHAR"),
    # https://trino.io/docs/current/functions/json.html
    "trino_json_in_order": (_json_in_order, ("VARCHAR",), "VARCHAR"),
}
