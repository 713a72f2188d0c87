"""A lake that does not answer: nothing waits for ever, and what is stopped says so at once."""

from __future__ import annotations

import re
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from orchestrate.local_athena.engine.duck_engine import DuckEngine
from orchestrate.local_athena.metastore.catalog import Metastore
from orchestrate.local_athena.tests.api.conftest import on_a_free_port
from orchestrate.local_athena.tests.api.helpers import Server, rows, run
from orchestrate.local_stack.settings import Port, StackSettings
from tests.servers import free_ports


class Gate:
    """Stands before a server and hands on what it gets, but for requests that it keeps waiting."""

    def __init__(self, server: Port) -> None:
        self.port = Port(free_ports(1), server.variable)
        self.reached = threading.Event()
        self._server = server.number
        self._held: re.Pattern[bytes] | None = None
        self._open = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port.number))
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def hold(self, request: str) -> Iterator[None]:
        """Keep requests waiting that begin so."""
        self.reached.clear()
        self._open.clear()
        self._held = re.compile(request.encode())
        try:
            yield
        finally:
            self._held = None
            self._open.set()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if self._held is not None and self._held.match(data):
                    self.reached.set()
                    self._open.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()


@pytest.fixture(scope="module")
def s3(session_stack: StackSettings) -> Iterator[Gate]:
    gate = Gate(session_stack.lake.s3_port)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def catalog(session_stack: StackSettings) -> Iterator[Gate]:
    gate = Gate(session_stack.lake.catalog_port)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def athena(
    session_stack: StackSettings,
    s3: Gate,
    catalog: Gate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    lake = replace(session_stack.lake, s3_port=s3.port, catalog_port=catalog.port)
    settings = on_a_free_port(replace(session_stack, lake=lake))
    directory = tmp_path_factory.mktemp("athena")
    engine = DuckEngine(lake, directory, Metastore(lake, directory))
    server = Server(settings, directory, engine)
    client = server.client("athena")
    run(client, "create database if not exists hangs")
    table = f"hangs.t_{uuid.uuid4().hex[:8]}"
    made = run(client, f"create table {table} with (table_type = 'ICEBERG') as select 1 as n")
    assert made["Status"]["State"] == "SUCCEEDED", made
    client.table = table
    yield client
    server.stop()
    engine.close()


def _stop(athena: Any, gate: Gate, sql: str) -> str:
    """Start a query, stop it once the gate keeps it waiting; its id."""
    identifier = athena.start_query_execution(QueryString=sql)["QueryExecutionId"]
    assert gate.reached.wait(30)
    athena.stop_query_execution(QueryExecutionId=identifier)
    return str(identifier)


def _state(athena: Any, identifier: str) -> str:
    """The state, for whose end GetQueryExecution waits less long than any request to the lake."""
    found = athena.get_query_execution(QueryExecutionId=identifier)
    return str(found["QueryExecution"]["Status"]["State"])


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("select * from {}", "GET /v1/.*/tables/"),
        ("insert into {} values (2)", "GET /v1/.*/tables/"),
        ("create table {}_new with (table_type = 'ICEBERG') as select 1 as n", "GET /v1/"),
        ("show tables in hangs", "GET /v1/"),
    ],
)
def test_stopped_while_the_catalog_does_not_answer(
    athena: Any, catalog: Gate, sql: str, kept: str
) -> None:
    with catalog.hold(kept):
        stopped = _stop(athena, catalog, sql.format(athena.table))
        assert _state(athena, stopped) == "CANCELLED"
    assert rows(athena, f"select * from {athena.table}") == [["n"], ["1"]]
    assert rows(athena, f"show tables in hangs like '{athena.table[6:]}*'") == [[athena.table[6:]]]


@pytest.mark.parametrize("kept", ["(GET|HEAD) .*parquet", "PUT .*athena-results"])
def test_stopped_while_it_reads_or_writes_its_result(athena: Any, s3: Gate, kept: str) -> None:
    with s3.hold(kept):
        stopped = _stop(athena, s3, f"select max(n) from {athena.table}")
        assert _state(athena, stopped) == "CANCELLED"


def test_stopped_while_it_commits_it_tells_how_that_ended(athena: Any, catalog: Gate) -> None:
    with catalog.hold("POST /v1/.*(/transactions/commit|/tables/)"):
        stopped = _stop(athena, catalog, f"insert into {athena.table} values (5)")
        found = athena.batch_get_query_execution(QueryExecutionIds=[stopped])["QueryExecutions"]
        assert found[0]["Status"]["State"] == "RUNNING"
    ended = _state(athena, stopped)
    there = rows(athena, f"select n from {athena.table} where n = 5")[1:]
    assert (ended, there) in [("SUCCEEDED", [["5"]]), ("CANCELLED", [])]
