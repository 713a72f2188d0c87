"""Queries through boto3: states, results, pages, stopping, errors."""

from __future__ import annotations

from typing import Any

from orchestrate.local_athena.tests.api.helpers import rows, run


def test_a_select_gives_its_header_and_rows(athena: Any) -> None:
    assert rows(athena, "select 1 as a, 'x' as b, null as c") == [["a", "b", "c"], ["1", "x", None]]


def test_who_asks(server: Any) -> None:
    assert server.client("sts").get_caller_identity()["Account"] == "000000000000"


def test_databases(server: Any, glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "marts"})
    assert glue.get_database(Name="marts")["Database"]["Name"] == "marts"
    assert run(server.client("athena"), "insert 3")["Status"]["State"] == "SUCCEEDED"
