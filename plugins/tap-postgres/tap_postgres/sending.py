"""The rows of a stream as messages: BATCH with files, or one RECORD each."""

from __future__ import annotations

import itertools
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from columnar_singer import batch_files
from columnar_singer.batch_files import BatchFile
from columnar_singer.types import arrow_schema
from psycopg import sql
from singer_sdk.helpers._batch import BaseBatchFileEncoding, SDKBatchMessage

from tap_postgres import chunks, engine, queries
from tap_postgres.chunks import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import psycopg

    from tap_postgres.discovery import Column, Table
    from tap_postgres.settings import BatchSettings
    from tap_postgres.snapshot import Snapshot
    from tap_postgres.tap import TapPostgres


@dataclass(frozen=True)
class Selection:
    """What is read of a table.

    Attributes:
        table: The table.
        columns: To read.
        condition: On `t`, None for all rows.
        limit: Most rows, None for all.
    """

    table: Table
    columns: list[Column]
    condition: sql.Composable | None = None
    limit: int | None = None

    def query(self, chunk: Chunk) -> sql.Composed:
        """Select the rows of a chunk."""
        conditions = [each for each in (self.condition, chunk.condition) if each is not None]
        return queries.rows(
            self.table,
            self.columns,
            sql.SQL(" and ").join(conditions) if conditions else None,
            self.limit,
            source=chunk.source,
        )

    def batches(
        self,
        connection: psycopg.Connection[Any],
        chunk: Chunk,
        check: Callable[[], None] = lambda: None,
    ) -> Generator[Any, None, None]:
        """Read the rows of a chunk; see `engine.read`."""
        datatypes = {column.name: column.datatype for column in self.columns}
        return engine.read(
            connection, self.query(chunk), datatypes, is_large=chunk.is_large, check=check
        )


class Sender:
    """Reads rows and writes them as messages of a stream."""

    def __init__(
        self,
        tap: TapPostgres,
        stream_name: str,
        properties: dict[str, dict[str, Any]],
        version: int | None,
    ) -> None:
        """Read nothing yet.

        Args:
            tap: Writes the messages.
            stream_name: What they name.
            properties: Of the stream's SCHEMA message.
            version: What the messages bear, None for none.
        """
        self._tap = tap
        self._stream_name = stream_name
        self._properties = properties
        self._version = version

    def send(self, selection: Selection, snapshot: Snapshot) -> Generator[int, None, None]:
        """Read rows and write them as messages.

        Args:
            selection: What to read.
            snapshot: To read in; a lock on the table is taken in its connection.

        Yields:
            Numbers of rows, of each message or of more of them.
        """
        batch = self._tap.settings.batch
        if batch is None:
            yield from self._records(selection, snapshot)
            return
        parts = [Chunk()]
        if selection.limit is None:
            parts = chunks.plan(snapshot.connection, selection.table, selection.query(Chunk()))
        if len(parts) == 1:
            files = self._one_by_one(selection, snapshot, parts[0], batch)
        else:
            files = self._by_workers(selection, snapshot, parts, batch)
        with closing(files):
            for file in files:
                self._tap.write_message(
                    SDKBatchMessage(
                        stream=self._stream_name,
                        encoding=BaseBatchFileEncoding(**batch.encoding),
                        manifest=[file.url],
                        version=self._version,
                    )
                )
                yield file.rows

    def _one_by_one(
        self, selection: Selection, snapshot: Snapshot, chunk: Chunk, batch: BatchSettings
    ) -> Generator[BatchFile, None, None]:
        """Name each file when it is written: there may be no room for all."""
        # Closed in any case: a COPY that is left open would block the connection for good.
        with closing(selection.batches(snapshot.connection, chunk)) as batches:
            for file in self._files(batches, selection, snapshot, batch):
                self._tap.unread_files.add(file)
                yield file
                self._tap.unread_files.wait_for_room()

    def _by_workers(
        self, selection: Selection, snapshot: Snapshot, parts: list[Chunk], batch: BatchSettings
    ) -> Generator[BatchFile, None, None]:
        """Name the files of a chunk when it is whole, so that it can be read again until then."""

        def read(
            connection: psycopg.Connection[Any], chunk: Chunk, check: Callable[[], None]
        ) -> list[BatchFile]:
            self._tap.unread_files.wait_for_room(check)
            files: list[BatchFile] = []
            try:
                with closing(selection.batches(connection, chunk, check)) as batches:
                    files.extend(self._files(batches, selection, snapshot, batch))
            except BaseException:
                _delete(files)
                raise
            for file in files:
                self._tap.unread_files.add(file)
            return files

        # Locks the table and all its partitions as long as the stream is read.
        lock = queries.nothing(selection.table)
        snapshot.connection.execute(lock)
        with closing(self._tap.workers.read(parts, read, lock, _delete)) as results:
            for files in results:
                yield from files

    def _files(
        self,
        batches: Iterator[Any],
        selection: Selection,
        snapshot: Snapshot,
        batch: BatchSettings,
    ) -> Iterator[BatchFile]:
        # Made, and swept of what a killed run left, whether or not there are rows.
        directory = self._tap.batch_directory
        first = next(batches, None)
        if first is None:
            return
        yield from batch_files.write_batch_files(
            itertools.chain([first], batches),
            directory,
            arrow_schema({column.name: column.json_schema for column in selection.columns}),
            extracted_at=snapshot.taken_at,
            compression=batch.compression,
            rows_per_file=batch.rows_per_file,
        )

    def _records(self, selection: Selection, snapshot: Snapshot) -> Iterator[int]:
        # What it needs takes a while to import, and is not needed for batches.
        from tap_postgres.json_rows import to_lines

        with closing(selection.batches(snapshot.connection, Chunk())) as batches:
            for batch in batches:
                for lines in to_lines(
                    batch,
                    self._stream_name,
                    self._properties,
                    version=self._version,
                    time_extracted=snapshot.taken_at,
                ):
                    sys.stdout.write(lines)
                sys.stdout.flush()
                yield batch.num_rows


def _delete(files: list[BatchFile]) -> None:
    for file in files:
        batch_files.delete_batch_file(file.url)
