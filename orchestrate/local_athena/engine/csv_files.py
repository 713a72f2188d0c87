"""CSV as Athena's OpenCSVSerde reads it: quotes doubled or escaped, one record a line.

DuckDB knows one of the two ways to escape a quote in a file, but not both.
https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
"""

from __future__ import annotations

import csv
import io
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pyarrow as pa

from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyarrow.fs import S3FileSystem

_SEPARATOR, _QUOTE, _ESCAPE = ",", '"', "\\"
_BATCH_ROWS = 10_000
_READ_BYTES = 1 << 20
_CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}


def schema(columns: list[str], path: str) -> pa.Schema:
    """The columns of `batches`, all of them text."""
    return pa.schema([(name, pa.string()) for name in (*columns, path)])


def batches(
    files: S3FileSystem,
    paths: list[str],
    found: pa.Schema,
    *,
    parameters: Mapping[str, str],
    skipped_lines: int,
    count: Callable[[int], None],
) -> Iterator[pa.RecordBatch]:
    """The records of files, read as they are asked for.

    Args:
        files: The lake's S3.
        paths: As `s3://bucket/key`; compression is told by the ending.
        found: Of `schema`: a record that is too short has NULL, one too long loses the rest.
        parameters: Of the serde: `separatorChar`, `quoteChar`, `escapeChar`.
        skipped_lines: At the beginning of each file.
        count: Told of bytes as they are read, before decompression.

    Raises:
        QueryError: A file is no text, or a record goes over several lines.
    """
    csv.field_size_limit(2**31 - 1)
    width = len(found) - 1
    for path in paths:
        key, counted = path.removeprefix("s3://"), 0
        with files.open_input_file(key) as stream:
            text = _text(stream, key)
            records = _records(path, text, parameters, skipped_lines)
            while chunk := list(islice(records, _BATCH_ROWS)):
                count(stream.tell() - counted)
                counted = stream.tell()
                padded = (each[:width] + [None] * (width - len(each)) for each in chunk)
                columns = [*zip(*padded, strict=True), [path] * len(chunk)]
                arrays = [pa.array(each, pa.string()) for each in columns]
                yield pa.record_batch(arrays, schema=found)
            count(stream.tell() - counted)


def _text(stream: pa.NativeFile, key: str) -> io.TextIOWrapper:
    codec = _CODECS.get(PurePosixPath(key).suffix)
    plain = stream if codec is None else pa.CompressedInputStream(stream, codec)
    buffered = io.BufferedReader(plain, _READ_BYTES)
    return io.TextIOWrapper(buffered, encoding="utf-8", newline="")


def _records(
    path: str, text: io.TextIOWrapper, parameters: Mapping[str, str], skipped_lines: int
) -> Iterator[list[str | None]]:
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
                yield list(record)
    except (csv.Error, UnicodeDecodeError) as error:
        raise QueryError("HIVE_BAD_DATA", f"{path}: {error}") from None
