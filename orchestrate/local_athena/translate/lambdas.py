"""Lambdas: https://trino.io/docs/current/functions/lambda.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.scope import Scope, place_of
from orchestrate.local_athena.translate.terms import Term, cast_node
from orchestrate.local_athena.translate.types import Type, inside

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder


def arguments(node: exp.Anonymous, count: int) -> list[exp.Expr]:
    """Give a call's arguments.

    Raises:
        QueryError: There are more or fewer.
    """
    if len(node.expressions) != count:
        raise QueryError(
            "FUNCTION_NOT_FOUND",
            f"{place_of(node)}Unexpected parameters for function {node.name.lower()}: "
            f"got {len(node.expressions)}, expected {count}",
        )
    return list(node.expressions)


def variable(binder: Binder, type_: Type) -> tuple[exp.Identifier, Term]:
    """Make a variable of DuckDB's lambda."""
    name = exp.to_identifier(binder.fresh("v"), quoted=True)
    return name, Term(name, type_)


def body(binder: Binder, node: exp.Expr, scope: Scope, values: list[Term]) -> Term:
    """Bind the body of a lambda, with `values` for its variables.

    Raises:
        QueryError: It is no lambda of so many variables.
    """
    if not isinstance(node, exp.Lambda) or len(node.expressions) != len(values):
        raise QueryError(
            "TYPE_MISMATCH", f"{place_of(node)}expected a lambda of {len(values)} variable(s)"
        )
    names = [name.name.lower() for name in node.expressions]
    inner = Scope(parent=scope, variables=dict(zip(names, values, strict=True)))
    return binder.term(node.this, inner)


def function(node: exp.Expr, *names: exp.Identifier) -> exp.Lambda:
    """Make DuckDB's lambda."""
    return exp.Lambda(this=node, expressions=list(names))


def typed(node: exp.Expr, type_: Type) -> exp.Expr:
    """Give a node its type, which some functions of DuckDB lose where their argument is NULL."""
    # DuckDB has no name for a row whose fields have none.
    return node if any(None in part.fields for part in inside(type_)) else cast_node(node, type_)


def applied(name: str, *args: exp.Expr) -> exp.Anonymous:
    """Make a call of a DuckDB function."""
    return exp.Anonymous(this=name, expressions=list(args))
