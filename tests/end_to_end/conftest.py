"""The project in which `make run` has run, shared by the tests that cross folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.project import Project, copy_of_the_tree
from tests.servers import stack_environment


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The copy in which `make run` ended well; shared, so each test leaves it equal and running."""
    home, root = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("clone")
    copy_of_the_tree(root)
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment = kept | _quick_install() | {"HOME": str(home)} | stack_environment(root / ".local")
    made = Project(root, environment)
    try:
        first = made.run("make", "run")
        (root / ".local" / "first-run.txt").write_text(first.stdout)
        assert first.returncode == 0, first.stdout[-5000:]
        # Should this process be killed, the stack stops as well.
        made.python("orchestrate.local_stack", "up", "--stop-with", str(os.getpid()))
        yield made
    finally:
        made.run("make", "down")


def _quick_install() -> dict[str, str]:
    """Packages come from this user's cache, and of their modules only those in use are compiled."""
    uv = Path(sys.executable).with_name("uv")
    cache = subprocess.run([uv, "cache", "dir"], check=True, capture_output=True, text=True)
    return {"UV_CACHE_DIR": cache.stdout.strip(), "UV_COMPILE_BYTECODE": "0"}


# What a new user's shell has: a path, a locale, and how to reach the package index.
_KEPT_PREFIXES = ("PIP_", "UV_", "http", "HTTP", "no_", "NO_")
_KEPT = [
    "PATH",
    "LANG",
    "PYENV_ROOT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    *(name for name in os.environ if name.startswith(_KEPT_PREFIXES)),
]
