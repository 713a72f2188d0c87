"""One run at a time loads a table: leases that expire, kept in the catalog.

All leases of a namespace stand in the summary of the current snapshot of one small table. To
change one is to commit a snapshot on top of the one that was read, which the catalog allows only
one of several writers: the same atomic step that every commit of rows rests on, so no right and
no service is needed beside those. See docs/decisions/0008-leases.md.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from columnar_singer.errors import UserError
from columnar_singer.retry import retry
from pyiceberg.exceptions import CommitFailedException

from target_s3.errors import passes

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.table import Table

TABLE_NAME = "load_leases"
TABLE_PROPERTIES = {
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "5",
    # Whoever comes second must read again what is there.
    "commit.retry.num-retries": "0",
    "comment": "Which run loads which table. It has no rows: the leases stand in its snapshots.",
}

_PREFIX = "lease."
_MAX_SNAPSHOTS = 20
_MAX_CONFLICTS = 50
_POLL_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """Who loads a table.

    Attributes:
        run_id: Run of the pipeline.
        host: Name of its machine.
        process: Tells its process from all others, now and later; "" where that is unknown.
        since: When it took the lease, seconds since 1970.
        until: When the lease expires unless it is renewed.
    """

    run_id: str
    host: str
    process: str
    since: float
    until: float

    def is_over(self, now: float) -> bool:
        """Tell whether the holder is gone."""
        return now >= self.until or _is_dead(self.process)


class Leases:
    """The leases of this run.

    Taken one by one, renewed together by a thread, given back together. An instance may be used
    by several threads.
    """

    def __init__(
        self,
        open_table: Callable[[], Table],
        run_id: str,
        seconds: float,
    ) -> None:
        """Take none yet, and ask nobody.

        Args:
            open_table: Opens the table of leases, made if missing.
            run_id: Of this run.
            seconds: After how many seconds a lease expires that is not renewed.
        """
        self._open_table = open_table
        self._run_id = run_id
        self._seconds = seconds
        self._process = _this_process()
        self._lock = threading.Lock()
        self._held: dict[str, Lease] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, name: str) -> bool:
        """Take a table's lease; one that is held already is kept.

        A holder that does not renew its lease is waited for until it expires.

        Args:
            name: Name of the table.

        Returns:
            Whether it was taken just now, so that others may have written to the table before.

        Raises:
            UserError: Another run holds it and is at work.
        """
        seen: Lease | None = None
        while True:
            with self._lock:
                if name in self._held:
                    return False
                other = self._try_to_take(name)
            if other is None:
                self._start_renewing()
                return True
            if seen is not None and other != seen:
                message = (
                    f"table '{name}' is being loaded by run {other.run_id} on {other.host} since "
                    f"{_time(other.since)}; its lease lasts until {_time(other.until)} and is "
                    "renewed; wait for that run to end"
                )
                raise UserError(message)
            if seen is None:
                logger.warning(
                    "Table '%s' is leased to run %s until %s: waiting to see whether it is alive",
                    name,
                    other.run_id,
                    _time(other.until),
                )
            seen = other
            time.sleep(min(_POLL_SECONDS, max(0.05, other.until - time.time())))

    def take_if_free(self, name: str) -> bool:
        """Take a table's lease without waiting for another run.

        Returns:
            Whether this run holds it now.
        """
        with self._lock:
            return name in self._held or self._try_to_take(name) is None

    def check(self, name: str) -> None:
        """Make sure right before a commit that the lease is still held.

        Raises:
            UserError: It expired, because it could not be renewed in time.
        """
        held = self._held.get(name)
        if held is not None and time.time() >= held.until:
            message = (
                f"the lease of table '{name}' expired at {_time(held.until)} and could not be "
                "renewed, so another run may load it; nothing is committed: run again"
            )
            raise UserError(message)

    def release(self) -> None:
        """Give all leases back, as far as possible: those that stay expire."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._stopped.clear()
        with self._lock:
            if not self._held:
                return
            held, self._held = self._held, {}
            try:
                self._change(lambda found: {k: v for k, v in found.items() if k not in held})
            except Exception as error:
                logger.warning("The leases of this run are not given back: %s", error)

    def _try_to_take(self, name: str) -> Lease | None:
        """Take a lease if it is free.

        Returns:
            The lease of another run that is not over.
        """
        now = time.time()
        mine = Lease(self._run_id, socket.gethostname(), self._process, now, now + self._seconds)
        other: Lease | None = None

        def add(found: dict[str, Lease]) -> dict[str, Lease] | None:
            nonlocal other
            holder = found.get(name)
            # One's own stands there if the commit was made and its answer lost.
            is_free = holder is None or holder == mine or holder.is_over(time.time())
            other = None if is_free else holder
            return None if other else {**found, name: mine}

        self._change(add)
        if other is None:
            self._held[name] = mine
        return other

    def _renew(self) -> None:
        with self._lock:
            until = time.time() + self._seconds
            renewed = {
                name: Lease(**{**asdict(lease), "until": until})
                for name, lease in self._held.items()
            }

            def extend(found: dict[str, Lease]) -> dict[str, Lease]:
                ours = {
                    name: lease
                    for name, lease in renewed.items()
                    # One that expired and was taken over stays lost, and `check` says so.
                    if name in found and found[name].process == self._process
                }
                return {**found, **ours}

            kept = self._change(extend)
            for name, lease in renewed.items():
                if kept.get(name) == lease:
                    self._held[name] = lease

    def _change(
        self, change: Callable[[dict[str, Lease]], dict[str, Lease] | None]
    ) -> dict[str, Lease]:
        """Commit a change of the leases, anew as often as somebody else was faster.

        Args:
            change: Gives the leases as they shall be, None to leave them; made again if the
                catalog did not answer, maybe on top of itself.

        Returns:
            The leases as they are now.
        """
        return retry(lambda: self._try_to_change(change), what="change a lease", passes=passes)

    def _try_to_change(
        self, change: Callable[[dict[str, Lease]], dict[str, Lease] | None]
    ) -> dict[str, Lease]:
        for _ in range(_MAX_CONFLICTS):
            # Opened anew each time: of two runs that make it at once, one made it in vain.
            table = self._open_table()
            found = _leases(table)
            wanted = change(found)
            if wanted is None:
                return found
            now = time.time()
            wanted = {name: lease for name, lease in wanted.items() if not lease.is_over(now)}
            try:
                _commit(table, wanted)
            except CommitFailedException:
                continue
            return wanted
        message = "too many runs change leases at once; run again"
        raise UserError(message)

    def _start_renewing(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_renewing, daemon=True)
            self._thread.start()

    def _keep_renewing(self) -> None:
        while not self._stopped.wait(self._seconds / 3):
            try:
                self._renew()
            except Exception as error:
                logger.warning("The leases of this run could not be renewed: %s", error)


def _leases(table: Table) -> dict[str, Lease]:
    snapshot = table.current_snapshot()
    summary = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    return {
        name.removeprefix(_PREFIX): Lease(**json.loads(text))
        for name, text in summary.items()
        if name.startswith(_PREFIX)
    }


def _commit(table: Table, leases: dict[str, Lease]) -> None:
    summary = {_PREFIX + name: json.dumps(asdict(lease)) for name, lease in leases.items()}
    old = [each.snapshot_id for each in table.snapshots()]
    with table.transaction() as transaction:
        transaction.update_snapshot(snapshot_properties=summary).fast_append().commit()
    if len(old) > _MAX_SNAPSHOTS:
        try:
            table.maintenance.expire_snapshots().by_ids(old[:-1]).commit()
        except (CommitFailedException, ValueError):
            # Whoever was faster does it; the second where it has done so, in pyiceberg's catalogs.
            return


def _this_process() -> str:
    """Name this process so that nobody takes another for it.

    Returns:
        Boot, space of process ids, process id and start; "" where Linux does not tell.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return (
            f"{boot} {Path('/proc/self/ns/pid').readlink()} {os.getpid()} {_start_of(os.getpid())}"
        )
    except OSError:
        return ""


def _is_dead(process: str) -> bool:
    """Tell whether a process of this machine is gone; of others nothing is known."""
    here = _this_process().split()
    there = process.split()
    if not here or len(there) != len(here) or there[:2] != here[:2]:
        return False
    try:
        return _start_of(int(there[2])) != there[3]
    except (FileNotFoundError, ProcessLookupError):
        return True


def _start_of(process_id: int) -> str:
    """Give when a process started, in clock ticks, "" if it ended.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    text = Path(f"/proc/{process_id}/stat").read_text()
    # The second field, the program's name, may hold anything.
    fields = re.sub(r"^.*\)", "", text).split()
    # One that ended and that nobody asked about yet.
    return "" if fields[0] == "Z" else fields[19]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")
