"""Go on writing to a trackman-backend as its application would: steadily, late, out of order."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import psycopg

from . import actions
from .actions import Action
from .connection import UserError
from .drift import DRIFTS, Changes
from .world import read_world

_REPORT_EVERY = 10.0
_LATE_SECONDS = (0.5, 5.0)
_LOCK_RETRY_SECONDS = 1.0


class Ending(Enum):
    """How a transaction ends."""

    COMMIT = "commit"
    ROLLBACK = "rollback"
    LATE = "late"
    """Committed seconds later, after transactions that began after it."""


# Dealt in a random order, again and again: whoever watches for one deal sees everything.
_DEAL: tuple[tuple[Action, Ending], ...] = (
    *[(actions.insert_session, Ending.COMMIT)] * 3,
    (actions.insert_session, Ending.LATE),
    (actions.insert_session, Ending.ROLLBACK),
    (actions.insert_round, Ending.COMMIT),
    (actions.insert_bookings, Ending.COMMIT),
    (actions.insert_bookings, Ending.LATE),
    *[(actions.insert_device_events, Ending.COMMIT)] * 2,
    (actions.insert_device_events, Ending.LATE),
    *[(actions.correct_strokes, Ending.COMMIT)] * 2,
    (actions.correct_strokes, Ending.LATE),
    (actions.correct_strokes, Ending.ROLLBACK),
    *[(actions.change_player, Ending.COMMIT)] * 2,
    (actions.change_bay, Ending.COMMIT),
    (actions.end_sessions, Ending.COMMIT),
    (actions.settle_bookings, Ending.COMMIT),
    (actions.delete_strokes, Ending.COMMIT),
    (actions.delete_session, Ending.COMMIT),
    (actions.retire_club, Ending.COMMIT),
    (actions.purge_bookings, Ending.COMMIT),
    (actions.purge_bookings, Ending.ROLLBACK),
    (actions.purge_strokes, Ending.COMMIT),
    (actions.purge_round, Ending.COMMIT),
)
_KINDS = ("inserted", "updated", "soft_deleted", "hard_deleted")


@dataclass
class Summary:
    """What was committed; filled while the trickle runs, so that it can be told at any end."""

    changes: Changes = field(default_factory=Counter)
    transactions: Counter[Ending] = field(default_factory=Counter)
    schema_changes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def rows(self) -> int:
        """Rows changed in all."""
        return sum(self.changes.values())

    def as_dict(self) -> dict[str, Any]:
        """For machines: rows by kind and table, transactions by ending, schema changes."""
        report: dict[str, Any] = {
            kind: {table: n for (k, table), n in sorted(self.changes.items()) if k == kind and n}
            for kind in _KINDS
        }
        report["transactions"] = {ending.value: self.transactions[ending] for ending in Ending}
        report["schema_changes"] = self.schema_changes
        report["seconds"] = round(self.seconds, 3)
        return report

    def as_text(self) -> str:
        """For people: one line for each table, then one for all."""
        tables = sorted({table for (_, table), n in self.changes.items() if n})
        lines = [f"{'table':<20}" + "".join(f"{kind.replace('_', '-'):>14}" for kind in _KINDS)]
        for table in tables:
            counts = (self.changes[kind, table] for kind in _KINDS)
            lines.append(f"{table:<20}" + "".join(f"{count:>14,}" for count in counts))
        lines += self.schema_changes
        totals = ", ".join(
            f"{sum(n for (k, _), n in self.changes.items() if k == kind):,} "
            + kind.replace("_", "-")
            for kind in _KINDS
        )
        lines.append(
            f"{totals} in {self.seconds:.1f} s; {self.transactions.total():,} transactions, "
            f"{self.transactions[Ending.LATE]:,} committed late, "
            f"{self.transactions[Ending.ROLLBACK]:,} rolled back"
        )
        return "\n".join(lines)


@dataclass(frozen=True)
class _Late:
    """A transaction that is open on the second connection."""

    changes: Changes
    due: float


def simulate(
    connection: psycopg.Connection,
    late_connection: psycopg.Connection,
    summary: Summary,
    *,
    seconds: float,
    rate: float,
    seed: int | None,
    drifts: list[str],
    stop: threading.Event,
    progress: Callable[[str], None] = lambda line: None,
) -> None:
    """Write until the time is over or `stop` is set; transactions under way are completed.

    Args:
        connection: takes the transactions that end at once.
        late_connection: takes those that commit late; a second connection.
        summary: told of all that is committed.
        seconds: how long; 0 for until `stop`.
        rate: rows changed a second, at most.
        seed: start of all chance; None for none. The clock still makes each run its own.
        drifts: keys of DRIFTS, each done once, as soon as the tables can be locked.
        stop: ends the trickle from outside.
        progress: called with lines for people.

    Raises:
        UserError: not a filled trackman-backend, or a drift was not done in time.
        psycopg.Error: the server refused or went away.
    """
    world = read_world(connection)
    rng = np.random.default_rng(seed)
    started = time.monotonic()
    pending, retry_at, report_at = list(drifts), started, started + _REPORT_EVERY
    deal: list[int] = []
    late: _Late | None = None
    try:
        while not stop.is_set():
            now = time.monotonic()
            summary.seconds = now - started
            if seconds and summary.seconds >= seconds:
                break
            if late and now >= late.due:
                _commit_late(late_connection, late, summary)
                late = None
            # No transaction is begun late while changes of the schema are due: they would wait
            # for it, and it for us.
            while pending and now >= retry_at:
                if not _drift(connection, pending[0], summary):
                    retry_at = now + _LOCK_RETRY_SECONDS
                    break
                progress(summary.schema_changes[-1])
                pending.pop(0)
            if now >= report_at:
                progress(f"{summary.seconds:.0f} s: {summary.rows():,} rows changed")
                report_at = now + _REPORT_EVERY
            if summary.rows() > rate * summary.seconds:
                stop.wait(0.05)
                continue
            deal = deal or rng.permutation(len(_DEAL)).tolist()
            action, ending = _DEAL[deal.pop()]
            if ending is Ending.LATE and late is None and not pending:
                changes = action(late_connection, rng, world)
                late = _Late(changes, now + float(rng.uniform(*_LATE_SECONDS)))
            else:
                changes = action(connection, rng, world)
                _end(connection, ending, changes, summary)
    finally:
        summary.seconds = time.monotonic() - started
        if late and not late_connection.broken:
            _commit_late(late_connection, late, summary)
    if pending:
        raise UserError(
            f"not done: {', '.join(pending)}; the time was too short, or another session kept the "
            "table locked: end that session, or run for longer (--seconds)"
        )


def _end(
    connection: psycopg.Connection, ending: Ending, changes: Changes, summary: Summary
) -> None:
    if ending is Ending.ROLLBACK:
        connection.rollback()
        summary.transactions[Ending.ROLLBACK] += 1
        return
    connection.commit()
    summary.changes.update(changes)
    summary.transactions[Ending.COMMIT] += 1


def _commit_late(connection: psycopg.Connection, late: _Late, summary: Summary) -> None:
    connection.commit()
    summary.changes.update(late.changes)
    summary.transactions[Ending.LATE] += 1


def _drift(connection: psycopg.Connection, name: str, summary: Summary) -> bool:
    """Make one change of the schema; False when a reader keeps the table locked."""
    try:
        # Whoever reads the table would queue up behind a change that waits for long.
        connection.execute("set local lock_timeout = '2s'")
        done, changes = DRIFTS[name](connection)
        connection.commit()
    except psycopg.errors.LockNotAvailable:
        connection.rollback()
        return False
    summary.schema_changes.append(done)
    summary.changes.update(changes)
    summary.transactions[Ending.COMMIT] += 1
    return True
