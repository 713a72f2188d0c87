"""What the trickle needs to know of a database, whatever state it is in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg

from .connection import UserError
from .generate.people import BagClub, Player
from .generate.places import Bay, Place
from .generate.table import microseconds
from .golf import FLYING_CLUB_TYPE_IDS, swing_of

_MOST_PLAYERS = 5000

_BAYS = """
select b.bay_id, host(b.device_ip), b.device_serial, b.firmware,
    f.facility_id, f.country_code, f.time_zone, f.altitude, f.kind = 'indoor_centre'
from bays b join facilities f using (facility_id)
where b.deleted_at is null and f.deleted_at is null
order by b.bay_id
"""
_PLAYERS = """
select p.player_id, p.handicap::float8, p.birth_date::text, p.dexterity = 'left', p.created_at,
    array_agg(c.club_id order by c.club_id), array_agg(c.club_type_id order by c.club_id),
    array_agg(c.loft::float8 order by c.club_id)
from players p join clubs c using (player_id)
where p.deleted_at is null and c.deleted_at is null and c.is_active
    and c.club_type_id = any(%s)
group by p.player_id
order by p.player_id
limit %s
"""
_HOLES = """
select course_id, par, stroke_index from course_holes
where deleted_at is null order by course_id, hole_number
"""


@dataclass(frozen=True)
class World:
    """Bays, players with their bags, and holes by course: par and stroke index, in order."""

    bays: list[Bay]
    players: list[Player]
    holes: dict[int, list[tuple[int, int]]]


def read_world(connection: psycopg.Connection) -> World:
    """Read bays, up to 5,000 players and the complete courses; leaves no transaction open.

    Raises:
        UserError: the database is not a filled trackman-backend.
    """
    with connection.transaction():
        found = connection.execute(
            "select to_regclass('strokes') is not null and to_regclass('clubs') is not null"
        ).fetchone()
        if found is None or not found[0]:
            raise UserError("this database holds no simulated trackman-backend: load it first")
        bays = [
            Bay(bay_id, Place(*place), address, serial, firmware)
            for bay_id, address, serial, firmware, *place in connection.execute(_BAYS)
        ]
        players = [
            Player(
                player_id,
                handicap,
                swing_of(player_id, handicap, _age(born), left),
                tuple(map(BagClub, *clubs)),
                microseconds(created),
            )
            for player_id, handicap, born, left, created, *clubs in connection.execute(
                _PLAYERS, [sorted(FLYING_CLUB_TYPE_IDS), _MOST_PLAYERS]
            )
        ]
        holes: dict[int, list[tuple[int, int]]] = {}
        for course_id, par, stroke_index in connection.execute(_HOLES):
            holes.setdefault(course_id, []).append((par, stroke_index))
    holes = {course_id: course for course_id, course in holes.items() if len(course) == 18}
    if not (bays and players and holes):
        raise UserError(
            f"the database has {len(bays)} bays, {len(players)} players with clubs and "
            f"{len(holes)} courses of 18 holes; at least one of each is needed: load it first"
        )
    return World(bays, players, holes)


def _age(born: str | None) -> int:
    return 40 if born is None else datetime.now(UTC).year - date.fromisoformat(born).year
