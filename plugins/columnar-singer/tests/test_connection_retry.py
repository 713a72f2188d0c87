"""A fault that may pass is waited for; one that lasts is told at once."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from columnar_singer.connection import PostgresConnection
from columnar_singer.errors import UserError

from .tls_server import TlsServer


def connect_in_a_thread(config: dict[str, Any]) -> tuple[threading.Thread, list[Any]]:
    """Connect while the test goes on; the list gets what came of it."""
    outcome: list[Any] = []

    def connect() -> None:
        try:
            with PostgresConnection.from_config(config).connect("a-plugin") as opened:
                outcome.append(opened.execute("select 1").fetchone())
        except UserError as error:
            outcome.append(error)

    thread = threading.Thread(target=connect)
    thread.start()
    return thread, outcome


def tries(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in line and "the next is in" in line for line in caplog.messages)


def wait_for_a_try(caplog: pytest.LogCaptureFixture, thread: threading.Thread, words: str) -> None:
    while thread.is_alive() and not tries(caplog, words):
        thread.join(0.05)
    assert tries(caplog, words), caplog.text


def test_a_restart_of_the_server_is_waited_for(
    tls_server: TlsServer, tls_config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    config = {**tls_config, "connect_attempts": 20}
    # It ends when its sessions have, and refuses others until then.
    session = tls_server.superuser()
    tls_server.stop("smart", wait=False)
    thread, outcome = connect_in_a_thread(config)
    wait_for_a_try(caplog, thread, "the server is starting or stopping")
    session.close()
    tls_server.stop()
    wait_for_a_try(caplog, thread, "no PostgreSQL server listens")
    tls_server.start()
    thread.join()
    assert outcome == [(1,)]
    assert tls_config["password"] not in caplog.text
    assert all("\n" not in line for line in caplog.messages)


def test_too_many_connections_are_waited_for(
    tls_server: TlsServer, tls_config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    config = {**tls_config, "connect_attempts": 20}
    with tls_server.superuser() as superuser:
        superuser.execute("alter role tester connection limit 1")
        try:
            first = PostgresConnection.from_config(config).connect("a-plugin")
            thread, outcome = connect_in_a_thread(config)
            wait_for_a_try(caplog, thread, "the server has no connection left")
            first.close()
            thread.join()
        finally:
            superuser.execute("alter role tester connection limit -1")
    assert outcome == [(1,)]


def test_it_is_given_up_in_the_end(
    tls_config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    config = {**tls_config, "port": 1, "connect_attempts": 3}
    with pytest.raises(UserError, match="no PostgreSQL server listens"):
        PostgresConnection.from_config(config).connect("a-plugin")
    assert tries(caplog, "no PostgreSQL server listens") == 2


@pytest.mark.parametrize(
    "change",
    [
        {"password": "wrong"},
        {"database": "no_such"},
        {"host": "no-such-host.invalid"},
        {"ssl_certificate_authority": "/no/such/file"},
    ],
    ids=str,
)
def test_a_lasting_fault_is_told_at_once(
    tls_config: dict[str, Any], caplog: pytest.LogCaptureFixture, change: dict[str, Any]
) -> None:
    config = {**tls_config, "connect_attempts": 100, **change}
    with pytest.raises(UserError):
        PostgresConnection.from_config(config).connect("a-plugin")
    assert caplog.messages == []


def test_of_several_faults_the_lasting_one_counts(tls_config: dict[str, Any]) -> None:
    """A name with several addresses; psycopg tries each and tells all."""
    from columnar_singer.connection_errors import PassingError, explain

    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(
            host="127.0.0.1,127.0.0.1",
            port=f"1,{tls_config['port']}",
            user="tester",
            password="wrong",
            dbname="postgres",
        )
    error = explain(str(caught.value), at="a", who="b", timeout=1, certificate=None)
    assert "refused the password" in str(error)
    assert not isinstance(error, PassingError)
