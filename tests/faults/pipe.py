"""`tap | target` as Meltano runs it: two processes, a pipe between them, and a file of state.

Meltano stores each STATE line that the target writes, whole, in place of the one before, and
starts the next run's tap with it. A runner that is killed itself stores no more.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.faults.schedule import Victim
from tests.faults.tables import SourceTable
from tests.pipe import postgres_settings

TAP = "tap_postgres"
HANG_SECONDS = 180.0
"""A run that takes longer hangs."""

_COMMITTED = "rows committed"
_POLL_SECONDS = 0.01


class HangError(AssertionError):
    """A run did not end."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        tap: Exit status, negative for a signal.
        target: The same.
        seconds: How long it took.
        commits: Streams of which the target said that their rows are committed.
        log: What both said, for whoever looks for the reason.
    """

    tap: int
    target: int
    seconds: float
    commits: int
    log: str

    @property
    def is_success(self) -> bool:
        """Whether both ended well."""
        return self.tap == self.target == 0


@dataclass
class Run:
    """One run, under way.

    Attributes:
        states: How many STATEs the target has written.
    """

    tap: subprocess.Popen[bytes]
    target: subprocess.Popen[bytes]
    state_file: Path
    log_file: Path
    began: float = field(default_factory=time.monotonic)
    is_runner_dead: bool = False
    states: int = 0
    _keeper: threading.Thread | None = None
    _planned: tuple[int, Victim] | None = None
    _has_struck: bool = False

    def __post_init__(self) -> None:
        """Begin to keep the states that the target writes."""
        self._keeper = threading.Thread(target=self._keep_states, daemon=True)
        self._keeper.start()

    def wait_for(self, lines: int, delay: float) -> None:
        """Wait until it has logged so many lines, and the delay in seconds after; or it has ended.

        Args:
            lines: How many; none before the tap has begun to speak.
            delay: Seconds.
        """
        while self.lines < lines and self.is_alive:
            time.sleep(_POLL_SECONDS)
        time.sleep(delay)

    @property
    def lines(self) -> int:
        """How many lines both have logged."""
        return self.log_file.read_bytes().count(b"\n")

    @property
    def is_alive(self) -> bool:
        """Whether one of both runs."""
        return self.tap.poll() is None or self.target.poll() is None

    def kill(self, victim: Victim, signal_name: str) -> bool:
        """Send a signal to the process groups of tap, target or both; False if all had ended."""
        number = signal.Signals[f"SIG{signal_name}"]
        self.is_runner_dead = self.is_runner_dead or victim is Victim.ALL
        struck = {Victim.TAP: [self.tap], Victim.TARGET: [self.target]}
        alive = False
        for process in struck.get(victim, [self.tap, self.target]):
            if process.poll() is None:
                alive = True
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
        return alive

    def kill_at_state(self, number: int, victim: Victim) -> bool:
        """Send KILL in the moment in which the target writes its STATE of that number.

        Returns:
            False if the run ended before.
        """
        assert self._keeper is not None
        self._planned = (number, victim)
        self._keeper.join(HANG_SECONDS)
        return self._has_struck

    def wait(self) -> Outcome:
        """Wait for both to end.

        Raises:
            HangError: They do not; they are killed.
        """
        for process in (self.tap, self.target):
            try:
                process.wait(HANG_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill(Victim.BOTH, "KILL")
                raise HangError(f"a run did not end:\n{self.log_file.read_text()}") from None
        assert self._keeper is not None
        self._keeper.join(HANG_SECONDS)
        log = self.log_file.read_text()
        return Outcome(
            tap=self.tap.returncode,
            target=self.target.returncode,
            seconds=time.monotonic() - self.began,
            commits=log.count(_COMMITTED),
            log=log,
        )

    def _keep_states(self) -> None:
        assert self.target.stdout is not None
        with self.target.stdout as lines:
            for line in lines:
                self.states += 1
                if self._planned and self.states == self._planned[0]:
                    # First of all: what a STATE claims must be committed already.
                    self._has_struck = self.kill(self._planned[1], "KILL")
                if not self.is_runner_dead and line.endswith(b"\n"):
                    json.loads(line)  # a line that is no JSON fails the test's thread, and so it
                    write_at_once(self.state_file, line)


@dataclass(frozen=True)
class Claim:
    """That the rows of a stream are committed which the tap read at some time.

    Attributes:
        stream: Its name.
        source_time: As the load log has it.
        has_rows: Whether there were any.
    """

    stream: str
    source_time: datetime
    has_rows: bool


@dataclass(frozen=True)
class Pipe:
    """A source and a destination.

    Attributes:
        name: For people.
        directory: For config, catalog, state, batch files and logs.
        target: The target's module.
        tap_config: As the tap takes it.
        target_config: As the target takes it.
    """

    name: str
    directory: Path
    target: str
    tap_config: Mapping[str, Any]
    target_config: Mapping[str, Any]

    @property
    def state_file(self) -> Path:
        """What the next run starts from."""
        return self.directory / "state.json"

    def claims(self) -> list[Claim]:
        """What the state that the next run starts from says of each stream."""
        if not self.state_file.exists():
            return []
        bookmarks = json.loads(self.state_file.read_bytes()).get("bookmarks", {})
        return [
            Claim(
                stream,
                datetime.fromisoformat(bookmark["source_time"]),
                has_rows=bool(bookmark["rows_read"]),
            )
            for stream, bookmark in bookmarks.items()
        ]

    def discover(self, tables: Sequence[SourceTable]) -> None:
        """Write the catalog that all runs use; Meltano discovers in each, which takes a second."""
        from tap_postgres.tap import TapPostgres

        self.directory.mkdir(parents=True, exist_ok=True)
        # The SDK sets handlers when a tap is made; this process keeps its own.
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            catalog = TapPostgres(config=dict(self.tap_config)).catalog_dict
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        by_stream = {table.stream: table for table in tables}
        for entry in catalog["streams"]:
            root = next(item for item in entry["metadata"] if not item["breadcrumb"])
            root["metadata"]["selected"] = True
            for name, value in by_stream[entry["tap_stream_id"]].metadata.items():
                root["metadata"][name] = value
                entry[name.replace("-", "_")] = value
        self._write("catalog.json", catalog)
        self._write("tap.json", self.tap_config)
        self._write("target.json", self.target_config)

    def start(self) -> Run:
        """Begin a run."""
        files = ["--config", "tap.json", "--catalog", "catalog.json"]
        if self.state_file.exists():
            files += ["--state", "state.json"]
        log_file = self.directory / "run.log"
        with log_file.open("wb") as log:
            tap = self._spawn(TAP, files, log, stdin=subprocess.DEVNULL)
            target = self._spawn(self.target, ["--config", "target.json"], log, stdin=tap.stdout)
        assert tap.stdout is not None
        tap.stdout.close()  # else the tap would never hear that the target is gone
        return Run(tap, target, self.state_file, log_file)

    def run(self) -> Outcome:
        """A run that nobody disturbs."""
        return self.start().wait()

    def reconcile(self, tables: Sequence[SourceTable]) -> Outcome:
        """A run that sends keys only, so that rows that are gone are marked deleted.

        Its state is its own, as with the job `reconcile-…` of Meltano.
        """
        pipe = replace(
            self,
            directory=self.directory / "reconcile",
            tap_config={**self.tap_config, "reconcile": True},
        )
        pipe.discover(tables)
        return pipe.run()

    def _spawn(
        self, module: str, arguments: Sequence[str], log: Any, stdin: Any
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=self.directory,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=log,
            process_group=0,
        )

    def _write(self, name: str, content: Any) -> None:
        write_at_once(self.directory / name, json.dumps(content).encode())


def write_at_once(path: Path, content: bytes) -> None:
    """Write a file in one step, readable by its owner only."""
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_bytes(content)
    temporary.replace(path)


def tap_config(url: str, directory: Path, rows_per_file: int) -> dict[str, Any]:
    """The tap's settings: small files, so that a commit holds several.

    Args:
        url: Of the source.
        directory: Where batch files go.
        rows_per_file: Most rows in one.
    """
    return {
        **postgres_settings(url),
        "filter_schemas": ["public"],
        "batch_config": {
            "encoding": {"format": "arrow"},
            "storage": {"root": (directory / "batches").as_uri()},
        },
        "batch_size_rows": rows_per_file,
    }


def to_database(source: str, database: str, directory: Path, rows_per_file: int) -> Pipe:
    """A pipe from a source into schema `raw` of a database, both given by URL."""
    return Pipe(
        "database",
        directory,
        "target_postgres",
        tap_config(source, directory, rows_per_file),
        {
            **postgres_settings(database),
            "default_target_schema": "raw",
            "batch_size_rows": rows_per_file,
            "allow_empty_full_refresh": True,
        },
    )


def to_lake(source: str, lake: Mapping[str, Any], directory: Path, rows_per_file: int) -> Pipe:
    """A pipe from a source, given by URL, into the lake of target-s3's settings `lake`."""
    return Pipe(
        "lake",
        directory,
        "target_s3",
        tap_config(source, directory, rows_per_file),
        {**lake, "batch_size_rows": rows_per_file, "allow_empty_full_refresh": True},
    )
