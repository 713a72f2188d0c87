"""Facilities and their bays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ball_flight import Floats
from .table import DAY, Table, dates, history, pick, sparse

SESSION_TYPES = ("practice", "lesson", "fitting", "game", "assessment")
_YEAR = 365 * DAY


@dataclass(frozen=True)
class Place:
    """What other tables need to know of a facility."""

    facility_id: int
    country_code: str
    time_zone: str
    altitude: float
    """m above sea level."""
    is_indoor: bool


@dataclass(frozen=True)
class Bay:
    """What other tables need to know of a bay."""

    bay_id: int
    place: Place
    device_ip: str | None
    device_serial: str
    firmware: str


# name, kind, street, postal code, city, country, longitude, latitude, altitude m, zone
_SITES = (
    ("Nordsjælland Golf Lab", "academy", "Strandvejen 12", "2950", "Vedbæk", "DK",
     12.567, 55.853, 15.0, "Europe/Copenhagen"),
    ("Desert Ridge Driving Range", "driving_range", "7100 E Mayo Blvd", "85054", "Phoenix", "US",
     -111.93, 33.66, 480.0, "America/Phoenix"),
    ("Mile High Golf Center", "driving_range", "1 Tower Rd, Unit \"B\"", "80249", "Denver", "US",
     -104.75, 39.79, 1640.0, "America/Denver"),
    ("Links at St. Brendan's", "golf_course", "Shore Road", "V92 X2T8", "Tralee", "IE",
     -9.79, 52.31, 8.0, "Europe/Dublin"),
    ("東京スイングスタジオ", "indoor_centre", "六本木 6-10-1", "106-0032", "東京", "JP",
     139.73, 35.66, 30.0, "Asia/Tokyo"),
    ("강남 골프존", "indoor_centre", "테헤란로 152", "06236", "서울", "KR",
     127.04, 37.5, 40.0, "Asia/Seoul"),
    ("Golfzentrum Süd", "driving_range", "Öschelbronner Straße 4", "80331", "München", "DE",
     11.57, 48.13, 520.0, "Europe/Berlin"),
    ("Royal Botany Bay", "golf_course", "1 Cape Banks Rd", "2036", "La Perouse", "AU",
     151.24, -33.99, 20.0, "Australia/Sydney"),
    ("Swing & Dine, Soho", "indoor_centre", "14 Broadwick St\nBasement", "W1F 8HN", "London", "GB",
     -0.135, 51.514, 25.0, "Europe/London"),
    ("Cape Winelands Academy", "academy", "R44", "", "Stellenbosch", "ZA",
     18.86, -33.93, 136.0, "Africa/Johannesburg"),
    ("Campo de Golf El Ángel", "golf_course", "Av. de la Constitución s/n", "29660", "Marbella",
     "ES", -4.95, 36.49, 60.0, "Europe/Madrid"),
    ("Kathmandu Valley Golf", "driving_range", "Gokarna", "44600", "Kathmandu", "NP",
     85.39, 27.73, 1350.0, "Asia/Kathmandu"),
)  # fmt: skip


def facilities(rng: np.random.Generator, count: int, until: int) -> tuple[Table, list[Place]]:
    """Facilities; after the twelve known sites come numbered branches of them."""
    ids = range(1, count + 1)
    sites = [_SITES[(i - 1) % len(_SITES)] for i in ids]
    branch = ["" if i <= len(_SITES) else f" {(i - 1) // len(_SITES) + 1}" for i in ids]
    life = history(
        rng,
        until - 3 * _YEAR - rng.integers(0, 5 * _YEAR, count),
        until,
        changed=0.8,
        deleted=0.0,
    )
    amenities = ("bar", "putting green", "short game area", "shop, repairs", "Wi-Fi", "parking")
    table = Table.of(
        "facilities",
        {
            "facility_id": list(ids),
            "name": [site[0] + suffix for site, suffix in zip(sites, branch, strict=True)],
            "kind": [site[1] for site in sites],
            "address": [(site[2], site[3], site[4]) for site in sites],
            "country_code": [site[5] for site in sites],
            "location": [f"({site[6]},{site[7]})" for site in sites],
            "altitude": [site[8] for site in sites],
            "time_zone": [site[9] for site in sites],
            "opens_at": pick(rng, ("06:00", "07:00", "08:30", "00:00"), count),
            "closes_at": pick(rng, ("21:00", "22:00", "23:59:59", "24:00"), count),
            "phone": pick(rng, ("+45 12 34 56 78", "(555) 010-7700", "", None), count),
            "amenities": [sorted(set(pick(rng, amenities, int(rng.integers(0, 5))))) for _ in ids],
            "network": [f"10.{i % 256}.0.0/16" for i in ids],
            "opened_on": sparse(rng, dates(life.created), 0.2),
            **life.columns(),
        },
    )
    return table, [
        Place(i, site[5], site[9], site[8], site[1] == "indoor_centre")
        for i, site in zip(ids, sites, strict=True)
    ]


def bays(
    rng: np.random.Generator, places: list[Place], count: int, until: int
) -> tuple[Table, list[Bay]]:
    """Bays, spread evenly over the facilities."""
    numbers = np.arange(count)
    owners = [places[i % len(places)] for i in numbers]
    bay_numbers = (numbers // len(places) + 1).tolist()
    installed = until - rng.integers(100 * DAY, 3 * _YEAR, count)
    life = history(rng, installed, until, changed=0.9, deleted=0.01)
    nearest = rng.integers(2, 6, count) * 10
    farthest = rng.integers(20, 30, count) * 10
    tilt: Floats = rng.normal(0, 0.4, (count, 3))
    ip = [
        f"10.{place.facility_id % 256}.{number // 250}.{number % 250 + 1}"
        for place, number in zip(owners, bay_numbers, strict=True)
    ]
    # Serial numbers count on from a fixed start; some are short, for char(12) pads them.
    serial = [f"TM4-{i:06d}" if i % 3 else f"TMI{i:09d}" for i in (numbers + 40_001).tolist()]
    firmware = pick(rng, ("10.2.1", "10.3.0-rc.1", "9.8.14"), count, (6, 1, 3))
    table = Table.of(
        "bays",
        {
            "bay_id": (numbers + 1).tolist(),
            "facility_id": [place.facility_id for place in owners],
            "bay_number": bay_numbers,
            "status": pick(
                rng, ("available", "occupied", "maintenance", "offline"), count, (70, 22, 5, 3)
            ),
            "is_indoor": [place.is_indoor for place in owners],
            "device_serial": serial,
            "device_mac": [
                "08:00:2b:" + ":".join(f"{byte:02x}" for byte in number.to_bytes(3, "big"))
                for number in (numbers + 70_000).tolist()
            ],
            "device_ip": sparse(rng, ip, 0.03),
            "firmware": firmware,
            "capabilities": [f"{value:08b}" for value in rng.integers(128, 256, count).tolist()],
            "allowed_session_types": [
                [kind for kind in SESSION_TYPES if rng.random() < 0.8] for _ in numbers
            ],
            "target_distances": sparse(
                rng, [f"[{a},{b})" for a, b in zip(nearest, farthest, strict=True)], 0.1
            ),
            "calibration": [
                sparse(rng, row, 0.08) if rng.random() < 0.95 else None for row in tilt.tolist()
            ],
            "installed_on": dates(installed),
            **life.columns(),
        },
    )
    return table, [
        Bay(i + 1, place, address, text, version)
        for i, place, address, text, version in zip(
            numbers.tolist(), owners, ip, serial, firmware, strict=True
        )
    ]
