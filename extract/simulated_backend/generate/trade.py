"""Bookings of bays and the payments for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import odd
from .people import Player
from .places import Bay
from .table import (
    DAY,
    HOUR,
    NEVER,
    SECOND,
    Microseconds,
    Table,
    history,
    pick,
    sparse,
    timestamps,
    uuid4,
)


class Currency(NamedTuple):
    """Money of a country."""

    code: str
    price: str
    """Usual price of an hour."""
    tax: str
    """Share of tax."""
    euro: str
    """Euro for one unit, as many digits as the bank gave."""


_EURO = Currency("EUR", "34.00", "0.21", "1")
CURRENCIES = {
    "DK": Currency("DKK", "249.00", "0.25", "0.13404825737265415549"),
    "US": Currency("USD", "39.90", "0.0825", "0.92123"),
    "JP": Currency("JPY", "5500", "0.1", "0.006164"),
    "KR": Currency("KRW", "42000", "0.1", "0.000668449197860962566844919786"),
    "AU": Currency("AUD", "55.00", "0.1", "0.6045"),
    "GB": Currency("GBP", "32.50", "0.2", "1.1723329425556858"),
    "ZA": Currency("ZAR", "310.00", "0.15", "0.0493"),
    "NP": Currency("NPR", "1999.99", "0.13", "0.0069"),
}


def bookings(
    rng: np.random.Generator,
    *,
    booking_ids: list[int],
    players: list[Player],
    bays: list[Bay],
    starts: Microseconds,
    until: int,
) -> Table:
    """Bookings, one for each key, player, bay and start given; some start after `until`."""
    count = starts.size
    hours = rng.choice([1, 1, 1, 2], count)
    ends = starts + hours * HOUR
    made = np.minimum(starts - rng.integers(0, 20 * DAY, count), until)
    made = made - rng.integers(0, 60 * SECOND, count)
    past = ends < until
    changed = rng.random(count)
    status = np.where(
        past,
        np.select([changed < 0.08, changed < 0.12], ["cancelled", "no-show"], "completed"),
        np.select([changed < 0.06, starts < until], ["cancelled", "checked in"], "booked"),
    )
    # What a booking became is written when it ends, a cancellation before that.
    settled = np.where(past, ends, np.where(status == "checked in", starts, made))
    updated = np.where(status == "cancelled", made + (settled - made) // 2, settled)
    money = [CURRENCIES.get(bay.place.country_code, _EURO) for bay in bays]
    discount = rng.random(count) < 0.1
    return Table.of(
        "bookings",
        {
            "booking_id": booking_ids,
            "player_id": [player.player_id for player in players],
            "bay_id": [bay.bay_id for bay in bays],
            "during": [
                f'["{a}","{b}")' for a, b in zip(timestamps(starts), timestamps(ends), strict=True)
            ],
            "status": status.tolist(),
            "party_size": pick(rng, (1, 2, 3, 4, 6), count, (40, 30, 15, 10, 5)),
            "guests": [_guests(rng) for _ in booking_ids],
            "price": [
                f"{float(m.price) * h * (0.8 if cheap else 1.0):.2f}"
                for m, h, cheap in zip(money, hours.tolist(), discount.tolist(), strict=True)
            ],
            "currency": [m.code for m in money],
            "reminder_before": pick(rng, ("1 day", "02:00:00", "1 mon -1 days", None), count),
            "comment": sparse(rng, [odd.remark(rng) for _ in booking_ids], 0.8),
            "created_at": timestamps(made),
            "updated_at": timestamps(np.maximum(updated, made)),
        },
    )


def payments(
    rng: np.random.Generator, booked: Table, *, first_id: int, keep: float, until: int
) -> Table:
    """Payments for a share of the bookings, refunds for some that were cancelled."""
    position = {name: i for i, name in enumerate(booked.columns)}
    rows = [row for row in booked.rows if rng.random() < keep]
    count = len(rows)

    def column(name: str) -> list[object]:
        return [row[position[name]] for row in rows]

    euro = {m.code: m for m in (*CURRENCIES.values(), _EURO)}
    created = np.array(column("created_at"), dtype="str")
    moments = np.array([text[:26] for text in created.tolist()], dtype="datetime64[us]")
    micro = moments.astype(np.int64) + rng.integers(SECOND, 90 * SECOND, count)
    life = history(rng, np.minimum(micro, until), until, changed=0.05, deleted=0.005)
    method = pick(rng, ("card", "mobile", "cash", "gift card", "invoice"), count, (55, 25, 8, 5, 7))
    refunded = [s == "cancelled" and rng.random() < 0.7 for s in column("status")]
    status = [
        "refunded" if back else str(other)
        for back, other in zip(
            refunded, pick(rng, ("paid", "pending", "failed"), count, (94, 4, 2)), strict=True
        )
    ]
    paid = np.where([s in ("paid", "refunded") for s in status], life.created, NEVER)
    codes = [str(code) for code in column("currency")]
    ids = list(range(first_id, first_id + count))
    return Table.of(
        "payments",
        {
            "payment_id": ids,
            "booking_id": column("booking_id"),
            "player_id": column("player_id"),
            "method": method,
            "status": status,
            "amount": [
                f"-{price}" if back else str(price)
                for price, back in zip(column("price"), refunded, strict=True)
            ],
            "tax_rate": [euro[code].tax for code in codes],
            "currency": codes,
            "exchange_rate": [euro[code].euro for code in codes],
            "provider_reference": [
                None if how == "cash" else f"pay_{reference}"
                for how, reference in zip(method, uuid4(rng, count), strict=True)
            ],
            "paid_at": timestamps(paid),
            **life.columns(),
        },
    )


def _guests(rng: np.random.Generator) -> list[str | None]:
    return sparse(rng, pick(rng, odd.GIVEN_NAMES, int(rng.integers(0, 4))), 0.15)
