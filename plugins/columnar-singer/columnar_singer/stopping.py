"""The end of a program that is asked to stop."""

from __future__ import annotations

import signal
from typing import NoReturn

STOP_SECONDS = 10
"""How long a program that was asked to stop may clean up; less than the patience of what asks."""

_SIGNAL_STATUS = 128
"""Added to the signal's number, gives the exit status that a shell reports."""


def stop(signum: int) -> NoReturn:
    """End the program from within a signal handler.

    It cleans up what it can. The signal may have come at any moment, though: while a lock was
    held, or another thread was waited for, and cleaning up may wait for that for ever. A run may be
    killed at any time without harm, so what takes too long is cut off, by the kernel and not by
    another thread, which the same lock could hold up.

    Args:
        signum: The signal.

    Raises:
        SystemExit: Always.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(STOP_SECONDS)
    raise SystemExit(_SIGNAL_STATUS + signum)
