"""CSV as Athena's OpenCSVSerde reads it: quotes doubled or escaped, one record a line.

DuckDB knows one of the two ways to escape a quote in a file, but not both.
https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from orchestrate.local_athena.engine.duck import literal, quoted
from orchestrate.local_athena.engine.text_files import FRACTION, NO_NUMBER, fitted
from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.types import Type, duckdb_name

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Mapping

    from orchestrate.local_athena.engine.line_files import Records

_WHOLE = r"[+-]?\d+"
_DEFAULTS = {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"}


def records(parameters: Mapping[str, str], skipped_lines: int) -> Records:
    """How the records of a file are read.

    Args:
        parameters: Of the serde: `separatorChar`, `quoteChar`, `escapeChar`.
        skipped_lines: At the beginning of each file.
    """
    csv.field_size_limit(2**31 - 1)
    # Of more than one character the first counts.
    separator, quote, escape = (
        (parameters.get(name) or default)[0] for name, default in _DEFAULTS.items()
    )

    def read(path: str, text: io.TextIOWrapper) -> Iterator[list[str | None]]:
        for _ in range(skipped_lines):
            text.readline()
        reader = csv.reader(
            text, delimiter=separator, quotechar=quote, escapechar=escape, doublequote=True
        )
        lines = 0
        try:
            for record in reader:
                if reader.line_num != lines + 1:
                    raise QueryError(
                        "HIVE_BAD_DATA",
                        f"{path}: a field goes over several lines from line "
                        f"{lines + 1 + skipped_lines} on, and Athena's OpenCSVSerde reads each "
                        "line by itself",
                    )
                lines = reader.line_num
                yield list(record)  # Of a blank line there is nothing, so that all is NULL.
        except csv.Error as error:
            raise QueryError("HIVE_BAD_DATA", f"{path}: {error}") from None

    return read


def value(name: str, kind: Type) -> str:
    """A field of a CSV file as its column's type: empty ones are NULL, dates are days."""
    column = quoted(name)
    if kind.is_text:
        return fitted(column, kind)
    if kind.name == "date":
        return f"date '1970-01-01' + {_number(name, _WHOLE, 'integer')}"
    if kind.name == "timestamp":
        return f"epoch_ms({_number(name, _WHOLE, 'bigint')})"
    if kind.is_integer:
        return _number(name, _WHOLE, duckdb_name(kind))
    if kind.name == "decimal":
        return _number(name, FRACTION, duckdb_name(kind))
    if kind.is_numeric:
        return _number(name, rf"\s*(?:{FRACTION}|{NO_NUMBER})\s*", duckdb_name(kind))
    return f"cast(nullif({column}, '') as {duckdb_name(kind)})"


def _number(name: str, pattern: str, kind: str) -> str:
    # DuckDB would round 1.5 to a whole number, and read 1_000.
    text = f"nullif({quoted(name)}, '')"
    error = literal(f"HIVE_BAD_DATA: Error parsing a field of column {name} as {kind}")
    is_none = f"not regexp_full_match({text}, {literal(pattern)})"
    return f"case when trino_check({is_none}, {error}) then cast({text} as {kind}) end"
