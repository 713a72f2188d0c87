"""An SSH tunnel to a PostgreSQL server that only another host can reach.

The tunnel lives in a thread of this process and listens on the loopback address. The host key of
the SSH server must be known: without, whoever answers in its place could read what is sent.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from columnar_singer.connection_errors import PassingError
from columnar_singer.errors import UserError
from columnar_singer.tls import is_text, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

DEFAULT_PORT = 22
HIGHEST_PORT = 65535
LOOPBACK = "127.0.0.1"
CONNECT_TIMEOUT_SECONDS = 15
KEEPALIVE_SECONDS = 30

SSH_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "ssh_tunnel",
        th.ObjectType(
            th.Property("enable", th.BooleanType, description="Whether to use the tunnel."),
            th.Property("host", th.StringType, description="SSH server (bastion)."),
            th.Property(
                "port",
                th.CustomType({"type": ["integer", "string"]}),
                description=f"Its port; {DEFAULT_PORT} if left out.",
            ),
            th.Property("username", th.StringType, description="User of the SSH server."),
            th.Property(
                "private_key",
                th.StringType,
                secret=True,
                description="Key to log in with: its text (PEM, OpenSSH), or a file.",
            ),
            th.Property(
                "private_key_password",
                th.StringType,
                secret=True,
                description="Password of that key, if it has one.",
            ),
            th.Property(
                "host_key",
                th.StringType,
                description=(
                    "Public key of the SSH server, `ssh-ed25519 AAAA…`, as in its "
                    "/etc/ssh/ssh_host_ed25519_key.pub; several in a line each."
                ),
            ),
        ),
        description="Reach the server through SSH; `host` and `port` are as the SSH server sees.",
    ),
)
"""The settings of a tunnel, to be put into a plugin's `PropertiesList`."""


@dataclass(frozen=True)
class SshTunnel:
    """How to reach the SSH server.

    Attributes:
        host: Name or address.
        port: TCP port.
        username: Who logs in.
        private_key: Text or file of the key.
        private_key_password: Of that key, None if it has none.
        host_key: Public keys of the server, one a line.
    """

    host: str
    port: int
    username: str
    private_key: str = field(repr=False)
    private_key_password: str | None = field(repr=False)
    host_key: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SshTunnel | None:
        """Take the tunnel out of a plugin's settings.

        Returns:
            None if there is none.

        Raises:
            UserError: A setting is missing.
        """
        given = config.get("ssh_tunnel") or {}
        if not given.get("enable"):
            return None
        needed = ("host", "username", "private_key", "host_key")
        missing = [name for name in needed if not given.get(name)]
        if missing:
            names = ", ".join(f"'ssh_tunnel.{name}'" for name in missing)
            message = f"no value for the setting {names}, which 'ssh_tunnel.enable' needs"
            if "host_key" in missing:
                message += "; `ssh-keyscan` shows the host key, compare it with the server's own"
            raise UserError(message)
        return cls(
            given["host"],
            port_number("ssh_tunnel.port", given.get("port") or DEFAULT_PORT),
            given["username"],
            given["private_key"],
            given.get("private_key_password"),
            given["host_key"],
        )

    def local_port(self, host: str, port: int) -> int:
        """Open the tunnel, or use the one that this process has open.

        Args:
            host: Where it leads to, as the SSH server names it.
            port: Where it leads to.

        Returns:
            The port of the loopback address to connect to.

        Raises:
            UserError: The SSH server refuses, or is not the one whose key is known.
            PassingError: It cannot be reached.
        """
        # A forked process has the dictionary, but not the thread.
        key = (self, host, port, os.getpid())
        with _opening:
            tunnel = _open_tunnels.get(key)
            if tunnel is None or tunnel.is_closed:
                tunnel = _open_tunnels[key] = _OpenTunnel(self, host, port)
            return tunnel.port


class _OpenTunnel:
    """A tunnel, and the thread that it lives in."""

    def __init__(self, settings: SshTunnel, host: str, port: int) -> None:
        self._asyncssh = _import()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="ssh-tunnel", daemon=True).start()
        opening = asyncio.run_coroutine_threadsafe(self._open(settings, host, port), self._loop)
        try:
            self.port: int = opening.result()
        except BaseException:
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise
        atexit.register(self.close)

    @property
    def is_closed(self) -> bool:
        return bool(self._connection.is_closed())

    def close(self) -> None:
        async def close() -> None:
            self._connection.close()
            await self._connection.wait_closed()

        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(close(), self._loop).result(CONNECT_TIMEOUT_SECONDS)

    async def _open(self, settings: SshTunnel, host: str, port: int) -> int:
        at = f"host {settings.host!r}, port {settings.port}, user {settings.username!r}"
        asyncssh = self._asyncssh
        host_keys = _host_keys(asyncssh, settings.host_key)
        private_key = _private_key(asyncssh, settings)
        try:
            self._connection = await asyncssh.connect(
                settings.host,
                settings.port,
                username=settings.username,
                client_keys=[private_key],
                known_hosts=(host_keys, [], []),
                # Nothing but the settings counts: neither the user's configuration nor an agent.
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                login_timeout=CONNECT_TIMEOUT_SECONDS,
                keepalive_interval=KEEPALIVE_SECONDS,
            )
            listener = await self._connection.forward_local_port(LOOPBACK, 0, host, port)
        except asyncssh.HostKeyNotVerifiable as error:
            message = (
                f"the SSH server is not the one whose key is known ({at}): it shows another than "
                "'ssh_tunnel.host_key'; if its key was changed on purpose, change the setting"
            )
            raise UserError(message) from error
        except asyncssh.PermissionDenied as error:
            message = (
                f"the SSH server refused the key ({at}); correct the settings "
                "'ssh_tunnel.username' and 'ssh_tunnel.private_key'"
            )
            raise UserError(message) from error
        except (OSError, asyncssh.Error, TimeoutError) as error:
            reason = " ".join(str(error).split()) or "no answer"
            message = (
                f"no SSH connection ({at}): {reason}; check the settings 'ssh_tunnel.host', "
                "'ssh_tunnel.port' and 'ssh_tunnel.host_key' (a server without a key of that kind "
                "hangs up)"
            )
            raise PassingError(message) from error
        return int(listener.get_port())


def port_number(setting: str, value: int | str) -> int:
    """Read the setting of a TCP port, a number or its text.

    Raises:
        UserError: It is none.
    """
    text = str(value)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= HIGHEST_PORT):
        message = f"the setting {setting!r} is {value!r}; give a number from 1 to {HIGHEST_PORT}"
        raise UserError(message)
    return int(text)


_opening = threading.Lock()
_open_tunnels: dict[tuple[SshTunnel, str, int, int], _OpenTunnel] = {}


def _import() -> ModuleType:
    try:
        # Here, for most connections go without.
        import asyncssh
    except ImportError as error:
        message = (
            "the setting 'ssh_tunnel' needs the package asyncssh; install the plugin with its "
            "extra 'ssh'"
        )
        raise UserError(message) from error
    # It tells each connection and each channel.
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    return asyncssh


def _host_keys(asyncssh: ModuleType, text: str) -> list[Any]:
    try:
        return [asyncssh.import_public_key(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        message = (
            f"the setting 'ssh_tunnel.host_key' is {text!r}; give the server's public key, "
            "as in its /etc/ssh/ssh_host_ed25519_key.pub"
        )
        raise UserError(message) from error


def _private_key(asyncssh: ModuleType, settings: SshTunnel) -> Any:  # noqa: ANN401 (untyped)
    key, password = settings.private_key, settings.private_key_password
    try:
        if is_text(key):
            return asyncssh.import_private_key(key, password)
        return asyncssh.read_private_key(path_of("ssh_tunnel.private_key", key), password)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        message = (
            f"the setting 'ssh_tunnel.private_key' cannot be used: {error}; give a private key in "
            "the form of OpenSSH or PEM, and 'ssh_tunnel.private_key_password' if it has one"
        )
        raise UserError(message) from error
