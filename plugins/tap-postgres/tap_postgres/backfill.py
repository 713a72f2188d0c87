"""Reading one stream again, whole or a range of its replication key, beside its ordinary runs.

The position stays what it was: the next ordinary run goes on as if the back-fill had not been.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from psycopg import DataError, sql

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import psycopg

    from tap_postgres.discovery import Column

_MOST_NAMES = 5


@dataclass(frozen=True)
class Backfill:
    """What to read again.

    Attributes:
        stream: Name of the stream.
        start: Least replication key, as PostgreSQL reads it in UTC; None for no bound.
        end: The replication key to stop before; None for no bound.
    """

    stream: str
    start: str | None = None
    end: str | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | None) -> Backfill | None:
        """Take the setting `backfill`, None if there is none."""
        if not config:
            return None
        start, end = (config.get(name) or None for name in ("from", "to"))
        return cls(config["stream"], start, end)

    @property
    def has_bounds(self) -> bool:
        """Whether a part of the stream is asked for."""
        return (self.start, self.end) != (None, None)

    def condition(self, key: Column) -> sql.Composable | None:
        """Match the rows of the range on `t`; None for all rows, those without a key included.

        Args:
            key: The replication key.
        """
        name = sql.Identifier(key.name)
        parts = [
            sql.SQL("t.{} {} {}").format(name, sql.SQL(operator), sql.Literal(bound))
            for operator, bound in ((">=", self.start), ("<", self.end))
            if bound is not None
        ]
        return sql.SQL(" and ").join(parts) if parts else None

    def check(self, connection: psycopg.Connection[Any], key: Column | None) -> None:
        """Look whether the bounds are values of the replication key.

        Args:
            connection: To the source.
            key: The replication key, None if the stream has none.

        Raises:
            UserError: They are not, or there is nothing between them.
        """
        if not self.has_bounds:
            return
        if key is None:
            message = (
                f"stream {self.stream} is read whole each time (FULL_TABLE), so it has no ranges; "
                "leave 'from' and 'to' out to read it again"
            )
            raise UserError(message)
        datatype = sql.SQL(key.datatype)
        query = sql.SQL("select {0}::{2} >= {1}::{2}").format(
            sql.Literal(self.start), sql.Literal(self.end), datatype
        )
        try:
            with connection.transaction():
                row = connection.execute(query).fetchone()
        except DataError as error:
            message = (
                f"the range from {self.start} to {self.end} is none of the replication-key "
                f"{key.name} of type {key.datatype}: {str(error).partition(chr(10))[0]}"
            )
            raise UserError(message) from error
        if row and row[0]:
            message = (
                f"there is nothing from {self.start} to before {self.end}; give a 'to' that is "
                f"greater than 'from', as {key.datatype}"
            )
            raise UserError(message)

    def bookmark(self, previous: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Give the bookmark to leave: the position of before, with the facts of this run.

        Args:
            previous: The stream's bookmark before the run.
            facts: `source_time`, `rows_read`.
        """
        told = dict(facts)
        # The load log takes it as "whatever changed before is here": of a part, that is not so.
        read_at = told.pop("source_time") if self.has_bounds else told["source_time"]
        bounds = {"position_from": self.start, "position_to": self.end}
        others = {*bounds, "snapshot"}
        kept = {name: value for name, value in previous.items() if name not in others}
        # The time makes the bookmark another one in each run: a target commits on news only.
        return {
            **kept,
            **told,
            **{name: value for name, value in bounds.items() if value is not None},
            "backfilled_at": read_at,
        }


def unknown_stream(name: str, known: Collection[str]) -> UserError:
    """Say that there is no such stream, and which names are near.

    Args:
        name: What was asked for.
        known: Names of the selected streams.
    """
    near = get_close_matches(name, known, _MOST_NAMES, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {len(known)} streams"
    return UserError(
        f"the setting 'backfill' names the stream {name!r}, and no such stream is selected; {hint}"
    )
