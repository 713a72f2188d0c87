"""What a table is, for whoever finds it in the destination: as its SCHEMA message tells it.

Beside `description`, which JSON Schema knows, three keywords of this project's own:

- `x-source` of the stream: the table it is read from. A tap that gives it has read the
  descriptions from the source, too: one that is missing there is none.
- `x-owner` of the stream: who owns that table.
- `x-personal-data` of a column: its values are about a person, masked or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

X_SOURCE = "x-source"
X_OWNER = "x-owner"
X_PERSONAL_DATA = "x-personal-data"


@dataclass(frozen=True)
class TableDescription:
    """What a table is.

    Attributes:
        source: Where its rows come from.
        comment: Empty if the source has none, None if nobody knows.
        owner: Who owns the table in the source, None if nobody knows.
        columns: Comment of each column for which it is known, empty if the source has none.
        personal_data: Columns whose values are about a person.
    """

    source: str
    comment: str | None = None
    owner: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    personal_data: frozenset[str] = frozenset()

    @classmethod
    def from_schema(cls, stream: str, schema: Mapping[str, Any]) -> TableDescription:
        """Take it out of a SCHEMA message.

        Args:
            stream: Name of the stream, which is the source where the tap names none.
            schema: The message's JSON Schema.
        """
        source = schema.get(X_SOURCE)
        missing = "" if source else None
        comments = {
            name: column.get("description") or missing
            for name, column in schema["properties"].items()
        }
        return cls(
            source=source or stream,
            comment=schema.get("description") or missing,
            owner=schema.get(X_OWNER),
            columns={name: text for name, text in comments.items() if text is not None},
            personal_data=frozenset(
                name for name, column in schema["properties"].items() if column.get(X_PERSONAL_DATA)
            ),
        )
