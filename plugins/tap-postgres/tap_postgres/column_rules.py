"""Settings that name columns: by stream and column, each a name or a pattern with `*` and `?`."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tap_postgres.discovery import Table

COLUMN_PROPERTIES: tuple[th.Property[Any], ...] = (
    th.Property("stream", th.StringType, required=True, description="Name or pattern (*, ?)."),
    th.Property(
        "columns", th.ArrayType(th.StringType), required=True, description="Names or patterns."
    ),
)
"""What an entry of such a setting has at least."""


@dataclass(frozen=True)
class ColumnRule:
    """An entry of such a setting.

    Attributes:
        stream: Name or pattern of streams.
        columns: Names or patterns of columns.
    """

    stream: str
    columns: tuple[str, ...]

    def fits(self, table: Table, column: str) -> bool:
        """Tell whether it names a column of a table."""
        return _fits(table.stream_name, self.stream) and any(
            _fits(column, pattern) for pattern in self.columns
        )


def stream_and_columns(entry: Any) -> tuple[str, tuple[str, ...]]:  # noqa: ANN401
    """Read what every entry has, validated by no JSON Schema in `--discover`.

    Raises:
        KeyError: A part is missing.
        TypeError: A part is of another type, or empty.
    """
    stream, columns = entry["stream"], entry["columns"]
    if not (isinstance(stream, str) and stream and isinstance(columns, list) and columns):
        raise TypeError
    return stream, tuple(columns)


@dataclass(frozen=True)
class Misfit:
    """A rule that fits nothing, which may be a slip of the pen.

    Attributes:
        message: What is wrong.
        streams: Those that lack the column; empty if no stream has the name.
    """

    message: str
    streams: tuple[str, ...] = ()


def misfits(
    tables: Sequence[Table], rules: Iterable[ColumnRule], setting: str, so: str
) -> Iterator[Misfit]:
    """Find the rules that fit nothing.

    Args:
        tables: All that were discovered.
        rules: Entries of the setting.
        setting: Its name.
        so: What follows from a column that is not there.

    Yields:
        What is wrong with one.
    """
    for rule in rules:
        fitting = [table for table in tables if _fits(table.stream_name, rule.stream)]
        if not fitting:
            yield Misfit(
                f"the setting {setting!r} names the stream {rule.stream!r}, which is none of those "
                f"here ({', '.join(table.stream_name for table in tables) or 'there are none'}); "
                "correct it, or the setting 'filter_schemas' if it leaves the table's schema out"
            )
        names = {column.name for table in fitting for column in table.columns}
        for pattern in rule.columns if fitting else ():
            if not any(_fits(name, pattern) for name in names):
                yield Misfit(
                    f"the setting {setting!r} names the column {pattern!r} for the stream "
                    f"{rule.stream!r}, which has none of that name (it has "
                    f"{', '.join(sorted(names))}); correct it: {so}",
                    tuple(table.stream_name for table in fitting),
                )


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)
