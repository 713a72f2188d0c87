"""The servers that the benchmarks read and write: a local stack of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg

from orchestrate.local_stack import postgres, stack
from orchestrate.local_stack.settings import PostgresSettings, StackSettings
from tests.bench.processes import Program
from tests.servers import stack_environment


@dataclass(frozen=True)
class Servers:
    """The source, the database and the lake."""

    settings: StackSettings
    environment: dict[str, str]

    @property
    def source(self) -> PostgresSettings:
        return self.settings.backend

    @property
    def database(self) -> PostgresSettings:
        return self.settings.dataengineering

    def source_connection(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.source.url, autocommit=True)

    def database_connection(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.database.url, autocommit=True)


@contextmanager
def running(directory: Path) -> Iterator[Servers]:
    """Start the servers; stop them at the end, or when this process is killed.

    What is in the source is kept from one run to the next; the database and the lake start empty.
    """
    for name in ("dataengineering-db", "trackman-lake"):
        shutil.rmtree(directory / name, ignore_errors=True)
    environment = stack_environment(directory)
    settings = StackSettings.from_environment(environment)
    # CHECKPOINT, so that no measurement pays for the writes of the one before, needs a superuser.
    with mock.patch.object(postgres, "_ROLE_ATTRIBUTES", "LOGIN SUPERUSER"):
        try:
            stack.up(settings, lambda *_: None, stop_with=os.getpid())
            yield Servers(settings, environment)
        finally:
            stack.down(settings, lambda *_: None)


def connection_settings(server: PostgresSettings) -> dict[str, Any]:
    """The settings of a Singer plugin that say where a database is."""
    return {
        "host": server.host,
        "port": server.port.number,
        "user": server.user,
        "password": server.password,
        "database": server.database,
    }


def psql(role: str, server: PostgresSettings, *statements: str) -> Program:
    """The program psql; all statements in one transaction."""
    words = [word for statement in statements for word in ("-c", statement)]
    return Program(
        role,
        (
            str(postgres.binaries() / "psql"),
            *("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction"),
            *words,
        ),
        environment={
            "PGHOST": server.host,
            "PGPORT": str(server.port.number),
            "PGUSER": server.user,
            "PGPASSWORD": server.password,
            "PGDATABASE": server.database,
        },
    )
