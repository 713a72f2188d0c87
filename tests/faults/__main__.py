"""Kills runs until told how many is enough: `python -m tests.faults --kills 200 --seed 7`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.chaos import Chaos, own_stack


def main() -> int:
    """Run, write the report; 0 if nothing was lost, doubled or half-visible."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many runs (default: 200)")
    parser.add_argument("--seed", default="1", help="of the plan (default: 1)")
    parser.add_argument("--report", type=Path, help="Markdown file to write")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as directory,
        own_stack(Path(directory) / "stack") as settings,
    ):
        report = Chaos(settings, Path(directory), given.seed).run(given.kills)
    text = report.as_markdown()
    print(text)
    if given.report is not None:
        given.report.write_text(text)
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
