"""TLS against a real server: what is accepted, and how each refusal is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from columnar_singer.connection import PostgresConnection
from columnar_singer.errors import UserError

from .tls_server import Authority, Pair, TlsServer

_IS_ENCRYPTED = "select ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()"


def session(config: dict[str, Any], **change: Any) -> tuple[Any, ...]:
    """Connect; whether the session is encrypted, and the name in the client's certificate."""
    connection = PostgresConnection.from_config({**config, **change})
    with connection.connect("a-plugin") as opened:
        row = opened.execute(_IS_ENCRYPTED).fetchone()
    assert row is not None
    return row


def told(config: dict[str, Any], **change: Any) -> str:
    """The one line that says why there is no connection."""
    with pytest.raises(UserError) as caught:
        session(config, **change)
    line = str(caught.value)
    assert "\n" not in line
    assert config["password"] not in line
    assert "PRIVATE KEY" not in line
    return line


@pytest.fixture
def other_certificate(tls_server: TlsServer) -> Iterator[Any]:
    yield tls_server.use
    tls_server.use(tls_server.authority.issue("localhost"))


@pytest.mark.parametrize("as_file", [False, True])
def test_verify_full_is_the_default_and_takes_a_file_or_a_text(
    tls_config: dict[str, Any], tmp_path: Path, *, as_file: bool
) -> None:
    if as_file:
        file = tmp_path / "authority.pem"
        file.write_text(tls_config["ssl_certificate_authority"])
        tls_config["ssl_certificate_authority"] = str(file)
    assert PostgresConnection.from_config(tls_config).tls.mode == "verify-full"  # type: ignore[union-attr]
    assert session(tls_config) == (True, None)


def test_a_certificate_of_another_authority(tls_config: dict[str, Any]) -> None:
    line = told(tls_config, ssl_certificate_authority=Authority("another").certificate)
    assert "certificate is not accepted: self-signed" in line
    assert "'ssl_certificate_authority'" in line


def test_an_expired_certificate(
    tls_config: dict[str, Any], tls_server: TlsServer, other_certificate: Any
) -> None:
    other_certificate(tls_server.authority.issue("localhost", expired=True))
    line = told(tls_config)
    assert "certificate has expired" in line
    assert "renewed" in line


def test_a_certificate_for_another_host(
    tls_config: dict[str, Any], tls_server: TlsServer, other_certificate: Any
) -> None:
    other_certificate(tls_server.authority.issue("elsewhere.example"))
    line = told(tls_config)
    assert "elsewhere.example" in line
    assert "'host'" in line
    assert session(tls_config, ssl_mode="verify-ca") == (True, None)


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
def test_a_server_without_tls_is_refused(
    tls_config: dict[str, Any], tls_server: TlsServer, mode: str
) -> None:
    tls_server.configure("ssl", "off")
    try:
        line = told(tls_config, ssl_mode=mode)
        assert "does not encrypt" in line
        assert "'ssl_mode'" in line
    finally:
        tls_server.configure("ssl", "on")


def test_a_server_that_demands_tls(tls_config: dict[str, Any]) -> None:
    encrypted = {**tls_config, "user": "encrypted"}
    assert session(encrypted) == (True, None)
    line = told(encrypted, ssl_mode="disable")
    assert "'ssl_enable'" in line


@pytest.mark.parametrize("as_file", [False, True])
def test_a_client_certificate(
    tls_config: dict[str, Any], tls_server: TlsServer, tmp_path: Path, *, as_file: bool
) -> None:
    pair = tls_server.authority.issue("certified")
    given = {"certificate": pair.certificate, "key": pair.key}
    if as_file:
        for name, text in given.items():
            file = tmp_path / name
            file.touch(mode=0o600)
            file.write_text(text)
            given[name] = str(file)
    config = {
        **tls_config,
        "user": "certified",
        "ssl_client_certificate": given["certificate"],
        "ssl_client_private_key": given["key"],
    }
    assert session(config) == (True, "/CN=certified")
    assert pair.key not in repr(PostgresConnection.from_config(config))


def bad_pair(tls_server: TlsServer, fault: str) -> Pair:
    return {
        "another's name": tls_server.authority.issue("somebody"),
        "another authority": Authority("another").issue("certified"),
        "expired": tls_server.authority.issue("certified", expired=True),
        "key of another": Pair(
            tls_server.authority.issue("certified").certificate,
            tls_server.authority.issue("certified").key,
        ),
    }[fault]


@pytest.mark.parametrize(
    "fault", ["none given", "another's name", "another authority", "expired", "key of another"]
)
def test_a_client_certificate_that_is_refused(
    tls_config: dict[str, Any], tls_server: TlsServer, fault: str
) -> None:
    change: dict[str, Any] = {"user": "certified"}
    if fault != "none given":
        pair = bad_pair(tls_server, fault)
        change["ssl_client_certificate"] = pair.certificate
        change["ssl_client_private_key"] = pair.key
    line = told(tls_config, **change)
    assert "client certificate" in line
    assert "'ssl_client_certificate'" in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ssl_enable": False}, "'ssl_certificate_authority' does nothing while 'ssl_enable'"),
        ({"ssl_mode": "verify"}, "'ssl_mode' is 'verify'; give one of disable"),
        ({"ssl_certificate_authority": None}, "which needs 'ssl_certificate_authority'"),
        ({"ssl_certificate_authority": "/no/such.pem"}, "'ssl_certificate_authority'.*No such"),
        (
            {"ssl_certificate_authority": "-----BEGIN nonsense"},
            "'ssl_certificate_authority' cannot",
        ),
        ({"ssl_client_certificate": "-----BEGIN"}, "no value for .* 'ssl_client_private_key'"),
        ({"ssl_client_private_key": "-----BEGIN"}, "no value for .* 'ssl_client_certificate'"),
    ],
)
def test_settings_that_contradict_each_other(
    tls_config: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        session(tls_config, **change)
    assert "\n" not in str(caught.value)
