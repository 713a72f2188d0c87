"""The endpoint as the tests of the APIs drive it, with an engine of their own."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pyarrow as pa

from orchestrate.local_athena import endpoint
from orchestrate.local_athena.metastore.catalog import Metastore
from orchestrate.local_athena.model import (
    Cancellation,
    Column,
    QueryError,
    QueryRequest,
    QueryResult,
    StatementKind,
)
from orchestrate.local_stack.settings import AccessKey, StackSettings

BATCH_ROWS = 5_000


class SmallEngine:
    """Runs `select` with DuckDB as it is, and a few words that stand for what an engine may do.

    It shows what the APIs do with an engine; what the real one does, its own tests show.
    """

    def __init__(self) -> None:
        self.started = threading.Event()
        self.requests: list[QueryRequest] = []

    def execute(self, request: QueryRequest, cancellation: Cancellation) -> QueryResult:
        self.requests.append(request)
        word, _, rest = request.sql.partition(" ")
        if word == "wait":  # until stopped
            stopped = threading.Event()
            cancellation.on_ask(stopped.set)
            self.started.set()
            stopped.wait(60)
            raise QueryError("USER_CANCELED", "stopped")
        if word == "fail":
            name, text = rest.split(": ", 1)
            raise QueryError(name, text)
        if word == "break":
            raise RuntimeError(rest)
        if word == "insert":
            return QueryResult(StatementKind.DML, "INSERT", update_count=int(rest))
        if word == "create":
            return QueryResult(StatementKind.DDL, "CREATE_TABLE")
        connection = duckdb.connect()
        found = connection.execute(rest if word == "show" else request.sql)
        types = [_TYPES.get(str(d[1]), str(d[1]).lower()) for d in found.description or ()]
        names = [str(d[0]) for d in found.description or ()]
        columns = tuple(map(Column, names, types))
        if word == "show":
            return QueryResult(StatementKind.UTILITY, "SHOW", columns, found.to_arrow_table())
        rows: pa.RecordBatchReader = found.to_arrow_reader(BATCH_ROWS)
        return QueryResult(StatementKind.DML, "SELECT", columns, rows, scanned=lambda: 1234)


_TYPES = {
    "BLOB": "varbinary",
    "FLOAT": "real",
    "TIMESTAMP": "timestamp(6)",
    "INTEGER[]": "array(integer)",
}


class Server:
    """The endpoint on a port, served by a thread of this process."""

    def __init__(self, settings: StackSettings, data: Path, engine: Any = None) -> None:
        self.settings = settings
        self.engine = engine or SmallEngine()
        self._metastore = Metastore(settings.lake, data)
        self._server = endpoint.create(settings, data, self._metastore, self.engine)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._metastore.close()

    def client(self, service: str, key: AccessKey | None = None, **more: Any) -> Any:
        key = key or self.settings.lake.owner_key
        return boto3.client(service, **self.settings.athena.client_arguments(key), **more)


def run(athena: Any, sql: str, **more: Any) -> dict[str, Any]:
    """Start a query and wait for its end."""
    identifier = athena.start_query_execution(QueryString=sql, **more)["QueryExecutionId"]
    found: dict[str, Any] = athena.get_query_execution(QueryExecutionId=identifier)
    return found["QueryExecution"]  # type: ignore[no-any-return]


def rows(athena: Any, sql: str, **more: Any) -> list[list[str | None]]:
    """The rows of a query, its header first."""
    execution = run(athena, sql, **more)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    pages = athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=execution["QueryExecutionId"]
    )
    return [
        [value.get("VarCharValue") for value in row["Data"]]
        for page in pages
        for row in page["ResultSet"]["Rows"]
    ]
