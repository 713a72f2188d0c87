"""The things an application does to its database, one function for each.

Every action runs in the transaction that is open on the connection, and returns the rows it
changed. Rows to change are chosen with SKIP LOCKED, so that no action waits for another
transaction of the trickle, which would never end: one thread drives them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import numpy as np
import psycopg

from .drift import Changes
from .generate import HISTORY_DAYS
from .generate.devices import device_events
from .generate.odd import remark
from .generate.play import rounds
from .generate.practice import draw_sessions, session_table, stroke_table
from .generate.table import DAY, HOUR, SECOND, Table, microseconds, uuid7
from .generate.trade import bookings, payments
from .load import copy_rows
from .world import World

_T = TypeVar("_T")
Action = Callable[[psycopg.Connection, np.random.Generator, World], Changes]

# Set by the server: the trickle's rows are stamped by now(), as the application's are.
_STAMPS = frozenset({"created_at", "updated_at", "deleted_at", "received_at"})


def insert_session(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """A session that has just ended, or still runs, and the strokes hit so far."""
    now = _now()
    started = np.array([now - int(rng.integers(10 * 60, 56 * 60)) * SECOND])
    sessions = draw_sessions(rng, [_one(rng, world.players)], [_one(rng, world.bays)], started)
    strokes = stroke_table(rng.integers(0, 2**32, 4).tolist(), sessions, now, aged=False)
    return _insert(connection, session_table(rng, sessions, now)) + _insert(connection, strokes)


def insert_round(connection: psycopg.Connection, rng: np.random.Generator, world: World) -> Changes:
    """A round begun in the last two hours, with the holes played so far."""
    now = _now()
    (round_id,) = _next_keys(connection, "rounds", "round_id", 1)
    started = np.array([now - int(rng.integers(20 * 60, 7200)) * SECOND])
    changes: Changes = Counter()
    for table in rounds(
        rng,
        first_id=round_id,
        players=[_one(rng, world.players)],
        bays=[_one(rng, world.bays)],
        started=started,
        holes=world.holes,
        until=now,
    ):
        changes += _insert(connection, table)
    return changes


def insert_bookings(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """Bookings for the days to come, most of them paid."""
    now, count = _now(), int(rng.integers(1, 5))
    starts = now // HOUR * HOUR + rng.integers(1, 14 * 24, count) * HOUR
    table = bookings(
        rng,
        booking_ids=_next_keys(connection, "bookings", "booking_id", count),
        players=[_one(rng, world.players) for _ in range(count)],
        bays=[_one(rng, world.bays) for _ in range(count)],
        starts=starts,
        until=now,
    )
    paid = _without(payments(rng, table, first_id=1, keep=0.9, until=now), {"payment_id"})
    return _insert(connection, table) + _insert(connection, paid)


def insert_device_events(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """A few events of the devices."""
    received = np.full(int(rng.integers(1, 12)), _now())
    return _insert(connection, device_events(rng, world.bays, received))


def correct_strokes(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """A late correction of strokes next to one another, often long after they were hit."""
    return _update(
        connection,
        "strokes",
        """
        update strokes set carry = carry * %(factor)s, total = total * %(factor)s,
            comment = %(remark)s, quality_flags = B'1000'
        where stroke_id in (
            select stroke_id from strokes where stroke_id >= %(key)s and deleted_at is null
            order by stroke_id limit %(limit)s for no key update skip locked)
        """,
        factor=float(rng.normal(1, 0.01)),
        remark=remark(rng),
        key=_stroke_key(rng),
        limit=int(rng.integers(1, 20)),
    )


def change_player(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """A new handicap and, sometimes, a new e-mail address."""
    player = _one(rng, world.players)
    address = f"moved{int(rng.integers(10**9))}+{player.player_id}@example.org"
    return _update(
        connection,
        "players",
        """
        update players set
            handicap = least(54, greatest(-10, coalesce(handicap, 36) + %(step)s::numeric)),
            email = coalesce(%(email)s, email)
        where player_id = (
            select player_id from players where player_id = %(player)s and deleted_at is null
            for no key update skip locked)
        """,
        step=str(round(float(rng.normal(-0.1, 0.6)), 1)),
        email=address if rng.random() < 0.3 else None,
        player=player.player_id,
    )


def change_bay(connection: psycopg.Connection, rng: np.random.Generator, world: World) -> Changes:
    """Another status of a bay."""
    return _update(
        connection,
        "bays",
        """
        update bays set status = %(status)s
        where bay_id = (
            select bay_id from bays where bay_id = %(bay)s for no key update skip locked)
        """,
        status=str(rng.choice(["available", "occupied", "maintenance", "offline"])),
        bay=_one(rng, world.bays).bay_id,
    )


def end_sessions(connection: psycopg.Connection, rng: np.random.Generator, world: World) -> Changes:
    """The end of sessions that run."""
    return _update(
        connection,
        "sessions",
        """
        update sessions s set ended_at = greatest(now(), started_at),
            stroke_count = (select count(*) from strokes where session_id = s.session_id)
        where session_id in (
            select session_id from sessions where ended_at is null
            order by started_at limit %(limit)s for no key update skip locked)
        """,
        limit=int(rng.integers(1, 4)),
    )


def settle_bookings(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """Bookings whose time is over become completed; some to come are cancelled."""
    return _update(
        connection,
        "bookings",
        """
        update bookings
        set status = case when upper(during) < now() then 'completed' else 'cancelled' end
            ::booking_status
        where booking_id in (
            select booking_id from bookings where status in ('booked', 'checked in')
            order by upper(during) >= now(), random() limit %(limit)s
            for no key update skip locked)
        """,
        limit=int(rng.integers(1, 5)),
    )


def delete_strokes(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """Strokes that their player discards: deleted softly."""
    return _update(
        connection,
        "strokes",
        """
        update strokes set deleted_at = now()
        where stroke_id in (
            select stroke_id from strokes where stroke_id >= %(key)s and deleted_at is null
            order by stroke_id limit %(limit)s for no key update skip locked)
        """,
        kind="soft_deleted",
        key=_stroke_key(rng),
        limit=int(rng.integers(1, 6)),
    )


def delete_session(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """A session that its player removes with all its strokes: deleted softly."""
    row = connection.execute(
        "update sessions set deleted_at = now() where session_id = ("
        "select session_id from sessions where session_id >= %s and deleted_at is null "
        "order by session_id limit 1 for no key update skip locked) returning session_id",
        [_stroke_key(rng)],
    ).fetchone()
    if row is None:
        return Counter()
    strokes = _update(
        connection,
        "strokes",
        """
        update strokes set deleted_at = now()
        where stroke_id in (
            select stroke_id from strokes where session_id = %(session)s and deleted_at is null
            for no key update skip locked)
        """,
        kind="soft_deleted",
        session=row[0],
    )
    return strokes + Counter({("soft_deleted", "sessions"): 1})


def retire_club(connection: psycopg.Connection, rng: np.random.Generator, world: World) -> Changes:
    """A club that leaves the bag: deleted softly. Players keep a few."""
    player = _one(rng, world.players)
    return _update(
        connection,
        "clubs",
        """
        update clubs set is_active = false, deleted_at = now()
        where club_id = (
            select club_id from clubs where player_id = %(player)s and deleted_at is null
            order by club_id offset 5 limit 1 for no key update skip locked)
        """,
        kind="soft_deleted",
        player=player.player_id,
    )


def purge_bookings(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """Old bookings that the application purges: gone for good."""
    return _update(
        connection,
        "bookings",
        """
        delete from bookings where booking_id in (
            select booking_id from bookings order by upper(during) < now() desc, random()
            limit %(limit)s for update skip locked)
        """,
        kind="hard_deleted",
        limit=int(rng.integers(1, 4)),
    )


def purge_strokes(
    connection: psycopg.Connection, rng: np.random.Generator, world: World
) -> Changes:
    """Strokes that a player has erased: gone for good."""
    return _update(
        connection,
        "strokes",
        """
        delete from strokes where stroke_id in (
            select stroke_id from strokes where stroke_id >= %(key)s and deleted_at is null
            order by stroke_id limit %(limit)s for update skip locked)
        """,
        kind="hard_deleted",
        key=_stroke_key(rng),
        limit=int(rng.integers(1, 6)),
    )


def purge_round(connection: psycopg.Connection, rng: np.random.Generator, world: World) -> Changes:
    """A round that a player has erased: gone for good with its holes."""
    row = connection.execute(
        "select round_id from rounds where deleted_at is null order by random() limit 1 "
        "for update skip locked"
    ).fetchone()
    if row is None:
        return Counter()
    changes: Changes = Counter()
    for table in ("round_holes", "rounds"):
        changes += _update(
            connection,
            table,
            f"delete from {table} where round_id = %(round)s",  # noqa: S608
            kind="hard_deleted",
            round=row[0],
        )
    return changes


def _insert(connection: psycopg.Connection, table: Table) -> Changes:
    count = copy_rows(connection, _without(table, _STAMPS))
    return Counter({("inserted", table.name): count})


def _without(table: Table, columns: frozenset[str] | set[str]) -> Table:
    kept = [i for i, name in enumerate(table.columns) if name not in columns]
    return Table(
        table.name,
        tuple(table.columns[i] for i in kept),
        (tuple(row[i] for i in kept) for row in table.rows),
    )


def _update(
    connection: psycopg.Connection,
    table: str,
    statement: str,
    kind: str = "updated",
    **parameters: str | float | UUID | None,
) -> Changes:
    return Counter({(kind, table): connection.execute(statement.encode(), parameters).rowcount})


def _next_keys(connection: psycopg.Connection, table: str, column: str, count: int) -> list[int]:
    rows = connection.execute(
        "select nextval(pg_get_serial_sequence(%s, %s)) from generate_series(1, %s)",
        [table, column, count],
    )
    return [int(key) for (key,) in rows]


def _stroke_key(rng: np.random.Generator) -> str:
    """A key from which to look on: of a moment in the past, recent ones more often."""
    age = int(rng.random() ** 3 * HISTORY_DAYS * DAY)
    return uuid7(rng, np.array([_now() - age]))[0]


def _one(rng: np.random.Generator, values: Sequence[_T]) -> _T:
    return values[int(rng.integers(len(values)))]


def _now() -> int:
    return microseconds(datetime.now(UTC))
