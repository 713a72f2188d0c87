"""Rule 29: whoever reads the marts is served while they are built, and keeps their own views."""

from __future__ import annotations

import threading

import psycopg
import pytest

from transform.tests_python.loader import Loader
from transform.tests_python.project import Dbt

MARTS = "select table_name from information_schema.tables where table_schema = 'marts' order by 1"


class Reader(threading.Thread):
    """Counts the rows of each mart again and again, and keeps what went wrong."""

    def __init__(self, url: str, marts: list[str]) -> None:
        super().__init__(daemon=True)
        self.marts, self.url = marts, url
        self.rounds, self.troubles = 0, list[str]()
        self.over = threading.Event()

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.over.is_set():
                for mart in self.marts:
                    try:
                        query = f"select count(*) from marts.{mart}"
                        row = connection.execute(query.encode()).fetchone()
                    except psycopg.Error as error:
                        self.troubles.append(f"{mart}: {error}")
                    else:
                        if row == (0,):
                            self.troubles.append(f"{mart}: empty")
                self.rounds += 1

    def stop(self) -> None:
        self.over.set()
        self.join()


@pytest.fixture(scope="module")
def marts(loader: Loader, dbt: Dbt) -> list[str]:
    dbt.succeed("run")
    return loader.values(MARTS)


@pytest.mark.parametrize("options", [[], ["--full-refresh"]], ids=["build", "full refresh"])
def test_f29_a_reader_never_finds_a_mart_missing_or_empty(
    options: list[str], loader: Loader, dbt: Dbt, database: str, marts: list[str]
) -> None:
    loader.commit("strokes", "update raw.strokes set carry = carry + 1")
    loader.commit("players", "update raw.players set full_name = full_name || '.'")
    reader = Reader(database, marts)
    reader.start()
    try:
        dbt.succeed("run", *options)
    finally:
        reader.stop()
    assert reader.rounds > 1
    assert reader.troubles == []


def test_f29_a_build_waits_for_no_reader_and_drops_no_view(
    loader: Loader, dbt: Dbt, database: str, marts: list[str]
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create schema application")
        for mart in marts:
            connection.execute(
                f"create view application.{mart} as select * from marts.{mart}".encode()
            )
        connection.commit()
        # A long report: it holds what it read until it ends.
        for mart in marts:
            connection.execute(f"select count(*) from application.{mart}".encode())
        loader.commit("strokes", "update raw.strokes set carry = carry - 1")
        loader.commit("players", "update raw.players set full_name = full_name || '.'")
        dbt.succeed("run", "--select", "marts", timeout=120)
        for mart in marts:
            row = connection.execute(f"select count(*) from application.{mart}".encode()).fetchone()
            assert row is not None
            assert row[0] > 0, mart
