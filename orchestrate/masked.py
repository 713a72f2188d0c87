"""What the lake must hold where its tap masks personal data, computed without the tap's code.

The tap computes masks in SQL; here Python's `hmac` does, and the results are put beside the plain
values in a temporary table of the source.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import psycopg
import yaml
from psycopg import sql

from orchestrate.environment import PROJECT_ROOT
from orchestrate.local_stack.errors import StackError

SALT_VARIABLE = "TRACKMAN_BACKEND_MASK_SALT"

_DECLARED_IN = "extract/trackman-backend.meltano.yml"
_TAP = "tap-trackman-backend-for-lake"


def masks(table: str, columns: Sequence[str]) -> dict[str, str]:
    """Kinds of masks of a table's columns in the lake, by column.

    Args:
        table: A table of the schema `public`.
        columns: Its columns.
    """
    declared = yaml.safe_load((PROJECT_ROOT / _DECLARED_IN).read_text())
    [tap] = [each for each in declared["plugins"]["extractors"] if each["name"] == _TAP]
    return {
        column: rule["kind"]
        for rule in tap["config"]["mask"]
        if fnmatchcase(f"public-{table}", rule["stream"])
        for column in columns
        if any(fnmatchcase(column, pattern) for pattern in rule["columns"])
    }


def expected(
    source: psycopg.Connection, table: str, columns: Sequence[str], kinds: Mapping[str, str]
) -> list[sql.Composable]:
    """Expressions of a source table's columns as the lake must hold them.

    Args:
        source: In which temporary tables may be made.
        table: A table of the schema `public`.
        columns: Its columns.
        kinds: What `masks` gave.

    Raises:
        StackError: The salt is not set.
    """
    return [_expected(source, table, column, kinds.get(column)) for column in columns]


def _expected(
    source: psycopg.Connection, table: str, column: str, kind: str | None
) -> sql.Composable:
    name = sql.Identifier(column)
    match kind:
        case None:
            return name
        case "null":
            return sql.SQL("null")
        case "redact":
            return sql.SQL("case when {} is not null then '***' end").format(name)
    digests = sql.Identifier(f"digests of {table}.{column}")
    _write_digests(source, digests, table, name)
    return sql.SQL("(select digest from {} where plain = {}::text)").format(digests, name)


def _write_digests(
    source: psycopg.Connection, digests: sql.Identifier, table: str, column: sql.Identifier
) -> None:
    salt = os.environ.get(SALT_VARIABLE)
    if not salt:
        raise StackError(f"{SALT_VARIABLE} is not set: give it as in .env.example")
    source.execute(
        sql.SQL("create temp table {} (plain text primary key, digest text)").format(digests)
    )
    plain = source.execute(
        sql.SQL("select distinct {0}::text from {1} where {0} is not null").format(
            column, sql.Identifier("public", table)
        )
    ).fetchall()
    with (
        source.cursor() as cursor,
        cursor.copy(sql.SQL("copy {} from stdin").format(digests)) as copy,
    ):
        for (value,) in plain:
            digest = hmac.new(salt.encode(), value.encode(), "sha256").hexdigest()
            copy.write_row((value, digest))
