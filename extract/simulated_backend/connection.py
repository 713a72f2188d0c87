"""Where the database is, and how failures to reach it are told in one line."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

DEFAULTS = {
    "HOST": "127.0.0.1",
    "PORT": "15432",
    "DATABASE": "trackman_backend",
    "USER": "trackman",
    "PASSWORD": "trackman",
}
"""The local stack, which is bound to loopback and needs no credentials."""

_PREFIX = "TRACKMAN_BACKEND_"


class UserError(Exception):
    """What was wrong, the value received, what is allowed and what to do, in one line."""


def connection_info(url: str | None, environment: Mapping[str, str]) -> str:
    """The libpq connection string.

    Args:
        url: postgresql://user@host:port/database; a password may be left out of it.
        environment: TRACKMAN_BACKEND_URL stands in for `url`; without either, the parts
            TRACKMAN_BACKEND_HOST, _PORT, _DATABASE, _USER and _PASSWORD, else the local stack's.
            TRACKMAN_BACKEND_PASSWORD also completes a URL without password.

    Raises:
        UserError: the URL cannot be read. The message leaves it out, for it may hold a password.
    """
    url = url or environment.get(f"{_PREFIX}URL")
    if not url:
        part = {name: environment.get(_PREFIX + name) or DEFAULTS[name] for name in DEFAULTS}
        return make_conninfo(
            host=part["HOST"],
            port=part["PORT"],
            dbname=part["DATABASE"],
            user=part["USER"],
            password=part["PASSWORD"],
        )
    try:
        parameters = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError:
        parameters = {}
    if not url.startswith(("postgresql://", "postgres://")) or not parameters:
        raise UserError(
            "the database URL cannot be read (not shown, it may hold a password): "
            f"give --url or {_PREFIX}URL as postgresql://user@host:port/database"
        )
    if not parameters.get("password") and environment.get(f"{_PREFIX}PASSWORD"):
        parameters["password"] = environment[f"{_PREFIX}PASSWORD"]
    return make_conninfo(**parameters)


def connect(conninfo: str) -> psycopg.Connection:
    """Open a connection whose unqualified names mean the schema `public`.

    Raises:
        UserError: the server cannot be reached or refuses.
    """
    try:
        connection = psycopg.connect(
            conninfo, connect_timeout=10, application_name="simulated trackman-backend"
        )
    except (psycopg.Error, UnicodeError) as error:
        raise UserError(
            f"cannot connect to {place(conninfo)}: {one_line(error)}; check --url or the "
            f"{_PREFIX}... variables, and that the server runs"
        ) from None
    connection.execute("set search_path to public")
    connection.commit()
    return connection


def place(conninfo: str) -> str:
    """Host, port, database and user, for messages; never the password."""
    part = conninfo_to_dict(conninfo)
    where = f"{part.get('host', 'local socket')}:{part.get('port', 5432)}"
    return f"{where}/{part.get('dbname', '')} as {part.get('user', '(default user)')}"


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((primary or str(error) or type(error).__name__).split())
