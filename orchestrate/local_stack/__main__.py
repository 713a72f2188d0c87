"""Command line of the local stack."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from orchestrate import environment
from orchestrate.local_stack import stack, watcher
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import DEFAULTS, StackSettings
from orchestrate.local_stack.stack import PartStatus


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 only if the stack is then as asked for."""
    options = _parser().parse_args(arguments)
    environment.load()
    began = time.monotonic()
    try:
        settings = StackSettings.from_environment()
        if options.command == "up":
            stack.up(settings, _print_progress, options.stop_with)
            print(f"the local stack is up ({time.monotonic() - began:.1f} s)")
        elif options.command == "down":
            stack.down(settings, _print_progress)
            print(f"the local stack is down ({time.monotonic() - began:.1f} s)")
        elif options.command == "watch":
            watcher.wait_for_end(options.pid, options.since)
            stack.down(settings, _print_progress)
        else:
            found = stack.status(settings)
            print(json.dumps([asdict(s) for s in found]) if options.json else _table(found))
            return 0 if all(status.state == "running" for status in found) else 1
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: run the command again, or down", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m orchestrate.local_stack",
        description=(
            "The local stack: trackman-backend and dataengineering-db (PostgreSQL), "
            "trackman-lake (S3 and Iceberg catalog), on this machine only."
        ),
        epilog=f"Environment variables: {', '.join(DEFAULTS)}; README.md says what they mean.",
    )
    # Without metavar the watcher's own command would show.
    commands = parser.add_subparsers(dest="command", required=True, metavar="up|down|status")
    up = commands.add_parser("up", help="start what does not run; wait until it answers")
    up.add_argument(
        "--stop-with",
        type=int,
        metavar="PID",
        help="take the stack down when process PID has ended",
    )
    commands.add_parser("down", help="stop all parts; their data stay")
    status = commands.add_parser("status", help="how each part is; exit status 0 if all run")
    status.add_argument("--json", action="store_true", help="for machines")
    watch = commands.add_parser("watch")
    watch.add_argument("--pid", type=int, required=True)
    watch.add_argument("--since", type=float, required=True)
    # Not read: the settings give the directory. It tells watchers of several stacks apart.
    watch.add_argument("--directory", required=True)
    return parser


def _print_progress(part: str, state: str, address: str, seconds: float) -> None:
    # One write, since parts report from several threads.
    sys.stdout.write(f"{part:<20} {state:<24} {seconds:5.1f} s  {address}\n")
    sys.stdout.flush()


def _table(found: Sequence[PartStatus]) -> str:
    lines = [f"{'PART':<20} {'STATE':<8} {'PID':>7} {'DATA':>10}  ADDRESS"]
    lines += [
        f"{status.part:<20} {status.state:<8} {status.pid or '-':>7} "
        f"{_size(status.data_bytes):>10}  {status.address}"
        for status in found
    ]
    return "\n".join(lines)


def _size(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


if __name__ == "__main__":
    sys.exit(main())
