"""A stack as the tests drive it: in a directory of its own, on free ports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
import psycopg
import pyarrow as pa
from pyiceberg.catalog import load_catalog

from orchestrate.local_stack.settings import DEFAULTS, PROJECT_ROOT, AccessKey, StackSettings
from tests.servers import stack_ports

PARTS = ("trackman-backend", "dataengineering-db", "trackman-lake", "local-athena")


@dataclass
class StackUnderTest:
    """A stack driven by its command line, as a user would."""

    directory: Path
    variables: dict[str, str] = field(default_factory=stack_ports)

    @property
    def environment(self) -> dict[str, str]:
        """The process environment of the commands."""
        inherited = {k: v for k, v in os.environ.items() if k not in DEFAULTS}
        return {**inherited, **self.variables, "LOCAL_STACK_DIR": str(self.directory)}

    @property
    def settings(self) -> StackSettings:
        """What the commands see."""
        return StackSettings.from_environment(self.environment)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrate.local_stack", *arguments],
            cwd=PROJECT_ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def up(self) -> None:
        """Bring the stack up, bound to the life of the tests."""
        result = self.run("up", f"--stop-with={os.getpid()}")
        assert result.returncode == 0, result.stdout + result.stderr

    def down(self) -> None:
        """Take it down."""
        result = self.run("down")
        assert result.returncode == 0, result.stdout + result.stderr

    def status(self) -> dict[str, dict[str, Any]]:
        """What `status --json` says, by part."""
        return {part["part"]: part for part in json.loads(self.run("status", "--json").stdout)}

    def states(self) -> dict[str, str]:
        """The state of each part."""
        return {name: part["state"] for name, part in self.status().items()}

    def pids(self) -> dict[str, int]:
        """The process id of each part."""
        return {name: part["pid"] for name, part in self.status().items()}

    def processes(self) -> list[psutil.Process]:
        """Every process that names the stack's directory, and the children of those."""
        found = []
        for process in psutil.process_iter():
            try:
                if any(str(self.directory) in argument for argument in process.cmdline()):
                    found += [process, *process.children(recursive=True)]
            except psutil.Error:
                continue
        return found

    def connect(self, part: str) -> psycopg.Connection[Any]:
        """A connection as the part's owner role."""
        server = {s.part: s for s in (self.settings.backend, self.settings.dataengineering)}[part]
        return psycopg.connect(server.url)


def query(stack: StackUnderTest, part: str, statement: str) -> Any:
    """The one value of a statement's one row."""
    with stack.connect(part) as connection:
        row = connection.execute(statement).fetchone()
        assert row is not None
        return row[0]


def query_lake(stack: StackUnderTest, table: str) -> str:
    """How many rows a table of the lake has, as its catalog says."""
    catalog = load_catalog("lake", **stack.settings.lake.catalog_properties())
    return str(catalog.load_table(table).scan().count())


def ask_athena(stack: StackUnderTest, statement: str, key: AccessKey | None = None) -> str:
    """The one value of a statement's one row, from the local Athena."""
    settings = stack.settings
    arguments = settings.athena.client_arguments(key or settings.lake.owner_key)
    athena = boto3.client("athena", **arguments)
    started = athena.start_query_execution(QueryString=statement)["QueryExecutionId"]
    status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
    assert status["State"] == "SUCCEEDED", status
    rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
    return str(rows[1]["Data"][0]["VarCharValue"])


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until `condition()` holds; fail after a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def taken(number: int) -> Iterator[None]:
    """Hold a port, once whoever holds it lets go."""
    while True:
        try:
            server = socket.create_server(("127.0.0.1", number))
            break
        except OSError:
            time.sleep(0.01)
    with server:
        yield


def write_everywhere(stack: StackUnderTest, text: str) -> None:
    """Leave `text` in both servers and the lake."""
    for part in PARTS[:2]:
        with stack.connect(part) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
            connection.execute("INSERT INTO kept VALUES (%s)", [text])
    rows = pa.table({"text": [text]})
    catalog = load_catalog("lake", **stack.settings.lake.catalog_properties())
    catalog.create_namespace_if_not_exists("raw")
    catalog.create_table_if_not_exists("raw.kept", schema=rows.schema).append(rows)


def assert_written_everywhere(stack: StackUnderTest, text: str) -> None:
    """Check that `text` is in both servers and the lake."""
    for part in PARTS[:2]:
        assert query(stack, part, f"SELECT count(*) FROM kept WHERE text = '{text}'") == 1
    catalog = load_catalog("lake", **stack.settings.lake.catalog_properties())
    assert text in catalog.load_table("raw.kept").scan().to_arrow()["text"].to_pylist()
