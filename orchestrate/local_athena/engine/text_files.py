r"""Text as Athena's LazySimpleSerDe reads it: fields between delimiters, without quotes.

What a field of another type does not hold is NULL. DuckDB drops blank lines, knows no escapes
without quotes, and takes `1.5`, `0x1F` and ` 3 ` for whole numbers, and `yes` for true.
https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html
https://github.com/trinodb/trino/tree/master/lib/trino-hive-formats
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrate.local_athena.engine.duck import literal, quoted
from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.types import Type, duckdb_name

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Mapping

    from orchestrate.local_athena.engine.line_files import Records

ESCAPE = "escape.delim"
# What files of text hold as Hive writes it, and DuckDB otherwise.
_NOT_IN_TEXT = ("array", "map", "row", "varbinary")
_WHOLE = r"[+-]?(?:\d+(?:\.\d*)?|\.\d*)"
FRACTION = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
NO_NUMBER = r"NaN|[+-]?Infinity"
_DAY, _TIME = r"\d{1,4}-\d{1,2}-\d{1,2}", r"[ T]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{1,9})?"
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([0-1][0-7]{2})|(.))", re.DOTALL)
_LETTERS = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


def hive_string(text: str) -> str:
    r"""A string of Hive's DDL without its escapes: `\t` is a tab, `\\` a backslash."""

    def of_one(match: re.Match[str]) -> str:
        if match[1] or match[2]:
            return chr(int(match[1] or match[2], 16 if match[1] else 8))
        return _LETTERS.get(match[3], match[0] if match[3] in "%_" else match[3])

    return _ESCAPED.sub(of_one, text)


def delimiter(parameters: Mapping[str, str]) -> str:
    """What stands between the fields: a character, or the number of one."""
    found = parameters.get("field.delim") or parameters.get("serialization.format") or "\x01"
    return _character(found)


def null_text(parameters: Mapping[str, str]) -> str:
    """The text that is NULL."""
    return parameters.get("serialization.null.format", "\\N")


def refuse_types(columns: Mapping[str, Type]) -> None:
    """Refuse columns that files of text hold in a way of Hive's own.

    Raises:
        QueryError: There is one.
    """
    for name, kind in columns.items():
        if kind.name in _NOT_IN_TEXT:
            raise QueryError(
                "NOT_SUPPORTED",
                f"column {name}: the local Athena neither reads nor writes {kind} in files of "
                "text; use Parquet or JSON",
            )


def records(parameters: Mapping[str, str], columns: Mapping[str, Type], skipped: int) -> Records:
    """How the records of a file are read.

    Args:
        parameters: Of the serde.
        columns: The table's.
        skipped: Lines at the beginning of each file.

    Raises:
        QueryError: There are columns or parameters that are not read.
    """
    refuse_types(columns)
    if "timestamp.formats" in parameters:
        raise QueryError("NOT_SUPPORTED", "the local Athena does not read timestamp.formats")
    separator, null = delimiter(parameters), null_text(parameters)
    escape = _character(parameters[ESCAPE] or "\\") if ESCAPE in parameters else ""
    takes_rest = parameters.get("serialization.last.column.takes.rest", "").lower() == "true"
    most = len(columns) - 1 if takes_rest else -1
    texts = [kind.is_text for kind in columns.values()]

    def fields(line: str) -> list[str | None]:
        if not escape or escape not in line:
            found = line.split(separator, most) if most else [line]
            return [None if each == null else each for each in found]
        # An escaped NULL is the text, and numbers know no escapes.
        return [
            None if each == null else _unescaped(each, escape) if is_text else each
            for each, is_text in zip(_split(line, separator, escape, most), texts, strict=False)
        ]

    def read(_: str, text: io.TextIOWrapper) -> Iterator[list[str | None]]:
        for _number in range(skipped):
            text.readline()
        for line in text:
            yield fields(line.removesuffix("\n").removesuffix("\r"))

    return read


def value(name: str, kind: Type) -> str:
    """A text of a file as its column's type; NULL if it is none of its values."""
    column, target = quoted(name), duckdb_name(kind)
    if kind.is_text:
        return fitted(column, kind)
    if kind.name == "boolean":
        return f"case lower({column}) when 'true' then true when 'false' then false end"
    if kind.is_integer:
        # The digits behind a point are dropped; there may be none before it.
        digits = f"regexp_replace({column}, '^([+-]?)(\\d*).*$', '\\10\\2')"
        return f"try_cast({_if_whole(column, _WHOLE, digits)} as {target})"
    if kind.name == "decimal":
        return f"try_cast({_if_whole(column, FRACTION, column)} as {target})"
    if kind.name in ("real", "double"):
        text = f"trim({column})"
        return f"try_cast({_if_whole(text, f'{FRACTION}|{NO_NUMBER}', text)} as {target})"
    if kind.name == "date":
        text = f"split_part(trim({column}), ' ', 1)"
        return f"try_cast({_if_whole(text, _DAY, text)} as {target})"
    if kind.name == "timestamp":
        text = f"trim({column})"
        return f"try_cast({_if_whole(text, f'{_DAY}(?:{_TIME})?', text)} as {target})"
    raise QueryError("NOT_SUPPORTED", f"column {name}: files of text hold no {kind}")


def fitted(sql: str, kind: Type) -> str:
    """A text at the length of its type: cut, and a char padded."""
    if not kind.is_text or not kind.params:
        return sql
    length = kind.params[0]
    cut = f"substr({sql}, 1, {length})"
    return cut if kind.name == "varchar" else f"rpad({cut}, {length}, ' ')"


def _if_whole(sql: str, pattern: str, result: str) -> str:
    return f"case when regexp_full_match({sql}, {literal(pattern)}) then {result} end"


def _character(text: str) -> str:
    if re.fullmatch(r"[+-]?\d+", text) and 0 <= int(text) <= 127:
        return chr(int(text))
    return text[0]


def _split(line: str, separator: str, escape: str, most: int) -> list[str]:
    found: list[str] = []
    start = place = 0
    while place < len(line) and len(found) != most:
        if line[place] == separator:
            found.append(line[start:place])
            start = place + 1
        elif line[place] == escape:
            place += 1
        place += 1
    return [*found, line[start:]]


def _unescaped(field: str, escape: str) -> str:
    return re.sub(f"{re.escape(escape)}(.)", r"\1", field, flags=re.DOTALL)
