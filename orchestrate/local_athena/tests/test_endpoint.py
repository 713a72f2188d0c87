"""The endpoint as `make up` runs it: many clients, limits, kills and restarts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from orchestrate.local_athena.tests.api.helpers import rows, run
from orchestrate.local_stack import processes, stack
from orchestrate.local_stack.settings import StackSettings

DATABASE = "whole_endpoint"
_DIGITS = "(values 0,1,2,3,4,5,6,7,8,9)"
_STOP_SECONDS = 20.0


@pytest.fixture(scope="module")
def athena(session_stack: StackSettings) -> Iterator[Any]:
    client = _client(session_stack)
    assert _state(client, f"create database if not exists {DATABASE}") == "SUCCEEDED"
    yield client
    assert _state(client, f"drop database {DATABASE} cascade") == "SUCCEEDED"


def _client(settings: StackSettings) -> Any:
    return boto3.client("athena", **settings.athena.client_arguments(settings.lake.owner_key))


def _state(athena: Any, sql: str) -> str:
    execution = run(athena, sql, QueryExecutionContext={"Database": DATABASE})
    return str(execution["Status"]["State"])


def _rows(athena: Any, sql: str) -> list[list[str | None]]:
    return rows(athena, sql, QueryExecutionContext={"Database": DATABASE})[1:]


def _table(name: str, digits: int) -> str:
    """A statement that makes a table of 10 ** `digits` rows of 128 bytes at random."""
    joined = " cross join ".join(f"{_DIGITS} as d{each}(d)" for each in range(digits))
    total = " + ".join(f"d{each}.d * {10**each}" for each in range(digits))
    hashes = " || ".join(
        f"to_hex(sha256(to_utf8(cast(n as varchar) || '{each}')))" for each in range(4)
    )
    return (
        f"create table {name} with (table_type = 'ICEBERG', is_external = false) as "
        f"select n, {hashes} as h from (select {total} as n "
        f"from {joined}) as numbers"
    )


def _kill(settings: StackSettings, name: str) -> None:
    part = next(each for each in stack.parts(settings) if each.name == name)
    process = part.find_process()
    assert process is not None
    processes.stop(process, signal.SIGKILL, _STOP_SECONDS)


def _up(settings: StackSettings) -> None:
    stack.up(settings, print, stop_with=os.getpid())


def test_eight_clients_write_at_once(session_stack: StackSettings, athena: Any) -> None:
    def work(number: int) -> list[list[str | None]]:
        client = _client(session_stack)
        name = f"own_{number}"
        assert _state(client, _table(name, 3)) == "SUCCEEDED"
        for _ in range(2):
            merge = (
                f"merge into {name} as t using (select n + 500 as n, 'new' as h from {name} "
                "where n < 1000) as s on t.n = s.n when matched then update set h = s.h "
                "when not matched then insert (n, h) values (s.n, s.h)"
            )
            assert _state(client, merge) == "SUCCEEDED"
        return _rows(client, f"select count(*), count(distinct n), count_if(h = 'new') from {name}")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[["1500", "1500", "1000"]]] * 8


def test_a_query_that_reads_more_than_its_group_allows_is_cancelled(
    session_stack: StackSettings, athena: Any
) -> None:
    place = f"s3://{session_stack.lake.files_bucket}/sparing/"
    limit = {
        "BytesScannedCutoffPerQuery": 10_000_000,
        "ResultConfiguration": {"OutputLocation": place},
    }
    athena.create_work_group(Name="sparing", Configuration=limit)
    assert _state(athena, _table("wide", 5)) == "SUCCEEDED"
    context = {"QueryExecutionContext": {"Database": DATABASE}, "WorkGroup": "sparing"}
    stopped = run(athena, "select max(h) from wide", **context)
    assert stopped["Status"]["State"] == "CANCELLED"
    assert stopped["Status"]["StateChangeReason"] == "Bytes scanned limit was exceeded"
    assert stopped["Status"]["AthenaError"]["ErrorCategory"] == 2
    allowed = run(athena, "select count(*) from wide", **context)
    assert allowed["Status"]["State"] == "SUCCEEDED"
    athena.delete_work_group(WorkGroup="sparing", RecursiveDeleteOption=True)


def test_killed_while_it_writes_a_table(session_stack: StackSettings, athena: Any) -> None:
    identifier = athena.start_query_execution(
        QueryString=_table("cut", 6), QueryExecutionContext={"Database": DATABASE}
    )["QueryExecutionId"]
    time.sleep(0.5)
    _kill(session_stack, session_stack.athena.part)
    _up(session_stack)
    status = athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]["Status"]
    assert status["State"] == "FAILED"
    assert "the endpoint ended" in status["StateChangeReason"]
    assert status["AthenaError"]["ErrorCategory"] == 1
    assert _rows(athena, "show tables like 'cut'") == []
    assert _state(athena, _table("cut", 3)) == "SUCCEEDED"
    assert _rows(athena, "select count(*) from cut") == [["1000"]]


def test_the_lake_restarts_while_the_endpoint_runs(
    session_stack: StackSettings, athena: Any
) -> None:
    assert _state(athena, _table("kept", 2)) == "SUCCEEDED"
    _kill(session_stack, session_stack.lake.part)
    try:
        failed = run(athena, f"select count(*) from {DATABASE}.kept")
        assert failed["Status"]["State"] == "FAILED"
        assert failed["Status"]["AthenaError"]["ErrorCategory"] == 1
    finally:
        _up(session_stack)
    assert _rows(athena, "select count(*) from kept") == [["100"]]
    assert _state(athena, _table("after", 2)) == "SUCCEEDED"
