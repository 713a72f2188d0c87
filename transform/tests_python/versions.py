"""How many bytes an incremental build of the lake reads, on change logs of any length.

    python -m transform.tests_python.versions --versions 1000000 10000000 --changes 1000 100000

builds the strokes' and the sessions' staging tables and marts in the lake of the running stack
(`make up`), in schemas of its own, for each length of the log anew, and prints the table of
docs/lake.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from orchestrate.local_stack import stack
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import StackSettings
from transform.tests_python.history import STROKES_A_SESSION, History

STAGING = tuple(f"stg_trackman_backend__{table}" for table in ("strokes", "sessions", "bays"))
MARTS = ("fct_strokes", "fct_sessions")


def main(arguments: Sequence[str]) -> int:
    """Print bytes read, by length of the log and number of changes; 1 without a running stack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--changes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--a-month", type=int, default=210_000)
    parser.add_argument("--staging", action="store_true", help="no marts")
    options = parser.parse_args(arguments)
    try:
        settings = StackSettings.from_environment()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    needed = (settings.lake.part, settings.athena.part)
    missing = [
        f"{each.part} is {each.state}"
        for each in stack.status(settings)
        if each.part in needed and each.state != "running"
    ]
    if missing:
        print(f"{', '.join(missing)}: start the stack with `make up`", file=sys.stderr)
        return 1
    models = STAGING if options.staging else STAGING + MARTS
    print("| versions in the log | MB of it | new versions | MB read by staging | by marts |")
    print("|---|---|---|---|---|")
    for versions in options.versions:
        with tempfile.TemporaryDirectory() as folder:
            past = History(
                settings, f"versions_{versions}", Path(folder), versions, options.a_month
            )
            past.create()
            read = past.build("--select", *models, "--full-refresh")
            size = past.bytes("strokes") / 1e6
            print(f"| {versions:,} | {size:.1f} | all | {_megabytes(read)} |", flush=True)
            for changes in (0, *options.changes):
                # Half of them newer versions of the newest strokes, half new strokes.
                first = versions - changes // 2
                past.append(first, changes)
                sessions = range(
                    first // STROKES_A_SESSION, -(-(first + changes) // STROKES_A_SESSION)
                )
                past.append_sessions(sessions.start, len(sessions) if changes else 0)
                read = past.build("--select", *models)
                print(f"| | | {changes:,} | {_megabytes(read)} |", flush=True)
    return 0


def _megabytes(read: Counter[str]) -> str:
    """What staging and marts read, as two cells."""
    return " | ".join(
        f"{sum(read[model] for model in each) / 1e6:.2f}" for each in (STAGING, MARTS)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
