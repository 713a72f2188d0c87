"""The dbt project, run as a program against a database of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from orchestrate.local_stack.settings import StackSettings

PROJECT = Path(__file__).resolve().parents[1]
ROOT = PROJECT.parent


def executable() -> Path:
    """The dbt that Meltano runs, or the one of this environment.

    Raises:
        FileNotFoundError: there is none.
    """
    meltanos = ROOT / ".meltano" / "utilities" / "dbt-lake" / "venv" / "bin" / "dbt"
    found = shutil.which("dbt")
    candidates = [
        meltanos,
        Path(sys.executable).with_name("dbt"),
        *([Path(found)] if found else []),
    ]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise FileNotFoundError("no dbt found: run `make install`")


@cache
def _forks() -> Path:
    """The socket of a `dbt_forks` that runs as long as this process."""
    path = Path(tempfile.mkdtemp(prefix="dbt-"), "forks")
    server = subprocess.Popen(
        [executable().with_name("python"), Path(__file__).with_name("dbt_forks.py"), path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    _servers.append(server)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return path


_servers: list[subprocess.Popen[bytes]] = []
_starting = Lock()


def lake_variables(stack: StackSettings) -> dict[str, str]:
    """The variables that lead dbt to the lake of a stack."""
    lake, athena = stack.lake, stack.athena
    return {
        "AWS_ENDPOINT_URL": athena.endpoint,
        "AWS_ENDPOINT_URL_S3": lake.s3_endpoint,
        "AWS_ACCESS_KEY_ID": lake.dbt_key.id,
        "AWS_SECRET_ACCESS_KEY": lake.dbt_key.secret,
    }


@dataclass(frozen=True)
class Dbt:
    """dbt with this project and a database.

    Attributes:
        url: of the database, with user and password.
        target: folder for what dbt writes.
        variables: of the environment, beside those of the database.
        options: for every command.
    """

    url: str
    target: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    def run(
        self, *arguments: str, timeout: float = 300, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; more environment variables may be given."""
        asked = {
            "arguments": [*arguments, *self.options],
            "environment": self._environment() | variables,
        }
        with socket.socket(socket.AF_UNIX) as forks:
            forks.settimeout(timeout)
            with _starting:
                forks.connect(str(_forks()))
            forks.sendall(json.dumps(asked).encode() + b"\n")
            with forks.makefile("rb") as answer:
                output, _, status = answer.read().decode().rpartition("\0")
        return subprocess.CompletedProcess(asked["arguments"], int(status), output)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin a command, as a process that can be stopped and killed."""
        return subprocess.Popen(
            [executable(), *arguments, *self.options],
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def succeed(self, *arguments: str, timeout: float = 300, **variables: str) -> str:
        """Run a command that must succeed, and return its output."""
        done = self.run(*arguments, timeout=timeout, **variables)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def manifest(self) -> dict[str, Any]:
        """What the last command knew of the project."""
        manifest: dict[str, Any] = json.loads((self.target / "manifest.json").read_text())
        return manifest

    def _environment(self) -> dict[str, str]:
        address = urlsplit(self.url)
        environment = os.environ | {
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target / "logs"),
            "DBT_USE_COLORS": "false",
            "DATAENGINEERING_DB_HOST": address.hostname or "",
            "DATAENGINEERING_DB_PORT": str(address.port or 5432),
            "DATAENGINEERING_DB_DATABASE": address.path.lstrip("/"),
            "DATAENGINEERING_DB_USER": address.username or "",
            "DATAENGINEERING_DB_PASSWORD": address.password or "",
        }
        return environment | dict(self.variables)
