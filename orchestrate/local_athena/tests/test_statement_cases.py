"""Statements asked as a client does: what they say of themselves, and what is there afterwards."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from orchestrate.local_athena.tests.api.helpers import rows, run
from orchestrate.local_stack.settings import StackSettings

SEQUENCES = yaml.safe_load((Path(__file__).parent / "statement_cases.yml").read_text())


@pytest.mark.parametrize(
    "sequence", SEQUENCES, ids=[each["source"].rsplit("/", 1)[1] for each in SEQUENCES]
)
def test_statements_one_after_the_other(
    session_stack: StackSettings, sequence: dict[str, Any]
) -> None:
    arguments = session_stack.athena.client_arguments(session_stack.lake.owner_key)
    athena = boto3.client("athena", **arguments)
    database = f"statements_{uuid.uuid4().hex[:8]}"
    place = f"s3://{session_stack.lake.files_bucket}/{database}/"
    run(athena, f"create database {database}")
    for step in sequence["steps"]:
        sql = step["sql"].replace("{database}", database).replace("{place}", place)
        _check(athena, step, sql, database)
    run(athena, f"drop database {database} cascade")


def _check(athena: Any, step: dict[str, Any], sql: str, database: str) -> None:
    context = {"Database": database}
    execution = run(athena, sql, QueryExecutionContext=context)
    status = execution["Status"]
    if "refused" in step:
        assert status["State"] == "FAILED", sql
        assert status["StateChangeReason"].partition(":")[0] == step["refused"], (sql, status)
        return
    assert status["State"] == "SUCCEEDED", (sql, status)
    if "kind" in step:
        kind = f"{execution['StatementType']} {execution['SubstatementType']}"
        assert kind == step["kind"], sql
    if "written" in step:
        found = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
        assert found["UpdateCount"] == step["written"], sql
    if "rows" in step:
        header = 1 if execution["StatementType"] == "DML" else 0
        wanted = [
            [text and text.replace("{database}", database) for text in row] for row in step["rows"]
        ]
        assert rows(athena, sql, QueryExecutionContext=context)[header:] == wanted, sql
