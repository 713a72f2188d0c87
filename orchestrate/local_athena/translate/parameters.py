"""Puts the values of EXECUTE and of `ExecutionParameters` where the `?` stand.

https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.dialect import AthenaSql


def bind_parameters(tree: exp.Expr, parameters: Sequence[str]) -> exp.Expr:
    """Replace each `?` by its value.

    Args:
        tree: A statement of `parse`.
        parameters: SQL literals, in order: `12`, `'a'`, `DATE '2020-01-01'`.

    Raises:
        QueryError: There are more or fewer values than `?`, or one is no expression.
    """
    made = tree.copy()
    places = [node for node in made.find_all(exp.Placeholder, bfs=False) if not node.this]
    if len(places) != len(parameters):
        raise QueryError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(places)} but found {len(parameters)}",
        )
    for place, text in zip(places, parameters, strict=True):
        place.replace(_value(text))
    return made


def _value(text: str) -> exp.Expr:
    try:
        select = sqlglot.parse_one(f"SELECT {text}", dialect=AthenaSql)
    except (ParseError, TokenError):
        raise QueryError("SYNTAX_ERROR", f"parameter {text!r} is not a SQL literal") from None
    parts = select.args.get("expressions") or []
    if not isinstance(select, exp.Select) or len(parts) != 1 or select.args.get("from_"):
        raise QueryError("SYNTAX_ERROR", f"parameter {text!r} is not one SQL literal")
    value: exp.Expr = parts[0]
    return value
