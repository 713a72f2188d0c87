"""A server of an older PostgreSQL, from the wheel `pgserver`."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from orchestrate.local_stack.processes import as_ordinary_user, clean_environment
from tests.servers import free_ports

_START_SECONDS = 30


@contextmanager
def postgres_16(directory: Path) -> Iterator[str]:
    """Run PostgreSQL 16 on a data directory of its own; gives the URL of its first database."""
    package = importlib.util.find_spec("pgserver")
    assert package is not None
    assert package.origin is not None
    programs = Path(package.origin).parent / "pginstall" / "bin"
    data, port = directory / "data", free_ports(1)
    environment = clean_environment(directory)
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run(
        as_ordinary_user([str(part) for part in initdb]),
        env=environment,
        check=True,
        capture_output=True,
    )
    server = [programs / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", "", "-F"]
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            as_ordinary_user([str(part) for part in server]),
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_for(url)
            yield url
        finally:
            # Fast shutdown: https://www.postgresql.org/docs/16/server-shutdown.html
            process.send_signal(signal.SIGINT)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
