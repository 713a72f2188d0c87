"""Programs joined by pipes: how long they took, and how much memory each needed at most."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.errors import BenchError

TIME_LIMIT_SECONDS = 3600.0
_POLL_SECONDS = 0.05
_HIGH_WATER_MARK = re.compile(rb"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Program:
    """One program of a pipeline.

    Attributes:
        role: What it is called in the figures, such as "target-s3".
        argv: Program and arguments.
        environment: Variables on top of this process's.
        directory: Where it runs; None for here.
    """

    role: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        seconds: Wall-clock time from the start of the first program to the end of the last, or
            what a peer's script says that its work took, without its start.
        peak_mib: Greatest resident set of any one process of each role, MiB.
        output: What the last program wrote to its standard output, unless it went to a file.
    """

    seconds: float
    peak_mib: dict[str, float] = field(default_factory=dict)
    output: str = ""


def run(
    *programs: Program,
    log: Path,
    stdin: Path | None = None,
    stdout: Path | None = None,
) -> Sample:
    """Run programs, each one's output the next one's input, to the end of all.

    Args:
        programs: In the order the data flows.
        log: Where their standard error goes; a name for each role is put behind its stem.
        stdin: Input of the first program; None for none.
        stdout: Where the last one's output goes; None to have it in the sample.

    Returns:
        Time and memory.

    Raises:
        BenchError: A program failed, could not be started, or took longer than an hour.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        source: Any = stack.enter_context((stdin or Path(os.devnull)).open("rb"))
        started: list[subprocess.Popen[bytes]] = []
        logs = [log.with_name(f"{log.stem}.{program.role}.log") for program in programs]
        began = time.monotonic()
        stack.callback(_kill, started)
        for place, program in enumerate(programs):
            is_last = place == len(programs) - 1
            sink: Any = (
                stack.enter_context(stdout.open("wb")) if is_last and stdout else subprocess.PIPE
            )
            process = _start(program, source, sink, stack.enter_context(logs[place].open("wb")))
            started.append(process)
            if source is not None:
                source.close()  # or a program would not learn that its reader has ended
            source = process.stdout
        watch = _Watch({p.pid: program.role for p, program in zip(started, programs, strict=True)})
        with watch:
            output = source.read().decode(errors="replace") if source is not None else ""
            for process in started:
                _wait(process, began)
            seconds = time.monotonic() - began
        failed = [
            (program, process.returncode, path)
            for program, process, path in zip(programs, started, logs, strict=True)
            if process.returncode != 0
        ]
        if failed:
            # Of a pipe's programs the last that failed knows why; the others lost their reader.
            program, status, path = failed[-1]
            raise BenchError(
                f"{program.role} ended with status {status}: {_last_words(path)} ({path})"
            )
    return Sample(seconds, watch.peaks, output)


def run_script(
    role: str, python: Path, script: Path, settings: Mapping[str, Any], *, log: Path
) -> Sample:
    """Run a peer's script, which prints `{"seconds": …, "rows": …}` as its last line.

    Args:
        role: What it is called in the figures.
        python: Interpreter of the peer's environment.
        script: What to run.
        settings: What it reads from the file that is its argument; may hold secrets.
        log: See `run`; the settings lie beside it while it runs.

    Returns:
        The seconds it says, and the line as `output`.

    Raises:
        BenchError: It failed or printed something else.
    """
    with secret_file(log.with_suffix(".json"), settings) as path:
        sample = run(Program(role, (str(python), str(script), str(path))), log=log)
    try:
        line = sample.output.strip().splitlines()[-1]
        seconds = float(json.loads(line)["seconds"])
    except (IndexError, KeyError, ValueError, TypeError):
        raise BenchError(f"{role} printed no result, but {sample.output[-200:]!r}") from None
    return Sample(seconds, sample.peak_mib, line)


@contextlib.contextmanager
def secret_file(path: Path, content: Mapping[str, Any]) -> Iterator[Path]:
    """Write JSON that only the owner can read; it is gone afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _start(program: Program, source: Any, sink: Any, log: Any) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            program.argv,
            stdin=source,
            stdout=sink,
            stderr=log,
            env=os.environ | program.environment,
            cwd=program.directory,
            start_new_session=True,  # so that what it started can be ended with it
        )
    except OSError as error:
        raise BenchError(f"{program.role} cannot be started: {error}") from None


def _wait(process: subprocess.Popen[bytes], began: float) -> None:
    try:
        process.wait(timeout=max(0.0, began + TIME_LIMIT_SECONDS - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise BenchError(f"it took longer than {TIME_LIMIT_SECONDS:.0f} s") from None


def _kill(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    return lines[-1][:_SHOWN_CHARACTERS] if lines else "it left no message"


class _Watch:
    """Reads the processes' high-water marks until the end.

    Not `getrusage`: that counts what this process held when it started them.
    https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    """

    def __init__(self, roles: Mapping[int, str]) -> None:
        self.peaks: dict[str, float] = {}
        self._roles = roles
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_POLL_SECONDS):
            for pid, role in self._roles.items():
                for each in _tree(pid):
                    peak = _peak_mib(each)
                    self.peaks[role] = max(self.peaks.get(role, 0.0), peak)


def _tree(pid: int) -> Iterator[int]:
    """The process and all that descend from it."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _peak_mib(pid: int) -> float:
    with contextlib.suppress(OSError):
        found = _HIGH_WATER_MARK.search(Path(f"/proc/{pid}/status").read_bytes())
        if found:
            return int(found[1]) / 1024
    return 0.0
