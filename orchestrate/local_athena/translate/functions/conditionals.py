"""Conditional functions and typeof.

https://trino.io/docs/current/functions/conditional.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.coercion import unify
from orchestrate.local_athena.translate.operators import compare
from orchestrate.local_athena.translate.registry import define, special
from orchestrate.local_athena.translate.scope import Scope, place_of
from orchestrate.local_athena.translate.terms import Term, check_orderable, duck
from orchestrate.local_athena.translate.types import Type

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder


@special("coalesce", "greatest", "least")
def _first_of(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """Trino's greatest and least are NULL if any argument is; DuckDB's pass over NULLs."""
    name = node.name.lower()
    if not node.expressions or (name == "coalesce" and len(node.expressions) < 2):
        raise QueryError(
            "INVALID_ARGUMENTS",
            f"{place_of(node)}The '{name}' function must have at least two arguments",
        )
    terms = unify([binder.term(arg, scope) for arg in node.expressions], f"{place_of(node)}{name}")
    made: exp.Expr = exp.Anonymous(this=name, expressions=[t.node for t in terms])
    if name != "coalesce":
        check_orderable(terms[0].type)
    if name != "coalesce" and terms[0].type.name in ("double", "real"):
        terms = [Term(duck("trino_not_nan(_1)", term), term.type) for term in terms]
        made = exp.Anonymous(this=name, expressions=[t.node for t in terms])
    if name != "coalesce":
        tests = [duck("_1 IS NOT NULL", term) for term in terms]
        made = exp.Case(ifs=[exp.If(this=exp.and_(*tests, copy=False), true=made)])
    return Term(made, terms[0].type)


@special("nullif")
def _nullif(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """The result has the type of the first argument, whatever they are compared as."""
    if len(node.expressions) != 2:
        raise QueryError("INVALID_ARGUMENTS", f"{place_of(node)}NULLIF takes two arguments")
    first, second = (binder.term(arg, scope) for arg in node.expressions)
    test = compare("=", first, second, place_of(node))
    return Term(duck("CASE WHEN _1 THEN NULL ELSE _2 END", test, first), first.type)


@special("try")
def _try(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """An error inside becomes NULL."""
    if len(node.expressions) != 1:
        raise QueryError(
            "INVALID_ARGUMENTS",
            f"{place_of(node)}The 'try' function must have exactly one argument",
        )
    found = binder.term(node.expressions[0], scope)
    return Term(duck("TRY(_1)", found), found.type)


@special("row")
def _row(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """A row has no field names until it is cast."""
    items = [binder.term(arg, scope) for arg in node.expressions]
    made = exp.Anonymous(this="row", expressions=[item.node for item in items])
    type_ = Type("row", items=tuple(i.type for i in items), fields=(None,) * len(items))
    return Term(made, type_)


# For rows beyond the last step of a recursion; not known before the query runs.
define(
    "trino too deep() -> boolean",
    "trino_check(random() < 2, 'NOT_SUPPORTED: Recursion depth limit exceeded (10). Use "
    "''max_recursion_depth'' session property to modify the limit.')",
)


def _typeof(args: list[Term]) -> exp.Expr:
    """The name of a type, from a term that still is there: an aggregate makes one row of many."""
    name = exp.Literal.string(str(args[0].type))
    if isinstance(args[0].node, exp.Column | exp.Literal):
        return name
    return duck("CASE WHEN _1 IS NULL THEN _2 ELSE _2 END", args[0], name)


define("typeof(T) -> varchar", _typeof)
