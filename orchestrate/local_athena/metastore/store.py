"""What the lake's catalog does not hold, in SQLite: Hive tables, views, prepared statements, …."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrate.local_athena.model import take_effect

Definition = dict[str, Any]
"""What Glue calls a `Table` or a `Partition`."""

_SCHEMA = """
create table if not exists tables (
    database text not null, name text not null, version integer not null,
    definition text not null, primary key (database, name)
) strict;
create table if not exists versions (
    database text not null, name text not null, version integer not null,
    definition text not null, primary key (database, name, version)
) strict;
create table if not exists partitions (
    database text not null, name text not null, key text not null,
    definition text not null, primary key (database, name, key)
) strict;
create table if not exists prepared_statements (name text primary key, text text not null) strict;
create table if not exists forgotten_versions (
    table_uuid text not null, version text not null, primary key (table_uuid, version)
) strict;
"""
_OF_A_TABLE = ("tables", "versions", "partitions")


class Store:
    """The file; each method is one transaction, safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        take_effect()
        with self._transaction() as db:
            yield db

    def names(self, database: str) -> list[str]:
        """Tables and views of a database."""
        with self._transaction() as db:
            rows = db.execute("select name from tables where database = ? order by 1", (database,))
            return [name for (name,) in rows]

    def table(self, database: str, name: str) -> tuple[int, Definition] | None:
        """The version and definition of a table or view, None if there is none."""
        with self._transaction() as db:
            row = db.execute(
                "select version, definition from tables where database = ? and name = ?",
                (database, name),
            ).fetchone()
        return (row[0], json.loads(row[1])) if row else None

    def put(self, database: str, name: str, definition: Definition, *, archive: bool) -> None:
        """Set a table's definition, the one before kept as a version if `archive`."""
        text = json.dumps(definition)
        with self._change() as db:
            if archive:
                db.execute(
                    "insert into versions select * from tables where database = ? and name = ?",
                    (database, name),
                )
            db.execute(
                "insert into tables values (?, ?, 0, ?) on conflict do update "
                "set version = version + 1, definition = excluded.definition",
                (database, name, text),
            )

    def delete(self, database: str, name: str) -> bool:
        """Forget a table with its versions and partitions; returns whether there was one."""
        with self._change() as db:
            found = [
                db.execute(
                    f"delete from {table} where database = ? and name = ?",  # noqa: S608
                    (database, name),
                ).rowcount
                for table in _OF_A_TABLE
            ]
        return found[0] > 0

    def delete_database(self, database: str) -> None:
        """Forget all of a database."""
        with self._change() as db:
            for table in _OF_A_TABLE:
                db.execute(f"delete from {table} where database = ?", (database,))  # noqa: S608

    def rename(self, database: str, name: str, new_database: str, new_name: str) -> None:
        """Give a table another name, with its versions and partitions."""
        with self._change() as db:
            for table in _OF_A_TABLE:
                db.execute(
                    f"update {table} set database = ?, name = ? "  # noqa: S608
                    "where database = ? and name = ?",
                    (new_database, new_name, database, name),
                )

    def versions(self, database: str, name: str) -> list[tuple[int, Definition]]:
        """Versions of a table before the present one, newest first."""
        with self._transaction() as db:
            rows = db.execute(
                "select version, definition from versions where database = ? and name = ? "
                "order by version desc",
                (database, name),
            ).fetchall()
        return [(version, json.loads(text)) for version, text in rows]

    def delete_version(self, database: str, name: str, version: int) -> bool:
        """Forget a version before the present one; returns whether there was one."""
        with self._change() as db:
            return (
                db.execute(
                    "delete from versions where database = ? and name = ? and version = ?",
                    (database, name, version),
                ).rowcount
                > 0
            )

    def forget_version(self, table_uuid: str, version: str) -> None:
        """Show a version of an Iceberg table no more."""
        with self._change() as db:
            db.execute(
                "insert into forgotten_versions values (?, ?) on conflict do nothing",
                (table_uuid, version),
            )

    def forgotten_versions(self, table_uuid: str) -> frozenset[str]:
        """Versions of an Iceberg table not to show."""
        with self._transaction() as db:
            rows = db.execute(
                "select version from forgotten_versions where table_uuid = ?", (table_uuid,)
            )
            return frozenset(version for (version,) in rows)

    def partitions(self, database: str, name: str) -> list[Definition]:
        """Partitions of a table."""
        with self._transaction() as db:
            rows = db.execute(
                "select definition from partitions where database = ? and name = ? order by key",
                (database, name),
            ).fetchall()
        return [json.loads(text) for (text,) in rows]

    def add_partitions(
        self, database: str, name: str, partitions: list[Definition], *, replace: bool = False
    ) -> list[list[str]]:
        """Add partitions; returns the values of those that were there, left alone."""
        there = []
        conflict = "update set definition = excluded.definition" if replace else "nothing"
        statement = f"insert into partitions values (?, ?, ?, ?) on conflict do {conflict}"  # noqa: S608
        with self._change() as db:
            for partition in partitions:
                row = (database, name, json.dumps(partition["Values"]), json.dumps(partition))
                if not db.execute(statement, row).rowcount:
                    there.append(partition["Values"])
        return there

    def delete_partitions(
        self, database: str, name: str, values: list[list[str]]
    ) -> list[list[str]]:
        """Forget partitions; returns the values of those that were not there."""
        missing = []
        with self._change() as db:
            for each in values:
                if not db.execute(
                    "delete from partitions where database = ? and name = ? and key = ?",
                    (database, name, json.dumps(each)),
                ).rowcount:
                    missing.append(each)
        return missing

    def prepared_statement(self, name: str) -> str | None:
        """The text of a prepared statement, None if there is none."""
        with self._transaction() as db:
            row = db.execute(
                "select text from prepared_statements where name = ?", (name,)
            ).fetchone()
        return str(row[0]) if row else None

    def put_prepared_statement(self, name: str, text: str) -> None:
        """Keep a prepared statement, in place of one of that name."""
        with self._change() as db:
            db.execute("insert or replace into prepared_statements values (?, ?)", (name, text))

    def delete_prepared_statement(self, name: str) -> bool:
        """Forget a prepared statement; returns whether there was one."""
        with self._change() as db:
            return (
                db.execute("delete from prepared_statements where name = ?", (name,)).rowcount > 0
            )
