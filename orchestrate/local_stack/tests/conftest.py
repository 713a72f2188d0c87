"""Stacks for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrate.local_stack.tests.helpers import StackUnderTest


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StackUnderTest]:
    """A stack not yet started, taken down at the end."""
    under_test = StackUnderTest(tmp_path / "stack")
    yield under_test
    under_test.down()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUnderTest]:
    """One running stack for the tests of a module that leave it running."""
    under_test = StackUnderTest(tmp_path_factory.mktemp("running") / "stack")
    under_test.up()
    yield under_test
    under_test.down()
