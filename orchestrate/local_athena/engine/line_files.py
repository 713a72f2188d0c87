"""Files of one record a line, read as their rows are asked for."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pyarrow as pa

from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

# The records of a file, of its address and its text, with line ends as they are.
Records = Callable[[str, io.TextIOWrapper], Iterator[list[str | None]]]
_HEADER, _FOOTER = "skip.header.line.count", "skip.footer.line.count"
_BATCH_ROWS = 10_000
_READ_BYTES = 1 << 20
_NOT_READ = (".deflate", ".lzo", ".snappy")
_CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}


def schema(columns: list[str], path: str) -> pa.Schema:
    """The columns of `batches`, all of them text."""
    return pa.schema([(name, pa.string()) for name in (*columns, path)])


def batches(
    files: S3FileSystem,
    paths: list[str],
    found: pa.Schema,
    *,
    records: Records,
    count: Callable[[int], None],
) -> Iterator[pa.RecordBatch]:
    """The records of files, read as they are asked for.

    Args:
        files: The lake's S3.
        paths: As `s3://bucket/key`; compression is told by the ending.
        found: Of `schema`: a record that is too short has NULL, one too long loses the rest.
        records: Of a file.
        count: Told of bytes as they are read, before decompression.

    Raises:
        QueryError: A file is no text, or a record is not as the format has it.
    """
    width = len(found) - 1
    for path in paths:
        key, counted = path.removeprefix("s3://"), 0
        with files.open_input_file(key) as stream:
            text = _text(stream, key)
            rows = records(path, text)
            while chunk := _some(path, rows):
                count(stream.tell() - counted)
                counted = stream.tell()
                padded = (each[:width] + [None] * (width - len(each)) for each in chunk)
                columns = [*zip(*padded, strict=True), [path] * len(chunk)]
                arrays = [pa.array(each, pa.string()) for each in columns]
                yield pa.record_batch(arrays, schema=found)
            count(stream.tell() - counted)


def skipped_lines(*properties: Mapping[str, str]) -> int:
    """How many lines at the beginning of each file are a header.

    Args:
        properties: Of the table, then of its serde: the first that tells is heard.

    Raises:
        QueryError: It is no number, or lines at the end are to be skipped too.
    """
    footer = next((each[_FOOTER] for each in properties if _FOOTER in each), "0")
    if footer != "0":
        raise QueryError(
            "NOT_SUPPORTED", f"the local Athena skips no lines at the end: {_FOOTER}={footer}"
        )
    header = next((each[_HEADER] for each in properties if _HEADER in each), "0")
    if not header.isdecimal():
        raise QueryError("HIVE_INVALID_METADATA", f"Invalid value for {_HEADER} property: {header}")
    return int(header)


def _text(stream: pa.NativeFile, key: str) -> io.TextIOWrapper:
    ending = PurePosixPath(key).suffix
    if ending in _NOT_READ:
        raise QueryError("NOT_SUPPORTED", f"the local Athena does not read {ending}: {key}")
    codec = _CODECS.get(ending)
    plain = stream if codec is None else pa.CompressedInputStream(stream, codec)
    buffered = io.BufferedReader(plain, _READ_BYTES)
    return io.TextIOWrapper(buffered, encoding="utf-8", newline="")


def _some(path: str, rows: Iterator[list[str | None]]) -> list[list[str | None]]:
    try:
        return list(islice(rows, _BATCH_ROWS))
    except UnicodeDecodeError as error:
        raise QueryError("HIVE_BAD_DATA", f"{path}: {error}") from None
