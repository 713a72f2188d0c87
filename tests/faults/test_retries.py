"""Faults that pass while a run goes on: it survives them, and no row is lost or comes twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrate.local_stack.settings import StackSettings
from tests.faults import places, tables
from tests.faults.pipe import Outcome, Pipe, to_database, to_lake
from tests.faults.proxy import HttpProxy, TcpProxy
from tests.faults.tables import TABLES
from tests.servers import Lake

WRITTEN = tuple(table for table in TABLES if table.name in {"composite", "keyless_log", "whole"})
# In a single run even a row without a key comes once.
EXACT = tuple(replace(table, is_exact=True) for table in WRITTEN)
ROWS = 2_000
ROWS_PER_FILE = 500


@pytest.fixture
def source(postgres_url: str) -> str:
    """A source with some rows."""
    with psycopg.connect(postgres_url) as connection:
        tables.create(connection, WRITTEN)
        for table in WRITTEN:
            connection.execute(tables.insert(table, ROWS), {"writer": 1, "body": "first"})
    return postgres_url


@pytest.fixture
def through(source: str, lake: Lake, tmp_path: Path) -> Iterator[LakePipe]:
    """A pipe into the lake through two proxies."""
    found = LakePipe(source, lake, tmp_path)
    with found.s3, found.catalog:
        yield found


class LakePipe:
    """A pipe whose target reaches S3 and the catalog through proxies."""

    def __init__(self, source: str, lake: Lake, directory: Path) -> None:
        self._source, self._lake, self._directory = source, lake, directory
        self.s3 = HttpProxy(_port(lake.settings["s3_endpoint_url"]))
        self.catalog = HttpProxy(_port(lake.settings["catalog_uri"]))

    def run(self) -> Outcome:
        through = {"s3_endpoint_url": self.s3.url, "catalog_uri": self.catalog.url}
        settings = self._lake.settings | through
        pipe = to_lake(self._source, settings, self._directory / "lake", ROWS_PER_FILE)
        pipe.discover(WRITTEN)
        return pipe.run()

    def columns(self) -> set[str]:
        """The columns of all tables."""
        catalog, namespace = self._lake.catalog(), self._lake.settings["namespace"]
        schemas = [catalog.load_table((namespace, table.name)).schema() for table in WRITTEN]
        return {name for schema in schemas for name in schema.column_names}

    def assert_equal(self) -> None:
        catalog, namespace = self._lake.catalog(), self._lake.settings["namespace"]
        for table in EXACT:
            columns, rows = places.source_rows(self._source, table)
            found = places.lake_rows(catalog, namespace, table, columns)
            assert places.difference("lake", table, rows, found) is None
            versions = catalog.load_table((namespace, table.name)).scan().to_arrow()
            assert versions.num_rows == rows.total(), f"{table.name}: a version came twice"


_FIRST_REQUESTS = 8
_COMMIT = rb"^POST \S*/namespaces/\S+/tables/\S+ "


def test_a_busy_s3_is_asked_again(through: LakePipe) -> None:
    for request_line in (rb"^PUT ", rb"^POST ", rb"^GET ", rb"^HEAD "):
        through.s3.fail_next(2, status=503, request=request_line)
    outcome = through.run()
    assert outcome.is_success, outcome.log
    through.assert_equal()


def test_a_busy_catalog_is_asked_again(through: LakePipe) -> None:
    through.catalog.fail_next(2, status=503, request=rb"^GET ")
    through.catalog.fail_next(2, status=503, request=_COMMIT)
    through.catalog.fail_next(1, status=500, request=_COMMIT)
    outcome = through.run()
    assert outcome.is_success, outcome.log
    through.assert_equal()


def test_f05_f08_a_commit_whose_answer_is_lost_is_not_made_twice(through: LakePipe) -> None:
    through.catalog.lose_answer(_COMMIT, times=2)
    outcome = through.run()
    assert outcome.is_success, outcome.log
    through.assert_equal()


@pytest.mark.parametrize("server", ["s3", "catalog"])
def test_connections_to_the_lake_are_reset_again_and_again(through: LakePipe, server: str) -> None:
    proxy: HttpProxy = getattr(through, server)
    with _now_and_then(proxy.cut, seconds=0.3, times=8):
        outcome = through.run()
    assert outcome.is_success, outcome.log
    through.assert_equal()


# All but what a connection begins with, which is several requests and begun anew as a whole.
_OF_TABLES = {"s3": rb"^\w+ /", "catalog": rb"^\w+ \S*/namespaces"}


@pytest.mark.parametrize("server", ["s3", "catalog"])
def test_whatever_the_lake_is_asked_is_asked_again_after_a_reset(
    through: LakePipe, source: str, server: str
) -> None:
    """In a first run, and in one that finds a new column and a new comment."""
    proxy: HttpProxy = getattr(through, server)
    proxy.reset_every_other(_OF_TABLES[server])
    outcome = through.run()
    assert outcome.is_success, outcome.log
    through.assert_equal()
    with psycopg.connect(source) as connection:
        for table in WRITTEN:
            connection.execute(f"alter table {table.name} add column extra integer default 7")
            connection.execute(f"comment on table {table.name} is 'has a new column'")
            connection.execute(tables.insert(table, ROWS), {"writer": 2, "body": "second"})
    outcome = through.run()
    assert outcome.is_success, outcome.log
    assert "extra" in through.columns()


@pytest.mark.parametrize("server", ["s3", "catalog"])
def test_a_server_of_the_lake_restarts(through: LakePipe, server: str) -> None:
    """It refuses connections for two seconds, in the midst of the work."""
    proxy: HttpProxy = getattr(through, server)
    with _down_for(proxy, seconds=2):
        outcome = through.run()
    assert outcome.is_success, outcome.log
    through.assert_equal()


@pytest.fixture
def database(session_stack: StackSettings, source: str) -> str:
    """An empty database on the other server."""
    name = source.rpartition("/")[2]
    with psycopg.connect(session_stack.dataengineering.url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return session_stack.dataengineering.url.rpartition("/")[0] + "/" + name


@pytest.fixture
def proxied(source: str, database: str, tmp_path: Path) -> Iterator[tuple[TcpProxy, Pipe]]:
    """A pipe into the database through a proxy."""
    head, _, tail = database.rpartition(":")
    port, _, name = tail.partition("/")
    with TcpProxy(int(port)) as proxy:
        pipe = to_database(source, f"{head}:{proxy.port}/{name}", tmp_path / "db", ROWS_PER_FILE)
        pipe.discover(WRITTEN)
        yield proxy, pipe


def _assert_equal(source: str, database: str) -> None:
    for table in EXACT:
        columns, rows = places.source_rows(source, table)
        found = places.database_rows(database, table, columns)
        assert places.difference("database", table, rows, found) is None


def test_f05_a_commit_of_the_database_whose_answer_is_lost_is_not_made_twice(
    proxied: tuple[TcpProxy, Pipe], source: str, database: str
) -> None:
    proxy, pipe = proxied
    proxy.lose_answer(rb"COMMIT\b")
    outcome = pipe.run()
    if not outcome.is_success:
        outcome = pipe.run()
    assert outcome.is_success, outcome.log
    _assert_equal(source, database)


def test_a_database_that_restarts_while_a_run_begins_is_waited_for(
    proxied: tuple[TcpProxy, Pipe], source: str, database: str
) -> None:
    proxy, pipe = proxied
    proxy.lose_answer(rb"user\x00")  # the login of the first connection
    outcome = pipe.run()
    assert outcome.is_success, outcome.log
    _assert_equal(source, database)


def test_connections_to_the_database_are_reset_and_the_next_run_makes_it_equal(
    proxied: tuple[TcpProxy, Pipe], source: str, database: str
) -> None:
    proxy, pipe = proxied
    with _now_and_then(proxy.cut, seconds=0.5, times=4):
        pipe.run()
    outcome = pipe.run()
    assert outcome.is_success, outcome.log
    _assert_equal(source, database)


class _now_and_then(threading.Thread):  # noqa: N801
    """Does something every so often, in the background, while the block runs."""

    def __init__(self, deed: Callable[[], Any], *, seconds: float, times: int) -> None:
        super().__init__(daemon=True)
        self._deed, self._seconds, self._times = deed, seconds, times
        self._ended = threading.Event()

    def run(self) -> None:
        done = 0
        while done < self._times and not self._ended.wait(self._seconds):
            # Only what cuts something counts: there is none before the target is up.
            done += bool(self._deed())

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


class _down_for(_now_and_then):  # noqa: N801
    """Takes a server down after its first requests, for so many seconds."""

    def __init__(self, proxy: HttpProxy, *, seconds: float) -> None:
        def restart() -> bool:
            if len(proxy.requests) < _FIRST_REQUESTS:
                return False
            proxy.refuse()
            threading.Event().wait(seconds)
            proxy.accept()
            return True

        super().__init__(restart, seconds=0.02, times=1)


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
