"""JSON as Athena's two serdes read it: an object a line, its keys found whatever their case.

Columns become text, as JSON again where they are nested; DuckDB makes the types of it.
https://docs.aws.amazon.com/athena/latest/ug/json-serde.html
https://github.com/trinodb/trino/tree/master/lib/trino-hive-formats
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestrate.local_athena.engine.duck import literal, quoted
from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.types import Type, duckdb_name, inside

if TYPE_CHECKING:
    import io

    from orchestrate.local_athena.engine.line_files import Records

_MAPPING = "mapping."
_NESTED = ("array", "map", "row")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]?Infinity", re.ASCII)
_BASED = re.compile(r"0[xX]([0-9a-fA-F]+)|0([0-7]+)")
_MOST_DIGITS = 40  # More are no whole number of any type.


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _BadValueError(Exception):
    """A value that is not of its column's type."""


@dataclass(frozen=True)
class _Serde:
    """How a serde takes objects; an object is a tuple of pairs here, an array a list.

    Attributes:
        is_openx: Whether it is OpenX's serde, which takes more for a value than Hive's.
        folds: Whether keys are found whatever their case.
        dots: Whether a dot in a key is found as `_`.
        keys: The keys of columns that are named otherwise.
    """

    is_openx: bool
    folds: bool = True
    dots: bool = False
    keys: dict[str, str] = field(default_factory=dict)

    def row(self, pairs: tuple[tuple[str, Any], ...], columns: Mapping[str, Type]) -> list[Any]:
        """The values of columns in an object."""
        found: dict[str, Any] = {}
        for key, value in pairs:
            folded = key.lower() if self.folds else key
            if folded in found and self.is_openx:
                raise _BadValueError(f"Duplicate key {json.dumps(key)}")
            found[folded] = value
        if self.dots:
            for key, value in list(found.items()):
                found.setdefault(key.replace(".", "_"), value)
        wanted = [self.keys.get(name, name) for name in columns]
        return [found.get(name.lower() if self.folds else name) for name in wanted]

    def text(self, value: object, kind: Type) -> str | None:
        """A column's value as text."""
        if value is None:
            return None
        return self._nested(value, kind) if kind.name in _NESTED else self._scalar(value, kind)

    def _nested(self, value: object, kind: Type) -> str:
        if value is None:
            return "null"
        if kind.name not in _NESTED:
            return json.dumps(self._scalar(value, kind))
        if self.is_openx and isinstance(value, str) and not value.strip() and kind.name != "row":
            return "null"
        if kind.name == "array" and (isinstance(value, list) or self.is_openx):
            items = value if isinstance(value, list) else [value]
            return f"[{', '.join(self._nested(each, kind.items[0]) for each in items)}]"
        if kind.name == "map" and isinstance(value, tuple):
            return _object((key, self._nested(each, kind.items[1])) for key, each in value)
        if kind.name == "row" and isinstance(value, tuple):
            fields = {name or "": item for name, item in zip(kind.fields, kind.items, strict=True)}
            values = zip(fields.items(), self.row(value, fields), strict=True)
            return _object((name, self._nested(each, item)) for (name, item), each in values)
        raise _BadValueError(f"{_json(value)} is no {kind}")

    def _scalar(self, value: object, kind: Type) -> str:
        if isinstance(value, tuple | list):
            if kind.is_text and self.is_openx:
                return _fitted(_json(value), kind)
            raise _BadValueError(f"{_json(value)} is no {kind}")
        text = json.dumps(value) if isinstance(value, bool) else str(value)
        if kind.name == "boolean":
            return "true" if text.lower() == "true" else "false"
        if kind.is_text:
            return _fitted(text, kind)
        is_number = isinstance(value, _Number)
        if kind.is_numeric and not self.is_openx and not is_number and kind.name != "decimal":
            raise _BadValueError(f"{_json(value)} is no {kind}")
        if kind.is_integer and not is_number and (based := _BASED.fullmatch(text)):
            return str(int(based[1] or based[2], 16 if based[1] else 8))
        if kind.is_integer and _NUMBER.fullmatch(text):
            return _whole(text)
        # DuckDB takes more for a number, as `1_000`.
        bare = text if kind.name == "decimal" else text.strip()
        if kind.is_integer or (kind.is_numeric and not _NUMBER.fullmatch(bare)):
            raise _BadValueError(f"{_json(value)} is no {kind}")
        return text


def records(
    parameters: Mapping[str, str], columns: Mapping[str, Type], skipped: int, *, is_openx: bool
) -> Records:
    """How the records of a file are read.

    Args:
        parameters: Of the serde.
        columns: The table's.
        skipped: Lines at the beginning of each file.
        is_openx: Whether OpenX's serde reads them, or Hive's.

    Raises:
        QueryError: There are columns or parameters that are not read.
    """
    refuse_types(columns)
    if "timestamp.formats" in parameters:
        raise QueryError("NOT_SUPPORTED", "the local Athena does not read timestamp.formats")
    serde = _Serde(is_openx=False)
    if is_openx:
        serde = _Serde(
            is_openx=True,
            folds=parameters.get("case.insensitive", "true").lower() == "true",
            dots=parameters.get("dots.in.keys", "false").lower() == "true",
            keys={
                name.removeprefix(_MAPPING).lower(): key
                for name, key in parameters.items()
                if name.startswith(_MAPPING)
            },
        )
    is_lenient = is_openx and parameters.get("ignore.malformed.json", "false").lower() == "true"

    def fields(line: str) -> list[str | None]:
        if is_openx and not line.lstrip().startswith(("{", "[")):
            return []
        try:
            found = json.loads(
                line, object_pairs_hook=tuple, parse_int=_Number, parse_float=_Number
            )
        except ValueError as error:
            if is_lenient:
                return []
            raise _BadValueError(f"Row is not a valid JSON Object: {error}") from None
        if not isinstance(found, tuple):
            raise _BadValueError("Row is not a valid JSON Object")
        values = zip(serde.row(found, columns), columns.values(), strict=True)
        return [serde.text(value, kind) for value, kind in values]

    def read(path: str, text: io.TextIOWrapper) -> Iterator[list[str | None]]:
        for _ in range(skipped):
            text.readline()
        for number, line in enumerate(text, start=skipped + 1):
            try:
                yield fields(line)
            except _BadValueError as error:
                raise QueryError("HIVE_BAD_DATA", f"{path}, line {number}: {error}") from None

    return read


def refuse_types(columns: Mapping[str, Type]) -> None:
    """Refuse columns that files of JSON hold in a way of Hive's own.

    Raises:
        QueryError: There is one.
    """
    for name, kind in columns.items():
        if any(each.name == "varbinary" for each in inside(kind)):
            raise QueryError(
                "NOT_SUPPORTED",
                f"column {name}: the local Athena neither reads nor writes {kind} in files of "
                "JSON; use Parquet",
            )


def value(name: str, kind: Type) -> str:
    """A text of `records` as its column's type."""
    column = quoted(name)
    if kind.name in _NESTED:
        return f"from_json_strict({column}, {literal(json.dumps(duckdb_name(kind)))})"
    return column if kind.is_text else f"cast({column} as {duckdb_name(kind)})"


def _whole(text: str) -> str:
    """A number without what is behind its point."""
    number = Decimal(text)
    is_small = number.is_finite() and number.adjusted() < _MOST_DIGITS
    return str(int(number)) if is_small else text  # DuckDB says that it is none.


def _fitted(text: str, kind: Type) -> str:
    if not kind.params:
        return text
    cut = text[: kind.params[0]]
    return cut.ljust(kind.params[0]) if kind.name == "char" else cut


def _json(value: object) -> str:
    """A value as it was written, but for spaces."""
    if isinstance(value, tuple):
        inner = ",".join(f"{json.dumps(key)}:{_json(each)}" for key, each in value)
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return value if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _object(pairs: Iterator[tuple[str, str]]) -> str:
    # Of two values of one key the last one counts.
    inner = ", ".join(f"{json.dumps(key)}: {value}" for key, value in dict(pairs).items())
    return f"{{{inner}}}"
