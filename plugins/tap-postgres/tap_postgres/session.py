"""A connection on which values are printed the same way, whatever the server's settings are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from columnar_singer.errors import UserError
from psycopg import sql
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from columnar_singer.connection import PostgresConnection

APPLICATION_NAME = "tap-postgres"

OLDEST_VERSION = 130000
"""PostgreSQL 13: the first with `pg_current_snapshot`."""

LOCK_TIMEOUT = "60s"

# https://www.postgresql.org/docs/current/runtime-config-client.html
_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmlbinary": "base64",
    # A row that a policy hides is an error, not a row that is not there.
    "row_security": "off",
    # A read takes as long as it takes, and waits while the target is slow …
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # … but a table that a migration holds must not keep the others waiting.
    "lock_timeout": LOCK_TIMEOUT,
}

# Through pg_settings, because older servers do not know all of them.
_APPLY = """
select set_config(known.name, wanted.value, false)
from jsonb_each_text(%(settings)s) wanted
join pg_settings known on lower(known.name) = wanted.key
"""


def connect(connection: PostgresConnection) -> psycopg.Connection[Any]:
    """Open a connection to read with.

    Args:
        connection: Where to.

    Returns:
        A connection in autocommit mode.

    Raises:
        UserError: The server cannot be reached, refuses the login or is too old.
    """
    opened = connection.connect(APPLICATION_NAME)
    if opened.info.server_version < OLDEST_VERSION:
        opened.close()
        message = (
            f"the server at {connection} runs PostgreSQL {opened.info.server_version // 10000}; "
            f"the tap reads PostgreSQL {OLDEST_VERSION // 10000} and later"
        )
        raise UserError(message)
    opened.autocommit = True
    opened.execute(_APPLY, {"settings": Jsonb(_SETTINGS)})
    return opened


@contextmanager
def released(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Read in a savepoint that is undone in any case.

    So an error leaves the snapshot usable, and the lock on the table ends with its stream instead
    of with the run, lest a migration of the source wait for all the other tables.

    Args:
        connection: In the transaction of the snapshot.

    Raises:
        UserError: Row-level security would hide rows.
    """
    try:
        with connection.transaction():
            yield
            raise psycopg.Rollback
    except psycopg.errors.InsufficientPrivilege as error:
        # By the function, since the text may be in any language.
        if error.diag.source_function != "check_enable_rls":
            raise
        user = sql.Identifier(connection.info.user).as_string(connection)
        message = (
            f"row-level security hides rows from the role {user}, and a copy would lack them "
            f"({error.diag.message_primary}); ALTER ROLE {user} BYPASSRLS, or read a view of the "
            "table's owner in place of the table"
        )
        raise UserError(message) from error
