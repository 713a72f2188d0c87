"""The source's tables: one for each way in which a stream is followed.

`at` is a time that the source sets in the transaction that writes the row, `position` a value that
grows with each row. All rows carry `writer` and `body`, so that one lost or doubled has a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

SCHEMA = "public"


@dataclass(frozen=True)
class SourceTable:
    """A table and how it is followed.

    Attributes:
        name: Its name, in the source and in both destinations.
        columns: What `create table` says of its own columns; `writer` and `body` follow.
        key: Columns of the primary key, none if it has none.
        replication_key: None to send it whole whenever it changed.
        stamp: SQL that each write sets the replication key to; None if a default does, once.
        is_exact: Whether no row may come twice. Without a key and with a replication key nothing
            tells a row that came twice from two rows, as the targets' guides say.
        has_deletes: Whether rows are deleted for good, and found to be gone: by sending the table
            whole, or by a key reconcile at the end.
    """

    name: str
    columns: str
    key: tuple[str, ...]
    replication_key: str | None
    stamp: str | None = None
    is_exact: bool = True
    has_deletes: bool = False

    @property
    def stream(self) -> str:
        """Name of the Singer stream."""
        return f"{SCHEMA}-{self.name}"

    @property
    def is_append_only(self) -> bool:
        """Whether an update of a row would not be seen."""
        return self.replication_key is not None and self.stamp is None

    @property
    def is_reconciled(self) -> bool:
        """Whether a key reconcile has to find its deleted rows."""
        return self.has_deletes and self.replication_key is not None

    @property
    def metadata(self) -> dict[str, str]:
        """What the catalog says of the stream, as `metadata` in Meltano's file does."""
        if self.replication_key is None:
            return {"replication-method": "FULL_TABLE"}
        return {"replication-method": "INCREMENTAL", "replication-key": self.replication_key}


_ID = "id bigint generated always as identity primary key"

TABLES: tuple[SourceTable, ...] = (
    SourceTable("zoned", f"{_ID}, at timestamptz", ("id",), "at", "now()", has_deletes=True),
    SourceTable("unzoned", f"{_ID}, at timestamp", ("id",), "at", "localtimestamp"),
    SourceTable("days", f"{_ID}, at date", ("id",), "at", "current_date"),
    SourceTable(
        "composite",
        "round bigint generated always as identity, hole text default 'h', at timestamptz, "
        "primary key (round, hole)",
        ("round", "hole"),
        "at",
        "now()",
        has_deletes=True,
    ),
    SourceTable("events", _ID, ("id",), "id"),
    SourceTable(
        "numbers",
        "id numeric default nextval('numbers_seq') primary key",
        ("id",),
        "id",
    ),
    SourceTable("uuids", "id uuid default uuidv7() primary key", ("id",), "id"),
    SourceTable("texts", "id text default uuidv7()::text primary key", ("id",), "id"),
    SourceTable("keyless", "made timestamptz default now()", (), None),
    SourceTable(
        "keyless_log",
        "position bigint generated always as identity",
        (),
        "position",
        is_exact=False,
    ),
    SourceTable("whole", _ID, ("id",), None, has_deletes=True),
)

_STAMP = """
create function stamp_{name}() returns trigger language plpgsql as $$
begin new.{column} := {stamp}; return new; end $$;
create trigger stamp before insert or update on {name}
for each row execute function stamp_{name}();
"""


def create(connection: psycopg.Connection, tables: Sequence[SourceTable]) -> None:
    """Make the tables, with the triggers that stamp their rows and an index on that.

    Args:
        connection: To an empty database.
        tables: Which.
    """
    connection.execute("create sequence numbers_seq")
    for table in tables:
        connection.execute(
            f"create table {table.name} ({table.columns}, writer int, body text, "
            "amount numeric(12,3), deleted_at timestamptz)"
        )
        if table.stamp is not None:
            connection.execute(
                _STAMP.format(name=table.name, column=table.replication_key, stamp=table.stamp)
            )
            connection.execute(f"create index on {table.name} ({table.replication_key})")
    connection.commit()


def insert(table: SourceTable, rows: int) -> sql.Composed:
    """A statement that adds rows; its parameters are `writer` and `body`."""
    return sql.SQL(
        "insert into {} (writer, body, amount) "
        "select %(writer)s, %(body)s || '/' || n, n / 8.0 from generate_series(1, {}) n"
    ).format(sql.Identifier(table.name), sql.Literal(rows))


def update(table: SourceTable) -> sql.Composed:
    """A statement that changes some of the writer's own rows."""
    return sql.SQL(
        "update {} set body = %(body)s, amount = amount + 0.125 "
        "where writer = %(writer)s and deleted_at is null and abs(hashtext(body)) %% 5 = 0"
    ).format(sql.Identifier(table.name))


def soft_delete(table: SourceTable) -> sql.Composed:
    """A statement that marks some of the writer's own rows deleted."""
    return sql.SQL(
        "update {} set deleted_at = now() "
        "where writer = %(writer)s and deleted_at is null and abs(hashtext(body)) %% 11 = 0"
    ).format(sql.Identifier(table.name))


def hard_delete(table: SourceTable) -> sql.Composed:
    """A statement that deletes some of the writer's own rows."""
    return sql.SQL(
        "delete from {} where writer = %(writer)s and abs(hashtext(body)) %% 13 = 0"
    ).format(sql.Identifier(table.name))
