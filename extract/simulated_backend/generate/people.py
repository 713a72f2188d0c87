"""Players and the clubs in their bags."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..golf import CLUB_TYPES, FLYING_CLUB_TYPE_IDS, Swing, swing_of
from . import odd
from .places import Place
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
    uuid4,
)

_YEAR = 365 * DAY
# The smallest PNG there is: one transparent pixel.
_AVATAR = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364f80f00010501012718e3660000000049454e44ae426082"
)
_ESSENTIAL = ("DR", "7I", "9I", "PW", "SW", "PT")
_BRANDS = ("Titleist", "Ping", "Callaway", "TaylorMade", "Mizuno", "Srixon", "PXG", "本間", "")
_FLEX = ("L", "A", "R", "S", "X", "TX")


@dataclass(frozen=True)
class BagClub:
    """A club that strokes can be hit with."""

    club_id: int
    club_type_id: int
    loft: float
    """Static loft, degrees."""


@dataclass(frozen=True)
class Player:
    """What other tables need to know of a player."""

    player_id: int
    handicap: float | None
    swing: Swing
    bag: tuple[BagClub, ...]
    """Flying clubs in use."""
    created: int
    """Microseconds since 1970."""


def club_types() -> Table:
    """The lookup table."""
    return Table.of(
        "club_types",
        {
            "club_type_id": [club.club_type_id for club in CLUB_TYPES],
            "code": [club.code for club in CLUB_TYPES],
            "name": [club.name for club in CLUB_TYPES],
            "category": [club.category for club in CLUB_TYPES],
            "sort_order": [club.club_type_id * 10 for club in CLUB_TYPES],
            "reference_loft": [club.loft for club in CLUB_TYPES],
        },
    )


def people(
    rng: np.random.Generator, places: list[Place], count: int, until: int
) -> tuple[Table, Table, list[Player]]:
    """Players and their clubs; those who can play, in the order in which they registered."""
    ids = list(range(1, count + 1))
    # Mean handicap about 20 with a long tail; a few plus handicaps; an eighth hold none.
    handicap_values = np.round(np.clip(rng.gamma(3.2, 6.5, count) - 3.0, -6.5, 54.0), 1)
    handicaps = sparse(rng, handicap_values.tolist(), 0.12)
    ages = np.clip(rng.normal(43, 16, count), 9, 88).astype(int)
    born = until - (ages * 365.25 * DAY).astype(np.int64) - rng.integers(0, _YEAR // 2, count)
    left = rng.random(count) < 0.09
    # Keys follow the order in which players registered.
    created = np.sort(until - rng.integers(0, 4 * _YEAR, count))
    life = history(rng, created, until, changed=0.5, deleted=0.02)
    given = pick(rng, odd.GIVEN_NAMES, count)
    family = pick(rng, odd.FAMILY_NAMES, count)
    member_until = created + rng.integers(30, 900, count) * DAY
    table = Table.of(
        "players",
        {
            "player_id": ids,
            "public_id": uuid4(rng, count),
            "full_name": [f"{a} {b}" for a, b in zip(given, family, strict=True)],
            "email": sparse(
                rng, [email(*names) for names in zip(given, family, ids, strict=True)], 0.04
            ),
            "phone": pick(rng, ("+45 20 30 40 50", "(555) 010-2233", "", None), count),
            "birth_date": sparse(rng, dates(born), 0.05),
            "country_code": [
                places[i].country_code for i in rng.integers(0, len(places), count).tolist()
            ],
            "home_facility_id": [
                places[i].facility_id for i in rng.integers(0, len(places), count).tolist()
            ],
            "dexterity": ["left" if is_left else "right" for is_left in left.tolist()],
            "handicap": handicaps,
            "height": sparse(
                rng, np.clip(rng.normal(174, 10, count), 120, 210).astype(int).tolist(), 0.2
            ),
            "membership": [
                None if n < 0.4 else f"[{a},{b if n < 0.8 else ''})"
                for n, a, b in zip(
                    rng.random(count).tolist(), dates(created), dates(member_until), strict=True
                )
            ],
            "marketing_consent": pick(rng, (True, False, None), count),
            "tags": [_tags(rng) for _ in ids],
            "preferences": [_preferences(rng) for _ in ids],
            "avatar": pick(rng, (None, _AVATAR, b""), count, (6, 3, 1)),
            "notes": sparse(rng, [odd.remark(rng) for _ in ids], 0.7),
            **life.columns(),
        },
    )
    clubs, bags = _clubs(rng, handicaps, created, until)
    players = [
        Player(i, handicaps[i - 1], swing_of(i, handicaps[i - 1], age, is_left), bags[i], start)
        for i, age, is_left, start, gone in zip(
            ids, ages.tolist(), left.tolist(), created.tolist(), life.deleted.tolist(), strict=True
        )
        if gone == NEVER and bags[i]
    ]
    return table, clubs, players


def email(given: str, family: str, number: int) -> str:
    """An address that cannot exist (RFC 2606), ASCII, unique by its number."""
    plain = unicodedata.normalize("NFKD", f"{given}.{family}").encode("ascii", "ignore").decode()
    name = "".join(c for c in plain.lower() if c.isalnum() or c in ".-'").strip(".") or "player"
    return f"{name}+{number}@example.{('com', 'org', 'net')[number % 3]}"


def _tags(rng: np.random.Generator) -> list[str | None] | None:
    if rng.random() < 0.3:
        return None
    return sparse(rng, pick(rng, odd.TAGS, int(rng.integers(0, 4))), 0.1)


def _preferences(rng: np.random.Generator) -> str:
    preferences: dict[str, Any] = {}
    if rng.random() < 0.8:
        preferences["units"] = str(rng.choice(["metric", "yards"]))
    if rng.random() < 0.5:
        preferences["tiles"] = pick(rng, ("carry", "club_speed", "spin_rate", "größe"), 3)
    if rng.random() < 0.2:
        preferences["nested"] = {"a": None, "b": [1, 2.5, "x\ny"], "ratio": 1e-9}
    return json.dumps(preferences, ensure_ascii=False)


def _clubs(
    rng: np.random.Generator,
    handicaps: list[float | None],
    joined: Microseconds,
    until: int,
) -> tuple[Table, dict[int, tuple[BagClub, ...]]]:
    optional = [club for club in CLUB_TYPES if club.code not in _ESSENTIAL]
    essential = [club for club in CLUB_TYPES if club.code in _ESSENTIAL]
    chosen, owners = [], []
    for player_id, handicap in enumerate(handicaps, start=1):
        # Beginners carry half a set; nobody carries more than 14 clubs.
        extra = 8 if handicap is not None and handicap < 15 else int(rng.integers(1, 9))
        picked = rng.choice(len(optional), extra, replace=False)
        bag = sorted(essential + [optional[i] for i in picked], key=lambda c: c.club_type_id)
        chosen += bag
        owners += [player_id] * len(bag)
    count = len(chosen)
    owner = np.array(owners)
    # A bag is filled within ten minutes of the registration.
    created = np.minimum(joined[owner - 1] + rng.integers(0, 600 * SECOND, count), until)
    life = history(rng, created, until, changed=0.1, deleted=0.03)
    lofts = np.round(np.array([c.loft for c in chosen]) + rng.normal(0, 0.5, count), 1)
    active = rng.random(count) > 0.04
    brands = pick(rng, _BRANDS, count)
    models = pick(rng, ("Tour", "Max HL", "i230", "T100•S", 'Pro "Forged"', "MB, blade"), count)
    flex = sparse(rng, pick(rng, _FLEX, count), 0.15)
    lengths = [c.length + int(d) for c, d in zip(chosen, rng.normal(0, 6, count), strict=True)]
    table = Table.of(
        "clubs",
        {
            "club_id": list(range(1, count + 1)),
            "player_id": owners,
            "club_type_id": [club.club_type_id for club in chosen],
            "brand": brands,
            "model": models,
            "shaft_flex": flex,
            "loft": lofts.tolist(),
            "lie": sparse(rng, np.round(rng.normal(61, 1.5, count), 1).tolist(), 0.2),
            "length": sparse(rng, lengths, 0.1),
            # json keeps blanks, order and repeated keys; jsonb would not.
            "specification": sparse(
                rng,
                [
                    f'{{"grip" : "{grip}",  "swing_weight":"D{weight}", "grip": null }}'
                    for grip, weight in zip(
                        pick(rng, ("std", "mid+1", "jumbo"), count),
                        rng.integers(0, 9, count).tolist(),
                        strict=True,
                    )
                ],
                0.5,
            ),
            "acquired_on": sparse(rng, dates(created), 0.2),
            "is_active": active.tolist(),
            **life.columns(),
        },
    )
    bags: dict[int, list[BagClub]] = {player_id: [] for player_id in set(owners)}
    in_use = active & (life.deleted == NEVER)
    for i in np.flatnonzero(in_use).tolist():
        if chosen[i].club_type_id in FLYING_CLUB_TYPE_IDS:
            bags[owners[i]].append(BagClub(i + 1, chosen[i].club_type_id, float(lofts[i])))
    return table, {player_id: tuple(bag) for player_id, bag in bags.items()}
