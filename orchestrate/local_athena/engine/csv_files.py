"""CSV as Athena's OpenCSVSerde reads it: quotes doubled or escaped, one record a line.

DuckDB knows one of the two ways to escape a quote in a file, but not both.
https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pyarrow as pa

from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyarrow.fs import S3FileSystem

_SEPARATOR, _QUOTE, _ESCAPE = ",", '"', "\\"
PATH = "filename"


def read(
    files: S3FileSystem,
    paths: list[str],
    columns: list[str],
    parameters: Mapping[str, str],
    skipped_lines: int,
) -> pa.Table:
    """The records of files, all columns text.

    Args:
        files: The lake's S3.
        paths: As `s3://bucket/key`; compression is told by the ending.
        columns: Their names; a record that is too short has NULL, one too long loses the rest.
        parameters: Of the serde: `separatorChar`, `quoteChar`, `escapeChar`.
        skipped_lines: At the beginning of each file.

    Raises:
        QueryError: A file is no text, or a record goes over several lines.
    """
    csv.field_size_limit(2**31 - 1)
    values: list[list[str | None]] = [[] for _ in (*columns, PATH)]
    for path in paths:
        with files.open_input_stream(path.removeprefix("s3://"), compression="detect") as stream:
            text = io.TextIOWrapper(io.BytesIO(stream.read()), encoding="utf-8", newline="")
        for record in _records(path, text, parameters, skipped_lines):
            padded = [*record[: len(columns)], *[None] * (len(columns) - len(record)), path]
            for column, value in zip(values, padded, strict=True):
                column.append(value)
    arrays = [pa.array(each, pa.string()) for each in values]
    return pa.Table.from_arrays(arrays, names=[*columns, PATH])


def _records(
    path: str, text: io.TextIOWrapper, parameters: Mapping[str, str], skipped_lines: int
) -> Iterator[list[str]]:
    for _ in range(skipped_lines):
        text.readline()
    reader = csv.reader(
        text,
        delimiter=parameters.get("separatorChar", _SEPARATOR),
        quotechar=parameters.get("quoteChar", _QUOTE),
        escapechar=parameters.get("escapeChar", _ESCAPE),
        doublequote=True,
    )
    lines = 0
    try:
        for record in reader:
            if reader.line_num != lines + 1:
                raise QueryError(
                    "HIVE_BAD_DATA",
                    f"{path}: a field goes over several lines from line "
                    f"{lines + 1 + skipped_lines} on, and Athena's OpenCSVSerde reads each line "
                    "by itself",
                )
            lines = reader.line_num
            if record:
                yield record
    except (csv.Error, UnicodeDecodeError) as error:
        raise QueryError("HIVE_BAD_DATA", f"{path}: {error}") from None
