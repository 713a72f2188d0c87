"""Connect to PostgreSQL with the settings that tap-postgres and target-postgres share.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from singer_sdk import typing as th

from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 5432
HIGHEST_PORT = 65535
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
    th.Property(
        "password",
        th.StringType,
        secret=True,
        description="Password of the role. Left out: what libpq finds (PGPASSWORD, ~/.pgpass).",
    ),
    th.Property("database", th.StringType, required=True, description="Database to connect to."),
)
"""Settings of a connection, to be put into a plugin's `PropertiesList`."""


@dataclass(frozen=True)
class PostgresConnection:
    """Where a PostgreSQL database is and who logs in.

    Attributes:
        session_settings: Settings of the server, of names and values without blanks or backslashes.
            They are sent with the login, which no log of the server shows, unlike SET.
    """

    host: str
    user: str
    database: str
    port: int = DEFAULT_PORT
    password: str | None = field(default=None, repr=False)
    connect_timeout_seconds: int = CONNECT_TIMEOUT_SECONDS
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
            UserError: A setting that has no default is missing, or the port is none.
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
            port=_port(config.get("port") or DEFAULT_PORT),
            password=config.get("password"),
        )

    def __str__(self) -> str:
        """Name the database for a person: `user@host:port/database`."""
        return f"{self.user}@{self.host}:{self.port}/{self.database}"

    def connect(self, application_name: str) -> psycopg.Connection[Any]:
        """Open a connection.

        Args:
            application_name: What `pg_stat_activity` shows, the plugin's name.

        Returns:
            An open connection, not in autocommit mode.

        Raises:
            UserError: The server cannot be reached or refuses the login.
        """
        try:
            return psycopg.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                dbname=self.database,
                application_name=application_name,
                client_encoding="UTF8",
                options=" ".join(
                    f"-c {name}={value}" for name, value in self.session_settings.items()
                ),
                connect_timeout=self.connect_timeout_seconds,
                keepalives=1,
                keepalives_idle=KEEPALIVES_IDLE_SECONDS,
                keepalives_interval=KEEPALIVES_INTERVAL_SECONDS,
                keepalives_count=KEEPALIVES_COUNT,
            )
        except psycopg.OperationalError as error:
            raise UserError(self._explain(str(error))) from error

    def _explain(self, text: str) -> str:
        """Say in one line why the login failed and which setting to change.

        libpq reports a failed connection as text only, without an SQLSTATE, so the text is what
        there is to go by. A text that is not known here (a translated one) is passed on.
        """
        at = f"host {self.host!r}, port {self.port}"
        who = f"user {self.user!r}, database {self.database!r}"
        if "password authentication failed" in text or "no password supplied" in text:
            return (
                f"the server refused the password ({at}, {who}); "
                "correct the settings 'user' and 'password'"
            )
        if "role" in text and "does not exist" in text:
            return f"the server has no such user ({at}, {who}); correct the setting 'user'"
        if "database" in text and "does not exist" in text:
            return f"the server has no such database ({at}, {who}); correct the setting 'database'"
        if "refused" in text:
            return (
                f"no PostgreSQL server listens at {at} ({who}); start it, or correct the "
                "settings 'host' and 'port'"
            )
        if "timeout" in text or "timed out" in text:
            return (
                f"no answer within {self.connect_timeout_seconds} s from {at} ({who}); check the "
                "settings 'host' and 'port' and that the network lets this machine through"
            )
        if "resolve" in text or "translate host name" in text:
            return f"the name of the server is not known ({at}, {who}); correct the setting 'host'"
        reason = text.strip().rpartition("failed: ")[2].partition("\n")[0]
        return (
            f"cannot connect to PostgreSQL ({at}, {who}): {reason}; check the settings 'host', "
            "'port', 'user', 'password' and 'database'"
        )


def _port(value: int | str) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= HIGHEST_PORT):
        message = f"the setting 'port' is {value!r}; give a number from 1 to {HIGHEST_PORT}"
        raise UserError(message)
    return int(text)
