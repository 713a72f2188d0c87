"""Servers that the local stack does not have: PostgreSQL with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers import free_ports

from .tls_server import PASSWORD, TlsServer


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path_factory.mktemp("tls"), free_ports(1))
    yield server
    server.stop()


@pytest.fixture
def tls_config(tls_server: TlsServer) -> dict[str, Any]:
    """Settings that verify the server in full."""
    return {
        "host": "localhost",
        "port": tls_server.port,
        "user": "tester",
        "password": PASSWORD,
        "database": "postgres",
        "connect_attempts": 1,
        "ssl_enable": True,
        "ssl_certificate_authority": tls_server.authority.certificate,
    }
