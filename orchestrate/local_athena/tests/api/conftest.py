"""An endpoint for the tests of the APIs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from orchestrate.local_athena.tests.api.helpers import Server
from orchestrate.local_stack.settings import Port, StackSettings
from tests.servers import free_ports


@pytest.fixture(scope="module")
def server(
    lake_settings: StackSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The endpoint, with the small engine."""
    running = Server(lake_settings, tmp_path_factory.mktemp("athena"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def lake_settings(session_stack: StackSettings) -> StackSettings:
    """The session's stack, with a free port for the endpoint of the test."""
    return on_a_free_port(session_stack)


def on_a_free_port(settings: StackSettings) -> StackSettings:
    """`settings` with another port for the endpoint."""
    port = Port(free_ports(1), "LOCAL_ATHENA_PORT")
    return replace(settings, athena=replace(settings.athena, port=port))


@pytest.fixture(scope="module")
def athena(server: Server) -> Any:
    return server.client("athena")


@pytest.fixture(scope="module")
def glue(server: Server) -> Any:
    return server.client("glue")
