"""What a tap says about a stream in its bookmark, beside the position itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ReadMoment:
    """When the source was read.

    Attributes:
        at: By the source's clock.
        server: Which server and timeline; None if the tap does not say.
        xmax: One more than the greatest transaction id that had ended.
        running: How many transactions with lesser ids were still running.
    """

    at: datetime
    server: str | None = None
    xmax: int | None = None
    running: int | None = None

    def is_before(self, other: ReadMoment) -> bool:
        """Tell whether this read was the earlier one.

        Transaction ids only grow, and a clock may be set back; so it is asked only where a server
        or its timeline is another. As long as `xmax` stays what it is, those that were running only
        become fewer: https://www.postgresql.org/docs/current/functions-info.html
        """
        mine, others = self._progress, other._progress
        if mine is None or others is None or self.server != other.server:
            return self.at < other.at
        return mine < others

    @property
    def _progress(self) -> tuple[int, int] | None:
        if self.xmax is None or self.running is None:
            return None
        return self.xmax, -self.running

    def as_text(self) -> str:
        """Write what `from_text` reads."""
        return json.dumps({**vars(self), "at": self.at.isoformat()})

    @classmethod
    def from_text(cls, text: str) -> ReadMoment:
        """Read what `as_text` wrote."""
        values = json.loads(text)
        return cls(**{**values, "at": datetime.fromisoformat(values["at"])})


@dataclass(frozen=True)
class StreamFacts:
    """Facts of one stream's extract, each None where the tap does not state it.

    Attributes:
        rows_read: Rows the tap read for the stream in this run.
        position_from: Replication key value the extract started at, as text.
        position_to: Replication key value the next run starts at, as text.
        source_time: Every change committed in the source before it is in the extract.
        read: When the source was read. After a read of a part, `source_time` stays what it was.
    """

    rows_read: int | None = None
    position_from: str | None = None
    position_to: str | None = None
    source_time: datetime | None = None
    read: ReadMoment | None = None

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None, stream: str) -> StreamFacts:
        """Read the facts out of a STATE message's value.

        Args:
            state: The value, in the SDK's form `{"bookmarks": {<stream>: {…}}}` or any other.
            stream: Name of the stream, as in the SCHEMA message.

        Returns:
            The facts; a key that is missing or not of its type gives None, because a foreign
            tap may use the same name for something else.
        """
        bookmark = bookmarks(state).get(stream)
        if not isinstance(bookmark, dict):
            return cls()
        rows_read = bookmark.get("rows_read")
        source_time = _time(bookmark.get("source_time"))
        return cls(
            rows_read=rows_read if isinstance(rows_read, int) else None,
            position_from=_text(bookmark.get("position_from")),
            position_to=_text(bookmark.get("position_to")),
            source_time=source_time,
            read=_read(bookmark, _time(bookmark.get("backfilled_at")) or source_time),
        )


def bookmarks(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the bookmarks of a STATE value by stream, none if it is not in the SDK's form.

    https://sdk.meltano.com/en/latest/implementation/state.html
    """
    found = (state or {}).get("bookmarks")
    return found if isinstance(found, dict) else {}


def _read(bookmark: Mapping[str, Any], at: datetime | None) -> ReadMoment | None:
    if at is None:
        return None
    match bookmark.get("snapshot"):
        case {"server": str(server), "xmax": int(xmax), "running": int(running)}:
            return ReadMoment(at, server, xmax, running)
    return ReadMoment(at)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
