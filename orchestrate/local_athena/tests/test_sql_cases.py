"""Trino's SQL asked as a client does: right, or refused; never otherwise. Cases: `sql_cases/`."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config

from orchestrate.local_athena.api.athena_queries import column_info
from orchestrate.local_athena.model import Column
from orchestrate.local_athena.tests.api.helpers import run
from orchestrate.local_athena.translate import parse, result_types
from orchestrate.local_stack.settings import StackSettings

_FOLDER = Path(__file__).parent / "sql_cases"
_AT_ONCE = 8

Case = Mapping[str, Any]
CASES: dict[str, Case] = {
    f"{path.stem}-{number}": case
    for path in sorted(_FOLDER.glob("*.yml"))
    for number, case in enumerate(yaml.safe_load(path.read_text())["cases"])
}


@pytest.fixture(scope="module")
def answers(session_stack: StackSettings) -> dict[str, dict[str, Any]]:
    """Of each case its `QueryExecution` and, where it succeeded, its `ResultSet`."""
    arguments = session_stack.athena.client_arguments(session_stack.lake.owner_key)
    athena = boto3.client("athena", **arguments, config=Config(max_pool_connections=_AT_ONCE))

    def ask(case: Case) -> dict[str, Any]:
        execution = run(athena, f"SELECT {case['sql']}")
        if execution["Status"]["State"] != "SUCCEEDED":
            return execution
        identifier = execution["QueryExecutionId"]
        found: dict[str, Any] = athena.get_query_results(QueryExecutionId=identifier)
        return execution | found

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(CASES, pool.map(ask, CASES.values()), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_a_statement_is_answered_as_athena_does_or_refused(
    answers: dict[str, dict[str, Any]], name: str
) -> None:
    case, answer = CASES[name], answers[name]
    status = answer["Status"]
    if "refused" in case:
        assert status["State"] == "FAILED", answer
        assert status["StateChangeReason"].partition(":")[0] == case["refused"], status
        return
    assert status["State"] == "SUCCEEDED", status
    # A column has no more of its type than its name, and a size; the translation knows all of it.
    assert result_types(parse(f"SELECT {case['sql']}"), {})[0].type == case["type"]
    found = answer["ResultSet"]
    _, *rows = found["Rows"]
    assert [row["Data"][0].get("VarCharValue") for row in rows] == [case["result"]]
    column = found["ResultSetMetadata"]["ColumnInfo"][0]
    assert column == column_info(Column(column["Name"], case["type"]))


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 900
