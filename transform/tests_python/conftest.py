"""A database with loaded rows, and dbt on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from orchestrate.local_stack.settings import StackSettings
from transform.tests_python.destinations import Destinations
from transform.tests_python.loader import Loader
from transform.tests_python.project import Dbt


@pytest.fixture(scope="module")
def database(make_database: Callable[[], str]) -> str:
    """URL of a database in which the first run of the loader has ended."""
    return make_database()


@pytest.fixture(scope="module")
def loader(database: str) -> Iterator[Loader]:
    loader = Loader(database)
    loader.first_run()
    yield loader
    loader.connection.close()


@pytest.fixture(scope="module")
def dbt(database: str, loader: Loader, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(database, tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def destinations(
    session_stack: StackSettings,
    make_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Destinations:
    """A source of a few thousand strokes, moved once."""
    made = Destinations(
        make_database(), make_database(), session_stack, tmp_path_factory.mktemp("destinations")
    )
    made.fill(scale=0.01)
    made.move()
    return made
