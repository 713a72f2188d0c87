"""Practice sessions and their strokes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ..ball_flight import Floats, air_density, air_pressure, fly
from ..golf import deliver
from . import odd
from .people import Player
from .places import SESSION_TYPES, Bay
from .table import (
    HOUR,
    NEVER,
    SECOND,
    Microseconds,
    Table,
    history,
    local_timestamps,
    moment_of,
    pick,
    sparse,
    timestamps,
    uuid7,
)

Integers = NDArray[np.int64]
LIMITED_BALL_DRAG = 1.25
"""Drag of flight-restricted balls relative to others; they carry about a tenth less."""
_SAMPLES = 8
_POINT = "{%.1f,%.1f,%.1f}"
_TRAJECTORY = "{" + ",".join([_POINT] * _SAMPLES) + "}"
_BLOCK = 250
"""Sessions whose strokes are made together: bounds memory whatever the scale."""


@dataclass(frozen=True)
class Sessions:
    """Sessions as arrays, one element for each."""

    session_id: list[str]
    player: list[Player]
    bay: list[Bay]
    started: Microseconds
    ended: Microseconds
    """NEVER while the session runs."""
    temperature: Floats
    pressure: Floats
    humidity: Floats
    ball_type: list[str]
    stroke_count: Integers
    created: Microseconds

    def part(self, start: int, stop: int) -> Sessions:
        """The sessions from `start` (inclusive) to `stop` (exclusive)."""
        return Sessions(*(value[start:stop] for value in self.__dict__.values()))


def draw_sessions(
    rng: np.random.Generator, players: list[Player], bays: list[Bay], started: Microseconds
) -> Sessions:
    """Sessions that begin at the moments given, of players and bays given, one for each.

    Strokes come about every 50 seconds; a session lasts at most 55 minutes.
    """
    count = started.size
    strokes = np.clip(rng.poisson(rng.choice([18, 36, 55], count)), 3, 65)
    altitude = np.array([bay.place.altitude for bay in bays])
    indoor = np.array([bay.place.is_indoor for bay in bays])
    return Sessions(
        session_id=uuid7(rng, started),
        player=players,
        bay=bays,
        started=started,
        ended=started + strokes * 50 * SECOND + rng.integers(15 * SECOND, 60 * SECOND, count),
        temperature=np.where(indoor, 21.0, rng.normal(17, 8, count)).astype(np.float64).round(1),
        pressure=np.round(air_pressure(altitude) + rng.normal(0, 6, count), 1),
        humidity=np.round(rng.uniform(25, 98, count)).astype(np.float64),
        ball_type=pick(rng, ("range", "premium", "limited"), count, (60, 35, 5)),
        stroke_count=strokes,
        created=started + rng.integers(0, 3 * SECOND, count),
    )


def session_table(rng: np.random.Generator, sessions: Sessions, until: int) -> Table:
    """Rows of `sessions`; those that reach beyond `until` are still running."""
    count = sessions.started.size
    created = np.minimum(sessions.created, until)
    life = history(rng, created, until, changed=0.2, deleted=0.01)
    running = sessions.ended > until
    # The application writes the end of a session when it ends.
    updated = np.where(running, created, np.maximum(life.updated, sessions.ended))
    deleted = np.where(running | (life.deleted == NEVER), NEVER, updated)
    offsets = [
        int(utc_offset(bay.place.time_zone, start))
        for bay, start in zip(sessions.bay, sessions.started.tolist(), strict=True)
    ]
    return Table.of(
        "sessions",
        {
            "session_id": sessions.session_id,
            "player_id": [player.player_id for player in sessions.player],
            "bay_id": [bay.bay_id for bay in sessions.bay],
            "session_type": pick(rng, SESSION_TYPES, count, (70, 12, 5, 10, 3)),
            "started_at": timestamps(sessions.started),
            "ended_at": timestamps(np.where(running, NEVER, sessions.ended)),
            "local_started_at": local_timestamps(sessions.started + np.array(offsets)),
            "ball_type": sessions.ball_type,
            "temperature": sessions.temperature.tolist(),
            "humidity": sparse(rng, sessions.humidity.astype(int).tolist(), 0.1),
            "air_pressure": sessions.pressure.tolist(),
            "focus_club_type_ids": [
                None if rng.random() < 0.5 else pick(rng, range(1, 19), int(rng.integers(0, 4)))
                for _ in range(count)
            ],
            "stroke_count": np.where(running, 0, sessions.stroke_count).tolist(),
            "settings": [_settings(rng) for _ in range(count)],
            "coach_notes": sparse(rng, [odd.remark(rng) for _ in range(count)], 0.8),
            "created_at": timestamps(created),
            "updated_at": timestamps(updated),
            "deleted_at": timestamps(deleted),
        },
    )


def utc_offset(time_zone: str, moment: int) -> int:
    """Microseconds by which the zone's clock is ahead of UTC at a moment."""
    offset = moment_of(moment).astimezone(ZoneInfo(time_zone)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds()) * SECOND


def stroke_table(seed: list[int], sessions: Sessions, until: int, *, aged: bool = True) -> Table:
    """Rows of `strokes`, made while they are read, none hit after `until`.

    Args:
        seed: start of the chance, so that rows can be made again.
        sessions: sessions to fill.
        until: microseconds; the present.
        aged: whether some strokes were already corrected or deleted.
    """
    blocks = (
        _block_columns(
            np.random.default_rng([*seed, start]),
            sessions.part(start, start + _BLOCK),
            until,
            aged,
        )
        for start in range(0, sessions.started.size, _BLOCK)
    )
    first = next(blocks)

    def rows() -> Iterator[tuple[Any, ...]]:
        yield from zip(*first.values(), strict=True)
        for block in blocks:
            yield from zip(*block.values(), strict=True)

    return Table("strokes", tuple(first), rows())


def _block_columns(
    rng: np.random.Generator, sessions: Sessions, until: int, aged: bool
) -> dict[str, Sequence[Any]]:
    session = np.repeat(np.arange(sessions.started.size), sessions.stroke_count)
    first = np.cumsum(sessions.stroke_count) - sessions.stroke_count
    number = np.arange(session.size) - first[session] + 1
    hit = sessions.started[session] + number * 48 * SECOND
    hit += rng.integers(0, 9 * SECOND, number.size)
    in_time = hit <= until
    session, number, hit = session[in_time], number[in_time], hit[in_time]
    count = session.size

    bag_size = np.array([len(player.bag) for player in sessions.player])
    # A player hits a handful of balls with a club before taking the next.
    club_in_bag = (number // 7 + rng.integers(0, 1000, sessions.started.size)[session]) % bag_size[
        session
    ]
    clubs = [
        sessions.player[s].bag[c]
        for s, c in zip(session.tolist(), club_in_bag.tolist(), strict=True)
    ]
    swings = [player.swing for player in sessions.player]
    club_type_id = np.array([club.club_type_id for club in clubs])
    delivery = deliver(rng, swings, session, club_type_id, np.array([club.loft for club in clubs]))
    density = air_density(sessions.temperature, sessions.pressure, sessions.humidity)[session]
    # Indoors the radar sees only the metres up to the screen and computes the rest.
    indoor = np.array([bay.place.is_indoor for bay in sessions.bay])[session]
    last_seen = np.where(indoor, 0.015, rng.uniform(0.8, 1.0, count))
    limited = np.array([ball == "limited" for ball in sessions.ball_type])[session]
    flight = fly(
        ball_speed=delivery.ball_speed,
        launch_angle=delivery.launch_angle,
        launch_direction=delivery.launch_direction,
        spin_rate=delivery.spin_rate,
        spin_axis=delivery.spin_axis,
        density=density,
        drag_factor=np.where(limited, LIMITED_BALL_DRAG, 1.0),
        last_seen=last_seen,
        samples=_SAMPLES,
    )
    target = np.round(flight.carry / 10.0) * 10.0
    target[rng.random(count) < 0.25] = np.nan
    missed = np.hypot(flight.total - target, flight.total_side)
    created = np.minimum(hit + rng.integers(SECOND // 2, 4 * SECOND, count), until)
    share = (0.03, 0.01) if aged else (0.0, 0.0)
    life = history(rng, created, until, changed=share[0], deleted=share[1])
    # The club radar loses some strokes; ball data is always there.
    seen = rng.random(count) > 0.02
    missing = np.full(count, np.nan)

    def measured(values: Floats, digits: int = 2) -> list[Any]:
        return _nullable(np.where(seen, values, missing), digits)

    def metres(values: Floats) -> list[float]:
        return _rounded(values, 3)

    return {
        "stroke_id": uuid7(rng, hit),
        "session_id": [sessions.session_id[s] for s in session.tolist()],
        "club_id": [club.club_id for club in clubs],
        "stroke_number": number.tolist(),
        "hit_at": timestamps(hit),
        "target_distance": _nullable(target, 0),
        **{
            name: measured(getattr(delivery, name))
            for name in (
                "club_speed", "attack_angle", "club_path", "face_angle", "dynamic_loft",
                "dynamic_lie", "spin_loft", "swing_plane", "swing_direction", "swing_radius",
                "d_plane_tilt", "low_point_distance", "low_point_height", "low_point_side",
                "impact_offset", "impact_height",
            )
        },
        "ball_speed": _rounded(delivery.ball_speed, 2),
        "launch_angle": _rounded(delivery.launch_angle, 2),
        "launch_direction": _rounded(delivery.launch_direction, 2),
        "spin_rate": sparse(rng, np.round(delivery.spin_rate).astype(int).tolist(), 0.01),
        "spin_axis": sparse(rng, _rounded(delivery.spin_axis, 2), 0.01),
        "max_height": metres(flight.max_height),
        "max_height_distance": metres(flight.max_height_distance),
        "max_height_side": metres(flight.max_height_side),
        "carry": metres(flight.carry),
        "carry_side": metres(flight.carry_side),
        "curve": metres(flight.curve),
        "landing_angle": _rounded(flight.landing_angle, 2),
        "landing_speed": _rounded(flight.landing_speed, 2),
        "hang_time": _rounded(flight.hang_time, 2),
        "last_data_distance": metres(flight.last_data[:, 0]),
        "last_data_height": metres(flight.last_data[:, 1]),
        "last_data_side": metres(flight.last_data[:, 2]),
        "total": metres(flight.total),
        "total_side": metres(flight.total_side),
        "distance_to_target": _nullable(missed, 3),
        "strokes_gained": [_strokes_gained(value) for value in missed.tolist()],
        "confidence": np.round(1.0 - rng.beta(1.2, 25.0, count), 4).tolist(),
        "quality_flags": pick(rng, ("", "1", "0101", "00010000", None), count, (60, 5, 5, 5, 25)),
        "tags": pick(
            rng, (None, [], ["keep"], ["bad lie", None], ["a,b", 'q"q']), count, (80, 10, 5, 3, 2)
        ),
        "raw_radar": _raw_radar(rng, sessions, session, seen),
        "trajectory": _trajectories(rng, flight.trajectory),
        "comment": sparse(rng, pick(rng, odd.REMARKS, count), 0.96),
        **life.columns(),
    }  # fmt: skip


def _rounded(values: Floats, digits: int) -> list[float]:
    result: list[float] = values.round(digits).tolist()
    return result


def _nullable(values: Floats, digits: int) -> list[float | None]:
    return [None if math.isnan(value) else value for value in _rounded(values, digits)]


def _strokes_gained(missed: float) -> str | None:
    """Exact decimals of growing length: numeric without precision keeps every digit."""
    if math.isnan(missed):
        return None
    return f"{0.6 - missed * 0.03125:.{3 + int(missed) % 10}f}"


def _raw_radar(
    rng: np.random.Generator, sessions: Sessions, session: Integers, seen: NDArray[np.bool_]
) -> list[str]:
    units = [
        json.dumps({"unit": bay.device_serial, "software": bay.firmware})[1:-1]
        for bay in sessions.bay
    ]
    noise = np.round(rng.normal(18.0, 4.0, (session.size, 2)), 2).tolist()
    return [
        f'{{{units[s]}, "snr": [{a}, {b}], "club": {str(club).lower()}, "offset": null}}'
        for s, (a, b), club in zip(session.tolist(), noise, seen.tolist(), strict=True)
    ]


def _trajectories(rng: np.random.Generator, trajectory: Floats) -> list[str | None]:
    flat = trajectory.reshape(len(trajectory), -1).tolist()
    return sparse(rng, [_TRAJECTORY % tuple(row) for row in flat], 0.01)


def _settings(rng: np.random.Generator) -> str:
    settings: dict[str, Any] = {"normalised": bool(rng.random() < 0.3), "unit": "m"}
    if rng.random() < 0.1:
        settings["green"] = {"firmness": None, "speed_stimp": 9.5, "näme": "Größe ⛳"}
    return json.dumps(settings, ensure_ascii=False)


def draw_starts(
    rng: np.random.Generator, bays: list[Bay], count: int, first_day: int, until: int
) -> tuple[list[Bay], Microseconds]:
    """Bays and starts of sessions, in order of time: one bay holds one session an hour.

    People come between 8 and 21 o'clock on the facility's clock, most in the late afternoon.
    """
    hours = (until - first_day) // HOUR
    slots = rng.choice(len(bays) * hours, min(count * 6, len(bays) * hours), replace=False)
    bay_index, hour = slots % len(bays), slots // len(bays)
    offsets = np.array([utc_offset(bay.place.time_zone, until) for bay in bays])
    local_hour = ((first_day + hour * HOUR + offsets[bay_index]) // HOUR) % 24
    popularity = np.where(
        (local_hour >= 8) & (local_hour <= 21), np.exp(-(((local_hour - 16.5) / 4.5) ** 2)), 0.01
    )
    # Weighted choice without replacement (Efraimidis and Spirakis, 2006).
    kept = np.argsort(-np.log(rng.random(slots.size)) / popularity, kind="stable")[:count]
    start = first_day + hour[kept] * HOUR + rng.integers(0, 4 * 60 * SECOND, kept.size)
    kept_bays = bay_index[kept][start < until]
    start = start[start < until]
    order = np.argsort(start, kind="stable")
    return [bays[i] for i in kept_bays[order].tolist()], start[order]
