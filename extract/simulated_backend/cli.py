"""Command line: `load` fills a database, `simulate` goes on writing to it."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

import psycopg

from .connection import UserError, connect, connection_info, one_line
from .drift import DRIFTS
from .generate import DEFAULT_SEED
from .load import load
from .trickle import Summary, simulate

_URL_HELP = (
    "postgresql://user@host:port/database; by default from TRACKMAN_BACKEND_URL or "
    "TRACKMAN_BACKEND_HOST, _PORT, _DATABASE, _USER; the password from TRACKMAN_BACKEND_PASSWORD"
)


class _Parser(argparse.ArgumentParser):
    """Tells mistakes in one line instead of with the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 1 (failed), 2 (bad arguments)."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except UserError as error:
        message = str(error)
    except psycopg.Error as error:
        message = f"{one_line(error)} (from PostgreSQL; what was under way is rolled back)"
    except KeyboardInterrupt:
        message = "interrupted; what was under way is rolled back"
    print(f"error: {message}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m extract.simulated_backend", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    loading = commands.add_parser("load", help="fill an empty database, or leave what is there")
    loading.set_defaults(run=_load)
    loading.add_argument("--scale", type=_positive, default=1.0, help="1: about 215,000 strokes")
    loading.add_argument("--seed", type=_seed, default=DEFAULT_SEED, help="start of all chance")
    loading.add_argument(
        "--until", type=_moment, help="the present of the data, ISO 8601, UTC unless it says else"
    )
    loading.add_argument("--replace", action="store_true", help="drop our tables and load anew")

    trickling = commands.add_parser("simulate", help="go on inserting, updating and deleting")
    trickling.set_defaults(run=_simulate)
    trickling.add_argument(
        "--seconds", type=_not_negative, default=30.0, help="how long; 0: until interrupted"
    )
    trickling.add_argument("--rate", type=_positive, default=50.0, help="rows a second")
    trickling.add_argument("--seed", type=_seed, help="start of all chance; by default none")
    for name, help_text in (
        ("add-column", "add a column to a table"),
        ("widen-type", "give a column a wider type"),
        ("add-table", "add a table"),
    ):
        trickling.add_argument(f"--{name}", action="store_true", help=help_text)

    for command in (loading, trickling):
        command.add_argument("--url", help=_URL_HELP)
        command.add_argument("--json", action="store_true", help="report as JSON")
    return parser


def _load(options: argparse.Namespace) -> int:
    started = time.monotonic()
    conninfo = connection_info(options.url, os.environ)
    with connect(conninfo) as connection:
        result = load(
            connection,
            scale=options.scale,
            seed=options.seed,
            until=options.until or datetime.now(UTC),
            replace=options.replace,
            progress=_progress,
        )
    seconds = time.monotonic() - started
    if options.json:
        print(json.dumps({"loaded": result.loaded, "rows": result.rows, "seconds": seconds}))
    elif result.loaded:
        print(f"loaded {sum(result.rows.values()):,} rows in {seconds:.1f} s")
    else:
        print(
            f"already loaded ({sum(result.rows.values()):,} rows): left as it is; "
            "use --replace to load anew"
        )
    return 0


def _simulate(options: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    conninfo = connection_info(options.url, os.environ)
    summary = Summary()
    try:
        with connect(conninfo) as connection, connect(conninfo) as late_connection:
            simulate(
                connection,
                late_connection,
                summary,
                seconds=options.seconds,
                rate=options.rate,
                seed=options.seed,
                drifts=[name for name in DRIFTS if getattr(options, name)],
                stop=stop,
                progress=_progress,
            )
    finally:
        # A trickle that failed tells what it had committed, if anything.
        if summary.transactions:
            print(json.dumps(summary.as_dict()) if options.json else summary.as_text())
    return 0


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _positive(text: str) -> float:
    value = _finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: give a number above 0")
    return value


def _not_negative(text: str) -> float:
    value = _finite(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: give 0 or a number above it")
    return value


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: give a whole number from 0")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time: give ISO 8601 such as 2026-01-31T12:00:00+00:00"
        ) from None
    if not 2000 <= moment.year < 2100:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: give a year 2000 to 2099")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
