"""Results of queries: one file each in S3, written in batches and read again in pages.

GetQueryResults reads the same file as the drivers do, so that results of any size need no memory
and outlive the endpoint. https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from orchestrate.local_athena.api.errors import invalid_request
from orchestrate.local_athena.model import (
    Column,
    Identity,
    QueryError,
    QueryResult,
    StatementKind,
)
from orchestrate.local_athena.queries.values import texts

Row = list[str | None]

_BATCH_ROWS = 10_000
_READ_BYTES = 1 << 20
# Larger results go up in parts, one after the other, to hold no more than one in memory.
_UPLOAD = TransferConfig(
    multipart_threshold=16 << 20, multipart_chunksize=16 << 20, use_threads=False
)
_IN_MEMORY_BYTES = 4 << 20

# A value is quoted, NULL is nothing; `"` within a value is doubled. The possessive quantifiers
# keep a value cut off at the end of what was read so far from being taken for a shorter one.
_CSV_VALUE = re.compile(rb'(?:"((?:[^"]++|"")*+)")?([,\n])')
_LINE_BREAKS = re.compile(r"[\t\r\n]")

# Statements that say how many rows they wrote and give none.
_WRITES = frozenset({"INSERT", "MERGE", "UPDATE", "DELETE", "UNLOAD", "CREATE_TABLE_AS_SELECT"})
ROW_COUNT = Column("rows", "bigint")


@dataclass(frozen=True)
class Written:
    """A result as it lies in S3."""

    location: str
    columns: tuple[Column, ...]
    row_count: int
    size_bytes: int


class Results:
    """The files of results, written and read with the key of whoever asks."""

    def __init__(self, s3_client: Callable[[Identity], Any]) -> None:
        """Take what makes an S3 client that acts for an identity."""
        self._s3_client = s3_client
        self._known_buckets: set[tuple[Identity, str]] = set()

    def verify(self, identity: Identity, folder: str) -> None:
        """Make sure that the bucket of a result is there.

        Raises:
            ApiError: It is not, or the identity may not see it.
        """
        bucket, _ = _split(folder)
        if (identity, bucket) in self._known_buckets:
            return
        try:
            self._s3_client(identity).head_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError) as error:
            raise invalid_request(
                f"Unable to verify/create output bucket {bucket}: {error}"
            ) from None
        self._known_buckets.add((identity, bucket))

    def write(
        self, identity: Identity, folder: str, identifier: str, result: QueryResult
    ) -> Written:
        """Write a result's file below `folder`.

        Raises:
            QueryError: S3 does not take it, or the reader of the rows failed.
        """
        if result.rows is None and result.sub_kind in _WRITES:
            is_ctas = result.sub_kind == "CREATE_TABLE_AS_SELECT"
            location = f"{folder}{'tables/' if is_ctas else ''}{identifier}"
            return Written(location, (ROW_COUNT,), 0, 0)
        is_csv = result.kind is StatementKind.DML
        location = f"{folder}{identifier}.{'csv' if is_csv else 'txt'}"
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
            count = (_write_csv if is_csv else _write_lines)(file, result)
            size = file.tell()
            file.seek(0)
            bucket, key = _split(location)
            try:
                self._s3_client(identity).upload_fileobj(file, bucket, key, Config=_UPLOAD)
            except (Boto3Error, BotoCoreError, ClientError) as error:
                raise QueryError(
                    "OUTPUT_LOCATION_ERROR",
                    f"the statement ran, but its result was not written to {location}: {error}",
                ) from None
        return Written(location, result.columns, count, size)

    def page(
        self, identity: Identity, location: str, width: int, offset: int, count: int
    ) -> tuple[list[Row], int | None]:
        """Up to `count` rows of a file from the byte `offset` on, and where the next page begins.

        Raises:
            ApiError: The file is gone, or the identity may not read it.
        """
        if not width:  # of OPTIMIZE and VACUUM
            return [], None
        rows: list[Row] = []
        split = _csv_row if location.endswith(".csv") else _line
        for row, end in _rows(self._chunks(identity, location, offset), split, width, offset):
            if len(rows) == count:
                return rows, offset
            rows.append(row)
            offset = end
        return rows, None

    def _chunks(self, identity: Identity, location: str, offset: int) -> Iterator[bytes]:
        bucket, key = _split(location)
        try:
            answer = self._s3_client(identity).get_object(
                Bucket=bucket, Key=key, Range=f"bytes={offset}-"
            )
            with closing(answer["Body"]) as body:  # a page seldom reads to the end
                yield from body.iter_chunks(_READ_BYTES)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidRange":  # nothing from there on: the file is empty, or at its end
                return
            raise invalid_request(f"the result {location} cannot be read: {error}") from None


def _write_csv(file: IO[bytes], result: QueryResult) -> int:
    file.write(_csv_line([column.name for column in result.columns]))
    count = 0
    for row in _text_rows(result):
        file.write(_csv_line(row))
        count += 1
    return count


def _write_lines(file: IO[bytes], result: QueryResult) -> int:
    """The file of a DDL or utility statement: a line a row, tabs between values, no header."""
    count = 0
    for row in _text_rows(result):
        if len(row) == 1:  # a plan, or a statement of SHOW CREATE: Athena gives each line as a row
            lines = (row[0] or "").split("\n")
        else:
            lines = ["\t".join(_LINE_BREAKS.sub(" ", value or "") for value in row)]
        for line in lines:
            file.write(f"{line}\n".encode())
        count += len(lines)
    return count


def _text_rows(result: QueryResult) -> Iterator[tuple[str | None, ...]]:
    if result.rows is None:
        return
    source = result.rows
    batches = source.to_batches(_BATCH_ROWS) if isinstance(source, pa.Table) else source
    for batch in batches:
        columns = [
            texts(values, column.type)
            for values, column in zip(batch.columns, result.columns, strict=True)
        ]
        yield from zip(*columns, strict=True)


def _csv_line(values: list[str] | tuple[str | None, ...]) -> bytes:
    written = ("" if v is None else '"' + v.replace('"', '""') + '"' for v in values)
    return (",".join(written) + "\n").encode()


# Takes the first row off the bytes from a position on: its values and where it ends, or None if
# it is not there whole.
_Split = Callable[[bytes, int, int], tuple[Row, int] | None]


def _rows(
    chunks: Iterator[bytes], split: _Split, width: int, offset: int
) -> Iterator[tuple[Row, int]]:
    """Each row and the offset in the file at which it ends."""
    buffer, position = b"", 0
    for chunk in chunks:
        offset, buffer, position = offset + position, buffer[position:] + chunk, 0
        while (found := split(buffer, position, width)) is not None:
            row, position = found
            yield row, offset + position


def _csv_row(buffer: bytes, position: int, width: int) -> tuple[Row, int] | None:
    row: Row = []
    while len(row) < width:
        found = _CSV_VALUE.match(buffer, position)
        if found is None:
            return None
        value = found[1]
        row.append(None if value is None else value.replace(b'""', b'"').decode())
        position = found.end()
    return row, position


def _line(buffer: bytes, position: int, width: int) -> tuple[Row, int] | None:
    end = buffer.find(b"\n", position)
    if end < 0:
        return None
    text = buffer[position:end].decode()
    return (list(text.split("\t")) if width > 1 else [text]), end + 1


def _split(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key
