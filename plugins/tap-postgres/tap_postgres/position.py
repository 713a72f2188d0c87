"""How far a stream has been read: what the next run may skip, and what it must not.

The loss to prevent: a row gets its replication key when it is written and is seen when its
transaction commits. A reader that notes the greatest key it saw, and later asks for what is
greater, never sees a row that was written before and committed after that key was read.

Three times of the source's clock, in this order, at the start of each run:

1. the greatest key of each stream is read, `greatest`;
2. `listed_at`, then the transactions that are open (`pg_stat_activity`), then those that are
   prepared (`pg_prepared_xacts`): in this order, a transaction that is prepared between the two is
   in one of them at least;
3. the snapshot in which all streams are read
   (https://www.postgresql.org/docs/current/transaction-iso.html).

A transaction whose rows the snapshot does not show was open at 2 or began after it. So it began at
or after `bound`, the least of `listed_at` and the start of the oldest open transaction. (Both
`now()` in the source's triggers and `xact_start` are the start of the transaction:
https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW.)

- **Time keys.** Its rows carry a key at or after `bound`, so a bookmark that never passes `bound`
  loses nothing: least(`greatest`, `bound`), read with `>=`. A transaction takes its start time a
  moment before it shows it; `START_REPORT_DELAY` is taken off `listed_at` for that. A column may
  keep whole seconds only (`timestamptz(0)`), so the bookmark is one. A `timestamp` or `date` was
  written in a time zone that nobody knows, so `WIDEST_ZONE` is taken off too.
- **Other keys** (taken from a sequence): whatever was known before a transaction began is less than
  what it takes from the sequence later. So the bookmark is the greatest key that some run, this one
  or an earlier one, had read before `bound`; `history` keeps those candidates. It holds for keys
  that grow with time only: a sequence with CACHE 1, no random uuid.

Where a transaction cannot be seen (see `Transactions.blind_spot`) nobody knows `bound`; it is taken
to be `lookback` before `listed_at`. A prepared transaction does not show its start, so the
bookmark stays where it is until that is gone.

**Rows not sent twice.** What is between the bookmark and now is read again in the next run. A row
version whose `xmin` is below the `xmin` of the last run's snapshot
(https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT) was written by
a transaction that had ended then: the last run has seen it, and it is left out. That `xmin` is the
least transaction id still running, so subtransactions, whose ids are greater than their parent's,
are covered; the snapshot's list of running ids is not used, because it does not name all
subtransactions. Everything that could make this skip a row that was never sent turns it off:

- the last run read from another bookmark (somebody edited the state), another server or timeline
  (fail-over, restore), another table or set of partitions;
- the last run ended before the write-ahead log up to its snapshot was on the source's disk: a
  crash would have given the same transaction ids out again;
- the rows have no `xmin` (views, foreign tables), or may come into sight without a change of it
  (row security).

A row's `xmin` is 32 bits wide. Read with the snapshot's epoch, it is right for 2^32 transactions
back, and for older rows too great, which sends a row again at worst
(https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND); 1 and 2,
which mark rows older than any, are less than any.

**What is new to the table.** Rows of a partition that is attached may have any key, and neither it
nor their `xmin` changes then; nor where another table or view takes the place of one of the same
name. So the bookmark says which relations were read, and one that is not among them is read whole.

What follows from reading by key and `xmin` only: a column that is added with a default changes
neither, so old rows keep NULL there at the destination until they change. Deleted rows are not
seen. A row with a NULL key is read each time it changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START_REPORT_DELAY = timedelta(seconds=5)
"""Longest a server process takes from reading the clock to showing its transaction's start."""

WIDEST_ZONE = timedelta(hours=12)
"""How far local time is behind UTC, at most."""

MOST_CANDIDATES = 48
"""Entries of a history: runs that one open transaction can outlast before progress waits for it."""

Value = str | int
"""A replication key's value as a bookmark holds it: an integer, or what PostgreSQL prints."""


@dataclass(frozen=True)
class Transactions:
    """The source's transactions that the snapshot may not show.

    Attributes:
        listed_at: Time of the source's clock before they were listed. On a replica, the time of the
            last commit that it had replayed.
        oldest_start: Start of the oldest open transaction seen, None if none is open.
        oldest_prepared: When the oldest prepared one was prepared, None if none is.
        blind_spot: Why others may be open unseen, None if all are seen.
    """

    listed_at: datetime
    oldest_start: datetime | None
    oldest_prepared: datetime | None
    blind_spot: str | None


@dataclass(frozen=True)
class Settled:
    """The rows that a run has seen, for the next run to leave out.

    Attributes:
        xid: `xmin` of the run's snapshot.
        server: System identifier, database and timeline.
        value: The bookmark that the next run reads from.
    """

    xid: int
    server: str
    value: Value | None


@dataclass(frozen=True)
class Candidate:
    """The greatest key that was known at some time.

    Attributes:
        time: Of the source's clock, after the key was read.
        value: The key.
    """

    time: datetime
    value: Value


@dataclass(frozen=True)
class Position:
    """What one run tells the next about an incremental stream.

    Attributes:
        value: The bookmark; None to read all rows.
        settled: None if nothing may be left out.
        history: Candidates for later bookmarks, oldest first; of keys that are not times.
        relations: `Table.relations` that were read; empty if that is not known.
    """

    value: Value | None = None
    settled: Settled | None = None
    history: tuple[Candidate, ...] = ()
    relations: tuple[int, ...] = ()

    @classmethod
    def from_bookmark(cls, bookmark: Mapping[str, Any], replication_key: str) -> Position:
        """Read a bookmark.

        Args:
            bookmark: Of the stream in the state, of this tap or of another.
            replication_key: The stream's.

        Returns:
            The position; the beginning if the bookmark is of another key or of none.
        """
        if bookmark.get("replication_key") != replication_key:
            return cls()
        settled = bookmark.get("settled")
        return cls(
            value=bookmark.get("replication_key_value"),
            settled=Settled(settled["xid"], settled["server"], settled["value"])
            if settled
            else None,
            history=tuple(
                Candidate(datetime.fromisoformat(time), value)
                for time, value in bookmark.get("history", ())
            ),
            relations=tuple(bookmark.get("relations", ())),
        )

    def to_bookmark(self, replication_key: str) -> dict[str, Any]:
        """Write the bookmark that `from_bookmark` reads."""
        bookmark: dict[str, Any] = {"replication_key": replication_key}
        if self.value is not None:
            bookmark["replication_key_value"] = self.value
        if self.settled is not None:
            bookmark["settled"] = asdict(self.settled)
        if self.history:
            bookmark["history"] = [[entry.time.isoformat(), entry.value] for entry in self.history]
        if self.relations:
            bookmark["relations"] = list(self.relations)
        return bookmark

    def unknown_of(self, relations: Sequence[int]) -> tuple[int, ...]:
        """Give those of a table's relations that no run has read: they are read whole.

        Args:
            relations: `Table.relations`.
        """
        return tuple(oid for oid in relations if self.relations and oid not in self.relations)


def is_time(datatype: str) -> bool:
    """Whether the values of a PostgreSQL type are times that a transaction's start compares to."""
    return datatype == "date" or datatype.startswith("timestamp")


def bound(transactions: Transactions, lookback: timedelta) -> datetime:
    """Give the time that no unseen transaction began before.

    Args:
        transactions: Listed before the snapshot.
        lookback: How long one that cannot be seen is taken to be open at most.

    Returns:
        The time, of the source's clock.
    """
    times = [transactions.listed_at]
    if transactions.oldest_start is not None:
        times.append(transactions.oldest_start)
    if transactions.blind_spot is not None:
        times.append(transactions.listed_at - lookback)
    if transactions.oldest_prepared is not None:
        times.append(transactions.oldest_prepared - lookback)
    return min(times)


def next_time_value(
    previous: Value | None,
    greatest: str | None,
    transactions: Transactions,
    lookback: timedelta,
    datatype: str,
) -> Value | None:
    """Give the next bookmark of a stream whose replication key is a time.

    Args:
        previous: The bookmark that was read from.
        greatest: The greatest key, as PostgreSQL prints it; None if there is none.
        transactions: Listed after `greatest` was read.
        lookback: See `bound`.
        datatype: Of the replication key, one that `is_time` accepts.

    Returns:
        The bookmark, never less than `previous`.
    """
    if greatest is None or (previous is not None and transactions.oldest_prepared is not None):
        return previous
    limit = min(bound(transactions, lookback), transactions.listed_at - START_REPORT_DELAY)
    limit = limit.replace(microsecond=0)
    if not _has_zone(datatype):
        limit -= WIDEST_ZONE
    reached = greatest if _to_time(greatest) <= limit else _print_time(limit, datatype)
    if previous is not None and _to_time(reached) <= _to_time(str(previous)):
        return previous
    return reached


def is_ahead(value: Value | None, transactions: Transactions, datatype: str) -> bool:
    """Tell whether a bookmark is a time that has not come: rows may be written before it.

    No run leaves such a bookmark (see `next_time_value`), unless the source's clock is set back.

    Args:
        value: The bookmark that is read from.
        transactions: Of this run.
        datatype: Of the replication key.
    """
    return value is not None and is_time(datatype) and _to_time(str(value)) > transactions.listed_at


def next_ordered_value(
    previous: Value | None,
    history: Sequence[Candidate],
    greatest: Value | None,
    transactions: Transactions,
    lookback: timedelta,
) -> tuple[Value | None, tuple[Candidate, ...]]:
    """Give the next bookmark of a stream whose replication key grows but is no time.

    Args:
        previous: The bookmark that was read from.
        history: Of that bookmark.
        greatest: The greatest key, read before the transactions were listed; None if there is none.
        transactions: Listed before the snapshot.
        lookback: See `bound`.

    Returns:
        The bookmark, and the candidates for later ones.
    """
    candidates = list(history)
    if greatest is not None and (not candidates or candidates[-1].value != greatest):
        candidates.append(Candidate(transactions.listed_at, greatest))
    if transactions.oldest_prepared is not None:
        return previous, tuple(candidates[-MOST_CANDIDATES:])
    limit = bound(transactions, lookback)
    known = [entry for entry in candidates if entry.time <= limit]
    later = [entry for entry in candidates if entry.time > limit]
    return (known[-1].value if known else previous), tuple(later[-MOST_CANDIDATES:])


def _to_time(text: str) -> datetime:
    """Read a time for comparison; one that Python cannot hold becomes its last or first."""
    if text.endswith("BC") or text.startswith("-"):
        return datetime.min.replace(tzinfo=UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        # 'infinity' and the years after 9999.
        return datetime.max.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _print_time(time: datetime, datatype: str) -> str:
    utc = time.astimezone(UTC)
    if datatype == "date":
        return utc.date().isoformat()
    return (utc if _has_zone(datatype) else utc.replace(tzinfo=None)).isoformat(sep=" ")


def _has_zone(datatype: str) -> bool:
    return datatype.endswith("with time zone")
