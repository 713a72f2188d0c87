"""Bring the whole stack up, take it down, say how it is."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from orchestrate.local_stack import processes, watcher
from orchestrate.local_stack.athena import AthenaPart
from orchestrate.local_stack.errors import CredentialsRefused, NotAnsweringYet, StackError
from orchestrate.local_stack.lake import LakePart
from orchestrate.local_stack.part import Part
from orchestrate.local_stack.ports import refuse_taken
from orchestrate.local_stack.postgres import PostgresPart
from orchestrate.local_stack.processes import ProcessRecord
from orchestrate.local_stack.settings import StackSettings

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
LOCK_TIMEOUT_SECONDS = 120.0
PORT_RELEASE_TIMEOUT_SECONDS = 3.0
_POLL_SECONDS = 0.03

# Lines that say why a server ended: PostgreSQL's, and SeaweedFS's errors and fatal errors.
_TELLING = re.compile(r"FATAL|PANIC|^[EF]\d{4} ")

# PostgreSQL's word for "children of the server killed just now still end".
_PREDECESSOR_STILL_ENDS = "pre-existing shared memory block"

# Called with part, what happened to it, its address, and how many seconds that took.
Report = Callable[[str, str, str, float], None]


@dataclass(frozen=True)
class PartStatus:
    """How one part is."""

    part: str
    state: str  # running, stopped (orderly), crashed (started, gone without being stopped)
    pid: int | None
    address: str
    data_bytes: int


def parts(settings: StackSettings) -> tuple[Part, ...]:
    """The parts of the stack."""
    return (
        PostgresPart.create(settings.backend, settings.directory),
        PostgresPart.create(settings.dataengineering, settings.directory),
        LakePart.create(settings.lake, settings.directory),
        AthenaPart.create(settings),
    )


def up(settings: StackSettings, report: Report, stop_with: int | None = None) -> None:
    """Start what does not run or does not answer; return when every part answers.

    Args:
        settings: which servers, where.
        report: told of each part as it is ready.
        stop_with: process id whose end takes the stack down again.

    Raises:
        StackError: a port is taken, or a part does not start; the others are left running.
    """
    with _lock(settings.directory):
        wanting = []
        for part in parts(settings):
            began = time.monotonic()
            process = part.find_process()
            runs_well = process is not None and _runs_well(part, process)
            outdated = part.outdated() if runs_well else None
            if process is not None and runs_well and outdated is None:
                _remember(part, process.pid)
                report(part.name, "running already", part.address, time.monotonic() - began)
            else:
                wanting.append((part, process, outdated))
        for part, process, _ in wanting:
            _refuse_taken_ports(part, process)
        if stop_with is not None:
            watcher.start(settings, stop_with)
        for last in (False, True):
            _for_each(
                [
                    partial(_start, part, process, outdated, report)
                    for part, process, outdated in wanting
                    if part.starts_last is last
                ]
            )


def down(settings: StackSettings, report: Report) -> None:
    """Stop whatever runs and clear what it leaves behind; nothing running is no error."""
    if not settings.directory.exists():
        return
    with _lock(settings.directory):
        watcher.stop(settings.directory)
        for last in (True, False):
            _for_each(
                [
                    partial(_stop, part, report)
                    for part in parts(settings)
                    if part.starts_last is last
                ]
            )


def status(settings: StackSettings) -> list[PartStatus]:
    """How each part is, without asking it anything."""
    found = []
    for part in parts(settings):
        record = ProcessRecord.load(part.record_file)
        process = part.find_process()
        state = "running" if process else "crashed" if record else "stopped"
        found.append(
            PartStatus(
                part=part.name,
                state=state,
                pid=process.pid if process else None,
                address=record.address if process and record else part.address,
                data_bytes=_disk_use(part.data),
            )
        )
    return found


def _runs_well(part: Part, process: psutil.Process) -> bool:
    record = ProcessRecord.load(part.record_file)
    if record is not None and record.address != part.address:
        return False
    if not {port.number for port in part.ports} <= _held_ports(part, process):
        return False
    try:
        _wait_until_it_answers(part, partial(processes.is_gone, process))
    except (StackError, CredentialsRefused):
        return False
    return True


def _held_ports(part: Part, process: psutil.Process) -> set[int]:
    """The ports of the part's running server, whatever the settings say by now."""
    record = ProcessRecord.load(part.record_file)
    return set(record.ports) if record else processes.listening_ports(process)


def _refuse_taken_ports(part: Part, process: psutil.Process | None) -> None:
    """Raise StackError if a port is taken by a program other than `part` itself, `process`."""
    own = _held_ports(part, process) if process is not None else set()
    crashed = process is None and part.record_file.exists()
    deadline = time.monotonic() + (PORT_RELEASE_TIMEOUT_SECONDS if crashed else 0)
    for port in part.ports:
        while port.number not in own:
            try:
                refuse_taken(part.name, port)
                break
            except StackError:
                # The children of a server killed just now may still have its port.
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_SECONDS)


def _remember(part: Part, pid: int) -> None:
    ProcessRecord(
        pid=pid,
        started=processes.start_time(pid),
        address=part.address,
        ports=tuple(port.number for port in part.ports),
        leftovers=tuple(str(path) for path in part.leftovers()),
    ).save(part.record_file)


def _start(
    part: Part, process: psutil.Process | None, outdated: str | None, report: Report
) -> None:
    """Start `part`; `process` is a server of it that is `outdated` or does not answer."""
    began = time.monotonic()
    crashed = process is None and part.record_file.exists()
    part.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if process is not None:
        processes.stop(process, part.stop_signal, STOP_TIMEOUT_SECONDS)
    _clear(part)
    new = not part.data.exists()
    part.prepare()
    try:
        _launch(part)
    except CredentialsRefused:
        _stop_and_clear(part)
        part.provision()
        try:
            _launch(part)
        except CredentialsRefused as refusal:
            raise StackError(f"{part.name} refuses its own credentials: {refusal}") from None
    state = (
        "created"
        if new
        else "restarted (had crashed)"
        if crashed
        else f"restarted ({outdated})"
        if outdated
        else "restarted"
        if process is not None
        else "started"
    )
    report(part.name, state, part.address, time.monotonic() - began)


def _launch(part: Part) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        child = processes.spawn(
            part.command(),
            directory=part.directory,
            environment=part.environment(),
            log=part.log,
        )
        _remember(part, child.pid)
        try:
            _wait_until_it_answers(part, partial(_has_ended, child))
            return
        except StackError:
            _stop_and_clear(part)
            if _PREDECESSOR_STILL_ENDS not in _tail(part.log) or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    return child.poll() is not None


def _wait_until_it_answers(part: Part, has_ended: Callable[[], bool]) -> None:
    """Ask until the part answers.

    Raises:
        StackError: it ended, or never answered within START_TIMEOUT_SECONDS.
        CredentialsRefused: it answers, but not to these credentials.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            part.check()
            return
        except NotAnsweringYet as answer:
            reason = str(answer)
        if has_ended():
            raise StackError(f"{part.name} ended while starting: {_tail(part.log)} ({part.log})")
        if time.monotonic() > deadline:
            raise StackError(
                f"{part.name} did not answer within {START_TIMEOUT_SECONDS:.0f} s: "
                f"{' '.join(reason.split())} ({part.log})"
            )
        time.sleep(_POLL_SECONDS)


def _stop(part: Part, report: Report) -> None:
    began = time.monotonic()
    record = ProcessRecord.load(part.record_file)
    address = record.address if record else part.address
    if _stop_and_clear(part):
        report(part.name, "stopped", address, time.monotonic() - began)
    elif record:
        report(part.name, "had crashed", address, time.monotonic() - began)


def _stop_and_clear(part: Part) -> bool:
    process = part.find_process()
    if process is not None:
        processes.stop(process, part.stop_signal, STOP_TIMEOUT_SECONDS)
    _clear(part)
    return process is not None


def _clear(part: Part) -> None:
    """Remove what a server that no longer runs left behind."""
    record = ProcessRecord.load(part.record_file)
    for leftover in record.leftovers if record else ():
        Path(leftover).unlink(missing_ok=True)
    part.record_file.unlink(missing_ok=True)


def _tail(log: Path) -> str:
    """The last line of a server's log that says why it ended."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or ["it left no message"])[-1]


def _disk_use(directory: Path) -> int:
    """Bytes that the files below `directory` occupy on disk."""
    total = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            try:
                total += (Path(parent) / name).lstat().st_blocks * 512
            except FileNotFoundError:  # a server at work removes files
                continue
    return total


def _for_each(tasks: list[Callable[[], None]]) -> None:
    """Run the tasks side by side to their end; raise all their StackErrors as one."""
    with ThreadPoolExecutor(max_workers=max(1, len(tasks))) as pool:
        futures = [pool.submit(task) for task in tasks]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, StackError):
            raise error
    if errors:
        raise StackError("\n".join(str(error) for error in errors))


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    """Hold the stack's lock, which ends with the process however that ends."""
    directory.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    with (directory / "lock").open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"another up or down has held {directory / 'lock'} for "
                        f"{LOCK_TIMEOUT_SECONDS:.0f} s: wait for it or end it"
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
