"""Singer messages from a pipe, a line each; what a RECORD holds stays JSON until it is staged.

A target spends its time on RECORDs. So of those only the envelope is parsed as they come: the
record itself is kept as the bytes it came in, which take a fifth of the memory of a dictionary,
and is parsed together with its neighbours, column by column.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, Literal, cast

import msgspec
from singer_sdk.singerlib.encoding import SimpleSingerReader
from singer_sdk.singerlib.json import deserialize_json, serialize_json

from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

JSON_NULL = msgspec.Raw(b"null")
_SHOWN_CHARACTERS = 40


class RecordLine(msgspec.Struct, gc=False):
    """A RECORD message.

    Attributes:
        type: `RECORD`.
        stream: Name of the stream.
        record: The row: JSON text, by all appearance an object.
        time_extracted: JSON text of the message's key of that name.
        version: JSON text of the message's key of that name.
    """

    type: Literal["RECORD"]
    stream: str
    record: msgspec.Raw
    time_extracted: msgspec.Raw = JSON_NULL
    version: msgspec.Raw = JSON_NULL


def as_json(value: object) -> msgspec.Raw:
    """Give a value, as the SDK parses or maps it, as JSON text."""
    return msgspec.Raw(serialize_json(value).encode())


class MessageReader(SimpleSingerReader):
    """Reads messages; the callback of RECORD gets a `RecordLine`, the others dictionaries."""

    @property
    def default_input(self) -> IO[str]:  # type: ignore[override]
        """Standard input, as bytes: what is not parsed need not be decoded either."""
        return cast("IO[str]", sys.stdin.buffer)

    def process_lines(
        self, file_input: IO[str] | None, callbacks: dict[str, Callable[[Any], None]]
    ) -> Counter[str]:
        """Read all messages.

        Args:
            file_input: Lines, as text or bytes. Default: standard input.
            callbacks: What to do with a message, by its type.

        Returns:
            The number of messages of each type.

        Raises:
            UserError: A line is not JSON or lacks a key that its type requires.
            ValueError: A message's type is unknown.
        """
        stats: Counter[str] = Counter()
        decode = msgspec.json.Decoder(RecordLine).decode
        process_record = callbacks["RECORD"]
        records = 0
        for line in file_input or self.default_input:
            try:
                message = decode(line)
            except (msgspec.MsgspecError, UnicodeError):
                # Another type; or a RECORD that is not quite JSON, such as Python writes: NaN.
                stats[self._process_other(line, callbacks)] += 1
            else:
                process_record(message)
                records += 1
        if records:
            stats["RECORD"] += records
        return stats

    def deserialize_json(self, line: str) -> dict[str, Any]:
        """Parse a line; the SDK's own version logs all of it, and a traceback.

        Raises:
            UserError: It is not JSON.
        """
        try:
            return deserialize_json(line)
        except ValueError as error:
            message = (
                f"a line of the input is no JSON: {line[:_SHOWN_CHARACTERS]!r}… ({error}); see "
                "whether the tap was cut off, or prints something else than messages"
            )
            raise UserError(message) from error

    @staticmethod
    def assert_line_requires(line_dict: dict[str, Any], requires: set[str]) -> None:
        """Check that a message has keys; the SDK's own version tells all of its content.

        Raises:
            UserError: It lacks one.
        """
        found = sorted(line_dict) if isinstance(line_dict, dict) else []
        if missing := sorted(requires.difference(found)):
            message = f"a message of the input lacks {missing}, it has {found}; correct the tap"
            raise UserError(message)

    def _process_other(self, line: str, callbacks: dict[str, Callable[[Any], None]]) -> str:
        message = self.deserialize_json(line)
        self.assert_line_requires(message, requires={"type"})
        kind = str(message["type"])
        if kind not in callbacks:
            self._process_unknown_message(message)
        if kind == "RECORD":
            self.assert_line_requires(message, requires={"stream", "record"})
            # As strings, as a tap that keeps to JSON sends them.
            message = deserialize_json(line, parse_constant=str)
            parts = (as_json(message.get(key)) for key in ("record", "time_extracted", "version"))
            callbacks[kind](RecordLine("RECORD", message["stream"], *parts))
        else:
            callbacks[kind](message)
        return kind
