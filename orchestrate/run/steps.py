"""One step of a run: a program, its log file, its progress on the terminal, its outcome."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrate.environment import PROJECT_ROOT

# What stands before a plugin's own words in Meltano's log: time, level, name.
_PREFIX = re.compile(r"^\d{4}-\d\d-\d\dT\S+ \[(?P<level>\w+) *\] \S+\s+(?P<text>.*)$")
# dbt's own time at the start of its lines.
_DBT_TIME = re.compile(r"^\d\d:\d\d:\d\d +")
# Of what a Meltano job prints, the lines that tell how far it is; all go to the step's log.
_PROGRESS = re.compile(
    r"rows committed|\d{2,},\d{3} rows staged|Stream \S+ failed|^error: |"
    r"OK (created|snapshotted) .*(table|incremental|snapshot)|Done\. PASS|"
    r"\bERROR\b|\bFAIL \d|\bSTALE\b|^Broken in "
)

# What Meltano adds after a plugin has told in a line what is wrong.
_ECHOES = (
    "Cannot start plugin",
    "Extractor failed",
    "Loader failed",
    "Block run completed",
    "Task exception was never retrieved",  # of writing to a loader that has ended
)


@dataclass(frozen=True)
class Step:
    """A program to run, by the name it has in the report.

    `is_job`: it is a Meltano job, of whose log only what `worth_showing` picks is shown.
    """

    name: str
    command: tuple[str, ...]
    is_job: bool = False

    @classmethod
    def python(cls, name: str, module: str, *arguments: str) -> Step:
        """A module of this project, run by the same interpreter."""
        return cls(name, (sys.executable, "-m", module, *arguments))

    @classmethod
    def seed(cls) -> Step:
        """Load the simulated source, unless it is there already."""
        return cls.python("seed", "extract.simulated_backend", "load")

    @classmethod
    def job(cls, job: str) -> Step:
        """A job of `orchestrate/jobs.meltano.yml`, run the way its schedule runs it."""
        return cls(job, (str(Path(sys.executable).with_name("meltano")), "run", job), is_job=True)


@dataclass(frozen=True)
class StepResult:
    """How a step ended; `started_at` is Unix time."""

    name: str
    succeeded: bool
    started_at: float
    seconds: float
    log: Path


def run_step(step: Step, folder: Path) -> StepResult:
    """Run one step to its end.

    Args:
        step: What to run.
        folder: Where its log goes, as `<step>.log`.

    Returns:
        The outcome; a failure is a result, not an exception.
    """
    log = folder / f"{step.name}.log"
    started_at, started = time.time(), time.monotonic()
    say(step.name, "started")
    with (
        log.open("w") as file,
        subprocess.Popen(
            step.command,
            cwd=PROJECT_ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - for the type checker: stdout is a pipe
        last_shown = None
        for line in _plain_lines(process.stdout):
            file.write(line + "\n")
            shown = worth_showing(line) if step.is_job else line
            if shown and shown != last_shown:  # Meltano repeats a plugin's last words
                say(step.name, shown)
                last_shown = shown
    seconds = time.monotonic() - started
    succeeded = process.returncode == 0
    say(step.name, f"done in {seconds:.1f} s" if succeeded else f"FAILED, see {log}")
    return StepResult(step.name, succeeded, started_at, seconds, log)


def worth_showing(line: str) -> str | None:
    """What of a line of a Meltano job's output is shown as progress.

    Args:
        line: A line, without terminal colours.

    Returns:
        The program's own words, or None for a line that is only of interest in the log.
    """
    found = _PREFIX.match(line)
    text = _DBT_TIME.sub("", found["text"] if found else line)
    if text.startswith(_ECHOES):
        return None
    is_error = found is not None and found["level"] in {"error", "critical"}
    return text if is_error or _PROGRESS.search(text) else None


def say(name: str, text: str) -> None:
    """Print one progress line of a step."""
    print(f"{name:>16} │ {text}", flush=True)


def _plain_lines(stream: Iterator[str]) -> Iterator[str]:
    """The lines of a program's output without terminal colours or trailing blanks."""
    for line in stream:
        yield re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()
