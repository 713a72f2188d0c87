"""Server processes: started detached, recorded, found again, stopped by process id.

A process id alone proves nothing, since ids are reused. A process is ours when its start time is
the one recorded and its command line names the data directory it was started on.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

from orchestrate.local_stack.errors import StackError

# psutil derives start times from the wall clock, which a laptop steps after sleep.
_START_TIME_TOLERANCE_SECONDS = 60.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class ProcessRecord:
    """What is remembered of a started process, in a JSON file in the stack's directory."""

    pid: int
    started: float
    address: str
    ports: tuple[int, ...]
    leftovers: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write the record in one step, so that no reader sees half of it."""
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> ProcessRecord | None:
        """Read the record; None if there is none or it is damaged."""
        try:
            fields = json.loads(path.read_text())
            return cls(
                pid=int(fields["pid"]),
                started=float(fields["started"]),
                address=str(fields["address"]),
                ports=tuple(fields["ports"]),
                leftovers=tuple(fields["leftovers"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def spawn(
    command: Sequence[str], *, directory: Path, environment: dict[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that it outlives the caller and its terminal.

    Standard output and error go to `log`; the log of the run before is kept as `<log>.previous`.
    """
    if log.exists():
        log.replace(log.with_name(log.name + ".previous"))
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_time(pid: int) -> float:
    """Start of process `pid`, in seconds since the epoch.

    Raises:
        psutil.NoSuchProcess: there is no such process.
    """
    return float(psutil.Process(pid).create_time())


def started_at(process: psutil.Process, moment: float) -> bool:
    """Whether the process is the one that started at `moment`, in seconds since the epoch."""
    return abs(process.create_time() - moment) < _START_TIME_TOLERANCE_SECONDS


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended; one that only waits to be reaped has."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def listening_ports(process: psutil.Process) -> set[int]:
    """The TCP ports on which the process awaits connections; none if that cannot be seen."""
    try:
        return {
            connection.laddr.port
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr
        }
    except psutil.Error:
        return set()


def find_recorded(record: ProcessRecord, argument: str) -> psutil.Process | None:
    """The recorded process if it still runs; `argument` ends one of its arguments."""
    try:
        process = psutil.Process(record.pid)
        if (
            started_at(process, record.started)
            and not is_gone(process)
            and _has_argument(process, argument)
        ):
            return process
    except psutil.Error:
        pass
    return None


def find_unrecorded(program: str, argument: str) -> psutil.Process | None:
    """A `program` with `argument` whose record was lost (its starter was killed at once)."""
    for process in psutil.process_iter():
        try:
            if (
                process.name() == program
                and not is_gone(process)
                and _has_argument(process, argument)
            ):
                parent = process.parent()
                # A server's newly forked child still bears its parent's command line.
                if parent is not None and parent.name() == program:
                    continue
                return process
        except psutil.Error:
            continue
    return None


def _has_argument(process: psutil.Process, argument: str) -> bool:
    return any(given.endswith(argument) for given in process.cmdline())


def stop(process: psutil.Process, stop_signal: signal.Signals, timeout_seconds: float) -> None:
    """Ask the process to stop, wait, and kill it and its children if it does not."""
    try:
        children = process.children(recursive=True)
        process.send_signal(stop_signal)
    except psutil.NoSuchProcess:
        return
    if _wait_gone([process], timeout_seconds):
        # Children of a server that was killed before it could stop them end by themselves.
        _wait_gone(children, timeout_seconds)
    for straggler in (process, *children):
        with suppress(psutil.NoSuchProcess):
            straggler.kill()
    _wait_gone([process, *children], timeout_seconds)


def _wait_gone(processes: Sequence[psutil.Process], timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not all(is_gone(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def clean_environment(home: Path) -> dict[str, str]:
    """An environment for servers free of the caller's settings.

    PGPORT and its like change how PostgreSQL starts, and SeaweedFS makes an administrator of
    whatever AWS_ACCESS_KEY_ID it finds.
    """
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "TMPDIR": str(home)}


def as_ordinary_user(command: Sequence[str]) -> list[str]:
    """`command` itself, or for root the same in a user namespace where it is not root.

    PostgreSQL refuses to run as root. Files made in the namespace belong to root outside it, and
    `unshare` replaces itself with the command, so the process id is the command's own.

    Raises:
        StackError: root, on a machine without user namespaces.
    """
    if os.geteuid() != 0:
        return list(command)
    return [*_unshare(), *command]


@cache
def _unshare() -> tuple[str, ...]:
    program = shutil.which("unshare")
    if program is not None:
        prefix = (program, "--user", "--map-user=1000", "--map-group=1000")
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    raise StackError(
        "PostgreSQL refuses to run as root and this machine grants root no user namespace "
        "(unshare --user): run as an ordinary user"
    )
