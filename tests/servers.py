"""Where the tests' servers listen and what they are asked with."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrate.local_stack.settings import INTERNAL_PORT_FLAGS, LakeSettings


def free_ports(count: int) -> int:
    """The first of `count` successive TCP ports that are free on the loopback address."""
    for first in range(20000 + os.getpid() % 5000, 60000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError(f"no {count} free ports in a row on 127.0.0.1")


def stack_environment(directory: Path) -> dict[str, str]:
    """The variables of a stack in `directory`, on free ports."""
    first = free_ports(4 + len(INTERNAL_PORT_FLAGS))
    return {
        "LOCAL_STACK_DIR": str(directory),
        "TRACKMAN_BACKEND_PORT": str(first),
        "DATAENGINEERING_DB_PORT": str(first + 1),
        "TRACKMAN_LAKE_S3_PORT": str(first + 2),
        "TRACKMAN_LAKE_CATALOG_PORT": str(first + 3),
        "TRACKMAN_LAKE_INTERNAL_PORT": str(first + 4),
    }


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
