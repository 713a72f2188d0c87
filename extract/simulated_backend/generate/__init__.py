"""Rows of a whole simulated trackman-backend, the same for the same seed, scale and moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from .devices import device_events
from .people import Player, club_types, people
from .places import bays, facilities
from .play import courses, rounds
from .practice import draw_sessions, draw_starts, session_table, stroke_table
from .table import DAY, HOUR, Microseconds, Table, microseconds
from .trade import bookings, payments

DEFAULT_SEED = 1976
HISTORY_DAYS = 90
_BOOKABLE_DAYS = 14

__all__ = ["DEFAULT_SEED", "HISTORY_DAYS", "generate"]


def generate(scale: float, seed: int, until: datetime) -> Iterator[Table]:
    """Tables in an order that foreign keys allow, each made when it is asked for.

    Args:
        scale: 1 gives about 215,000 strokes; counts grow in proportion.
        seed: start of all chance.
        until: the present; nothing but the start of a booking lies after it.
    """
    now = microseconds(until)
    first_day = (now - HISTORY_DAYS * DAY) // DAY * DAY

    def chance(part: int) -> np.random.Generator:
        return np.random.default_rng([seed, part])

    def number(full: int, least: int = 1) -> int:
        return max(least, round(full * scale))

    facility_table, places = facilities(chance(1), number(12, 2), now)
    yield facility_table
    bay_table, all_bays = bays(chance(2), places, number(150, 4), now)
    yield bay_table
    player_table, club_table, players = people(chance(3), places, number(2000, 12), now)
    yield player_table
    yield club_types()
    yield club_table

    rng = chance(4)
    registered = np.array([player.created for player in players])
    session_bays, starts = draw_starts(rng, all_bays, number(6000, 20), first_day, now)
    session_players = _players_at(rng, players, registered, starts)
    sessions = draw_sessions(rng, session_players, session_bays, starts)
    yield session_table(rng, sessions, now)
    yield stroke_table([seed, 5], sessions, now)

    rng = chance(6)
    course_table, hole_table = courses(rng, number(8, 3), now)
    yield course_table
    yield hole_table
    holes: dict[int, list[tuple[int, int]]] = {}
    for course_id, _, par, stroke_index, *_ in hole_table.rows:
        holes.setdefault(course_id, []).append((par, stroke_index))
    round_bays, starts = draw_starts(rng, all_bays, number(1500, 6), first_day, now)
    round_players = _players_at(rng, players, registered, starts)
    yield from rounds(
        rng,
        first_id=1,
        players=round_players,
        bays=round_bays,
        started=starts,
        holes=holes,
        until=now,
    )

    rng = chance(7)
    booking_end = now // HOUR * HOUR + _BOOKABLE_DAYS * DAY
    booked_bays, starts = draw_starts(rng, all_bays, number(8400, 20), first_day, booking_end)
    starts = starts // HOUR * HOUR
    # Purged bookings leave holes in the keys.
    ids = np.flatnonzero(rng.random(starts.size * 2) < 0.96)[: starts.size] + 1
    booked_players = _players_at(rng, players, registered, np.minimum(starts, now))
    booking_table = bookings(
        rng,
        booking_ids=ids.tolist(),
        players=booked_players,
        bays=booked_bays,
        starts=starts,
        until=now,
    )
    yield booking_table
    yield payments(rng, booking_table, first_id=1, keep=0.9, until=now)

    received = np.sort(chance(8).integers(first_day, now, number(20000, 50)))
    yield device_events(chance(9), all_bays, received)


def _players_at(
    rng: np.random.Generator,
    players: list[Player],
    registered: Microseconds,
    moments: Microseconds,
) -> list[Player]:
    """A registered player for each moment; a few players come far more often than most."""
    known = np.maximum(np.searchsorted(registered, moments), 1)
    return [players[i] for i in (rng.random(moments.size) ** 2 * known).astype(int).tolist()]
