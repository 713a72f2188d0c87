"""Which change of a column's type keeps every value."""

from __future__ import annotations

import re

_TYPE = re.compile(r"^(?P<name>[^(]+?)(?:\((?P<arguments>[\d,\s-]+)\))?$")
_INTEGER_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}
_INTEGERS = list(_INTEGER_DIGITS)
_STRINGS = {"character varying", "text"}


def is_wider(wanted: str, found: str) -> bool:
    """Tell whether a column can take a type without any of its values changing.

    Integers grow to larger integers and to numeric, numeric to numeric with no fewer digits
    before and after the point, both to text; real to double precision; varchar to longer varchar
    and text.

    Args:
        wanted: Type to change to, as `format_type` prints it.
        found: Type of the column, as `format_type` prints it.

    Returns:
        False for the same type, too.
    """
    wanted_name, wanted_arguments = _parse(wanted)
    found_name, found_arguments = _parse(found)
    if found_name in _INTEGERS and wanted_name in _INTEGERS:
        return _INTEGERS.index(wanted_name) > _INTEGERS.index(found_name)
    if wanted == "text" and found_name in {*_INTEGERS, "numeric"}:
        return True
    if wanted_name == "numeric" and found_name in _INTEGERS:
        return _holds(wanted_arguments, _INTEGER_DIGITS[found_name], 0)
    if wanted_name == found_name == "numeric":
        if not found_arguments or wanted_arguments == found_arguments:
            return False
        precision, scale = _digits(found_arguments)
        return _holds(wanted_arguments, precision - scale, scale)
    if (wanted_name, found_name) == ("double precision", "real"):
        return True
    if wanted_name in _STRINGS and found_name == "character varying" and found_arguments:
        return not wanted_arguments or wanted_arguments[0] > found_arguments[0]
    return (wanted, found) == ("text", "character varying")


def _parse(datatype: str) -> tuple[str, list[int]]:
    found = _TYPE.match(datatype)
    if not found:
        return datatype, []
    arguments = found["arguments"]
    return found["name"], [int(each) for each in arguments.split(",")] if arguments else []


def _digits(arguments: list[int]) -> tuple[int, int]:
    return arguments[0], arguments[1] if len(arguments) > 1 else 0


def _holds(numeric_arguments: list[int], whole_digits: int, fraction_digits: int) -> bool:
    """Tell whether numeric with these arguments holds so many digits; without any, it does."""
    if not numeric_arguments:
        return True
    precision, scale = _digits(numeric_arguments)
    return precision - scale >= whole_digits and scale >= fraction_digits
