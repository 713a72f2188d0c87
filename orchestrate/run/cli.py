"""The main job, step by step, and its exit status.

    stack up → seed the simulated source → backend-to-db and backend-to-lake, side by side →
    transform-db and transform-lake, side by side → docs → report

A step that fails does not hide what the others did: the report is written all the same, and the
status is that of the worst step.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from orchestrate import environment
from orchestrate.jobs import moves
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import StackSettings
from orchestrate.run import report
from orchestrate.run.steps import Step, StepResult, run_step

MOVES = ("backend-to-db", "backend-to-lake")
# The jobs that build the models, and where dbt writes what it found.
TRANSFORMS = {"transform-db": report.DBT_TARGET, "transform-lake": report.DBT_TARGET / "lake"}
# Their setting `run_id` is how the load log and this run find each other.
DESTINATIONS = ("DATAENGINEERING_DB", "TRACKMAN_LAKE")


def main(arguments: Sequence[str]) -> int:
    """Run the main job, or Meltano jobs one after the other.

    Args:
        arguments: Nothing, or jobs of `orchestrate/jobs.meltano.yml`.

    Returns:
        0 if every step succeeded, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m orchestrate.run", description=__doc__)
    parser.add_argument("jobs", nargs="*", help="Meltano jobs; left out: the whole main job")
    jobs = parser.parse_args(arguments).jobs
    environment.load()
    return run_alone(lambda settings: run_jobs(settings, jobs) if jobs else run_all(settings))


def run_alone(work: Callable[[StackSettings], int]) -> int:
    """Do something that no other run of this project may disturb.

    Args:
        work: Gets the stack's settings and returns an exit status.

    Returns:
        That status; 1 if another run is going on, which is told.
    """
    try:
        settings = StackSettings.from_environment()
        with single_run(settings.directory):
            return work(settings)
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


def new_run(settings: StackSettings, kind: str = "") -> Path:
    """Name this run, tell the plugins, and make the folder for its logs.

    The name sorts by time and ends with `-` and `kind`, if there is one; the targets write it to
    each row of their load log.
    """
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    run_id = f"{time}-{kind}" if kind else time
    for destination in DESTINATIONS:
        os.environ[f"TARGET_{destination}_RUN_ID"] = run_id
    folder = settings.directory / "runs" / run_id
    folder.mkdir(parents=True)
    os.environ["LAKE_MAINTENANCE_REPORT"] = str(folder / report.LAKE_MAINTENANCE)
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
    with ThreadPoolExecutor(len(TRANSFORMS)) as pool:
        transforms = list(pool.map(lambda job: run_step(Step.job(job), folder), TRANSFORMS))
    results += transforms
    dbt = [
        (f"{step.name}: {name}", status)
        for step, target in zip(transforms, TRANSFORMS.values(), strict=True)
        for name, status in report.dbt_results(target, since=step.started_at)
    ]
    results.append(run_step(Step.job("docs"), folder))
    finished = report.collect(settings, folder, results, dbt)
    report.write(finished, folder)
    report.show(finished)
    return 0 if finished.succeeded else 1


def run_jobs(settings: StackSettings, jobs: Sequence[str], kind: str = "") -> int:
    """Run jobs on the stack as it is, show what they loaded, and return the exit status.

    What a failed one loaded is not shown: the last line shall be the one that says what is wrong.

    Args:
        settings: The stack.
        jobs: Names of Meltano jobs.
        kind: Of `new_run`.
    """
    folder = new_run(settings, kind)
    results = [run_step(Step.job(job), folder) for job in jobs]
    if not all(result.succeeded for result in results):
        return 1
    report.show_maintenance(folder)
    loads = moves()
    if destinations := dict.fromkeys(loads[job].destination for job in jobs if job in loads):
        report.show_loads(report.read_loads(settings, folder.name, destinations))
    return 0
