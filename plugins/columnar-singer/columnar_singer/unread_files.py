"""How much a tap may write ahead of its target."""

from __future__ import annotations

import logging
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, TextIO

from columnar_singer.batch_files import path_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from columnar_singer.batch_files import BatchFile

logger = logging.getLogger(__name__)

UNREAD_BYTES = 256 * 1024 * 1024
"""A tap writes no further file while the target has left so many bytes unread."""

_POLL_SECONDS = 0.02
_TELL_SECONDS = 60.0


class UnreadFiles:
    """The finished files that the target has not deleted yet; may be used by several threads.

    A tap that waits for room before it reads on bounds what lies on the disk, however slow the
    target is. It cannot wait for ever: the target deletes a file when it has staged its rows, and
    needs no later message for that. Only where nobody reads the messages as they come, because
    they go to a file, there is nothing to wait for.
    """

    def __init__(self, limit: int = UNREAD_BYTES) -> None:
        """Start with none.

        Args:
            limit: Bytes.
        """
        self._limit = limit
        self._files: deque[BatchFile] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._output = _pipe_of(sys.stdout)

    def add(self, file: BatchFile) -> None:
        """Count a file."""
        with self._lock:
            self._files.append(file)
            self._bytes += file.bytes

    def wait_for_room(self, check: Callable[[], None] = lambda: None) -> None:
        """Wait until the target has read enough.

        Args:
            check: Called a few times a second; may raise to end the waiting.

        Raises:
            BrokenPipeError: The target has ended.
        """
        if self._output is None:
            return
        told = time.monotonic()
        while not self._has_room():
            check()
            _check_reader(self._output)
            if time.monotonic() > told + _TELL_SECONDS:
                told = time.monotonic()
                logger.info(
                    "Waiting for the target to read the %d MiB of batch files that are written",
                    self._bytes // 2**20,
                )
            time.sleep(_POLL_SECONDS)

    def _has_room(self) -> bool:
        with self._lock:
            # Streams end in the order they were sent, so the first file goes first; of two workers
            # one may be a little ahead.
            while self._files and not path_of(self._files[0].url).exists():
                self._bytes -= self._files.popleft().bytes
            return self._bytes <= self._limit


def _pipe_of(stream: TextIO) -> int | None:
    """Give the descriptor of a stream that another program reads, None if none does."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return None
    mode = os.fstat(descriptor).st_mode
    return descriptor if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else None


def _check_reader(pipe: int) -> None:
    poll = select.poll()
    # Errors are told unasked, and so that nobody reads any more.
    poll.register(pipe, 0)
    if poll.poll(0):
        raise BrokenPipeError
