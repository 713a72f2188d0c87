"""Connect to PostgreSQL with the settings that tap-postgres and target-postgres share.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from singer_sdk import typing as th

from columnar_singer.connection_errors import PassingError, explain, is_about_certificate
from columnar_singer.errors import UserError
from columnar_singer.passwords import PASSWORD_SETTINGS, PasswordSource
from columnar_singer.retry import ATTEMPTS, retry
from columnar_singer.ssh_tunnel import LOOPBACK, SSH_SETTINGS, SshTunnel, port_number
from columnar_singer.tls import TLS_SETTINGS, Tls

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 5432
CONNECT_TIMEOUT_SECONDS = 10
# A connection cut without a word (a NAT that forgot it, a failed-over server) is noticed after
# about a minute instead of the two hours that Linux takes.
KEEPALIVES_IDLE_SECONDS = 30
KEEPALIVES_INTERVAL_SECONDS = 10
KEEPALIVES_COUNT = 3

CONNECTION_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property("host", th.StringType, required=True, description="Name or address of the server."),
    th.Property(
        "port",
        # A runner that fills settings from variables gives text; `from_config` reads both.
        th.CustomType({"type": ["integer", "string"]}),
        default=DEFAULT_PORT,
        description="Port of the server, 1 to 65535.",
    ),
    th.Property("user", th.StringType, required=True, description="Role to log in as."),
    *PASSWORD_SETTINGS,
    th.Property("database", th.StringType, required=True, description="Database to connect to."),
    th.Property(
        "connect_attempts",
        th.IntegerType(minimum=1),
        default=ATTEMPTS,
        description=(
            "How often to try to connect while the server is starting, not reachable or has no "
            "connection left. Other faults are told at once."
        ),
    ),
    *TLS_SETTINGS,
    *SSH_SETTINGS,
)
"""Settings of a connection, to be put into a plugin's `PropertiesList`."""


@dataclass(frozen=True)
class PostgresConnection:
    """Where a PostgreSQL database is and who logs in.

    Attributes:
        host: Name or address of the server, as its certificate names it.
        user: Role to log in as.
        database: Database to connect to.
        port: TCP port.
        password: Where the password comes from.
        tls: None for TLS if the server offers it, and nothing is checked.
        tunnel: None to connect directly.
        attempts: How often to try to connect while a fault may pass.
        session_settings: Settings of the server, of names and values without blanks or backslashes.
            They are sent with the login, which no log of the server shows, unlike SET.
    """

    host: str
    user: str
    database: str
    port: int = DEFAULT_PORT
    password: PasswordSource = field(default_factory=PasswordSource)
    tls: Tls | None = None
    tunnel: SshTunnel | None = None
    attempts: int = ATTEMPTS
    session_settings: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PostgresConnection:
        """Take the connection out of a plugin's settings.

        Args:
            config: The plugin's settings, validated or not (the SDK does not validate them for
                `--discover`).

        Returns:
            The connection.

        Raises:
            UserError: A setting that has no default is missing, the port is none, or settings
                contradict each other.
        """
        missing = [name for name in ("host", "user", "database") if not config.get(name)]
        if missing:
            names = ", ".join(f"'{name}'" for name in missing)
            message = f"no value for the setting {names}; set it in the plugin's config"
            raise UserError(message)
        return cls(
            host=config["host"],
            user=config["user"],
            database=config["database"],
            port=port_number("port", config.get("port") or DEFAULT_PORT),
            password=PasswordSource.from_config(config),
            tls=Tls.from_config(config),
            tunnel=SshTunnel.from_config(config),
            attempts=config.get("connect_attempts", ATTEMPTS),
        )

    def __str__(self) -> str:
        """Name the database for a person: `user@host:port/database`."""
        return f"{self.user}@{self.host}:{self.port}/{self.database}"

    def connect(self, application_name: str) -> psycopg.Connection[Any]:
        """Open a connection; while the fault may pass, try again, with a warning for each try.

        Args:
            application_name: What `pg_stat_activity` shows, the plugin's name.

        Returns:
            An open connection, not in autocommit mode.

        Raises:
            UserError: The server cannot be reached or refuses the login.
        """
        return retry(
            lambda: self._open(application_name),
            what=f"connect to {self}",
            passes=lambda error: isinstance(error, PassingError),
            attempts=self.attempts,
        )

    def _open(self, application_name: str) -> psycopg.Connection[Any]:
        password = self.password.read(self.host, self.port, self.user)
        place: dict[str, Any] = {"host": self.host, "port": self.port}
        if self.tunnel:
            # `host` stays what the certificate and ~/.pgpass name.
            place |= {"port": self.tunnel.local_port(self.host, self.port), "hostaddr": LOOPBACK}
        with ExitStack() as stack:
            if self.tls:
                place |= stack.enter_context(self.tls.parameters())
            try:
                return psycopg.connect(
                    **place,
                    user=self.user,
                    password=password,
                    dbname=self.database,
                    application_name=application_name,
                    client_encoding="UTF8",
                    options=" ".join(f"-c {k}={v}" for k, v in self.session_settings.items()),
                    connect_timeout=CONNECT_TIMEOUT_SECONDS,
                    keepalives=1,
                    keepalives_idle=KEEPALIVES_IDLE_SECONDS,
                    keepalives_interval=KEEPALIVES_INTERVAL_SECONDS,
                    keepalives_count=KEEPALIVES_COUNT,
                )
            except psycopg.OperationalError as error:
                raise self._explain(str(error), place) from error

    def _explain(self, text: str, place: Mapping[str, Any]) -> UserError:
        certificate = None
        if self.tls and is_about_certificate(text):
            certificate = self.tls.fault_of_certificate(
                place.get("hostaddr", self.host), place["port"], CONNECT_TIMEOUT_SECONDS
            )
        return explain(
            text,
            at=f"host {self.host!r}, port {self.port}",
            who=f"user {self.user!r}, database {self.database!r}",
            timeout=CONNECT_TIMEOUT_SECONDS,
            certificate=certificate,
        )
