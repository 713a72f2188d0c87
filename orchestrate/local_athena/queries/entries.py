"""What the Athena API remembers, in one SQLite file: queries, work groups, statements by name."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SCHEMA = """
create table if not exists entries (
    kind text not null,
    scope text not null,
    name text not null,
    sequence integer primary key autoincrement,
    entry text not null,
    unique (kind, name, scope)
)
"""

Entry = dict[str, Any]


class Entries:
    """Entries (JSON objects) by kind, scope and name; for several threads at once.

    A kind is a sort of thing, as `execution`; a scope is where its name is unique, as a work group.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file `path`."""
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # A kill loses nothing so; a power cut may lose the last entries.
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def add(self, kind: str, scope: str, name: str, entry: Entry) -> bool:
        """Add an entry; False if there is one of that name already."""
        return self._change(
            "insert or ignore into entries (kind, scope, name, entry) values (?, ?, ?, ?)",
            (kind, scope, name, json.dumps(entry)),
        )

    def replace(self, kind: str, scope: str, name: str, entry: Entry) -> bool:
        """Replace an entry; False if there is none of that name."""
        return self._change(
            "update entries set entry = ? where kind = ? and scope = ? and name = ?",
            (json.dumps(entry), kind, scope, name),
        )

    def remove(self, kind: str, scope: str, name: str) -> bool:
        """Remove an entry; False if there is none of that name."""
        return self._change(
            "delete from entries where kind = ? and scope = ? and name = ?", (kind, scope, name)
        )

    def get(self, kind: str, scope: str, name: str) -> Entry | None:
        """The entry of that name."""
        rows = self._rows(
            "select entry from entries where kind = ? and scope = ? and name = ?",
            (kind, scope, name),
        )
        return None if not rows else dict(json.loads(rows[0][0]))

    def find(self, kind: str, name: str) -> Entry | None:
        """The entry of that name, whatever its scope."""
        rows = self._rows("select entry from entries where kind = ? and name = ?", (kind, name))
        return None if not rows else dict(json.loads(rows[0][0]))

    def newest(
        self, kind: str, scope: str, before: int | None, count: int
    ) -> list[tuple[int, str]]:
        """Sequence number and name of up to `count` entries older than `before`, newest first."""
        rows = self._rows(
            "select sequence, name from entries where kind = ? and scope = ? and sequence < ? "
            "order by sequence desc limit ?",
            (kind, scope, 2**62 if before is None else before, count),
        )
        return [(int(sequence), str(name)) for sequence, name in rows]

    def all(self, kind: str, scope: str | None = None) -> Iterator[tuple[str, Entry]]:
        """Name and entry of all entries of a kind (in a scope), by name."""
        rows = self._rows(
            "select name, entry from entries where kind = ?1 and (?2 is null or scope = ?2) "
            "order by name",
            (kind, scope),
        )
        return ((str(name), dict(json.loads(entry))) for name, entry in rows)

    def remove_scope(self, kind: str, scope: str) -> None:
        """Remove all entries of a kind in a scope."""
        self._change("delete from entries where kind = ? and scope = ?", (kind, scope))

    def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        with self._lock:
            return self._connection.execute(statement, values).rowcount > 0

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()
