"""One engine a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrate.local_athena.tests.engine.helpers import Athena
from orchestrate.local_stack.settings import StackSettings


@pytest.fixture(scope="module")
def athena(
    session_stack: StackSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Athena]:
    found = Athena(session_stack.lake, tmp_path_factory.mktemp("athena"))
    yield found
    found.close()
