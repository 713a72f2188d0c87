"""Clubs, and how players of different skill deliver them to the ball.

Everything here is vectorised over strokes and free of I/O. Sources: tour_averages.py for a good
stroke with each club; for how a strike becomes a launch, TrackMan's published definitions (launch
is about 85 % face and 15 % path; the spin axis tilts by face to path over spin loft).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .ball_flight import Floats
from .tour_averages import MPH, PGA_TOUR, TourAverage


@dataclass(frozen=True)
class ClubType:
    """A row of `club_types` with the average tour stroke; putters are not measured in flight."""

    club_type_id: int
    code: str
    name: str
    category: str
    loft: float
    """Static loft, degrees."""
    length: int
    """mm."""
    tour: TourAverage | None


# Clubs for which no tour average is published: between their neighbours, or, for the wedges after
# PW, 4 % less club speed and falling smash for every four degrees of loft.
_UNPUBLISHED = (
    TourAverage("7W", 99, -3.6, 144, 10.8, 4800, 31, 48, 218),
    TourAverage("4H", 97, -3.5, 139, 11.3, 4900, 30, 48, 209),
    TourAverage("5H", 95, -3.7, 134, 12.4, 5400, 31, 49, 198),
    TourAverage("GW", 80, -5.0, 95, 26.5, 9700, 29, 52, 122),
    TourAverage("SW", 77, -4.8, 87, 29.0, 9900, 29, 53, 106),
    TourAverage("LW", 74, -4.6, 78, 32.0, 9900, 28, 54, 88),
)
_TOUR = {average.club: average for average in PGA_TOUR + _UNPUBLISHED}
_NAMES = (
    ("DR", "Driver", "driver", 10.5, 1156),
    ("3W", "3 Wood", "wood", 15.0, 1092),
    ("5W", "5 Wood", "wood", 18.0, 1080),
    ("7W", "7 Wood", "wood", 21.0, 1067),
    ("3H", "3 Hybrid", "hybrid", 19.0, 1029),
    ("4H", "4 Hybrid", "hybrid", 22.0, 1016),
    ("5H", "5 Hybrid", "hybrid", 25.0, 1003),
    ("3I", "3 Iron", "iron", 20.0, 991),
    ("4I", "4 Iron", "iron", 23.0, 978),
    ("5I", "5 Iron", "iron", 26.0, 965),
    ("6I", "6 Iron", "iron", 29.5, 953),
    ("7I", "7 Iron", "iron", 33.0, 940),
    ("8I", "8 Iron", "iron", 37.0, 927),
    ("9I", "9 Iron", "iron", 41.0, 914),
    ("PW", "Pitching Wedge", "wedge", 46.0, 908),
    ("GW", "Gap Wedge", "wedge", 50.0, 902),
    ("SW", "Sand Wedge", "wedge", 55.0, 895),
    ("LW", "Lob Wedge", "wedge", 60.0, 889),
    ("PT", "Putter", "putter", 3.5, 864),
)
CLUB_TYPES = tuple(
    ClubType(number, code, name, category, loft, length, _TOUR.get(code))
    for number, (code, name, category, loft, length) in enumerate(_NAMES, start=1)
)
_FLYING = [club for club in CLUB_TYPES if club.tour is not None]
FLYING_CLUB_TYPE_IDS = frozenset(club.club_type_id for club in _FLYING)

LAUNCH_FROM_FACE = 0.85
"""Share of the launch direction and angle that comes from the face, the rest from the path."""


def _by_club_type(values: list[float]) -> Floats:
    """Table indexed by club_type_id; NaN where the club does not fly."""
    table = np.full(len(CLUB_TYPES) + 1, np.nan)
    table[[club.club_type_id for club in _FLYING]] = values
    return table


_TOURS = [club.tour for club in _FLYING if club.tour is not None]
TOUR_CLUB_SPEED = _by_club_type([t.club_speed * MPH for t in _TOURS])
TOUR_SMASH = _by_club_type([t.ball_speed / t.club_speed for t in _TOURS])
TOUR_ATTACK = _by_club_type([t.attack_angle for t in _TOURS])
TOUR_SPIN = _by_club_type([t.spin_rate for t in _TOURS])
TOUR_DYNAMIC_LOFT = _by_club_type(
    [(t.launch_angle - (1 - LAUNCH_FROM_FACE) * t.attack_angle) / LAUNCH_FROM_FACE for t in _TOURS]
)
STATIC_LOFT = _by_club_type([club.loft for club in _FLYING])
IS_WOOD = _by_club_type([float(club.category in ("driver", "wood")) for club in _FLYING])
LIE = _by_club_type([58.0 + 0.32 * (club.club_type_id - 1) for club in _FLYING])


@dataclass(frozen=True)
class Swing:
    """What makes one player's swing their own."""

    speed: float
    """Club speed relative to the PGA Tour average."""
    spread: float
    """Size of the player's errors relative to those of a scratch player."""
    mishit: float
    """Share of strokes that are topped, fat or shanked."""
    path: float
    """Habitual club path, degrees; negative comes from the outside (right-handed view)."""
    face: float
    """Habitual face angle, degrees (right-handed view)."""
    attack: float
    """Degrees steeper (negative) or shallower than a tour player."""
    mirror: float
    """1 for right-handed, -1 for left-handed players."""


def swing_of(player_id: int, handicap: float | None, age: int, left_handed: bool) -> Swing:
    """The swing of a player, the same whenever asked for; faster and steadier with skill.

    Args:
        player_id: key of the player, which seeds what is personal.
        handicap: handicap index; players without one are taken for 36.
        age: years.
        left_handed: whether the player hits from the left side.
    """
    rng = np.random.default_rng([1976, player_id])
    level = 36.0 if handicap is None else float(handicap)
    speed = 1.0 - 0.0062 * level - 0.0035 * max(0, age - 45) + rng.normal(0, 0.05)
    return Swing(
        speed=float(np.clip(speed, 0.5, 1.12)),
        spread=1.0 + 0.055 * max(level, -4.0),
        mishit=float(np.clip(0.006 + 0.0022 * level, 0.003, 0.14)),
        path=float(rng.normal(-0.10 * level, 1.5)),
        face=float(rng.normal(-0.02 * level, 1.0)),
        attack=float(rng.normal(0.05 * level, 0.8)),
        mirror=-1.0 if left_handed else 1.0,
    )


@dataclass(frozen=True)
class Delivery:
    """Club and launch data of strokes as TrackMan names them; units as in schema.sql."""

    club_speed: Floats
    attack_angle: Floats
    club_path: Floats
    face_angle: Floats
    dynamic_loft: Floats
    dynamic_lie: Floats
    spin_loft: Floats
    swing_plane: Floats
    swing_direction: Floats
    swing_radius: Floats
    d_plane_tilt: Floats
    low_point_distance: Floats
    low_point_height: Floats
    low_point_side: Floats
    impact_offset: Floats
    impact_height: Floats
    ball_speed: Floats
    launch_angle: Floats
    launch_direction: Floats
    spin_rate: Floats
    spin_axis: Floats


def deliver(
    rng: np.random.Generator,
    swings: list[Swing],
    player: NDArray[np.int64],
    club_type_id: NDArray[np.int64],
    loft: Floats,
) -> Delivery:
    """Hit one stroke for each element.

    Args:
        rng: source of chance.
        swings: the players.
        player: index into `swings` for each stroke.
        club_type_id: a flying club for each stroke.
        loft: static loft of the very club, degrees.
    """
    own = {
        field.name: np.array([getattr(swing, field.name) for swing in swings])[player]
        for field in fields(Swing)
    }
    count, spread, mirror = player.size, own["spread"], own["mirror"]

    def error(scale: float) -> Floats:
        return np.asarray(rng.normal(0.0, scale, count) * spread)

    speed = TOUR_CLUB_SPEED[club_type_id] * own["speed"] * (1 + np.clip(error(0.010), -0.2, 0.05))
    attack = TOUR_ATTACK[club_type_id] + own["attack"] + error(0.8)
    path = own["path"] + error(1.3)
    face = own["face"] + 0.45 * path + error(1.1)
    offset, height = error(5.0), error(4.0)

    # A stroke in a few is topped or thin (hit low on the face), fat, or shanked off the heel.
    fate = rng.random(count) / own["mishit"]
    topped, fat, shanked = fate < 0.45, (fate >= 0.45) & (fate < 0.85), (fate >= 0.85) & (fate < 1)
    height = np.where(topped, -rng.uniform(14, 22, count), height)
    offset = np.where(shanked, -rng.uniform(28, 38, count), offset)

    tour_loft = TOUR_DYNAMIC_LOFT[club_type_id]
    dynamic_loft = tour_loft + 0.8 * (loft - STATIC_LOFT[club_type_id]) + own["attack"]
    dynamic_loft = np.maximum(dynamic_loft + 0.06 * height + error(0.7), 3.0)
    tour_spin_loft = tour_loft - TOUR_ATTACK[club_type_id]
    spin_loft = np.hypot(np.maximum(dynamic_loft - attack, 2.0), face - path)

    smash = TOUR_SMASH[club_type_id] * (1.0 - 0.006 * (spin_loft - tour_spin_loft))
    smash *= 1.0 - np.minimum((np.hypot(offset, height) / 60.0) ** 2, 0.45)
    smash *= np.where(fat, rng.uniform(0.45, 0.85, count), 1.0)
    ball_speed = speed * np.clip(smash, 0.3, 1.525)
    launch = LAUNCH_FROM_FACE * dynamic_loft + (1 - LAUNCH_FROM_FACE) * attack + 0.08 * height
    launch = np.where(topped, rng.uniform(0.6, 5.0, count), np.maximum(launch, 0.6))
    direction = LAUNCH_FROM_FACE * face + (1 - LAUNCH_FROM_FACE) * path
    direction = np.where(shanked, rng.uniform(15, 45, count), direction)

    relative = (speed / TOUR_CLUB_SPEED[club_type_id]) * (spin_loft / tour_spin_loft)
    spin = TOUR_SPIN[club_type_id] * relative * (1 - 0.012 * height) * (1 + error(0.03))
    spin = np.clip(np.where(topped, spin * 0.35, spin), 300.0, 13000.0)
    # Off-centre strikes with woods turn the head and the ball the other way (gear effect).
    gear = -0.45 * offset * IS_WOOD[club_type_id]
    axis = np.degrees(np.arctan2(face - path, np.maximum(dynamic_loft - attack, 2.0)))
    axis = np.clip(axis * 0.75 + gear, -50.0, 50.0)

    plane = LIE[club_type_id] - 8.0 + rng.normal(0, 1.5, count)
    radius = 1.60 * (0.9 + 0.1 * own["speed"]) + rng.normal(0, 0.02, count)
    low_point = -np.sin(np.radians(attack)) * radius * 1000.0 + np.where(fat, -60.0, 0.0)
    return Delivery(
        club_speed=speed,
        attack_angle=attack,
        club_path=path * mirror,
        face_angle=face * mirror,
        dynamic_loft=dynamic_loft,
        dynamic_lie=LIE[club_type_id] + rng.normal(0, 1.2, count),
        spin_loft=spin_loft,
        swing_plane=plane,
        swing_direction=(path + attack / np.tan(np.radians(plane))) * mirror,
        swing_radius=radius,
        d_plane_tilt=np.degrees(np.arctan2(face - path, spin_loft)) * mirror,
        low_point_distance=low_point,
        low_point_height=np.where(fat, -12.0, -3.0) + rng.normal(0, 2.0, count),
        low_point_side=rng.normal(0, 6.0, count),
        impact_offset=offset,
        impact_height=height,
        ball_speed=ball_speed,
        launch_angle=launch,
        launch_direction=direction * mirror,
        spin_rate=spin,
        spin_axis=axis * mirror,
    )
