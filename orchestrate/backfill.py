"""Reads one stream of the source again, whole or a range of its replication key: `make backfill`.

Where the stream's next ordinary run goes on from stays as it is. Rows that have not changed are
merged into themselves, so a back-fill may be repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from orchestrate import environment
from orchestrate.jobs import moves
from orchestrate.run.cli import run_alone, run_jobs

RUN_KIND = "backfill"
"""At the end of such a run's name, by which dbt knows that its rows are old by intention."""


def main(arguments: Sequence[str]) -> int:
    """Run a job whose tap reads nothing but what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make backfill", description=__doc__)
    parser.add_argument("--stream", required=True, help="as in the load log: public-strokes")
    parser.add_argument("--from", default="", dest="start", help="least key; a time is in UTC")
    parser.add_argument("--to", default="", dest="end", help="key to stop before")
    parser.add_argument("--job", default="backend-to-db", help="which moves the stream")
    asked = parser.parse_args(arguments)
    # A reconcile sends keys, and has no rows to read again.
    taps = {job: move.tap for job, move in moves().items() if not move.is_reconcile}
    if asked.job not in taps:
        print(f"JOB is {asked.job!r}; give one of {', '.join(taps)}", file=sys.stderr)
        return 1
    if not asked.stream:
        print("no STREAM is given: make backfill STREAM=public-strokes", file=sys.stderr)
        return 1
    environment.load()
    wanted = {"stream": asked.stream, "from": asked.start, "to": asked.end}
    setting = {name: value for name, value in wanted.items() if value}
    os.environ[variable(taps[asked.job], "backfill")] = json.dumps(setting)
    return run_alone(lambda settings: run_jobs(settings, [asked.job], RUN_KIND))


def variable(plugin: str, setting: str) -> str:
    """The variable from which Meltano takes a plugin's setting.

    https://docs.meltano.com/guide/configuration#configuring-settings
    """
    return f"{plugin}_{setting}".replace("-", "_").upper()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
