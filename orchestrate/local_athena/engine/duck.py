"""DuckDB as the local Athena uses it: one instance, attached to the lake, a cursor a query."""

from __future__ import annotations

import importlib.resources
import json
import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from orchestrate.local_athena.engine import scan_limit
from orchestrate.local_athena.model import ScanLimitExceeded
from orchestrate.local_athena.translate import SETTINGS, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrate.local_athena.model import Cancellation
    from orchestrate.local_stack.settings import LakeSettings

CATALOG = "lake"
"""The name under which the lake's catalog is attached."""

# iceberg needs the two others, and would fetch them from outside.
_EXTENSIONS = ("avro", "httpfs", "iceberg")
_BATCH_ROWS = 10_000
_PER_CURSOR = "; ".join(
    (
        *SETTINGS,
        "set enable_progress_bar = false",
        "set preserve_insertion_order = false",
        # Bytes are counted as they are fetched from S3, for each connection on its own.
        "pragma enable_profiling = 'no_output'",
        'pragma custom_profiling_settings = \'{"TOTAL_BYTES_READ": "true"}\'',
    )
)


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Duck:
    """The instance; opened at the first use, so that it may be made before the lake runs."""

    def __init__(
        self,
        settings: LakeSettings,
        directory: Path,
        threads: int = 2,
        memory: str | None = None,
    ) -> None:
        """Remember where the lake is.

        Args:
            settings: The lake.
            directory: For what does not fit into memory.
            threads: How many a query may use.
            memory: Limit of the instance, in DuckDB's words; a quarter of the machine's if None.
        """
        self._settings = settings
        self._directory = directory
        self._threads = threads
        self._memory = memory or f"{_machine_memory() // 4}B"
        self._lock = threading.Lock()
        self._instance: duckdb.DuckDBPyConnection | None = None
        self._users = 0

    @contextmanager
    def cursor(self, cancellation: Cancellation, bytes_limit: int | None) -> Iterator[Cursor]:
        """A connection of a query's own.

        Args:
            cancellation: Stops it.
            bytes_limit: How much it may read, None for any amount.
        """
        with self._lock:
            if self._instance is None:
                self._instance = self._open()
            if not self._users:
                scan_limit.forget(self._instance)
            self._users += 1
            connection = self._instance.cursor()
        cursor = Cursor(connection, cancellation, bytes_limit)
        try:
            connection.execute(_PER_CURSOR)
            yield cursor
        finally:
            cursor.close()
            with self._lock:
                self._users -= 1

    def close(self) -> None:
        """Let go of the instance."""
        with self._lock:
            if self._instance is not None:
                self._instance.close()
                self._instance = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        spill = self._directory / "spill"
        shutil.rmtree(spill, ignore_errors=True)  # what a killed endpoint left
        instance = duckdb.connect(
            config={
                "threads": self._threads,
                "memory_limit": self._memory,
                "temp_directory": str(spill),
                "autoinstall_known_extensions": "false",
                "allow_community_extensions": "false",
            }
        )
        attach(instance, self._settings)
        # With the cache, what a query reads twice would be counted once.
        instance.execute("set enable_external_file_cache = false")
        scan_limit.start_counting(instance)
        prepare(instance)
        return instance


@dataclass(frozen=True)
class _Stream:
    """Rows that DuckDB asks for as it needs them, from their beginning each time it reads them."""

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]

    # https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)


class Cursor:
    """A query's connection: stops when asked, and counts the bytes it reads."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        cancellation: Cancellation,
        bytes_limit: int | None,
    ) -> None:
        """Interrupt `connection` when `cancellation` is asked for."""
        self._connection = connection
        self._cancellation = cancellation
        self._bytes_limit = bytes_limit
        self._is_interruptible = True
        self._failure: Exception | None = None
        self._lock = threading.Lock()
        self.scanned_bytes = 0
        cancellation.on_ask(self._interrupt)

    def _interrupt(self) -> None:
        if self._is_interruptible:
            self._connection.interrupt()

    def run(self, sql: str) -> pa.Table:
        """Run a statement and fetch all it gives.

        Raises:
            duckdb.Error: It fails.
            duckdb.InterruptException: It was stopped.
            QueryError: It was stopped before it ran, or read more than it may.
        """
        with self._watched():
            return self._connection.execute(sql).to_arrow_table()

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run a statement as its rows are asked for, which never are in memory together.

        Raises:
            duckdb.Error: It fails.
            QueryError: It read more than it may.
        """
        with self._watched():
            try:
                yield from self._connection.execute(sql).to_arrow_reader(_BATCH_ROWS)
            # So Arrow hands on what DuckDB says once the first rows are there.
            except (OSError, pa.ArrowException) as error:
                if (
                    "Interrupted" in str(error)
                    and not self._cancellation.is_asked
                    and self._failure is None
                ):
                    # The error of one thread interrupts the others, and a reader of rows may be
                    # told of either. Whoever reads none is told of the first; and keeps none.
                    self._connection.execute(f"explain analyze {sql}")
                raise duckdb.Error(str(error)) from None

    def write(self, sql: str) -> int:
        """Run a statement that writes; returns how many rows it wrote.

        Raises:
            duckdb.Error: It fails.
            duckdb.InterruptException: It was stopped.
            QueryError: It was stopped before it ran, or read more than it may.
        """
        # Not as Arrow, whose making puts an empty profile in place of the statement's.
        with self._watched():
            rows = self._connection.execute(sql).fetchall()
        return int(rows[0][0] or 0) if rows else 0

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Count what a statement reads, and stop it if that is too much."""
        self._cancellation.refuse_if_asked()
        with scan_limit.Watch(self._connection, self._bytes_limit) as watch:
            try:
                yield
            except duckdb.Error:
                if watch.is_exceeded:
                    raise ScanLimitExceeded() from None
                if self._failure is not None:
                    raise self._failure from None
                raise
        profile = json.loads(self._connection.get_profiling_information() or "{}")
        # A count that the table's metadata answer has no profile, and reads nothing.
        self.add_scanned(int(profile.get("total_bytes_read", 0)))

    def add_scanned(self, count: int) -> None:
        """Count bytes of data that were read.

        Raises:
            QueryError: They are more than the query may read.
        """
        with self._lock:
            self.scanned_bytes += count
        if self._bytes_limit is not None and self.scanned_bytes > self._bytes_limit:
            raise ScanLimitExceeded()

    def describe(self, sql: str) -> list[tuple[str, str]]:
        """Names and DuckDB's types of a query's columns; the query does not run."""
        self._cancellation.refuse_if_asked()
        found = self._connection.execute(f"describe {sql}").fetchall()
        return [(str(row[0]), str(row[1])) for row in found]

    def plans_without_table(self, sql: str) -> bool:
        """Whether DuckDB plans a part of a statement without reading a table."""
        self._cancellation.refuse_if_asked()
        plan = str(self._connection.execute(f"explain {sql}").fetchall())
        return "EMPTY_RESULT" in plan or "DUMMY_SCAN" in plan

    def register(self, name: str, rows: pa.Table) -> None:
        """Let queries of this cursor read `rows` under `name`."""
        self._connection.register(name, rows)

    def register_stream(
        self, name: str, schema: pa.Schema, batches: Callable[[], Iterator[pa.RecordBatch]]
    ) -> None:
        """Let queries of this cursor read under `name` what `batches` gives whenever called."""
        self._connection.register(name, _Stream(schema, lambda: self._kept(batches())))

    def _kept(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """`batches`, and what they raise kept, of which DuckDB hands on the text alone."""
        try:
            for batch in batches:
                self._cancellation.refuse_if_asked()
                yield batch
        except Exception as error:
            self._failure = error
            raise

    def transaction(self, statements: Iterable[str]) -> list[int]:
        """Run statements of which all take effect or none; returns each one's rows."""
        self._is_interruptible = True
        self._connection.execute("begin")
        try:
            results = [self.write(statement) for statement in statements]
            # Interrupted, a commit may have been made, and would be told as if it were not.
            self._is_interruptible = False
            self._cancellation.take_effect()
            self._connection.execute("commit")
        except BaseException:
            self.roll_back()
            raise
        return results

    def roll_back(self) -> None:
        """End the transaction, if one is open, without effect."""
        try:
            self._connection.execute("rollback")
        except duckdb.Error:
            return  # A failed commit has ended it already.

    def close(self) -> None:
        """Let go of the connection."""
        self._is_interruptible = False
        self._connection.close()


def attach(instance: duckdb.DuckDBPyConnection, lake: LakeSettings) -> None:
    """Let an instance read and write a lake's tables and files, as its owner."""
    for name in _EXTENSIONS:
        instance.execute(f"load {literal(str(_extension(name)))}")
    instance.execute(
        f"create secret s3 (type s3, key_id {literal(lake.access_key_id)}, "
        f"secret {literal(lake.secret_access_key)}, region {literal(lake.region)}, "
        f"endpoint {literal(lake.s3_endpoint.removeprefix('http://'))}, "
        "url_style 'path', use_ssl false)"
    )
    instance.execute(
        f"create secret catalog (type iceberg, client_id {literal(lake.access_key_id)}, "
        f"client_secret {literal(lake.secret_access_key)}, "
        f"oauth2_server_uri {literal(lake.token_uri)}, oauth2_scope 'catalog')"
    )
    # Not by its s3:// address, which DuckDB would take for a remote file and attach read-only.
    instance.execute(
        f"attach {literal(lake.bucket)} as {CATALOG} "
        f"(type iceberg, endpoint {literal(lake.catalog_uri)}, secret catalog)"
    )


def literal(text: str) -> str:
    """`text` as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(*names: str) -> str:
    """A name, of one or more parts, as an identifier of SQL."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def _extension(name: str) -> Path:
    """The file of an extension; each comes in a wheel of its own."""
    root = importlib.resources.files(f"duckdb_extension_{name}")
    return Path(str(root)) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
