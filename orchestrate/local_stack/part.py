"""What the two kinds of server have in common: a part of the stack."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil

from orchestrate.local_stack import processes
from orchestrate.local_stack.processes import ProcessRecord
from orchestrate.local_stack.settings import Port


@dataclass(frozen=True)
class Part(ABC):
    """One server: its files below `directory`, its process, its addresses."""

    name: str
    directory: Path
    address: str
    ports: tuple[Port, ...]

    program: str
    stop_signal: signal.Signals
    starts_last: ClassVar[bool] = False  # once the other parts answer

    @property
    def data(self) -> Path:
        """The directory that holds what must survive."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What the server wrote to its standard output and error since its last start."""
        return self.directory / "server.log"

    @property
    def record_file(self) -> Path:
        """Where the running server's process is remembered."""
        return self.directory / "process.json"

    def find_process(self) -> psutil.Process | None:
        """The part's server, if it runs."""
        record = ProcessRecord.load(self.record_file)
        recorded = processes.find_recorded(record, str(self.data)) if record else None
        return recorded or processes.find_unrecorded(self.program, str(self.data))

    @abstractmethod
    def prepare(self) -> None:
        """Make the data directory (if there is none) and the configuration; clear leftovers.

        Called only while the server does not run.
        """

    @abstractmethod
    def provision(self) -> None:
        """Give the stopped server the users and databases of the settings."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The command that runs the server; it bears no secret."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The server's environment variables."""

    @abstractmethod
    def check(self) -> None:
        """Do what a client would, once.

        Raises:
            NotAnsweringYet: ask again.
            CredentialsRefused: it answers, but `provision` is needed.
        """

    def outdated(self) -> str | None:
        """Why the running server, which answers, is another than `command` would start now."""
        return None

    @abstractmethod
    def leftovers(self) -> tuple[Path, ...]:
        """Files that a killed server leaves behind."""
