"""Kills runs until told how many is enough: `python -m tests.faults --kills 200 --seed 7`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from orchestrate.local_stack.errors import StackError
from tests.faults.chaos import Chaos, own_stack

_DOCUMENT = """\
# Killed runs and restarted servers

While small transactions go on in the source, `tap | target` runs into both destinations, and most
runs are killed: half of them by KILL in the moment in which the target writes a STATE, the others
at any moment, the tap, the target, both, or the program that stores the state as well, by KILL or
TERM. Now and then a server is restarted meanwhile, by KILL or in the orderly way. Readers look at
the destinations all the time: rows that were written in pairs are there in pairs, of one version;
no row vanishes; every row is told of by the load log, and what that tells of is there; what the
kept state claims is committed, and after a run that ended well the state claims all that is. At the
end runs are left alone, and the three are compared, value by value. How it is done stands in
`tests/faults/`; the continuous tests do the same with 25 kills.

{report}"""


def main() -> int:
    """Run, write the report; 0 if nothing was lost, doubled or half-visible."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many runs (default: 200)")
    parser.add_argument("--seed", default="1", help="of the plan (default: 1)")
    parser.add_argument("--report", type=Path, help="Markdown to write, up to its next section")
    given = parser.parse_args()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="faults-") as directory,
            own_stack(Path(directory) / "stack") as settings,
        ):
            report = Chaos(settings, Path(directory), given.seed).run(given.kills)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    text = _DOCUMENT.format(report=report.as_markdown())
    print(text)
    if given.report is not None:
        by_hand = given.report.read_text().partition("\n## ") if given.report.exists() else ()
        given.report.write_text(text + "".join(by_hand[1:]))
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
