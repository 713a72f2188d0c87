"""Trying again what failed for a reason that passes: a connection reset, a server that restarts.

Nothing here decides which faults pass; a fault that lasts must fail at once, and the caller must
know that trying again does no harm.
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, TypeVar

from columnar_singer.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
"""Six attempts are spread over 8 to 16 seconds, about as long as a server takes to restart."""

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def retry(
    action: Callable[[], Result],
    *,
    what: str,
    passes: Callable[[Exception], bool],
    attempts: int = ATTEMPTS,
    first_pause_seconds: float = FIRST_PAUSE_SECONDS,
) -> Result:
    """Do something, and do it again after a pause while it fails for a reason that passes.

    The pauses double, up to `LONGEST_PAUSE_SECONDS`, and each is cut by up to half at random, so
    that what failed together does not come back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Args:
        action: What to do; it may be done more than once.
        what: It in words, without a secret, for the log: `connect to db.example.com`.
        passes: Tells whether an error is worth another attempt.
        attempts: How often to try at most, at least once.
        first_pause_seconds: Pause after the first failure, before it is cut.

    Returns:
        What the action returned.

    Raises:
        Exception: What the action raised last.
    """
    pause = first_pause_seconds
    for attempt in range(1, attempts):
        try:
            return action()
        except Exception as error:
            if not passes(error):
                raise
            seconds = pause * random.uniform(0.5, 1)  # noqa: S311 (no secret is made of it)
            logger.warning(
                "Attempt %d of %d to %s failed, the next is in %.1f s: %s",
                attempt,
                attempts,
                what,
                seconds,
                one_line(error),
            )
            time.sleep(seconds)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    return action()
