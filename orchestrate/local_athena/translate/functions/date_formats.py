"""Patterns of MySQL and Joda-Time, written as DuckDB's strftime and strptime read them.

https://trino.io/docs/current/functions/datetime.html#mysql-date-functions,
https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html
"""

from __future__ import annotations

import re

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.terms import not_supported

_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I",
    "I": "%I", "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p",
    "r": "%I:%M:%S %p", "S": "%S", "s": "%S", "T": "%H:%M:%S", "v": "%V", "W": "%A", "x": "%G",
    "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip
_UNSUPPORTED = "DUuVwX"

# What date_parse reads of each, and the digits it may have.
_PARSED = {
    "c": ("%m", "[0-9]{1,2}"), "d": ("%d", "[0-9]{1,2}"), "e": ("%d", "[0-9]{1,2}"),
    "H": ("%H", "[0-9]{1,2}"), "k": ("%H", "[0-9]{1,2}"), "h": ("%I", "[0-9]{1,2}"),
    "I": ("%I", "[0-9]{1,2}"), "l": ("%I", "[0-9]{1,2}"), "i": ("%M", "[0-9]{1,2}"),
    "m": ("%m", "[0-9]{1,2}"), "S": ("%S", "[0-9]{1,2}"), "s": ("%S", "[0-9]{1,2}"),
    "Y": ("%Y", "[0-9]{4}"), "f": ("%f", "[0-9]{1,6}"), "p": ("%p", "(?i:am|pm)"),
    "T": ("%H:%M:%S", "[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}"), "b": ("%b", "(?i:[a-z]{3})"),
    "M": ("%B", "(?i:[a-z]+)"), "%": ("%%", "%"),
}  # fmt: skip


def _mysql_letters(pattern: str) -> list[tuple[bool, str]]:
    """Split into letters after `%` (true) and plain ones."""
    parts, at = [], 0
    while at < len(pattern):
        if pattern[at] == "%":  # the last one alone is nothing
            parts += [(True, letter) for letter in pattern[at + 1 : at + 2]]
            at += 2
        else:
            parts.append((False, pattern[at]))
            at += 1
    for is_letter, letter in parts:
        if is_letter and letter in _UNSUPPORTED:
            raise QueryError(
                "INVALID_FUNCTION_ARGUMENT", f"%{letter} not supported in date format string"
            )
    return parts


def mysql_format(pattern: str) -> str:
    """Write a pattern of date_format for strftime."""
    made = ""
    for is_letter, letter in _mysql_letters(pattern):
        made += _MYSQL.get(letter, letter) if is_letter else letter.replace("%", "%%")
    return made


def mysql_parse(pattern: str) -> tuple[str, str]:
    """Write a pattern of date_parse for strptime, with the regular expression of what it reads.

    The text is to be read with `1970 ` before it: the year of a time alone, 1900 to DuckDB.

    Raises:
        QueryError: It holds what the two read otherwise.
    """
    made, checked = "", ""
    for is_letter, letter in _mysql_letters(pattern):
        if not is_letter:
            made += letter.replace("%", "%%")
            checked += re.escape(letter)
            continue
        if letter not in _PARSED:
            raise not_supported(f"date_parse with %{letter}", "use %Y %m %d %H %i %s %f %b %M %p")
        text, digits = _PARSED[letter]
        made += text
        checked += digits
    given = {letter for is_letter, letter in _mysql_letters(pattern) if is_letter}
    if "Y" in given:  # it comes second, and counts
        return f"1970 {made}", checked
    if given & set("bcdeMm"):
        raise not_supported("date_parse of a month or day without a year", "give %Y")
    return f"%Y {made}", checked


_JODA = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d",
    "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S",
    "s": "%-S", "SSS": "%g", "a": "%p", "EEEE": "%A", "EEE": "%a", "E": "%a", "DDD": "%j",
    "D": "%-j", "xxxx": "%G", "ww": "%V", "e": "%u", "YYYY": "%Y",
}  # fmt: skip


def joda_format(pattern: str) -> str:
    """Write a pattern of format_datetime for strftime.

    Raises:
        QueryError: It holds letters that strftime has no like of.
    """
    made = ""
    for part in re.finditer(r"''|'((?:[^']|'')*)'|([A-Za-z])\2*|.", pattern, re.DOTALL):
        text = part.group()
        if text == "''":
            made += "'"
        elif text.startswith("'"):
            made += part.group(1).replace("''", "'").replace("%", "%%")
        elif part.group(2):
            if text not in _JODA:
                raise not_supported(f"format_datetime with {text}", "use yyyy MM dd HH mm ss SSS")
            made += _JODA[text]
        else:
            made += text.replace("%", "%%")
    return made
