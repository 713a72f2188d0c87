"""Which faults of the source pass, so that reading again may help."""

from __future__ import annotations

import psycopg
from psycopg import errors

_PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    # A replica cancels what stands in the way of its primary's VACUUM.
    errors.QueryCanceled,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
)
_CONNECTION_EXCEPTION = "08"


class SnapshotLostError(Exception):
    """The transaction that held the snapshot has ended before all was read in it."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "the connection that held the snapshot was lost, so the rest of the table cannot be "
            "read as of the same moment; run it again, nothing of the table counts as read"
        )


def passes(error: BaseException) -> bool:
    """Tell whether an error may be gone when the same is tried again.

    A `PassingError` is none of these: to connect was tried as often as the settings say.

    Args:
        error: Of connecting or reading. What libpq itself says of a lost connection has no code.
    """
    if isinstance(error, _PASSING):
        return True
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_CONNECTION_EXCEPTION)
