"""A connection on which values are printed the same way, whatever the server's settings are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    import psycopg
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
