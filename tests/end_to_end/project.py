"""A fresh copy of the project, for the tests that cross folders."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from orchestrate.local_stack.settings import StackSettings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Project:
    """A copy of the repository, with an empty home and a local stack of its own."""

    root: Path
    environment: dict[str, str]

    @property
    def settings(self) -> StackSettings:
        return StackSettings.from_environment(self.environment)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project; its standard error is part of the output."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def meltano(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run(".venv/bin/meltano", *arguments, **variables)

    def job(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a Meltano job as `make run` does."""
        return self.run(".venv/bin/python", "-m", "orchestrate.run", name, **variables)

    def states(self) -> list[tuple[Any, ...]]:
        """What Meltano remembers of each pipeline."""
        with sqlite3.connect(self.root / ".meltano" / "meltano.db") as meltano:
            return meltano.execute("select * from state order by state_id").fetchall()

    def set_states(self, states: list[tuple[Any, ...]]) -> None:
        """Put back what `states` gave."""
        with sqlite3.connect(self.root / ".meltano" / "meltano.db") as meltano:
            meltano.execute("delete from state")
            places = ", ".join("?" * len(states[0]))
            meltano.executemany(f"insert into state values ({places})", states)

    def python(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(".venv/bin/python", "-m", module, *arguments)

    def newest_report(self) -> dict[str, Any]:
        """What the latest `make run` reported."""
        runs = Path(self.environment["LOCAL_STACK_DIR"]) / "runs"
        return json.loads(max(runs.glob("*/report.json")).read_text())

    def source(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.settings.backend.url)

    def database(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.settings.dataengineering.url)


def copy_of_the_tree(target: Path) -> None:
    """Copy what a clone would hold: the files git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
