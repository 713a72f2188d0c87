"""Our tap into one of our targets, as processes, without Meltano: first the one, then the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tap_postgres.tap import TapPostgres

_COMMANDS = {
    "tap-postgres": ["-m", "tap_postgres"],
    "target-postgres": ["-m", "target_postgres"],
    "target-s3": ["-m", "target_s3"],
}


@dataclass(frozen=True)
class Done:
    """How a plugin ended: its exit status, what it wrote, and its log."""

    status: int
    output: str
    log: str

    @property
    def state(self) -> dict[str, Any]:
        """The last STATE that a target wrote; empty if it wrote none."""
        lines = self.output.splitlines()
        return json.loads(lines[-1]) if lines else {}


def postgres_settings(url: str) -> dict[str, Any]:
    """The connection settings of tap-postgres and target-postgres for a URL."""
    parts = urlsplit(url)
    return {
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password or "",
        "database": parts.path.lstrip("/"),
    }


def extract(directory: Path, settings: dict[str, Any], state: dict[str, Any] | None = None) -> Done:
    """Run the tap with all streams selected; its messages are the output.

    Args:
        directory: For the files of the run.
        settings: Of tap-postgres; batch files are switched on.
        state: That it begins with.
    """
    settings = {
        "batch_config": {
            "encoding": {"format": "arrow"},
            "storage": {"root": (directory / "batches").as_uri()},
        },
        **settings,
    }
    catalog = TapPostgres(config=settings).catalog_dict
    for entry in catalog["streams"]:
        next(m for m in entry["metadata"] if not m["breadcrumb"])["metadata"]["selected"] = True
    files = {"config": settings, "catalog": catalog, "state": state or {}}
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return _run("tap-postgres", *(f"--{name}={directory / name}.json" for name in files))


def load(directory: Path, target: str, settings: dict[str, Any], messages: str) -> Done:
    """Run a target on the messages of `extract`."""
    config = directory / f"{target}.json"
    config.write_text(json.dumps(settings))
    return _run(target, f"--config={config}", messages=messages)


def move(
    directory: Path,
    tap: dict[str, Any],
    target: str,
    target_settings: dict[str, Any],
    state: dict[str, Any] | None = None,
) -> Done:
    """Run the tap, and then a target on what it sent; both must end well."""
    sent = extract(directory, tap, state)
    assert sent.status == 0, sent.log[-3000:]
    loaded = load(directory, target, target_settings, sent.output)
    assert loaded.status == 0, loaded.log[-3000:]
    return loaded


def _run(plugin: str, *arguments: str, messages: str = "") -> Done:
    done = subprocess.run(
        [sys.executable, *_COMMANDS[plugin], *arguments],
        input=messages,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
