"""A database with loaded rows, and dbt on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

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
