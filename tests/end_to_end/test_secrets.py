"""Rule 38: no secret given to a run appears in any file or log that it leaves."""

from __future__ import annotations

import secrets
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.end_to_end.project import Project

# Made anew each time: this file itself is in the folder that is searched.
SECRETS = {
    name: secrets.token_hex(16)
    for name in (
        "TRACKMAN_BACKEND_PASSWORD",
        "TRACKMAN_BACKEND_MASK_SALT",
        "DATAENGINEERING_DB_PASSWORD",
        "TRACKMAN_LAKE_SECRET_ACCESS_KEY",
    )
}


def test_f38_no_secret_in_any_file_log_or_process_list(project: Project) -> None:
    assert project.run("make", "down").returncode == 0
    seen: set[str] = set()
    over = threading.Event()

    def watch_process_list() -> None:
        while not over.wait(0.1):
            listed = subprocess.run(
                ["ps", "-eo", "args"], check=True, capture_output=True, text=True
            )
            seen.update(secret for secret in SECRETS.values() if secret in listed.stdout)

    watcher = threading.Thread(target=watch_process_list)
    watcher.start()
    try:
        # Starting with other passwords makes the stack's parts take them.
        with_trouble = SECRETS | {"MELTANO_CLI_LOG_LEVEL": "debug"}
        run = project.run("make", "run", **with_trouble)
    finally:
        over.set()
        watcher.join()
        project.run("make", "down")
        up = project.run("make", "up")
    assert run.returncode == 0, run.stdout[-3000:]
    assert up.returncode == 0, up.stdout
    assert not seen, f"in the process list: {seen}"
    for secret in SECRETS.values():
        assert secret not in run.stdout
    # The lake's server reads its own credentials from a file of the stack, for its owner only.
    credentials = project.settings.directory / "trackman-lake" / "s3.json"
    assert credentials.stat().st_mode & 0o077 == 0
    found = [
        (path, name)
        for folder in (project.root, Path(project.environment["HOME"]))
        for path in files_below(folder)
        for name, secret in SECRETS.items()
        if secret.encode() in read(path)
    ]
    assert found == []


def files_below(folder: Path) -> list[Path]:
    """Every file but those of installed packages and of the package cache."""
    installed = {".venv", "venv", "uv", "archive-v0"}
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not installed & set(path.relative_to(folder).parts)
    ]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # a file that came and went
        return b""
