"""Our tap piped into one of our targets, as processes, without Meltano."""

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

TARGETS = {"target-postgres": "target_postgres", "target-s3": "target_s3"}


@dataclass(frozen=True)
class Piped:
    """How a run ended: the tap's exit status, the target's, and what both wrote to stderr."""

    tap_status: int
    target_status: int
    log: str
    state: dict[str, Any]

    @property
    def succeeded(self) -> bool:
        return self.tap_status == self.target_status == 0


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


def move(
    directory: Path,
    tap: dict[str, Any],
    target: str,
    target_settings: dict[str, Any],
    state: dict[str, Any] | None = None,
) -> Piped:
    """Run the tap into a target, all streams selected.

    Args:
        directory: For the files of the run.
        tap: Settings of tap-postgres; batch files are switched on.
        target: A key of TARGETS.
        target_settings: The target's.
        state: That the tap begins with.
    """
    tap = {
        "batch_config": {
            "encoding": {"format": "arrow"},
            "storage": {"root": (directory / "batches").as_uri()},
        },
        **tap,
    }
    catalog = TapPostgres(config=tap).catalog_dict
    for entry in catalog["streams"]:
        next(m for m in entry["metadata"] if not m["breadcrumb"])["metadata"]["selected"] = True
    files = {"tap": tap, "catalog": catalog, "state": state or {}, "target": target_settings}
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    arguments = [f"--{name}={directory / name}.json" for name in ("catalog", "state")]
    log = directory / "log.txt"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tap_postgres",
                f"--config={directory / 'tap.json'}",
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
        ) as reading,
    ):
        writing = subprocess.run(
            [sys.executable, "-m", TARGETS[target], f"--config={directory / 'target.json'}"],
            stdin=reading.stdout,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            text=True,
            check=False,
        )
        assert reading.stdout is not None
        reading.stdout.close()
    states = writing.stdout.splitlines()
    return Piped(
        reading.returncode,
        writing.returncode,
        log.read_text(),
        json.loads(states[-1]) if states else {},
    )
