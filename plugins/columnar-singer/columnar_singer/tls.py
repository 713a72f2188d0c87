"""TLS of a PostgreSQL connection: the settings, and what libpq is given for them.

https://www.postgresql.org/docs/current/libpq-ssl.html
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_MODE = "verify-full"
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_VERIFYING_MODES = ("verify-ca", "verify-full")

# https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)

TLS_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "ssl_enable",
        th.BooleanType,
        default=False,
        description=(
            "Whether `ssl_mode` and the certificates count. Off: TLS if the server offers it, "
            "and nothing is checked."
        ),
    ),
    th.Property(
        "ssl_mode",
        th.StringType,
        allowed_values=list(MODES),
        description=(
            f"As libpq's sslmode; {DEFAULT_MODE} if left out: encrypted, and the server's "
            "certificate is checked and names `host`."
        ),
    ),
    th.Property(
        "ssl_certificate_authority",
        th.StringType,
        description="Who may sign the server's certificate: a file, or its text (PEM).",
    ),
    th.Property(
        "ssl_client_certificate",
        th.StringType,
        description="Certificate to log in with: a file, or its text (PEM).",
    ),
    th.Property(
        "ssl_client_private_key",
        th.StringType,
        secret=True,
        description="Key of that certificate: a file of mode 0600, or its text (PEM).",
    ),
)
"""The settings of TLS, to be put into a plugin's `PropertiesList`."""


@dataclass(frozen=True)
class Tls:
    """How a connection is encrypted.

    Attributes:
        mode: As libpq's `sslmode`.
        certificate_authority: File or text of the certificates that may have signed the server's.
        client_certificate: File or text of the certificate to log in with.
        client_private_key: File or text of its key.
    """

    mode: str
    certificate_authority: str | None = None
    client_certificate: str | None = None
    client_private_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Tls | None:
        """Take TLS out of a plugin's settings.

        Args:
            config: The plugin's settings.

        Returns:
            None if `ssl_enable` is off.

        Raises:
            UserError: The settings contradict each other, so that somebody would take a connection
                for safer than it is.
        """
        names = [setting.name for setting in TLS_SETTINGS[1:] if config.get(setting.name)]
        if not config.get("ssl_enable"):
            if names:
                message = (
                    f"the setting {names[0]!r} does nothing while 'ssl_enable' is off; "
                    "set 'ssl_enable' to true, or leave it out"
                )
                raise UserError(message)
            return None
        mode = config.get("ssl_mode") or DEFAULT_MODE
        if mode not in MODES:
            message = f"the setting 'ssl_mode' is {mode!r}; give one of {', '.join(MODES)}"
            raise UserError(message)
        if mode in _VERIFYING_MODES and "ssl_certificate_authority" not in names:
            message = (
                f"the setting 'ssl_mode' is {mode!r}, which needs 'ssl_certificate_authority': the "
                "file of the certificates that may have signed the server's"
            )
            raise UserError(message)
        pair = {"ssl_client_certificate", "ssl_client_private_key"}
        if len(pair.intersection(names)) == 1:
            [missing] = pair.difference(names)
            message = f"no value for the setting {missing!r}; a client certificate needs its key"
            raise UserError(message)
        return cls(
            mode,
            config.get("ssl_certificate_authority"),
            config.get("ssl_client_certificate"),
            config.get("ssl_client_private_key"),
        )

    @contextlib.contextmanager
    def parameters(self) -> Iterator[dict[str, str]]:
        """Give the parameters of libpq, good while a connection is being opened.

        Yields:
            Values by name: https://www.postgresql.org/docs/current/libpq-connect.html

        Raises:
            UserError: A file is not there.
        """
        given = {
            "sslrootcert": ("ssl_certificate_authority", self.certificate_authority),
            "sslcert": ("ssl_client_certificate", self.client_certificate),
            "sslkey": ("ssl_client_private_key", self.client_private_key),
        }
        with contextlib.ExitStack() as stack:
            files = {
                parameter: stack.enter_context(_as_file(setting, value))
                for parameter, (setting, value) in given.items()
                if value
            }
            yield {"sslmode": self.mode, **files}

    def fault_of_certificate(self, host: str, port: int, timeout: float) -> str | None:
        """Find out why the server's certificate was not accepted, which libpq does not say.

        Args:
            host: Where the server listens.
            port: Where the server listens.
            timeout: Seconds.

        Returns:
            OpenSSL's words, such as `certificate has expired`; None if it finds no fault.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        try:
            with self.parameters() as files:
                context.load_verify_locations(files.get("sslrootcert"))
            with socket.create_connection((host, port), timeout) as plain:
                plain.sendall(_SSL_REQUEST)
                if plain.recv(1) == b"S":
                    context.wrap_socket(plain).close()
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except OSError:
            pass
        return None


def is_text(value: str) -> bool:
    """Whether a setting holds a key or certificate itself, and not the name of its file."""
    return value.lstrip().startswith("-----BEGIN")


def path_of(setting: str, value: str) -> Path:
    """Give the file that a setting names.

    Raises:
        UserError: It cannot be read.
    """
    path = Path(value).expanduser()
    try:
        path.open("rb").close()
    except OSError as error:
        message = (
            f"the file of the setting {setting!r}, {value!r}, cannot be read: "
            f"{error.strerror}; correct the setting"
        )
        raise UserError(message) from error
    return path


@contextlib.contextmanager
def _as_file(setting: str, value: str) -> Iterator[str]:
    if not is_text(value):
        yield str(path_of(setting, value))
        return
    if not hasattr(os, "memfd_create"):
        message = f"the setting {setting!r} holds a text; on this system, give the name of a file"
        raise UserError(message)
    # libpq reads files only. This one is in memory and has no name that others could open.
    descriptor = os.memfd_create(setting)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, value.encode())
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)
