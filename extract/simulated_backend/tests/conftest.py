"""A small trackman-backend on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from extract.simulated_backend.connection import connect
from extract.simulated_backend.load import load

SCALE = 0.02


@pytest.fixture(scope="session")
def filled_url(make_database: Callable[..., str]) -> str:
    """A filled database to copy, which nobody connects to."""
    url = make_database()
    with connect(url) as connection:
        load(connection, scale=SCALE, seed=1, until=datetime.now(UTC))
    return url


@pytest.fixture(scope="module")
def loaded_url(make_database: Callable[..., str], filled_url: str) -> str:
    """A filled database that the tests of a module share: they must not change its schema."""
    return make_database(filled_url)


@pytest.fixture
def loaded(loaded_url: str) -> Iterator[psycopg.Connection]:
    """A connection to the shared database, rolled back after the test."""
    with connect(loaded_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def own_url(make_database: Callable[..., str], filled_url: str) -> str:
    """A filled database of the test's own."""
    return make_database(filled_url)
