"""The errors of the local stack."""

from __future__ import annotations


class StackError(Exception):
    """Something the reader can mend; the message is one complete line."""


class NotAnsweringYet(Exception):  # noqa: N818 - a state while waiting, not a failure
    """The part does not answer a request yet; ask again."""


class CredentialsRefused(Exception):  # noqa: N818 - a state that provisioning mends
    """The part answers, but not to the user, password or database of the settings."""
