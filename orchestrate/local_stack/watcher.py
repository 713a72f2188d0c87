"""A small process that takes the stack down when another process has ended.

Tests use it, so that no server outlives them however they end.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil

from orchestrate.local_stack import processes
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.processes import ProcessRecord
from orchestrate.local_stack.settings import PROJECT_ROOT, StackSettings

_POLL_SECONDS = 0.1
_STOP_TIMEOUT_SECONDS = 5.0


def start(settings: StackSettings, pid: int) -> None:
    """Watch process `pid` for the stack of `settings`, instead of the process watched so far.

    Raises:
        StackError: there is no process `pid`.
    """
    try:
        watched_since = processes.start_time(pid)
    except psutil.NoSuchProcess:
        raise StackError(f"--stop-with {pid}: there is no such process") from None
    directory = settings.directory
    stop(directory)
    child = processes.spawn(
        [
            *(sys.executable, "-m", "orchestrate.local_stack", "watch"),
            *(f"--pid={pid}", f"--since={watched_since!r}", f"--directory={directory}"),
        ],
        directory=PROJECT_ROOT,
        # Whoever starts a stack need not have its settings among its own variables.
        environment={**os.environ, **settings.variables},
        log=directory / "watcher.log",
    )
    ProcessRecord(
        pid=child.pid,
        started=processes.start_time(child.pid),
        address="",
        ports=(),
        leftovers=(),
    ).save(_record_file(directory))


def stop(directory: Path) -> None:
    """End the stack's watcher, if there is one and it is not this process."""
    record = ProcessRecord.load(_record_file(directory))
    if record is None:
        return
    process = processes.find_recorded(record, f"--directory={directory}")
    if process is not None and process.pid != os.getpid():
        processes.stop(process, signal.SIGTERM, _STOP_TIMEOUT_SECONDS)
    _record_file(directory).unlink(missing_ok=True)


def wait_for_end(pid: int, since: float) -> None:
    """Return when the process `pid` that started at `since` (seconds, epoch) has ended."""
    try:
        process = psutil.Process(pid)
        while processes.started_at(process, since) and not processes.is_gone(process):
            time.sleep(_POLL_SECONDS)
    except psutil.NoSuchProcess:
        return


def _record_file(directory: Path) -> Path:
    return directory / "watcher.json"
