"""Why a login to PostgreSQL failed, which setting to change, and whether to try again.

libpq reports a failed connection as text only, without an SQLSTATE, so the text is what there is to
go by. A text that is not known here (a server that speaks another language) is passed on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from columnar_singer.errors import UserError


class PassingError(UserError):
    """A fault that may be gone in a moment."""


class _Known(NamedTuple):
    """A fault that is known: what libpq says, and what to tell."""

    pattern: str
    explanation: str
    is_passing: bool = False


# The first that is found counts, so a lasting fault goes before a passing one: for a name with
# several addresses libpq tells the fault of each.
_KNOWN = (
    _Known(
        "password authentication failed|no password supplied|PAM authentication failed",
        "the server refused the password ({at}, {who}); correct the settings 'user' and 'password'",
    ),
    _Known(
        'role ".*" does not exist',
        "the server has no such user ({at}, {who}); correct the setting 'user'",
    ),
    _Known(
        'database ".*" does not exist',
        "the server has no such database ({at}, {who}); correct the setting 'database'",
    ),
    _Known(
        "certificate verify failed",
        "the server's certificate is not accepted: {certificate} ({at}); correct the setting "
        "'ssl_certificate_authority', or have the server's certificate renewed",
    ),
    _Known(
        "root certificate file|could not read root certificate",
        "the certificates of the setting 'ssl_certificate_authority' cannot be used ({reason}); "
        "give the file of the authority that signed the server's certificate",
    ),
    _Known(
        "server certificate for .* does not match host name|host name.*certificate",
        "the server's certificate is for another host ({reason}; {at}); set 'host' to the name in "
        "the certificate, or 'ssl_mode' to verify-ca if the name cannot be right",
    ),
    _Known(
        "server does not support SSL",
        "the server does not encrypt, and the setting 'ssl_mode' demands it ({at}); switch TLS on "
        "in the server (ssl = on), or correct 'host' and 'port'",
    ),
    _Known(
        "no pg_hba.conf entry.*no encryption",
        "the server takes no login without TLS ({at}, {who}); set 'ssl_enable' to true and "
        "'ssl_certificate_authority'",
    ),
    _Known(
        "requires a valid client certificate|certificate authentication failed|alert unknown ca"
        "|alert certificate|certificate required",
        "the server refused the client certificate, or got none ({at}, {who}); correct the "
        "settings 'ssl_client_certificate' and 'ssl_client_private_key'",
    ),
    _Known(
        "private key file|could not load private key|could not read certificate file",
        "the client certificate cannot be used ({reason}); correct the settings "
        "'ssl_client_certificate' and 'ssl_client_private_key'",
    ),
    _Known(
        "Name or service not known|No address associated|nodename nor servname",
        "the name of the server is not known ({at}, {who}); correct the setting 'host'",
    ),
    _Known(
        "resolve|translate host name",
        "the name of the server cannot be looked up ({at}, {who}); correct the setting 'host', or "
        "see to the name service",
        is_passing=True,
    ),
    _Known(
        "the database system is|not yet accepting connections|terminating connection",
        "the server is starting or stopping ({reason}; {at}); wait until it is up",
        is_passing=True,
    ),
    _Known(
        "too many clients|too many connections|connection slots are reserved",
        "the server has no connection left ({reason}; {at}, {who}); end some of its sessions, or "
        "raise its max_connections",
        is_passing=True,
    ),
    _Known(
        "refused",
        "no PostgreSQL server listens at {at} ({who}); start it, or correct the settings 'host' "
        "and 'port'",
        is_passing=True,
    ),
    _Known(
        "timeout|timed out",
        "no answer within {timeout} s from {at} ({who}); check the settings 'host' and 'port' and "
        "that the network lets this machine through",
        is_passing=True,
    ),
    _Known(
        "closed the connection unexpectedly|[Cc]onnection reset|EOF detected|Broken pipe",
        "the connection to {at} was cut at once ({who}); see the server's log, and check that "
        "whatever is in between (a tunnel, a proxy) reaches the server",
        is_passing=True,
    ),
)


def explain(text: str, *, at: str, who: str, timeout: int, certificate: str | None) -> UserError:
    """Say in one line why a login failed and which setting to change.

    Args:
        text: What libpq said.
        at: Names the server.
        who: Names the role and the database.
        timeout: Seconds that the server was waited for.
        certificate: What is wrong with the server's certificate, None if nothing is known.

    Returns:
        The error to raise; a `PassingError` if it is worth another try.
    """
    reason = _reason(text)
    for known in _KNOWN:
        if re.search(known.pattern, text):
            message = known.explanation.format(
                at=at,
                who=who,
                timeout=timeout,
                reason=reason,
                certificate=certificate or "it cannot be verified",
            )
            return PassingError(message) if known.is_passing else UserError(message)
    return UserError(
        f"cannot connect to PostgreSQL ({at}, {who}): {reason}; check the settings 'host', "
        "'port', 'user', 'password' and 'database'"
    )


def is_about_certificate(text: str) -> bool:
    """Whether the server's certificate was not accepted, for a reason that libpq does not name."""
    return "certificate verify failed" in text


def _reason(text: str) -> str:
    """Give the first line of what libpq said, less what the explanation says better."""
    return text.strip().partition("\n")[0].rpartition("failed: ")[2]
