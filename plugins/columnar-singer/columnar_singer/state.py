"""Which STATE may be written: none that claims rows which are not committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from columnar_singer.facts import bookmarks

if TYPE_CHECKING:
    from collections.abc import Collection

State = dict[str, Any]


class StateLedger:
    """The latest STATE received, and for each stream the last bookmark whose rows are committed.

    A stream is withheld while it has rows that are not committed, or once it failed: what is
    written then holds its last covered bookmark in place of the new one.
    """

    def __init__(self) -> None:
        """Start without any STATE."""
        self.received: State | None = None
        self._covered: dict[str, Any] = {}
        self._written: State | None = None

    def receive(self, state: State, withheld: Collection[str]) -> None:
        """Take in a STATE.

        Args:
            state: Value of the message. An empty one is dropped: it would wipe the saved one.
            withheld: Streams whose bookmark in it is not covered.
        """
        if not state or state == {"bookmarks": {}}:
            return
        self.received = state
        self._cover(withheld)

    def has_news(self, stream: str) -> bool:
        """Tell whether the latest STATE holds a bookmark of the stream that is not covered yet.

        A tap that fails in the middle of one stream goes on with the others: their STATEs repeat
        the old bookmark of the one, or have none, and prove nothing about its rows.

        Args:
            stream: A stream withheld when the STATE was received.

        Returns:
            True as well for a STATE that is not in the SDK's form.
        """
        if self.received is None:
            return False
        if "bookmarks" not in self.received:
            return True
        found = bookmarks(self.received)
        return stream in found and (
            stream not in self._covered or found[stream] != self._covered[stream]
        )

    def release(self, withheld: Collection[str]) -> State | None:
        """Give the STATE to write after a commit.

        Args:
            withheld: Streams whose bookmark in the latest STATE is not covered.

        Returns:
            The latest STATE with the last covered bookmark of each withheld stream; None if
            there is nothing new, nothing left in it, or if it is not in the SDK's form and so
            cannot be divided by stream.
        """
        if self.received is None:
            return None
        self._cover(withheld)
        if "bookmarks" in self.received:
            current = {
                stream: bookmark
                for stream, bookmark in bookmarks(self.received).items()
                if stream not in withheld
            }
            kept = {name: self._covered[name] for name in withheld if name in self._covered}
            state = {**self.received, "bookmarks": {**current, **kept}}
        elif withheld:
            return None
        else:
            state = self.received
        if state in (self._written, {"bookmarks": {}}):
            return None
        self._written = state
        return state

    def _cover(self, withheld: Collection[str]) -> None:
        for stream, bookmark in bookmarks(self.received).items():
            if stream not in withheld:
                self._covered[stream] = bookmark
