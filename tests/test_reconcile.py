"""Rows deleted for good, found by their keys, in both destinations (rule 4 of FAILURES.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.compute as pc
import pytest

from tests.pipe import extract, load, move, postgres_settings
from tests.servers import Lake

TABLES = ("strokes", "holes", "emptied")


class Copy:
    """A source, and its copy in one of the destinations."""

    def __init__(self, url: str, target: str, settings: dict[str, Any], directory: Path) -> None:
        self.source = psycopg.connect(url, autocommit=True)
        self.tap = {
            **postgres_settings(url),
            "default_replication_keys": ["updated_at"],
            "filter_schemas": ["public"],
        }
        self.target, self.settings, self.directory = target, settings, directory
        self.state: dict[str, Any] = {}

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self.source.execute(statement.encode())

    def run(self) -> None:
        done = move(self.directory, self.tap, self.target, self.settings, self.state)
        self.state = done.state

    def keys(self) -> str:
        """The messages of a reconcile."""
        sent = extract(self.directory, {**self.tap, "reconcile": True})
        assert sent.status == 0, sent.log
        return sent.output

    def reconcile(self, messages: str | None = None) -> None:
        sent = messages if messages is not None else self.keys()
        done = load(self.directory, self.target, self.settings, sent)
        assert done.status == 0, done.log[-3000:]

    def alive(self, table: str, *key: str) -> set[tuple[str, ...]]:
        """The keys of the rows that are not marked deleted, as text."""
        raise NotImplementedError

    def assert_equal(self) -> None:
        for table, key in (("strokes", ["id"]), ("holes", ["round", "hole"]), ("emptied", ["id"])):
            rows = self.source.execute(f"select {', '.join(key)} from {table}".encode())
            assert self.alive(table, *key) == {tuple(map(str, row)) for row in rows}, table


class DatabaseCopy(Copy):
    def alive(self, table: str, *key: str) -> set[tuple[str, ...]]:
        parts = self.settings
        with psycopg.connect(
            host=parts["host"],
            port=parts["port"],
            user=parts["user"],
            password=parts["password"],
            dbname=parts["database"],
        ) as connection:
            query = f"select {', '.join(key)} from raw.{table} where _sdc_deleted_at is null"
            return {tuple(map(str, row)) for row in connection.execute(query.encode())}


class LakeCopy(Copy):
    lake: Lake

    def alive(self, table: str, *key: str) -> set[tuple[str, ...]]:
        stored = self.lake.catalog().load_table((self.settings["namespace"], table))
        rows = stored.scan().to_arrow().sort_by("_sdc_sequence")
        newest = {tuple(str(row[name]) for name in key): row for row in rows.to_pylist()}
        # A number is given out once, to whichever version of a row.
        assert pc.count_distinct(rows["_sdc_sequence"]).as_py() == rows.num_rows
        return {found for found, row in newest.items() if row["_sdc_deleted_at"] is None}


@pytest.fixture(params=["target-postgres", "target-s3"])
def copy(
    request: pytest.FixtureRequest, make_database: Callable[[], str], tmp_path: Path
) -> Iterator[Copy]:
    made: Copy
    if request.param == "target-postgres":
        settings = {**postgres_settings(make_database()), "default_target_schema": "raw"}
        made = DatabaseCopy(make_database(), "target-postgres", settings, tmp_path)
    else:
        lake = request.getfixturevalue("lake")
        made = LakeCopy(make_database(), "target-s3", lake.settings, tmp_path)
        made.lake = lake
    made.execute(
        "create table strokes (id int primary key, note text, updated_at timestamptz)",
        "create table holes (round int, hole int, updated_at timestamptz,"
        " primary key (hole, round))",
        "create table emptied (id uuid primary key, updated_at timestamptz)",
        "insert into strokes select n, 'x', '2024-01-01' from generate_series(1, 1000) n",
        "insert into holes select n / 18, n % 18, '2024-01-01' from generate_series(0, 359) n",
        "insert into emptied select gen_random_uuid(), '2024-01-01' from generate_series(1, 9)",
    )
    made.run()
    made.assert_equal()
    yield made
    made.source.close()


def test_f04_f07_rows_deleted_for_good_and_a_truncated_table_are_found(copy: Copy) -> None:
    copy.execute(
        "delete from strokes where id % 10 = 0",
        "delete from holes where round = 7 or hole = 3",
        "truncate emptied",
    )
    copy.run()
    assert len(copy.alive("strokes", "id")) == 1000  # an ordinary run cannot see it
    copy.reconcile()
    copy.assert_equal()
    # Again, with nothing to find; and a row that comes back lives.
    copy.reconcile()
    copy.assert_equal()
    copy.execute(
        "insert into strokes values (10, 'back', now())", "insert into holes values (7, 3, now())"
    )
    copy.run()
    copy.assert_equal()
    copy.reconcile()
    copy.assert_equal()


def test_f04_rows_loaded_after_the_keys_were_read_are_left_alone(copy: Copy) -> None:
    copy.execute("delete from strokes where id <= 5")
    keys = copy.keys()
    copy.execute(
        "insert into strokes values (5000, 'new', now())",
        "insert into emptied values (gen_random_uuid(), now())",
    )
    copy.run()
    done = load(copy.directory, copy.target, copy.settings, keys)
    if copy.target == "target-s3":
        # Whatever was read before rows that are there already is refused.
        assert "run again" in done.log
        assert ("5000",) in copy.alive("strokes", "id")
        copy.reconcile()
    copy.assert_equal()


def test_f05_keys_that_did_not_all_arrive_mark_nothing(copy: Copy) -> None:
    copy.execute("delete from strokes where id <= 5")
    before = copy.alive("strokes", "id")
    lines = copy.keys().splitlines(keepends=True)
    until_state = [line for line in lines if '"STATE"' not in line]
    done = load(copy.directory, copy.target, copy.settings, "".join(until_state))
    assert done.status != 0
    assert copy.alive("strokes", "id") == before
    copy.reconcile()
    copy.assert_equal()
