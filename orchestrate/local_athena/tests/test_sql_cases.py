"""Trino's SQL on DuckDB: right, or refused; never otherwise. The cases are in `sql_cases/`."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate import (
    SETTINGS,
    parse,
    prelude,
    result_types,
    runtime_error,
    to_duckdb,
)

_FOLDER = Path(__file__).parent / "sql_cases"


def _cases():
    for path in sorted(_FOLDER.glob("*.yml")):
        for number, case in enumerate(yaml.safe_load(path.read_text())["cases"]):
            yield pytest.param(case, id=f"{path.stem}-{number}")


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        for statement in (*SETTINGS, *prelude()):
            connection.execute(statement)
        yield connection


def text(value, type_: str) -> str:
    """Write a value as Athena's results do."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(value), str(value))
    if isinstance(value, bytes):
        return f"0x{value.hex().upper()}"
    if isinstance(value, dt.datetime):
        shown = value.strftime("%Y-%m-%d %H:%M:%S.%f")
        shown = shown if "(6)" in type_ else shown[:-3]
        return f"{shown} UTC" if type_.endswith("with time zone") else shown
    if isinstance(value, dt.time):
        return value.strftime("%H:%M:%S.%f")[:-3]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list):
        return "[" + ", ".join(text(item, type_) for item in value) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(text(item, type_) for item in value) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(k, '')}={text(v, '')}" for k, v in value.items()) + "}"
    return str(value)


def answer(connection, sql: str, schema=None) -> tuple[list, list[str]]:
    """Run a statement as the engine does; errors are Trino's."""
    tree = parse(sql)
    types = [column.type for column in result_types(tree, schema or {})]
    try:
        rows = connection.execute(to_duckdb(tree, schema or {}).sql(dialect="duckdb")).fetchall()
    except duckdb.Error as error:
        raise runtime_error(error) or error from None
    return rows, types


@pytest.mark.parametrize("case", _cases())
def test_a_statement_is_answered_as_trino_does_or_refused(connection, case):
    if "refused" in case:
        with pytest.raises(QueryError) as caught:
            answer(connection, f"SELECT {case['sql']}")
        assert caught.value.name == case["refused"], str(caught.value)
        return
    rows, types = answer(connection, f"SELECT {case['sql']}")
    assert [text(value, types[0]) for (value, *_) in rows] == [case["result"]]
    assert types[0] == case["type"]


def test_there_are_at_least_300_cases():
    assert len(list(_cases())) >= 300
