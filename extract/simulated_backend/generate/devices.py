"""The log of the bays' devices."""

from __future__ import annotations

import json

import numpy as np

from .places import Bay
from .table import SECOND, Microseconds, Table, pick, timestamps

# severity, code, message, share
_KINDS = (
    ("debug", "heartbeat", "alive", 60),
    ("info", "session.start", "session started", 15),
    ("info", "firmware.check", "firmware is current", 10),
    ("warning", "radar.noise", "noise floor high: fan or lamp nearby?", 8),
    ("warning", "clock.drift", "clock off by more than 50 ms\nresynchronised", 4),
    ("error", "radar.blocked", 'view blocked; "object" at 2,5 m', 2),
    ("error", "link.lost", "C:\\TrackMan\\link.log: connection lost", 1),
)


def device_events(rng: np.random.Generator, bays: list[Bay], received: Microseconds) -> Table:
    """Events in the order of insertion, from bays picked at random; keys are the server's."""
    count = received.size
    kinds = pick(rng, _KINDS, count, [kind[3] for kind in _KINDS])
    senders = pick(rng, bays, count)
    delay = (rng.exponential(0.3, count) * SECOND).astype(np.int64)
    return Table.of(
        "device_events",
        {
            "bay_id": [bay.bay_id for bay in senders],
            "severity": [kind[0] for kind in kinds],
            "code": [kind[1] for kind in kinds],
            "message": [kind[2] for kind in kinds],
            "device_ip": [bay.device_ip for bay in senders],
            "occurred_at": timestamps(received - delay),
            "received_at": timestamps(received),
            "payload": [_payload(rng) for _ in range(count)],
        },
    )


def _payload(rng: np.random.Generator) -> str | None:
    if rng.random() < 0.4:
        return None
    return json.dumps({"temperature": round(float(rng.normal(38, 6)), 2), "uptime": None, "n": [1]})
