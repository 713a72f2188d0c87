"""Errors of PostgreSQL as one line that says what to do."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_ENDED = {
    "57P01",  # ended by an administrator, or by a shutdown
    "57P02",  # another process of the server crashed
    "57P03",  # shutting down
    "57P05",  # idle for too long
    "25P03",  # idle within a transaction for too long
}


@contextlib.contextmanager
def explained(server: str) -> Iterator[None]:
    """Turn what PostgreSQL raises inside into an error of one line.

    Args:
        server: Names the database for a person.

    Raises:
        UserError: PostgreSQL refused a statement or a value, or the connection is gone.
    """
    try:
        yield
    except psycopg.Error as error:
        if is_lost(error):
            message = (
                f"lost the connection to {server} ({reason(error)}); what is not committed is "
                "read again: see the server's log, then run it again"
            )
            raise UserError(message) from error
        raise UserError(_explain(error)) from error


def is_passing(error: Exception) -> bool:
    """Tell whether a transaction that failed may succeed when it is run again as it is."""
    return isinstance(
        error,
        psycopg.errors.LockNotAvailable
        | psycopg.errors.DeadlockDetected
        | psycopg.errors.SerializationFailure,
    )


def is_lost(error: psycopg.Error) -> bool:
    """Tell whether an error took the connection with it."""
    # libpq has no SQLSTATE for a connection that broke.
    state = error.sqlstate
    is_of_connection = state is None or state in _ENDED or state.startswith("08")
    return isinstance(error, psycopg.OperationalError) and is_of_connection


def _explain(error: psycopg.Error) -> str:
    text = reason(error)
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return (
            f"{text}: another session holds the table; find it in pg_locks, "
            "wait for it or end it, and run it again"
        )
    if isinstance(error, psycopg.DataError):
        return (
            f"PostgreSQL does not take a value: {text}; correct it in the source or give the "
            "column a type that holds it"
        )
    if isinstance(error, psycopg.IntegrityError):
        return f"{text}; correct the row in the source or the key in the tap's catalog"
    return f"PostgreSQL refused a statement: {text}"


def reason(error: psycopg.Error) -> str:
    """Give message, detail and place (line and column of a COPY) in one line."""
    diagnosis = error.diag
    if diagnosis.message_primary is None:
        return " ".join(str(error).split())
    parts = [diagnosis.message_primary, diagnosis.message_detail, _copy_place(diagnosis.context)]
    return " ".join("; ".join(part for part in parts if part).split())


def _copy_place(context: str | None) -> str | None:
    """Give `COPY stage_1, line 7, column x: "…"` out of a context, None if it is no COPY's."""
    lines = (context or "").splitlines()
    return next((line for line in lines if line.startswith("COPY ")), None)
