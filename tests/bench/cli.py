"""Command line of the benchmarks."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from orchestrate.local_stack import StackError
from orchestrate.local_stack.settings import PROJECT_ROOT
from tests.bench import report, stack
from tests.bench.data import DataSets
from tests.bench.errors import BenchError
from tests.bench.measures import measures, take
from tests.bench.rows import Figure, Medians, Row, Sizes, figures
from tests.bench.table import rows
from tests.bench.workplace import PEERS, Workplace

DEFAULT_SCALE = 0.5
DEFAULT_REPEAT = 3


class _Parser(argparse.ArgumentParser):
    """Tells mistakes in one line instead of with the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see make bench ARGS=--help)\n")


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write.

    Returns:
        0 if every row asked for was measured, whether or not it meets its goal; 1 if not;
        2 for bad arguments.
    """
    options = _parser().parse_args(arguments)
    wanted = [row for row in rows(full=options.full) if row.name in options.only]
    try:
        with _alone(options.folder):
            return _measure(options, wanted)
    except (BenchError, StackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the results of earlier runs are as they were", file=sys.stderr)
        return 130


def _measure(options: argparse.Namespace, wanted: Sequence[Row]) -> int:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:7.0f} s  {line}", flush=True)

    facts = report.machine()
    if facts["load_average_before"] > report.QUIET_LOAD:
        say(
            f"WARNING: the load average is {facts['load_average_before']:.2f}: something else is "
            "at work, and the figures will show it"
        )
    folder: Path = options.folder / "bench"
    for name in ("logs", "batches", "dlt", "meltano"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for states in folder.glob("meltano-*.db"):
        states.unlink()
    say("starting the servers")
    with stack.running(folder / "stack") as servers:
        data = DataSets(servers, options.scale, _generator(), folder / "logs", say)
        workplace = Workplace(folder, servers, data)
        # In the rows' order, so that ours and the peer's follow each other.
        needed = list(dict.fromkeys(name for row in wanted for name in row.needs))
        samples, failures = take(measures(workplace), needed, options.repeat, say)
        sizes = _sizes(workplace, wanted, full=options.full)
    found, absent = _compute(wanted, Medians(samples, sizes), failures)
    facts |= {
        "scale": options.scale,
        "repeat": options.repeat,
        "rows": sizes.rows,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "absent": absent,
    }
    paths = report.write(options.folder, found, facts, samples)
    report.show(found, Console())
    print(f"written: {', '.join(str(path) for path in paths)}")
    for name, reason in absent.items():
        print(f"NOT MEASURED: {name}: {reason}", file=sys.stderr)
    return 1 if absent else 0


def _generator() -> Path:
    """The program that makes TPC-H tables.

    Raises:
        BenchError: It is not installed.
    """
    places = os.pathsep.join(map(str, (PEERS, Path(sys.executable).parent)))
    found = shutil.which("tpchgen-cli", path=places)
    if found is None:
        raise BenchError("tpchgen-cli is not installed: use `make bench`, which installs it")
    return Path(found)


def _sizes(workplace: Workplace, wanted: Sequence[Row], *, full: bool) -> Sizes:
    """The numbers of rows that the wanted rows tell; no table is made for the others'."""
    texts = " ".join(row.work + row.against for row in wanted)
    data, count, strokes = workplace.data, 0, 0
    if "{strokes}" in texts:
        strokes = workplace.rows(data.strokes(), "bench_strokes")
    if "{" in texts.replace("{strokes}", ""):
        count = workplace.rows(data.lineitem(), "lineitem")
    return Sizes(count, count // 10, count * 10 if full else None, strokes)


def _compute(
    wanted: Sequence[Row], medians: Medians, failures: dict[str, str]
) -> tuple[list[Figure], dict[str, str]]:
    """The figures of the rows that can be computed, and for the others why not."""
    found: list[Figure] = []
    absent: dict[str, str] = {}
    for row in wanted:
        reasons = [f"{name} failed: {failures[name]}" for name in row.needs if name in failures]
        try:
            if not reasons:
                found += figures(row, medians)
        except BenchError as error:
            reasons = [str(error)]
        if reasons:
            absent[row.name] = "; ".join(reasons)
    # First the rows with a goal, in their order.
    return sorted(found, key=lambda figure: figure.goal is None), absent


def _parser() -> argparse.ArgumentParser:
    every = rows(full=False)
    goals = ", ".join(row.name for row in every if row.goal is not None)
    extras = ", ".join(row.name for row in every if row.goal is None)
    parser = _Parser(
        prog="make bench ARGS=",
        description="Measures the plugins and their peers side by side; see docs/benchmarks.md.",
        epilog=f"Rows with a goal: {goals}. Without: {extras}.",
    )
    names = [row.name for row in every]
    parser.add_argument(
        "--only",
        metavar="ROW[,ROW…]",
        type=_names(names),
        default=names,
        help="measure these rows only",
    )
    parser.add_argument(
        "--repeat",
        metavar="TIMES",
        type=_count,
        default=DEFAULT_REPEAT,
        help=f"how often each measurement is made; the median counts (default {DEFAULT_REPEAT})",
    )
    parser.add_argument(
        "--scale",
        type=_positive,
        default=DEFAULT_SCALE,
        help=f"TPC-H scale factor (default {DEFAULT_SCALE}: 3.0 million rows of lineitem)",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="ours moves ten times the rows as well, the MeltanoLabs plugins all of them; hours",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=PROJECT_ROOT / "build",
        help="where bench.json and all that is made go (default build/)",
    )
    return parser


def _names(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in allowed]
        if unknown or not names:
            raise argparse.ArgumentTypeError(
                f"no row is called {', '.join(map(repr, unknown)) or repr(text)}; "
                f"choose from {', '.join(allowed)}"
            )
        return names

    return parse


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: give a whole number from 1")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: give a number above 0")
    return value


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse a second run in the same folder.

    Raises:
        BenchError: Another is under way.
    """
    (folder / "bench").mkdir(parents=True, exist_ok=True)
    path = folder / "bench" / "lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError(
                f"another `make bench` is under way in {folder}: wait for it"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
