"""The guide for analysts does what it says: each of its blocks runs on what `make run` has made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pyathena
import pytest

from tests.end_to_end.project import ROOT, Project

GUIDE = ROOT / "docs" / "analysts.md"
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, text) for _, kind, text in _BLOCK.findall(GUIDE.read_text())]
SQL = [text for kind, text in BLOCKS if kind == "sql"]
MAY_BE_EMPTY = "raw.quarantine"


@pytest.fixture(scope="module")
def connection(project: Project) -> Iterator[Any]:
    """An analyst's shell, as the guide says, and a connection from it."""
    settings = project.settings
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", settings.athena.endpoint)
        patch.setenv("AWS_ENDPOINT_URL_S3", settings.lake.s3_endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", settings.lake.dbt_key.id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", settings.lake.dbt_key.secret)
        patch.setenv("AWS_DEFAULT_REGION", settings.lake.region)
        boto3.setup_default_session()
        with pyathena.connect(work_group="trackman-lake") as found:
            yield found
        boto3.DEFAULT_SESSION = None


def test_every_block_is_run_or_is_no_code() -> None:
    assert {kind for kind, _ in BLOCKS} == {"python", "sql", "text"}
    assert GUIDE.read_text().count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize("sql", SQL, ids=[" ".join(sql.split())[:60] for sql in SQL])
def test_each_statement_has_an_answer(connection: Any, sql: str) -> None:
    rows = connection.cursor().execute(sql).fetchall()
    assert rows or MAY_BE_EMPTY in sql


def test_the_python_blocks_run_one_after_the_other(
    connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    for kind, text in BLOCKS:
        if kind == "python":
            exec(compile(text, str(GUIDE), "exec"), names)
    assert len(names["strokes"])
    assert names["everything"] > names["one_column"] > names["one_day"]
    assert 0 < names["then"][0] <= names["now"][0]
    told = capsys.readouterr().out
    assert "players | A registered player. Holds personal data." in told
    assert "trackman_backend.public.players (PostgreSQL, tap-postgres) owned by trackman" in told
    assert '"birth_date", "country_code", "email", "full_name"' in told


def test_the_current_rows_of_raw_are_those_of_staging(connection: Any) -> None:
    def players(sql: str) -> list[Any]:
        return sorted(connection.cursor().execute(sql).fetchall(), key=str)

    [newest] = [sql for sql in SQL if "row_number()" in sql]
    [by_column] = [sql for sql in SQL if "having max_by" in sql]
    expected = players("select player_id, handicap from staging.stg_trackman_backend__players")
    assert players(f"select player_id, handicap from ({newest})") == expected
    assert players(by_column) == expected
    assert any(handicap is None for _, handicap in expected)
