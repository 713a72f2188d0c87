"""Runs the simulation on a stack of its own and prints its figures as a Markdown table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from orchestrate.local_stack import stack
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import StackSettings
from tests.servers import stack_environment
from tests.upkeep import simulation


def main() -> int:
    """Returns 1 if something is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.upkeep", description=__doc__)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--loads-a-day", type=int, default=simulation.LOADS_A_DAY)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        settings = StackSettings.from_environment(stack_environment(Path(directory)))
        try:
            stack.up(settings, print, stop_with=os.getpid())
            return _run(settings, arguments.days, arguments.loads_a_day)
        except StackError as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            stack.down(settings, print)


def _run(settings: StackSettings, days: int, loads_a_day: int) -> int:
    run = simulation.start(settings.lake, "raw", loads_a_day)
    run.run(days * loads_a_day, lambda text: print(text, flush=True))
    print(f"\n{len(run.moments)} loads; the reader looked {run.looks} times during the upkeep")
    print(f"processor time of all upkeep: {run.upkeep_seconds:.0f} s\n")
    print("| table | | data files | partitions | MB | snapshots | count of a column, s |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for pair in zip(run.before, run.after, strict=True):
        for when, each in zip(("before", "after"), pair, strict=True):
            print(
                f"| {each.table} | {when} | {each.files} | {each.partitions} | "
                f"{each.bytes / 1e6:.1f} | {each.snapshots} | {each.seconds:.3f} |"
            )
    failures = run.failures()
    for line in failures:
        print(f"FAILED {line}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
