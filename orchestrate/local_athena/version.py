"""Which code an endpoint runs, so that `make up` notices one that was started on other code."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("duckdb", "pyiceberg", "sqlglot")


def of_code() -> str:
    """A digest of the endpoint's modules and settings as they lie on disk, and of its libraries."""
    own = Path(__file__).parent
    modules = [path for path in own.rglob("*.py") if "tests" not in path.relative_to(own).parts]
    found = hashlib.sha256()
    for path in (*sorted(modules), own.parent / "local_stack" / "settings.py"):
        found.update(f"{path.relative_to(own.parent)}\n".encode() + path.read_bytes())
    found.update(" ".join(map(version, _PACKAGES)).encode())
    return found.hexdigest()
