"""What every test may use: real servers, on ports and in folders of their own.

One stack serves the whole session, beside any that runs on this machine; a watcher stops it even
if this process is killed. Each test that asks gets an empty database, or an empty namespace of
the lake.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Generator, Iterator
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg import sql
from xdist.scheduler import LoadScopeScheduling

from orchestrate.local_stack import postgres, stack
from orchestrate.local_stack.settings import DEFAULTS, StackSettings
from tests.servers import Lake, stack_environment

_names = itertools.count(1)
_END_TO_END = "tests/end_to_end/"

# No test says how long something may take: on a busy machine that says nothing.
hypothesis.settings.register_profile("any time", deadline=None)
hypothesis.settings.load_profile("any time")


class _ByFile(LoadScopeScheduling):
    """Gives each process whole files, so that what the tests of one share is made once.

    `tests/end_to_end` shares one project and goes to one process as a whole.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _END_TO_END if nodeid.startswith(_END_TO_END) else nodeid.partition("::")[0]


def pytest_configure() -> None:
    """A shell's background commands ignore Ctrl-C, and so would every program a test interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    items.sort(key=lambda item: not item.nodeid.startswith(_END_TO_END))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How `pytest -n 2 --dist loadscope` distributes the tests."""
    return _ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, bool, bool]:
    """The SDK sets handlers of signals when a tap or target is made here; pytest needs its own."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return (yield)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="session")
def _developers_environment_is_hidden() -> Iterator[None]:
    """Tests see none of the developer's settings: neither addresses nor credentials."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name in DEFAULTS or name.startswith(("AWS_", "PG", "MELTANO_", "DBT_", "TAP_")):
                patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def session_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackSettings]:
    """A stack for the session; the roles of its databases are superusers, as tests need.

    No test cuts the power, so nothing waits for the disk: what a killed server wrote is kept.
    """
    directory = tmp_path_factory.mktemp("stack")
    settings = StackSettings.from_environment(stack_environment(directory))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "_ROLE_ATTRIBUTES", "LOGIN SUPERUSER")
        patch.setattr(postgres, "_CONFIGURATION", f"{postgres._CONFIGURATION}fsync = off\n")
        try:
            stack.up(settings, print, stop_with=os.getpid())
            yield settings
        finally:
            stack.down(settings, print)


@pytest.fixture(scope="session")
def make_database(session_stack: StackSettings) -> Callable[..., str]:
    """Creates a database, empty or a copy of another, and returns its URL; its user may do all."""

    def create(copied_url: str = "/template1") -> str:
        name = f"test_{next(_names)}"
        with psycopg.connect(session_stack.backend.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(name), sql.Identifier(copied_url.rpartition("/")[2])
                )
            )
        return session_stack.backend.url.rpartition("/")[0] + "/" + name

    return create


@pytest.fixture
def postgres_url(make_database: Callable[[], str]) -> str:
    """The URL of an empty database of the test's own."""
    return make_database()


@pytest.fixture
def lake(session_stack: StackSettings) -> Lake:
    """An empty namespace of the session's lake, and target-s3's settings for it."""
    return Lake.of(session_stack.lake, f"test_{next(_names)}")
