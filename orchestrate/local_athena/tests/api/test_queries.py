"""Queries through boto3: states, results, pages, stopping, errors."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrate.local_athena.queries.runs import CONCURRENT_QUERIES
from orchestrate.local_athena.tests.api.helpers import BATCH_ROWS, Server, rows, run
from orchestrate.local_stack.settings import StackSettings


def start(athena: Any, sql: str, **more: Any) -> str:
    return str(athena.start_query_execution(QueryString=sql, **more)["QueryExecutionId"])


def state(athena: Any, identifier: str) -> str:
    found = athena.batch_get_query_execution(QueryExecutionIds=[identifier])
    return str(found["QueryExecutions"][0]["Status"]["State"])


def test_a_select_gives_its_header_and_rows(athena: Any) -> None:
    assert rows(athena, "select 1 as a, 'x' as b, null::varchar as c") == [
        ["a", "b", "c"],
        ["1", "x", None],
    ]


def test_what_a_query_says_of_itself(athena: Any, server: Server) -> None:
    execution = run(
        athena,
        "select 1 as a",
        QueryExecutionContext={"Database": "Marts", "Catalog": "AwsDataCatalog"},
        ExecutionParameters=["1", "'x'"],
        ResultReuseConfiguration={
            "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}
        },
    )
    assert execution["StatementType"] == "DML"
    assert execution["SubstatementType"] == "SELECT"
    assert execution["WorkGroup"] == "primary"
    assert execution["ExecutionParameters"] == ["1", "'x'"]
    assert execution["QueryExecutionContext"] == {"Database": "marts", "Catalog": "AwsDataCatalog"}
    assert execution["ResultConfiguration"]["OutputLocation"] == (
        f"{server.settings.athena.results_location}{execution['QueryExecutionId']}.csv"
    )
    statistics = execution["Statistics"]
    assert statistics["DataScannedInBytes"] == 1234
    assert not statistics["ResultReuseInformation"]["ReusedPreviousResult"]
    assert statistics["TotalExecutionTimeInMillis"] >= statistics["EngineExecutionTimeInMillis"]
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]
    runtime = athena.get_query_runtime_statistics(QueryExecutionId=execution["QueryExecutionId"])
    assert runtime["QueryRuntimeStatistics"]["Rows"]["OutputRows"] == 1
    asked = server.engine.requests[-1]
    assert (asked.database, asked.parameters) == ("marts", ("1", "'x'"))


def test_columns_bear_athenas_types(athena: Any) -> None:
    execution = run(
        athena,
        "select 1::bigint a, 1.5::decimal(9,2) b, 'x' c, true d, [1] e, now()::timestamp f, "
        "1::real g",
    )
    found = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    columns = found["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(c["Name"], c["Type"], c["Precision"], c["Scale"]) for c in columns] == [
        ("a", "bigint", 19, 0),
        ("b", "decimal", 9, 2),
        ("c", "varchar", 2147483647, 0),
        ("d", "boolean", 0, 0),
        ("e", "array", 0, 0),
        ("f", "timestamp", 6, 0),
        ("g", "float", 17, 0),
    ]
    assert [c["CaseSensitive"] for c in columns] == [False, False, True, *[False] * 4]


def test_pages_hold_every_row_once(athena: Any) -> None:
    count = 2 * BATCH_ROWS + 7
    text = "case when i % 3 = 0 then null when i % 3 = 1 then '' else 'a\"b,\n' || i end"
    identifier = run(athena, f"select i::bigint i, {text} t from range({count}) r(i)")[
        "QueryExecutionId"
    ]
    expected = [["i", "t"]] + [
        [str(i), None if i % 3 == 0 else "" if i % 3 == 1 else f'a"b,\n{i}'] for i in range(count)
    ]
    token: dict[str, str] = {}
    found: list[list[str | None]] = []
    while True:
        page = athena.get_query_results(QueryExecutionId=identifier, MaxResults=999, **token)
        page_rows = page["ResultSet"]["Rows"]
        assert len(page_rows) <= 999
        found += [[v.get("VarCharValue") for v in row["Data"]] for row in page_rows]
        if "NextToken" not in page:
            break
        assert len(page_rows) == 999
        token = {"NextToken": page["NextToken"]}
    assert found == expected


def test_a_token_leads_into_no_other_result(athena: Any) -> None:
    mine, other = (
        run(athena, f"select {n} + i as i from range(1500) r(i)")["QueryExecutionId"]
        for n in (1, 1000)
    )
    token = athena.get_query_results(QueryExecutionId=mine)["NextToken"]
    offset = token.partition("-")[0]
    for wrong in (offset, "7", "-1", "none", f"{int(offset) + 1}-{token.partition('-')[2]}"):
        with pytest.raises(ClientError, match="NextToken is"):
            athena.get_query_results(QueryExecutionId=mine, NextToken=wrong)
        with pytest.raises(ClientError, match="NextToken is"):
            athena.list_query_executions(NextToken=wrong)
    with pytest.raises(ClientError, match="NextToken is"):
        athena.get_query_results(QueryExecutionId=other, NextToken=token)
    with pytest.raises(ClientError, match="MaxResults is 1001"):
        athena.get_query_results(QueryExecutionId=mine, MaxResults=1001)


def test_a_page_that_ends_with_the_result_has_no_token(athena: Any) -> None:
    identifier = run(athena, "select i from range(9) r(i)")["QueryExecutionId"]
    page = athena.get_query_results(QueryExecutionId=identifier, MaxResults=10)
    assert len(page["ResultSet"]["Rows"]) == 10
    assert "NextToken" not in page


def test_a_utility_statement_gives_lines_without_header(athena: Any) -> None:
    execution = run(athena, "show select 'a\nb' as line")
    assert execution["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    assert rows(athena, "show select 'a\nb' as line") == [["a"], ["b"]]
    assert rows(athena, "show select 'x' as a, null::varchar as b, 'z' as c") == [["x", "", "z"]]


def test_statements_without_rows(athena: Any) -> None:
    written = run(athena, "insert 3")
    found = athena.get_query_results(QueryExecutionId=written["QueryExecutionId"])
    assert found["UpdateCount"] == 3
    assert found["ResultSet"]["Rows"] == []
    assert [c["Name"] for c in found["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]] == ["rows"]
    assert rows(athena, "create") == []


def test_a_failed_query_says_why(athena: Any) -> None:
    execution = run(athena, "fail TABLE_NOT_FOUND: line 1:15: Table 'a.b' does not exist")
    status = execution["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"] == ("TABLE_NOT_FOUND: line 1:15: Table 'a.b' does not exist")
    assert status["AthenaError"]["ErrorCategory"] == 2
    assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"]
    assert status["AthenaError"]["Retryable"] is False
    with pytest.raises(ClientError, match=r"did not finish successfully.*FAILED"):
        athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])


def test_a_fault_of_the_engine_is_the_systems(athena: Any) -> None:
    status = run(athena, "break it")["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"] == "GENERIC_INTERNAL_ERROR: RuntimeError: it"
    assert status["AthenaError"]["ErrorCategory"] == 1


def test_a_running_query_is_stopped(athena: Any, server: Server) -> None:
    server.engine.started.clear()
    identifier = start(athena, "wait")
    assert server.engine.started.wait(10)
    assert state(athena, identifier) == "RUNNING"
    with pytest.raises(ClientError, match=r"not yet finished\. Current state: RUNNING"):
        athena.get_query_results(QueryExecutionId=identifier)
    with ThreadPoolExecutor() as pool:  # one who waits is told at once
        waiting = pool.submit(athena.get_query_execution, QueryExecutionId=identifier)
        athena.stop_query_execution(QueryExecutionId=identifier)
        assert waiting.result(10)["QueryExecution"]["Status"]["State"] == "CANCELLED"
    athena.stop_query_execution(QueryExecutionId=identifier)  # again: nothing to do


def test_a_query_waits_while_as_many_run_as_may(athena: Any) -> None:
    running = [start(athena, "wait") for _ in range(CONCURRENT_QUERIES)]
    waiting = start(athena, "select 1")
    stopped = start(athena, "select 2")
    assert state(athena, waiting) == "QUEUED"
    athena.stop_query_execution(QueryExecutionId=stopped)
    assert state(athena, stopped) == "CANCELLED"
    for identifier in running:
        athena.stop_query_execution(QueryExecutionId=identifier)
    found = athena.get_query_execution(QueryExecutionId=waiting)["QueryExecution"]
    assert found["Status"]["State"] == "SUCCEEDED"
    assert found["Statistics"]["QueryQueueTimeInMillis"] > 0
    assert state(athena, stopped) == "CANCELLED"


def test_a_query_ends_though_its_end_cannot_be_kept(
    athena: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("orchestrate.local_athena.queries.history.History.save", full)
    assert rows(athena, "select 1 as i") == [["i"], ["1"]]
    assert run(athena, "fail X: y")["Status"]["State"] == "FAILED"


def test_queries_run_side_by_side(athena: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: rows(athena, f"select {i} as i"), range(40)))
    assert found == [[["i"], [str(i)]] for i in range(40)]


def test_a_token_sent_twice_starts_one_query(athena: Any, server: Server) -> None:
    token = str(uuid.uuid4())
    before = len(server.engine.requests)
    first = start(athena, "select 7", ClientRequestToken=token)
    assert start(athena, "select 7", ClientRequestToken=token) == first
    run(athena, "select 8")
    assert len(server.engine.requests) == before + 2
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        start(athena, "select 9", ClientRequestToken=token)


def test_the_history_lists_the_newest_first(athena: Any) -> None:
    athena.create_work_group(Name="listed")
    location = {"OutputLocation": "s3://trackman-lake-files/listed"}
    mine = [
        run(athena, f"select {i}", WorkGroup="listed", ResultConfiguration=location)[
            "QueryExecutionId"
        ]
        for i in range(5)
    ]
    first = athena.list_query_executions(WorkGroup="listed", MaxResults=3)
    rest = athena.list_query_executions(WorkGroup="listed", NextToken=first["NextToken"])
    assert first["QueryExecutionIds"] + rest["QueryExecutionIds"] == mine[::-1]
    assert "NextToken" not in rest


def test_a_query_that_never_was(athena: Any) -> None:
    missing = str(uuid.uuid4())
    for ask in (athena.get_query_execution, athena.get_query_results, athena.stop_query_execution):
        with pytest.raises(athena.exceptions.InvalidRequestException, match="was not found"):
            ask(QueryExecutionId=missing)
    found = athena.batch_get_query_execution(QueryExecutionIds=[missing])
    assert found["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == missing


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/tmp/x", "not a valid S3 path"),
        ("s3://", "not a valid S3 path"),
        ("s3://there-is-none/x/", "Unable to verify/create output bucket there-is-none"),
    ],
)
def test_a_location_that_cannot_be(athena: Any, location: str, reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        start(athena, "select 1", ResultConfiguration={"OutputLocation": location})


def test_dbts_key_writes_no_result_among_the_raw_data(server: Server) -> None:
    athena = server.client("athena", server.settings.lake.dbt_key)
    assert rows(athena, "select 1 as a") == [["a"], ["1"]]
    raw = f"s3://{server.settings.lake.bucket}/raw/results/"
    status = run(athena, "select 1", ResultConfiguration={"OutputLocation": raw})["Status"]
    assert status["State"] == "FAILED"
    assert "AccessDenied" in status["StateChangeReason"]
    assert server.engine.requests[-1].identity.may_write("marts")
    assert not server.engine.requests[-1].identity.may_write("RAW")


def test_history_and_results_outlive_the_endpoint(
    lake_settings: StackSettings, tmp_path: Path, server: Server
) -> None:
    from orchestrate.local_athena.tests.api.conftest import on_a_free_port

    settings = on_a_free_port(lake_settings)
    first = Server(settings, tmp_path)
    athena = first.client("athena")
    done = run(athena, "select i from range(1500) r(i)")["QueryExecutionId"]
    page = athena.get_query_results(QueryExecutionId=done)
    running = start(athena, "wait")
    first.engine.started.wait(10)
    asked = threading.Thread(
        target=athena.get_query_execution, args=(), kwargs={"QueryExecutionId": running}
    )
    asked.start()
    began = time.monotonic()
    first.stop()
    assert time.monotonic() - began < 15  # one who waits does not hold the end up
    asked.join()
    second = Server(settings, tmp_path)
    athena = second.client("athena")
    rest = athena.get_query_results(QueryExecutionId=done, NextToken=page["NextToken"])
    assert len(page["ResultSet"]["Rows"]) + len(rest["ResultSet"]["Rows"]) == 1501
    status = athena.get_query_execution(QueryExecutionId=running)["QueryExecution"]["Status"]
    assert status["State"] == "FAILED"
    assert "the endpoint was stopped" in status["StateChangeReason"]
    second.stop()


def test_a_query_that_ran_when_the_endpoint_was_killed_has_failed(tmp_path: Path) -> None:
    from orchestrate.local_athena.queries.entries import Entries
    from orchestrate.local_athena.queries.history import Execution, History, State

    entries = Entries(tmp_path / "athena.sqlite")
    running = Execution(
        id="1",
        sql="select 1",
        catalog="AwsDataCatalog",
        database="default",
        work_group="primary",
        output_folder="s3://b/",
        parameters=(),
        submitted=time.time(),
        state=State.RUNNING,
    )
    History(entries).add(running)
    entries.close()  # nothing more is written, as after a kill
    found = History(Entries(tmp_path / "athena.sqlite")).find("1")
    assert found is not None
    assert found.state is State.FAILED
    assert "endpoint ended" in str(found.reason)
