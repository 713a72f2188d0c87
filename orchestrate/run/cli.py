"""The main job, step by step, and its exit status.

    stack up → seed the simulated source → backend-to-db and backend-to-lake, side by side →
    transform-db → docs → report

A step that fails does not hide what the others did: the report is written all the same, and the
status is that of the worst step.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from orchestrate import environment
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import StackSettings
from orchestrate.run import report
from orchestrate.run.steps import Step, StepResult, run_step

MOVES = ("backend-to-db", "backend-to-lake")
# Their setting `run_id` is how the load log and this run find each other.
DESTINATIONS = ("DATAENGINEERING_DB", "TRACKMAN_LAKE")


def main(arguments: Sequence[str]) -> int:
    """Run the main job, or one Meltano job alone.

    Args:
        arguments: Nothing, or a job of `orchestrate/jobs.meltano.yml`.

    Returns:
        0 if every step succeeded, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m orchestrate.run", description=__doc__)
    parser.add_argument("job", nargs="?", help="a Meltano job; left out: the whole main job")
    job = parser.parse_args(arguments).job
    environment.load()
    try:
        settings = StackSettings.from_environment()
        with single_run(settings.directory):
            return run_job(settings, job) if job else run_all(settings)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the next run goes on from the last commit", file=sys.stderr)
        return 130


@contextmanager
def single_run(directory: Path) -> Iterator[None]:
    """Hold the lock that keeps a second run of this project away.

    Args:
        directory: Where the local stack keeps its files.

    Raises:
        StackError: another run holds the lock.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StackError(
                f"another run is going on (process {lock.read() or 'unknown'}): "
                "wait until it has ended"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def new_run(settings: StackSettings) -> Path:
    """Name this run, tell the plugins, and make the folder for its logs.

    The name sorts by time; the targets write it to each row of their load log.
    """
    run_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    for destination in DESTINATIONS:
        os.environ[f"TARGET_{destination}_RUN_ID"] = run_id
    folder = settings.directory / "runs" / run_id
    folder.mkdir(parents=True)
    return folder


def run_all(settings: StackSettings) -> int:
    """Run every step, print the report, and return the exit status."""
    folder = new_run(settings)
    results: list[StepResult] = []
    for step in (Step.python("stack", "orchestrate.local_stack", "up"), Step.seed()):
        results.append(run_step(step, folder))
        if not results[-1].succeeded:
            return 1
    with ThreadPoolExecutor(len(MOVES)) as pool:
        results += pool.map(lambda job: run_step(Step.job(job), folder), MOVES)
    results.append(run_step(Step.job("transform-db"), folder))
    dbt = report.dbt_results(report.DBT_TARGET, since=results[-1].started_at)
    results.append(run_step(Step.job("docs"), folder))
    finished = report.collect(settings, folder, results, dbt)
    report.write(finished, folder)
    report.show(finished)
    return 0 if finished.succeeded else 1


def run_job(settings: StackSettings, job: str) -> int:
    """Run one job on the stack as it is; returns the exit status."""
    return 0 if run_step(Step.job(job), new_run(settings)).succeeded else 1
