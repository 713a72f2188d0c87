"""`OPTIMIZE` beside writers: whatever the order, no row is lost and none comes back."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import pytest
from pyiceberg.catalog.rest import RestCatalog

from orchestrate.local_athena.model import Cancellation
from orchestrate.local_athena.upkeep import optimize as optimize_module
from orchestrate.local_athena.upkeep import replace
from orchestrate.local_athena.upkeep.optimize import optimize
from orchestrate.local_athena.upkeep.tests.conftest import Duck, Place, rows
from tests.lake_tables import data_files


class Others:
    """Writers that act while a rewrite is under way, and what the table must hold then."""

    def __init__(self, place: Place, duck: Duck, seed: int) -> None:
        self.place, self.duck = place, duck
        self.random = random.Random(seed)
        self.expected: set[int] = set()
        self.actions = self.random.choices(["append", "delete", "mark", "optimize"], k=4)

    def append(self) -> None:
        ids = range(max(self.expected) + 1, max(self.expected) + 5)
        self.expected.update(ids)
        self.place.load().append(rows(ids))

    def delete(self) -> None:
        """Put a file in another's place."""
        self.place.load().delete(f"id = {self._choose()}")

    def mark(self) -> None:
        """Write a delete beside a file."""
        self.duck(f"delete from lake.{self.place.namespace}.t where id = {self._choose()}")

    def optimize(self) -> None:
        optimize(self.place.load(), Cancellation())

    def act(self) -> None:
        if self.actions:
            getattr(self, self.actions.pop())()

    def _choose(self) -> int:
        gone = self.random.choice(sorted(self.expected))
        self.expected.discard(gone)
        return gone


@pytest.mark.parametrize("seed", range(8))
def test_f28_any_order_of_commits_gives_the_same_rows(
    place: Place, duck: Duck, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    others = Others(place, duck, seed)
    table = place.create()
    for first in range(0, 25, 5):
        table.append(rows(range(first, first + 5)))
    others.expected.update(range(25))
    commit_rewrite, commit_table = replace.commit_rewrite, RestCatalog.commit_table
    is_inside = False

    def after_writing(*arguments: Any) -> Any:
        interrupt()
        return commit_rewrite(*arguments)

    def before_committing(*arguments: Any, **options: Any) -> Any:
        interrupt()
        return commit_table(*arguments, **options)

    def interrupt() -> None:
        nonlocal is_inside
        if not is_inside:
            is_inside = True
            others.act()
            is_inside = False

    monkeypatch.setattr(optimize_module, "commit_rewrite", after_writing)
    monkeypatch.setattr(RestCatalog, "commit_table", before_committing)
    optimize(place.load(), Cancellation())
    assert place.ids() == sorted(others.expected)
    assert len(others.actions) < 4


def test_f28_an_appender_at_work_loses_nothing(place: Place) -> None:
    table = place.create(properties={"optimize_rewrite_data_file_threshold": "2"})
    for first in range(0, 20, 5):
        table.append(rows(range(first, first + 5)))

    def append() -> None:
        mine = place.lake.catalog().load_table((place.namespace, "t"))
        with mine.transaction() as transaction:
            transaction.set_properties({"commit.retry.num-retries": "50"})
        for first in range(20, 70, 5):
            mine.append(rows(range(first, first + 5)))

    with ThreadPoolExecutor() as pool:
        appender = pool.submit(append)
        while not appender.done():
            optimize(place.load(), Cancellation())
        appender.result()
    optimize(place.load(), Cancellation())
    assert place.ids() == list(range(70))
    assert len(data_files(table)) == 2


@pytest.mark.parametrize("is_made", [True, False])
def test_an_answer_that_is_lost_is_asked_for(
    place: Place, monkeypatch: pytest.MonkeyPatch, is_made: bool
) -> None:
    table = place.create()
    for first in range(0, 25, 5):
        table.append(rows(range(first, first + 5)))
    commit_table = RestCatalog.commit_table
    lost: list[bool] = []

    def commit(*arguments: Any, **options: Any) -> Any:
        if lost:
            return commit_table(*arguments, **options)
        lost.append(True)
        if is_made:
            commit_table(*arguments, **options)
        raise ConnectionError("no answer")

    monkeypatch.setattr(RestCatalog, "commit_table", commit)
    snapshots = len(table.snapshots())
    assert optimize(place.load(), Cancellation()).added_files == 2
    assert len(table.refresh().snapshots()) == snapshots + 1
    assert place.ids() == list(range(25))


@pytest.mark.parametrize("statement", ["delete from {} where id = 7", "update {} set v = 'new'"])
def test_f28_a_change_that_began_before_a_rewrite_is_refused_or_made(
    place: Place, duck: Duck, statement: str
) -> None:
    table = place.create(properties={"optimize_rewrite_data_file_threshold": "2"})
    for first in range(0, 25, 5):
        table.append(rows(range(first, first + 5)))
    before = place.rows()
    duck("begin")
    duck(statement.format(f"lake.{place.namespace}.t"))
    optimize(place.load(), Cancellation())
    # It deletes rows of files that are not there any more.
    with pytest.raises(duckdb.Error):
        duck("commit")
    assert place.rows() == before
    duck(statement.format(f"lake.{place.namespace}.t"))
    assert len(place.rows()) == (24 if "delete" in statement else 25)
