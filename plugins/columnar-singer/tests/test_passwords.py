"""Where a password may come from. Secrets Manager is a simulation of it (moto) on loopback."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from columnar_singer.connection import PostgresConnection
from columnar_singer.errors import UserError
from moto.server import ThreadedMotoServer

from .tls_server import PASSWORD


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def secrets(aws: None, moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    return boto3.client("secretsmanager")


def config_without_password(config: dict[str, Any], **change: Any) -> dict[str, Any]:
    return {**{name: value for name, value in config.items() if name != "password"}, **change}


def assert_connects(config: dict[str, Any]) -> None:
    with PostgresConnection.from_config(config).connect("a-plugin") as opened:
        assert opened.execute("select current_user").fetchone() == ("tester",)


def told(config: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        PostgresConnection.from_config(config).connect("a-plugin")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file(tls_config: dict[str, Any], tmp_path: Path, end: str) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + end)
    assert_connects(config_without_password(tls_config, password_file=str(file)))


def test_a_file_is_read_anew_for_each_connection(
    tls_config: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("the one before")
    config = config_without_password(tls_config, password_file=str(file))
    connection = PostgresConnection.from_config(config)
    with pytest.raises(UserError, match="refused the password"):
        connection.connect("a-plugin")
    file.write_text(PASSWORD)
    connection.connect("a-plugin").close()


def test_a_file_that_cannot_be_used(tls_config: dict[str, Any], tmp_path: Path) -> None:
    missing = config_without_password(tls_config, password_file=str(tmp_path / "none"))
    assert "'password_file'" in told(missing)
    for content in ("", "\n", "two\nlines\n"):
        file = tmp_path / "password"
        file.write_text(content)
        line = told(config_without_password(tls_config, password_file=str(file)))
        assert "must hold one line" in line
        assert "two" not in line


@pytest.mark.parametrize(
    "text",
    [PASSWORD, json.dumps({"username": "tester", "password": PASSWORD, "port": 5432})],
    ids=["text", "JSON"],
)
@pytest.mark.parametrize("by", ["Name", "ARN"])
def test_a_secret(tls_config: dict[str, Any], secrets: Any, text: str, by: str) -> None:
    made = secrets.create_secret(Name=f"database/{hash(text)}/{by}", SecretString=text)
    assert_connects(config_without_password(tls_config, password_secret=made[by]))


def test_the_region_of_an_arn_is_its_own(
    tls_config: dict[str, Any], secrets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = secrets.create_secret(Name="here", SecretString=PASSWORD)["ARN"]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert_connects(config_without_password(tls_config, password_secret=arn))


def test_a_secret_that_cannot_be_used(
    tls_config: dict[str, Any], secrets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = told(config_without_password(tls_config, password_secret="no/such"))
    assert "AWS does not give the secret 'no/such'" in line
    assert "find the specified secret" in line
    secrets.create_secret(Name="odd", SecretString='{"pass": "s3cret"}')
    line = told(config_without_password(tls_config, password_secret="odd"))
    assert "'odd' holds no password" in line
    assert "s3cret" not in line
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    line = told(config_without_password(tls_config, password_secret="odd"))
    assert "AWS_REGION" in line


def test_a_password_of_digits_is_a_text(secrets: Any) -> None:
    secrets.create_secret(Name="digits", SecretString="12345678")
    config = {"host": "h", "user": "u", "database": "d", "password_secret": "digits"}
    source = PostgresConnection.from_config(config).password
    assert source.read("h", 1, "u") == "12345678"


@pytest.mark.usefixtures("aws")
def test_a_token_of_rds_is_for_the_host_port_and_user() -> None:
    """Amazon's own code makes it and only RDS takes it, so its form is all there is to test."""
    config = {
        "host": "db.example.com",
        "port": 6543,
        "user": "tester",
        "database": "d",
        "ssl_enable": True,
        "ssl_certificate_authority": "-----BEGIN",
        "use_iam_authentication": True,
    }
    connection = PostgresConnection.from_config(config)
    token = connection.password.read(connection.host, connection.port, connection.user)
    assert token is not None
    assert token.startswith("db.example.com:6543/?Action=connect&DBUser=tester&")
    assert "eu-central-1" in token


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "s3cret", "password_file": "f"}, "'password' and 'password_file'"),
        (
            {"password_secret": "a", "use_iam_authentication": True},
            "'password_secret' and 'use_iam_authentication'",
        ),
        ({"use_iam_authentication": True}, "needs TLS"),
    ],
)
def test_one_source_only(change: dict[str, Any], words: str) -> None:
    config = {"host": "h", "user": "u", "database": "d", **change}
    with pytest.raises(UserError, match=words) as caught:
        PostgresConnection.from_config(config)
    assert "s3cret" not in str(caught.value)


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert "extra 'aws'" in told(
        {"host": "h", "user": "u", "database": "d", "password_secret": "a"}
    )
