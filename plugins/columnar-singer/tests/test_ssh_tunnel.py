"""An SSH tunnel to a real PostgreSQL server. The SSH server is asyncssh's, in this process."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from columnar_singer.connection import PostgresConnection
from columnar_singer.errors import UserError

from .tls_server import TlsServer


class _Server(asyncssh.SSHServer):
    """Lets the user `jump` through to anywhere."""

    def connection_requested(self, *_: Any) -> bool:
        return True


class SshServer:
    """A running SSH server and the keys for it."""

    def __init__(self) -> None:
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.loop = asyncio.new_event_loop()
        self.connections: set[Any] = set()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.port = self.do(self._listen()).get_port()

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def _listen(self) -> Any:
        authorized = asyncssh.import_authorized_keys(self.user_key.export_public_key().decode())
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_Server,
            server_host_keys=[self.host_key],
            authorized_client_keys=authorized,
            acceptor=self.connections.add,
        )

    def cut(self) -> None:
        """Cut all connections."""
        for connection in list(self.connections):
            self.loop.call_soon_threadsafe(connection.abort)
        self.connections.clear()


@pytest.fixture(scope="module")
def ssh_server() -> Iterator[SshServer]:
    server = SshServer()
    yield server
    server.loop.call_soon_threadsafe(server.loop.stop)


@pytest.fixture
def config(ssh_server: SshServer, tls_config: dict[str, Any]) -> dict[str, Any]:
    return {
        **tls_config,
        "ssh_tunnel": {
            "enable": True,
            "host": "127.0.0.1",
            "port": ssh_server.port,
            "username": "jump",
            "private_key": ssh_server.user_key.export_private_key().decode(),
            "host_key": ssh_server.host_key.export_public_key().decode(),
        },
    }


def changed(config: dict[str, Any], **change: Any) -> dict[str, Any]:
    return {**config, "ssh_tunnel": {**config["ssh_tunnel"], **change}}


def told(config: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        PostgresConnection.from_config(config).connect("a-plugin")
    line = str(caught.value)
    assert "\n" not in line
    assert "PRIVATE KEY" not in line
    return line


def test_a_tunnel_keeps_tls_and_the_name_of_the_server(
    config: dict[str, Any], ssh_server: SshServer, tls_server: TlsServer
) -> None:
    connection = PostgresConnection.from_config(config)
    with connection.connect("a-plugin") as one, connection.connect("a-plugin") as two:
        for opened in (one, two):
            assert opened.info.port != tls_server.port
            assert opened.execute(
                "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
            ).fetchone() == (True,)
            # More than fits into one window of the protocol.
            assert opened.execute("select repeat('x', 20000000)").fetchone() == ("x" * 20_000_000,)
    assert len(ssh_server.connections) == 1  # both went through the same tunnel


def test_a_tunnel_that_was_cut_is_opened_again(
    config: dict[str, Any], ssh_server: SshServer
) -> None:
    connection = PostgresConnection.from_config({**config, "connect_attempts": 5})
    connection.connect("a-plugin").close()
    ssh_server.cut()
    connection.connect("a-plugin").close()


def test_a_key_in_a_file_with_a_password(
    config: dict[str, Any], ssh_server: SshServer, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_bytes(ssh_server.user_key.export_private_key(passphrase="s3cret", rounds=50))
    good = changed(config, private_key=str(file), private_key_password="s3cret")
    PostgresConnection.from_config(good).connect("a-plugin").close()
    for password in (None, "wr0ng-s3cret"):
        line = told(changed(config, private_key=str(file), private_key_password=password))
        assert "'ssh_tunnel.private_key_password'" in line
        assert "wr0ng-s3cret" not in line


def test_another_host_key_is_refused(config: dict[str, Any]) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    line = told(changed(config, host_key=other))
    assert "is not the one whose key is known" in line
    assert "'ssh_tunnel.host_key'" in line


def test_a_host_key_of_another_kind_is_refused(config: dict[str, Any]) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    assert "'ssh_tunnel.host_key'" in told(changed(config, host_key=other))


def test_one_of_several_host_keys_is_enough(config: dict[str, Any]) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    both = changed(config, host_key=other + "\n" + config["ssh_tunnel"]["host_key"])
    PostgresConnection.from_config(both).connect("a-plugin").close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"username": "jump", "private_key": "OTHER"}, "the SSH server refused the key"),
        ({"port": 1}, "no SSH connection"),
        ({"port": "x"}, "'ssh_tunnel.port' is 'x'"),
        ({"host": "no-such-host.invalid"}, "no SSH connection"),
        ({"host_key": None}, "no value for the setting 'ssh_tunnel.host_key'"),
        ({"host_key": "nonsense"}, "'ssh_tunnel.host_key' is 'nonsense'"),
        ({"private_key": "/no/such/file"}, "'ssh_tunnel.private_key', '/no/such/file', cannot"),
        ({"private_key": "-----BEGIN nonsense"}, "'ssh_tunnel.private_key' cannot be used"),
        ({"username": "", "private_key": ""}, "'ssh_tunnel.username', 'ssh_tunnel.private_key'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    config: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    if change.get("private_key") == "OTHER":
        other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
        change = {**change, "private_key": other}
    assert words in told(changed(config, **change))


def test_a_database_that_the_ssh_server_does_not_reach(config: dict[str, Any]) -> None:
    line = told({**config, "port": 1})
    assert "was cut at once" in line
    assert "tunnel" in line


def test_the_private_key_is_shown_nowhere(config: dict[str, Any]) -> None:
    shown = PostgresConnection.from_config(config)
    assert "PRIVATE KEY" not in repr(shown) + str(shown)


def test_without_asyncssh_the_extra_is_named(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    assert "extra 'ssh'" in told(changed(config, username="another"))


def test_neither_ssh_nor_aws_is_imported_before_it_is_needed() -> None:
    import subprocess

    code = (
        "import sys, columnar_singer.connection; "
        "sys.exit(bool({'asyncssh', 'boto3', 'cryptography'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
