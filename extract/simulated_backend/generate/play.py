"""Courses and rounds of virtual golf."""

from __future__ import annotations

import json

import numpy as np

from . import odd
from .people import Player
from .places import Bay
from .table import (
    DAY,
    NEVER,
    SECOND,
    Microseconds,
    Table,
    dates,
    history,
    pick,
    sparse,
    timestamps,
)

_COURSES: tuple[tuple[str, str, float, float, float, list[str]], ...] = (
    ("Old Links, St. Brendan", "IE", -9.8, 52.3, 6.0, ["Tom Morris", "Eddie Hackett"]),
    ("Fjeldbakken", "NO", 10.7, 59.9, 120.0, []),
    ("Pine Barrens No. 2", "US", -79.5, 35.2, 160.0, ["Donald Ross"]),
    ("富士見カントリー", "JP", 138.7, 35.3, 700.0, ["井上 誠一"]),
    ("Red Rock Mesa", "US", -111.8, 34.9, 1320.0, ["Robert Trent Jones, Jr.", "D. \"Pete\" Dye"]),
    ("Val d'Argent", "FR", 7.2, 48.2, 410.0, ["H. S. Colt"]),
    ("Table Bay Dunes", "ZA", 18.4, -33.9, 12.0, ["Peter Matkovich"]),
    ("Lago Azul", "AR", -71.4, -41.1, 770.0, ["Robert von Hagge"]),
)  # fmt: skip
_PARS = (4, 5, 3, 4, 4, 3, 5, 4, 4, 4, 3, 5, 4, 4, 3, 4, 5, 4)
_LENGTHS = {3: (130.0, 205.0), 4: (300.0, 430.0), 5: (455.0, 545.0)}
_YEAR = 365 * DAY


def courses(rng: np.random.Generator, count: int, until: int) -> tuple[Table, Table]:
    """Courses, all of par 72, and their holes in course and hole order."""
    ids = list(range(1, count + 1))
    known = [_COURSES[(i - 1) % len(_COURSES)] for i in ids]
    created = until - rng.integers(_YEAR, 3 * _YEAR, count)
    life = history(rng, created, until, changed=0.5, deleted=0.0)
    table = Table.of(
        "courses",
        {
            "course_id": ids,
            "name": [
                course[0] + ("" if i <= len(_COURSES) else f" {(i - 1) // len(_COURSES) + 1}")
                for i, course in zip(ids, known, strict=True)
            ],
            "country_code": [course[1] for course in known],
            "location": [f"({course[2]},{course[3]})" for course in known],
            "altitude": [course[4] for course in known],
            "par": [sum(_PARS)] * count,
            "course_rating": np.round(rng.normal(72.3, 1.4, count), 1).tolist(),
            "slope_rating": np.clip(rng.normal(125, 9, count), 55, 155).astype(int).tolist(),
            "designers": [course[5] for course in known],
            "opened_on": sparse(
                rng, dates(until - rng.integers(5 * _YEAR, 130 * _YEAR, count)), 0.2
            ),
            "description": sparse(rng, [odd.remark(rng) for _ in ids], 0.3),
            **life.columns(),
        },
    )
    pars = np.tile(_PARS, count)
    low, high = np.array([_LENGTHS[par] for par in pars.tolist()]).T
    lengths = np.round(rng.uniform(low, high), 1)
    depth = rng.integers(20, 38, pars.size)
    hole_life = history(rng, np.repeat(created, 18), until, changed=0.05, deleted=0.0)
    holes = Table.of(
        "course_holes",
        {
            "course_id": np.repeat(ids, 18).tolist(),
            "hole_number": np.tile(np.arange(1, 19), count).tolist(),
            "par": pars.tolist(),
            "stroke_index": [
                int(index) for _ in ids for index in rng.permutation(np.arange(1, 19))
            ],
            "length": lengths.tolist(),
            "name": pick(rng, ("", "Road", "L'Étang", 'The "Postage Stamp"', None), pars.size),
            "green_centre": [
                f"({x:.1f},{y:.1f})"
                for x, y in zip(rng.normal(0, 40, pars.size), lengths, strict=True)
            ],
            "green_depths": [f"[3,{end})" for end in depth.tolist()],
            **hole_life.columns(),
        },
    )
    return table, holes


def rounds(
    rng: np.random.Generator,
    *,
    first_id: int,
    players: list[Player],
    bays: list[Bay],
    started: Microseconds,
    holes: dict[int, list[tuple[int, int]]],
    until: int,
) -> tuple[Table, Table]:
    """Rounds and their holes, one for each player, bay and start given.

    Args:
        rng: source of chance.
        first_id: key of the first round.
        players: player of each round.
        bays: bay of each round.
        started: start of each round, microseconds.
        holes: par and stroke index of the 18 holes of each course, in order.
        until: microseconds; holes that end later are not played yet.
    """
    count = started.size
    course_ids = pick(rng, sorted(holes), count)
    par = np.array([[hole[0] for hole in holes[course]] for course in course_ids]).reshape(-1, 18)
    index = np.array([[hole[1] for hole in holes[course]] for course in course_ids]).reshape(-1, 18)
    level = np.array([36.0 if p.handicap is None else p.handicap for p in players])
    received = np.round(level).astype(int)
    free = received[:, None] // 18 + (index <= received[:, None] % 18)

    # Score over par: the handicap spread over the holes, plus luck; never better than 2 strokes.
    spread = 0.75 + 0.012 * np.maximum(level, 0)
    over = rng.normal(level[:, None] / 18.0 + 0.12, spread[:, None], par.shape)
    strokes = np.maximum(np.rint(par + over), 2).astype(int)
    penalties = rng.poisson(0.003 * np.maximum(level, 1)[:, None], par.shape)
    penalties = np.minimum(penalties, strokes - 2)
    putts = np.minimum(rng.choice([1, 2, 3], strokes.shape, p=(0.25, 0.6, 0.15)), strokes - 1)
    picked_up = (strokes >= par + 4) & (rng.random(strokes.shape) < 0.5)
    points = np.where(picked_up, 0, np.maximum(0, 2 + par + free - strokes))
    green = (strokes - putts <= par - 2) & ~picked_up
    fairway = rng.random(strokes.shape) < 0.68 - 0.006 * level[:, None]
    drive = 250.0 * np.array([p.swing.speed for p in players])[:, None]
    drive = np.round(drive + rng.normal(0, 14, strokes.shape), 1)

    minutes = rng.uniform(2.5, 5.5, (count, 18))
    hole_end = started[:, None] + np.cumsum(minutes * 60 * SECOND, axis=1).astype(np.int64)
    given_up_after = np.where(rng.random(count) < 0.05, rng.integers(1, 17, count), 18)
    reached = (hole_end <= until) & (np.arange(18) < given_up_after[:, None])
    finished = reached.all(axis=1)
    playing = ~finished & (hole_end[np.arange(count), given_up_after - 1] > until)
    last = np.where(reached.any(axis=1), np.where(reached, hole_end, NEVER).max(axis=1), started)
    life = history(rng, np.minimum(last, until), until, changed=0.05, deleted=0.01)
    deleted = np.where(playing, NEVER, life.deleted)
    ids = list(range(first_id, first_id + count))
    scored = reached & ~picked_up
    table = Table.of(
        "rounds",
        {
            "round_id": ids,
            "player_id": [player.player_id for player in players],
            "course_id": course_ids,
            "bay_id": [bay.bay_id for bay in bays],
            "status": np.where(
                finished, "finished", np.where(playing, "playing", "given up")
            ).tolist(),
            "tees": pick(rng, ("white", "yellow", "blue", "red", "black"), count, (4, 4, 2, 3, 1)),
            "started_at": timestamps(started),
            "finished_at": timestamps(np.where(finished, last, NEVER)),
            "playing_handicap": [
                None if player.handicap is None else strokes_received
                for player, strokes_received in zip(players, received.tolist(), strict=True)
            ],
            "total_strokes": np.where(scored, strokes, 0).sum(axis=1).tolist(),
            "strokes_by_hole": [
                [value if ok else None for value, ok in zip(row, fine, strict=True)][:played]
                for row, fine, played in zip(
                    strokes.tolist(), scored.tolist(), reached.sum(axis=1).tolist(), strict=True
                )
            ],
            "wind": sparse(rng, [_wind(rng) for _ in ids], 0.3),
            "pace": [
                None if played == 0 else f"{(end - start) / played / SECOND:.3f} seconds"
                for start, end, played in zip(
                    started.tolist(), last.tolist(), reached.sum(axis=1).tolist(), strict=True
                )
            ],
            "created_at": timestamps(started),
            "updated_at": timestamps(life.updated),
            "deleted_at": timestamps(deleted),
        },
    )
    row, hole = np.nonzero(reached)
    hole_life = history(rng, hole_end[row, hole], until, changed=0.01, deleted=0.0)

    def of(values: np.ndarray, unless: np.ndarray) -> list[object]:
        return [
            None if none else value
            for value, none in zip(
                values[row, hole].tolist(), unless[row, hole].tolist(), strict=True
            )
        ]

    nothing, short = np.zeros_like(picked_up), par == 3
    hole_table = Table.of(
        "round_holes",
        {
            "round_id": (row + first_id).tolist(),
            "hole_number": (hole + 1).tolist(),
            "strokes": of(strokes, picked_up),
            "putts": of(putts, picked_up),
            "penalties": of(penalties, nothing),
            "is_fairway_hit": of(fairway, short),
            "is_green_in_regulation": of(green, picked_up),
            "drive_distance": of(drive, short),
            "first_putt_length": of(np.round(rng.gamma(2.0, 2.8, strokes.shape), 1), picked_up),
            "stableford_points": of(points, nothing),
            **hole_life.columns(),
        },
    )
    return table, hole_table


def _wind(rng: np.random.Generator) -> str:
    return json.dumps(
        {"speed": round(float(rng.gamma(2, 2)), 1), "direction": int(rng.integers(0, 360))}
    )
