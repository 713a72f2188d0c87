"""Where the tests' servers listen and what they are asked with."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import IO, Any

from orchestrate.local_stack.settings import INTERNAL_PORT_FLAGS, LakeSettings

# Below the range of outgoing connections.
_PORTS = range(20000, 32000, 20)
_claims: list[IO[bytes]] = []


def free_ports(count: int) -> int:
    """The first of `count` successive TCP ports, which are this process's own until it ends.

    Whoever asks may start a server there only minutes later, while another process asks too.

    Raises:
        ValueError: More than there are in a row.
        RuntimeError: All are taken.
    """
    if count > _PORTS.step:
        raise ValueError(f"{count} ports in a row: at most {_PORTS.step} can be had")
    claims = Path(tempfile.gettempdir(), f"trackman-elt-test-ports-{os.getuid()}")
    claims.mkdir(exist_ok=True)
    for first in _PORTS:
        claim = (claims / str(first)).open("wb")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return first
    raise RuntimeError(f"no {count} free ports in a row")


@contextmanager
def serve_http(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[int]:
    """Answer HTTP on a port of this machine, which is given, each request in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def stack_ports() -> dict[str, str]:
    """The variables of a stack that say where its servers listen."""
    first = free_ports(5 + len(INTERNAL_PORT_FLAGS))
    variables = (
        "TRACKMAN_BACKEND_PORT",
        "DATAENGINEERING_DB_PORT",
        "TRACKMAN_LAKE_S3_PORT",
        "TRACKMAN_LAKE_CATALOG_PORT",
        "LOCAL_ATHENA_PORT",
        "TRACKMAN_LAKE_INTERNAL_PORT",  # the first of several
    )
    return {variable: str(first + i) for i, variable in enumerate(variables)}


def stack_environment(directory: Path) -> dict[str, str]:
    """The variables of a stack in `directory`, on free ports."""
    return {"LOCAL_STACK_DIR": str(directory)} | stack_ports()


@dataclass(frozen=True)
class Lake:
    """An empty namespace of the lake."""

    settings: dict[str, Any]  # of target-s3
    catalog_properties: dict[str, str]

    @classmethod
    def of(cls, found: LakeSettings, namespace: str) -> Lake:
        """A namespace of a stack's lake."""
        return cls(
            settings={
                "catalog_type": "rest",
                "catalog_uri": found.catalog_uri,
                "catalog_credential": f"{found.access_key_id}:{found.secret_access_key}",
                "warehouse": found.warehouse,
                "namespace": namespace,
                "s3_endpoint_url": found.s3_endpoint,
                "aws_access_key_id": found.access_key_id,
                "aws_secret_access_key": found.secret_access_key,
                "aws_region": found.region,
            },
            catalog_properties=found.catalog_properties(),
        )

    def catalog(self) -> Any:
        from pyiceberg.catalog import load_catalog

        return load_catalog("lake", **self.catalog_properties)
