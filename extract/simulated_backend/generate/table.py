"""Rows for COPY, and how values become the text that PostgreSQL reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

Microseconds = NDArray[np.int64]
"""Moments, microseconds since 1970 UTC; NEVER stands for NULL."""
NEVER = np.iinfo(np.int64).min
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


@dataclass(frozen=True)
class Table:
    """Rows of one table; values are what psycopg's COPY can write."""

    name: str
    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]

    @classmethod
    def of(cls, name: str, columns: dict[str, Sequence[Any]]) -> Table:
        """A table from its columns, all of one length."""
        return cls(name, tuple(columns), list(zip(*columns.values(), strict=True)))


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware moment, without the error of floats."""
    return int(np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us").astype(np.int64))


def moment_of(value: int) -> datetime:
    """The aware moment of microseconds since 1970."""
    moment: datetime = np.datetime64(value, "us").astype(datetime)
    return moment.replace(tzinfo=UTC)


def timestamps(values: Microseconds) -> list[str | None]:
    """Text of timestamptz values."""
    return [None if t == "NaT" else t + "+00" for t in _texts(values)]


def local_timestamps(values: Microseconds) -> list[str | None]:
    """Text of timestamp values (without time zone)."""
    return [None if t == "NaT" else t for t in _texts(values)]


def dates(values: Microseconds) -> list[str | None]:
    """Text of the days, UTC."""
    return [None if t == "NaT" else t[:10] for t in _texts(values)]


def _texts(values: Microseconds) -> list[str]:
    texts: list[str] = np.datetime_as_string(values.astype("datetime64[us]")).tolist()
    return texts


def uuid7(rng: np.random.Generator, moments: Microseconds) -> list[str]:
    """Version 7 UUIDs (RFC 9562, section 5.7) of the moments, ordered as they are."""
    values = np.empty((moments.size, 16), dtype=np.uint8)
    milliseconds = (moments // 1000).astype(">u8").view(np.uint8).reshape(-1, 8)
    values[:, :6] = milliseconds[:, 2:]
    values[:, 6:] = rng.integers(0, 256, (moments.size, 10), dtype=np.uint8)
    # The 12 bits after the version hold the microseconds, so that keys sort within a millisecond.
    fraction = (moments % 1000 * 4096 // 1000).astype(np.uint16)
    values[:, 6] = 0x70 | (fraction >> 8)
    values[:, 7] = fraction & 0xFF
    values[:, 8] = 0x80 | (values[:, 8] & 0x3F)
    return [uuid_text(row.tobytes()) for row in values]


def uuid_text(value: bytes) -> str:
    """Text of a UUID's sixteen bytes."""
    h = value.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def uuid4(rng: np.random.Generator, count: int) -> list[str]:
    """Version 4 UUIDs."""
    values = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    values[:, 6] = 0x40 | (values[:, 6] & 0x0F)
    values[:, 8] = 0x80 | (values[:, 8] & 0x3F)
    return [uuid_text(row.tobytes()) for row in values]


def pick(
    rng: np.random.Generator,
    values: Sequence[Any],
    count: int,
    weights: Sequence[float] | None = None,
) -> list[Any]:
    """Independent choices, by weight when given."""
    share = None if weights is None else np.asarray(weights, dtype=float) / np.sum(weights)
    return [values[i] for i in rng.choice(len(values), count, p=share)]


def sparse(rng: np.random.Generator, values: Sequence[Any], share: float) -> list[Any]:
    """The values, each replaced by NULL with the probability `share`."""
    holes = rng.random(len(values)) < share
    return [None if hole else value for value, hole in zip(values, holes, strict=True)]


@dataclass(frozen=True)
class History:
    """Life of rows: when they were made, last changed, and softly deleted."""

    created: Microseconds
    updated: Microseconds
    deleted: Microseconds

    def columns(self, *, deleted: bool = True) -> dict[str, Sequence[Any]]:
        """The columns created_at, updated_at and, unless refused, deleted_at."""
        columns: dict[str, Sequence[Any]] = {
            "created_at": timestamps(self.created),
            "updated_at": timestamps(self.updated),
        }
        return columns | ({"deleted_at": timestamps(self.deleted)} if deleted else {})


def history(
    rng: np.random.Generator,
    created: Microseconds,
    until: int,
    *,
    changed: float,
    deleted: float,
) -> History:
    """Give rows a later life: a share is changed, a share softly deleted, none after `until`."""
    later = created + ((until - created) * rng.random(created.size) ** 2).astype(np.int64)
    is_deleted = rng.random(created.size) < deleted
    is_changed = is_deleted | (rng.random(created.size) < changed)
    return History(
        created,
        np.where(is_changed, later, created),
        np.where(is_deleted, later, NEVER),
    )
