"""A login that fails is explained, and the password is shown nowhere."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from columnar_singer.connection import PostgresConnection
from columnar_singer.errors import UserError


def connection(url: str, **change: object) -> PostgresConnection:
    parts = urlsplit(url)
    config = {
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
        "database": parts.path.lstrip("/"),
        "connect_attempts": 1,
    }
    return PostgresConnection.from_config({**config, **change})


def test_a_connection_shows_who_it_is(postgres_url: str) -> None:
    with connection(postgres_url).connect("a-plugin") as opened:
        row = opened.execute("select current_setting('application_name')").fetchone()
    assert row == ("a-plugin",)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"password": "s3cret-wrong"}, "the server refused the password"),
        ({"user": "no body"}, "correct the settings 'user' and 'password'|no such user"),
        ({"database": "not there"}, "no such database .*'not there'"),
        ({"port": 1}, "no PostgreSQL server listens at host '127.0.0.1', port 1"),
        ({"host": "not-there.invalid"}, "correct the setting 'host'"),
    ],
)
def test_a_login_that_fails_says_which_setting_to_change(
    postgres_url: str, change: dict[str, object], told: str
) -> None:
    refused = connection(postgres_url, **change)
    with pytest.raises(UserError, match=told) as error:
        refused.connect("a-plugin")
    assert "\n" not in str(error.value)
    assert "s3cret-wrong" not in str(error.value)


def test_a_password_is_not_in_the_text_of_a_connection() -> None:
    shown = connection("postgresql://me:s3cret@here:5432/db")
    assert "s3cret" not in repr(shown) + str(shown)


def test_missing_settings_are_all_named() -> None:
    with pytest.raises(UserError, match="'user', 'database'"):
        PostgresConnection.from_config({"host": "here"})
