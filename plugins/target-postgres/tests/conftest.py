"""What the tests of target-postgres share: a database of their own and Singer messages."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from columnar_singer.batch_files import write_batch_files
from columnar_singer.types import X_SQL_DATATYPE, arrow_schema, from_postgres
from psycopg.conninfo import conninfo_to_dict
from target_postgres.target import TargetPostgres

Message = dict[str, Any]
EXTRACTED_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@dataclass
class Stream:
    """Makes the messages of one stream; properties are given as PostgreSQL types."""

    name: str
    types: dict[str, str]
    key: list[str] = field(default_factory=lambda: ["id"])
    is_incremental: bool = False

    @property
    def properties(self) -> dict[str, Any]:
        """As tap-postgres gives them."""
        schemas = {name: from_postgres(datatype) for name, datatype in self.types.items()}
        return {
            name: {
                **column.json_schema,
                "type": [column.json_schema["type"], "null"],
                X_SQL_DATATYPE: column.postgres,
            }
            for name, column in schemas.items()
        }

    def schema(self, **properties: Any) -> Message:
        message: Message = {
            "type": "SCHEMA",
            "stream": self.name,
            "key_properties": self.key,
            "schema": {"type": "object", "properties": {**self.properties, **properties}},
        }
        if self.is_incremental:
            message["bookmark_properties"] = [next(iter(self.types))]
        return message

    def record(self, **record: Any) -> Message:
        return {
            "type": "RECORD",
            "stream": self.name,
            "record": record,
            "time_extracted": EXTRACTED_AT.isoformat(),
        }

    def batch(self, directory: Path, rows: list[dict[str, Any]]) -> Message:
        schema = arrow_schema(self.properties)
        batches = [pa.RecordBatch.from_pylist(rows, schema=schema)]
        files = write_batch_files(batches, directory, schema, extracted_at=EXTRACTED_AT)
        return {
            "type": "BATCH",
            "stream": self.name,
            "encoding": {"format": "arrow", "compression": None},
            "manifest": [file.url for file in files],
        }

    def activate(self, version: int = 1) -> Message:
        return {"type": "ACTIVATE_VERSION", "stream": self.name, "version": version}


def state(**bookmarks: Any) -> Message:
    """A STATE; the bookmark of stream `public-a` is given as `a`."""
    named = {f"public-{name}": bookmark for name, bookmark in bookmarks.items()}
    return {"type": "STATE", "value": {"bookmarks": named}}


@dataclass
class Loaded:
    """A database and the target that loads it."""

    url: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> dict[str, Any]:
        parts = conninfo_to_dict(self.url)
        return {
            "host": parts["host"],
            "port": int(parts["port"]),
            "user": parts["user"],
            "password": parts.get("password"),
            "database": parts["dbname"],
            **self.settings,
        }

    def run(self, *messages: Message, **settings: Any) -> list[dict[str, Any]]:
        """Load messages and give the STATEs that were written."""
        stdout = io.StringIO()
        target = TargetPostgres(config={**self.config, **settings})
        try:
            with contextlib.redirect_stdout(stdout):
                target.listen(io.StringIO("".join(f"{json.dumps(each)}\n" for each in messages)))
        finally:
            self.states = [json.loads(line) for line in stdout.getvalue().splitlines()]
        return self.states

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(statement).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def log(self, columns: str) -> list[tuple[Any, ...]]:
        return self.query(f"select {columns} from raw.load_log order by committed_at, stream")

    def wait_until_blocked(self) -> None:
        """Wait until the target waits for a lock."""
        blocked = (
            "select from pg_stat_activity where application_name = 'target-postgres' "
            "and datname = current_database() and wait_event_type = 'Lock'"
        )
        while not self.query(blocked):
            time.sleep(0.05)


class Process:
    """The target as Meltano runs it: a process that reads a pipe."""

    def __init__(self, config: dict[str, Any], directory: Path) -> None:
        path = directory / "config.json"
        path.write_text(json.dumps(config))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "target_postgres", "--config", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []

    def send(self, *messages: Message) -> None:
        assert self._process.stdin
        for message in messages:
            self._process.stdin.write(f"{json.dumps(message)}\n")
        self._process.stdin.flush()

    def end_input(self) -> None:
        """Close the pipe, so that the target commits while the test goes on."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.stdin = None

    def wait_for_log(self, text: str) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.log.append(line)
            if text in line:
                return
        raise AssertionError(f"no {text!r} in the log: {self.log}")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def finish(self) -> tuple[int, list[dict[str, Any]], str]:
        """Close the pipe and give the exit status, the STATEs and the rest of the log."""
        stdout, stderr = self._process.communicate()
        return self._process.returncode, [json.loads(line) for line in stdout.splitlines()], stderr


@pytest.fixture(scope="session")
def _url(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest.fixture
def loaded(_url: str) -> Loaded:
    """One database for all tests, emptied before each: to make one takes ten times as long."""
    database = Loaded(_url)
    database.execute("drop schema if exists raw cascade")
    return database


@pytest.fixture
def start(loaded: Loaded, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts the target as a process; it is ended with the test."""
    processes: list[Process] = []

    def begin(**settings: Any) -> Process:
        processes.append(Process({**loaded.config, **settings}, tmp_path))
        return processes[-1]

    yield begin
    for process in processes:
        process._process.kill()
        process._process.communicate()


@pytest.fixture
def stream() -> type[Stream]:
    return Stream


@pytest.fixture
def state_of() -> Callable[..., Message]:
    return state
