"""Glue's filter over partitions: `(kind='FF' and dt >= '2026-11-01') or …`.

https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html
"""

from __future__ import annotations

from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from orchestrate.local_athena.types import athena_from_glue, duckdb_from_athena

_ALLOWED = (
    exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
    exp.In, exp.Tuple, exp.Between, exp.Like, exp.Is, exp.Null, exp.Column, exp.Identifier,
    exp.Literal, exp.Neg, exp.Boolean, exp.Cast, exp.DataType, exp.DataTypeParam,
)  # fmt: skip


def matching(
    partitions: list[dict[str, Any]], keys: list[dict[str, Any]], expression: str
) -> list[dict[str, Any]]:
    """The partitions whose values the expression holds for, compared as the keys' types.

    Raises:
        ValueError: The expression cannot be understood.
    """
    try:
        tree = sqlglot.parse_one(expression, dialect="trino")
    except SqlglotError as error:
        raise ValueError(f"Unsupported expression '{expression}': {error}") from None
    strange = [node for node in tree.walk() if not isinstance(node, _ALLOWED)]
    if strange:
        raise ValueError(f"Unsupported expression '{expression}': {strange[0].sql('trino')}")
    if not partitions:
        return []
    columns = ", ".join(
        f"try_cast(v[{position}] as {duckdb_from_athena(athena_from_glue(key['Type']))}) "
        f'as "{key["Name"]}"'
        for position, key in enumerate(keys, start=1)
    )
    with duckdb.connect() as connection:
        try:
            rows = connection.execute(
                f"select i from (select i, {columns} from "  # noqa: S608
                "(select unnest(?) as v, generate_subscripts(?, 1) as i)) "
                f"where {tree.sql('duckdb')} order by i",
                [[each["Values"] for each in partitions]] * 2,
            ).fetchall()
        except duckdb.Error as error:
            raise ValueError(f"Unsupported expression '{expression}': {error}") from None
    return [partitions[position - 1] for (position,) in rows]
