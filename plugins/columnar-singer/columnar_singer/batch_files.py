"""Files of a BATCH message: Arrow IPC streams on a disk that tap and target share.

The tap writes a file, closes it, and only then names it in a BATCH message. The target stages its
rows and deletes it; a run that fails before the commit is read again anyway. What a killed run
leaves behind, the next tap that starts on the same storage root sweeps away.

A storage root holds one directory per run, readable by its owner only: batch files hold whatever
the source's tables hold.

https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format
https://sdk.meltano.com/en/latest/batch.html
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from columnar_singer import odd_values
from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

    from columnar_singer.odd_values import OddValue

FORMAT = "arrow"
COMPRESSIONS = (None, "lz4")
EXTRACTED_AT = b"extracted_at"
"""Key in the metadata of a file's schema: ISO time of the snapshot that the rows come from."""

DEFAULT_ROWS_PER_FILE = 200_000
BYTES_PER_FILE = 32 * 1024 * 1024
"""A file is closed once it holds that many bytes of columns, measured before compression."""

LEFTOVER_AGE_SECONDS = 24 * 60 * 60
"""A run's directory in which nothing was written or deleted for so long belongs to a dead run.

Age is all there is to go by: a tap may be long gone while its target still has files to load.
"""

_RUN_PREFIX = "batches-"
_SUFFIX = ".arrow"
_OPEN_MARK = "tap-is-running"
"""A file that keeps a target from removing a directory that is empty for the moment."""


@dataclass(frozen=True)
class BatchFile:
    """A finished file: closed, complete and ready to be named in a BATCH message.

    Attributes:
        url: As in the message.
        rows: Rows in it.
        bytes: Its size.
    """

    url: str
    rows: int
    bytes: int


def check_encoding(encoding: Mapping[str, Any]) -> str | None:
    """Check the `encoding` of a BATCH message or of `batch_config`.

    Args:
        encoding: `{"format": "arrow", "compression": None | "lz4"}`.

    Returns:
        The compression.

    Raises:
        UserError: Another format or compression.
    """
    if encoding.get("format") != FORMAT:
        message = (
            f"batch files of format {encoding.get('format')!r} are not supported; set "
            f"batch_config.encoding.format to '{FORMAT}', or remove batch_config to send records"
        )
        raise UserError(message)
    compression: str | None = encoding.get("compression")
    # The SDK's schema knows "none" as well.
    compression = None if compression == "none" else compression
    if compression not in COMPRESSIONS:
        message = (
            f"compression {compression!r} of batch files is not supported; set "
            "batch_config.encoding.compression to 'lz4' or leave it out"
        )
        raise UserError(message)
    return compression


def path_of(url: str) -> Path:
    """Give the path of a `file://` URL or of a plain path.

    Args:
        url: A storage root, or a file in the manifest of a BATCH message.

    Returns:
        The path.

    Raises:
        UserError: The URL is on another kind of storage.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme:
        message = (
            f"batch files cannot lie at {url!r}; give a directory on this machine's disk, "
            "like file:///var/tmp/batches"
        )
        raise UserError(message)
    return Path(url)


def new_run_directory(root: str) -> Path:
    """Make the directory for one run's files and sweep those of dead runs.

    Args:
        root: `batch_config.storage.root`, a `file://` URL or a path; made if it does not exist.

    Returns:
        A new directory that only its owner may enter; for `close_run_directory` when no more files
        come.

    Raises:
        UserError: The root is not a directory that can be written to.
    """
    directory = path_of(root).absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _sweep(directory)
        run_directory = Path(tempfile.mkdtemp(prefix=_RUN_PREFIX, dir=directory))
        (run_directory / _OPEN_MARK).touch()
        return run_directory
    except OSError as error:
        message = (
            f"cannot write batch files below {str(directory)!r} ({error.strerror}); set "
            "batch_config.storage.root to a directory that can be written to"
        )
        raise UserError(message) from error


def close_run_directory(directory: Path) -> None:
    """Say that no more files come, so that the directory goes with the last one.

    Args:
        directory: Of `new_run_directory`.
    """
    (directory / _OPEN_MARK).unlink(missing_ok=True)
    _remove_if_empty(directory)


def write_batch_files(
    batches: Iterable[pa.RecordBatch],
    directory: Path,
    schema: pa.Schema,
    *,
    extracted_at: datetime,
    compression: str | None = None,
    rows_per_file: int = DEFAULT_ROWS_PER_FILE,
    bytes_per_file: int = BYTES_PER_FILE,
) -> Iterator[BatchFile]:
    """Write rows into files, one after the other, holding one batch in memory at a time.

    Args:
        batches: The rows, all of `schema`, with their odd values attached.
        directory: Of `new_run_directory`.
        schema: Of the files, without metadata of its own.
        extracted_at: Time of the snapshot, with a time zone.
        compression: As `check_encoding` gives it.
        rows_per_file: A file holds at most that many rows.
        bytes_per_file: A file is closed once it holds that many bytes, before compression.

    Yields:
        Each file when it is finished; none if there are no rows.
    """
    stamped = schema.with_metadata({EXTRACTED_AT: extracted_at.isoformat().encode()})
    file: _OpenFile | None = None
    try:
        for batch in batches:
            odd, start = odd_values.of(batch), 0
            while start < batch.num_rows:
                file = file or _OpenFile(directory, stamped, compression)
                piece = batch.slice(start, rows_per_file - file.rows)
                file.write(piece, odd_values.part(odd, start, piece.num_rows))
                start += piece.num_rows
                if file.rows >= rows_per_file or file.bytes >= bytes_per_file:
                    finished, file = file.finish(), None
                    yield finished
        if file is not None:
            finished, file = file.finish(), None
            yield finished
    finally:
        if file is not None:
            file.discard()


def read_batches(url: str) -> Iterator[pa.RecordBatch]:
    """Read a file of a BATCH message.

    Args:
        url: A `file://` URL of the manifest.

    Yields:
        The record batches, mapped from the file and so not in memory until they are touched, with
        their odd values attached.

    Raises:
        UserError: The file is not there or is not a complete Arrow IPC stream.
    """
    import pyarrow as pa

    path = path_of(url)
    try:
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as reader:
            while True:
                try:
                    batch, metadata = reader.read_next_batch_with_custom_metadata()
                except StopIteration:
                    return
                yield batch.replace_schema_metadata(
                    {**(batch.schema.metadata or {}), **dict(metadata or {})}
                )
    except (OSError, pa.ArrowInvalid) as error:
        message = (
            f"cannot read the batch file {str(path)!r} ({str(error).partition(chr(10))[0]}); "
            "tap and target must run on one machine and see one disk"
        )
        raise UserError(message) from error


def extracted_at(batch: pa.RecordBatch) -> datetime | None:
    """Give the time of the snapshot that a batch of `read_batches` comes from.

    Args:
        batch: With the metadata of its file.

    Returns:
        The time with its zone, None if the writer left none.
    """
    text = (batch.schema.metadata or {}).get(EXTRACTED_AT)
    return datetime.fromisoformat(text.decode()) if text else None


def delete_batch_file(url: str) -> None:
    """Delete a file whose rows are staged, and its run's directory with the last one.

    Args:
        url: A `file://` URL of the manifest; a file that is gone already is no error.
    """
    path = path_of(url)
    path.unlink(missing_ok=True)
    if path.parent.name.startswith(_RUN_PREFIX):
        _remove_if_empty(path.parent)


class _OpenFile:
    """A file being written."""

    def __init__(self, directory: Path, schema: pa.Schema, compression: str | None) -> None:
        import pyarrow as pa

        handle, name = tempfile.mkstemp(suffix=_SUFFIX, dir=directory)
        os.close(handle)
        self.rows = 0
        self.bytes = 0
        self._path = Path(name)
        self._schema = schema
        self._file = pa.OSFile(name, "wb")
        self._writer = pa.ipc.new_stream(
            self._file, schema, options=pa.ipc.IpcWriteOptions(compression=compression)
        )

    def write(self, batch: pa.RecordBatch, odd: list[OddValue]) -> None:
        import pyarrow as pa

        self._writer.write_batch(
            pa.RecordBatch.from_arrays(batch.columns, schema=self._schema),
            custom_metadata={odd_values.METADATA_KEY: odd_values.dump(odd)} if odd else None,
        )
        self.rows += batch.num_rows
        self.bytes += batch.nbytes

    def finish(self) -> BatchFile:
        self._writer.close()
        self._file.close()
        return BatchFile(self._path.as_uri(), self.rows, self._path.stat().st_size)

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _remove_if_empty(directory: Path) -> None:
    # Not empty, or already gone, is as it should be.
    with contextlib.suppress(OSError):
        directory.rmdir()


def _sweep(root: Path) -> None:
    oldest = time.time() - LEFTOVER_AGE_SECONDS
    for directory in root.glob(f"{_RUN_PREFIX}*"):
        # Another tap may sweep the same root, so what is gone already is no error.
        with contextlib.suppress(FileNotFoundError):
            if directory.stat().st_mtime < oldest:
                shutil.rmtree(directory)
