"""A program that was asked to stop ends, whatever it waits for."""

from __future__ import annotations

import signal
import subprocess
import sys

_PROGRAM = """
import signal, sys, threading
from columnar_singer import stopping

stopping.STOP_SECONDS = 1
signal.signal(signal.SIGTERM, lambda signum, frame: stopping.stop(signum))
never = threading.Event()
try:
    print("ready", flush=True)
    signal.pause()
finally:
    {cleaning_up}
"""


def _stopped(cleaning_up: str) -> int:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(cleaning_up=cleaning_up)],
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.terminate()
        return program.wait(60)


def test_a_stopped_program_ends_with_the_status_of_its_signal() -> None:
    assert _stopped("pass") == 128 + signal.SIGTERM


def test_f05_a_stopped_program_whose_cleaning_up_hangs_is_ended() -> None:
    assert _stopped("never.wait()") == -signal.SIGALRM
    # A thread that is waited for at the end of the interpreter.
    assert _stopped("threading.Thread(target=never.wait).start()") == -signal.SIGALRM
