"""Calls of functions, with DISTINCT, ORDER BY, FILTER and OVER.

https://trino.io/docs/current/functions/aggregate.html, https://trino.io/docs/current/functions/window.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.coercion import is_null_literal
from orchestrate.local_athena.translate.intervals import interval
from orchestrate.local_athena.translate.registry import call
from orchestrate.local_athena.translate.scope import Scope, place_of
from orchestrate.local_athena.translate.terms import (
    Term,
    check_distinct,
    check_orderable,
    duck,
    not_supported,
)
from orchestrate.local_athena.translate.types import BIGINT

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder

WINDOW_ONLY = frozenset(
    {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "first_value"}
    | {"last_value", "nth_value", "lag", "lead"}
)
_BY_OFFSET = ("lag", "lead")
_IGNORING: dict[str, type[exp.Expr]] = {
    "first_value": exp.FirstValue,
    "last_value": exp.LastValue,
    "nth_value": exp.NthValue,
    "lag": exp.Lag,
    "lead": exp.Lead,
}


def applied(
    binder: Binder, node: exp.Expr, scope: Scope, modifiers: Modifiers | None = None
) -> Term:
    """Apply a function to its arguments, with what stands around an aggregate."""
    modifiers = modifiers or Modifiers()
    name = node.name.lower()
    place = place_of(node)
    args = list(node.expressions)
    if name in WINDOW_ONLY and modifiers.over is None:
        raise QueryError("MISSING_OVER", f"{place}Window function {name} requires an OVER clause")
    if name in _BY_OFFSET and modifiers.over is not None:
        _check_order(name, modifiers.over, place)
    if name == "count" and (not args or isinstance(args[0], exp.Star)):
        made = exp.Anonymous(this="agg_count", expressions=[exp.Star()])
        return _finished(binder, Term(made, BIGINT), scope, modifiers, place)
    is_distinct, order = False, None
    if args and isinstance(args[0], exp.Distinct):
        is_distinct, args = True, [*args[0].expressions, *args[1:]]
    if args and isinstance(args[-1], exp.Order):
        order, args = args[-1], [*args[:-1], args[-1].this]
    if args and isinstance(args[0], exp.Distinct):
        is_distinct, args = True, [*args[0].expressions, *args[1:]]
    terms = [binder.term(arg, scope) for arg in args]
    for term in terms if is_distinct else []:
        check_distinct(term.type)
    found = call(name, terms, place)
    calls = _marked(found.node)
    if not calls:
        if is_distinct or order or modifiers.over or modifiers.where or modifiers.ignores_nulls:
            raise QueryError(
                "FUNCTION_NOT_AGGREGATE", f"{place}{name} is not an aggregation function"
            )
        return found
    for marked in calls:
        if is_distinct:
            marked.set("expressions", [exp.Distinct(expressions=marked.expressions)])
        if order is not None:
            *head, last = marked.expressions
            keys = [ordered(binder, key, scope) for key in order.expressions]
            marked.set("expressions", [*head, exp.Order(this=last, expressions=keys)])
    return _finished(binder, found, scope, modifiers, place)


def _check_order(name: str, window: exp.Expr, place: str) -> None:
    if not window.args.get("order"):
        raise QueryError(
            "MISSING_ORDER_BY", f"{place}{name} function requires an ORDER BY window clause"
        )
    if window.args.get("spec"):
        raise QueryError(
            "INVALID_WINDOW_FRAME", f"{place}Cannot specify window frame for {name} function"
        )


class Modifiers:
    """What stands around a call: FILTER (WHERE …), OVER (…), IGNORE NULLS."""

    def __init__(
        self,
        where: exp.Expr | None = None,
        over: exp.Expr | None = None,
        ignores_nulls: bool = False,
    ) -> None:
        """Note the parts as parsed."""
        self.where = where
        self.over = over
        self.ignores_nulls = ignores_nulls


def _marked(node: exp.Expr) -> list[exp.Expr]:
    return [found for found in node.find_all(exp.Anonymous) if str(found.this).startswith("agg_")]


def _finished(binder: Binder, term: Term, scope: Scope, modifiers: Modifiers, place: str) -> Term:
    root = exp.Paren(this=term.node)
    for marked in _marked(root):
        plain = marked.copy()
        plain.set("this", str(marked.this).removeprefix("agg_"))
        made: exp.Expr = plain
        if modifiers.ignores_nulls:
            made = _ignoring_nulls(plain, place)
        if modifiers.where is not None:
            condition = binder.condition(modifiers.where, scope, "FILTER")
            made = exp.Filter(this=made, expression=exp.Where(this=condition))
        if modifiers.over is not None:
            made = _over(binder, made, modifiers.over, scope)
        marked.replace(made)
    return Term(root.this, term.type)


def _ignoring_nulls(call_: exp.Expr, place: str) -> exp.Expr:
    """Only sqlglot's own classes of these functions keep IGNORE NULLS in DuckDB's text."""
    name = str(call_.this)
    if name not in _IGNORING:
        raise QueryError("SYNTAX_ERROR", f"{place}Cannot specify null treatment clause for {name}")
    keys = ("this", "offset", "default")
    return exp.IgnoreNulls(this=_IGNORING[name](**dict(zip(keys, call_.expressions, strict=False))))


def ordered(binder: Binder, key: exp.Expr, scope: Scope) -> exp.Ordered:
    """Bind a key of ORDER BY; NULLs are last in Trino, whichever the direction."""
    inner = key.this if isinstance(key, exp.Ordered) else key
    is_down = bool(key.args.get("desc"))
    found = binder.term(inner, scope)
    check_orderable(found.type)
    return order_key(found.node, key, is_down)


def order_key(node: exp.Expr, key: exp.Expr, is_down: bool) -> exp.Ordered:
    """Make a key of ORDER BY with its place of NULLs."""
    first = bool(key.args.get("nulls_first"))
    return exp.Ordered(this=node, desc=is_down, nulls_first=first)


def _over(binder: Binder, made: exp.Expr, window: exp.Expr, scope: Scope) -> exp.Window:
    order = window.args.get("order")
    keys = [ordered(binder, key, scope) for key in order.expressions] if order else []
    parts = [binder.term(part, scope) for part in window.args.get("partition_by") or []]
    for part in parts:
        check_distinct(part.type)
    spec = window.args.get("spec")
    if window.args.get("alias"):
        raise not_supported("a window built on a named window", "write the window out in OVER")
    return exp.Window(
        this=made,
        partition_by=[part.node for part in parts],
        order=exp.Order(expressions=keys) if keys else None,
        spec=_frame(binder, spec, scope) if spec else None,
        over="OVER",
    )


def _frame(binder: Binder, spec: exp.Expr, scope: Scope) -> exp.Expr:
    made = spec.copy()
    for key in ("start", "end"):
        bound = spec.args.get(key)
        if isinstance(bound, exp.Neg):
            raise QueryError(
                "INVALID_WINDOW_FRAME", f"Window frame {key}ing offset must not be negative"
            )
        if isinstance(bound, exp.Interval):
            made.set(key, interval(bound).node)
        elif isinstance(bound, exp.Expr):
            offset = binder.term(bound, scope)
            if is_null_literal(offset):
                raise QueryError(
                    "INVALID_WINDOW_FRAME", f"Window frame {key}ing offset must not be null"
                )
            is_checked = offset.type.is_numeric and not offset.is_constant
            made.set(key, duck("trino_frame(_1)", offset) if is_checked else offset.node)
    return made


def _window(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    inner, where, ignores = node.this, None, False
    while not isinstance(inner, exp.Anonymous):
        if isinstance(inner, exp.IgnoreNulls):
            ignores = True
        elif isinstance(inner, exp.Filter):
            where = inner.expression.this
        elif not isinstance(inner, exp.RespectNulls):
            raise not_supported(
                f"{place_of(node)}{inner.sql('trino')} with OVER", "write it otherwise"
            )
        inner = inner.this
    over = node
    named = node.args.get("alias")
    if named is not None and node.args.get("order") is None and not node.args.get("partition_by"):
        over = scope.window(named.name.lower(), place_of(node))
    return applied(binder, inner, scope, Modifiers(where, over, ignores))


def _filter(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    if not isinstance(node.this, exp.Anonymous):
        raise not_supported(f"{place_of(node)}FILTER of {node.this.sql('trino')}", "use IF inside")
    return applied(binder, node.this, scope, Modifiers(where=node.expression.this))


def _listagg(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    inner, order = node.this, None
    if isinstance(inner, exp.Order):
        inner, order = inner.this, inner
    if node.args.get("on_overflow"):
        raise not_supported(f"{place_of(node)}LISTAGG … ON OVERFLOW", "leave it out")
    is_distinct = isinstance(inner, exp.Distinct)
    value = inner.expressions[0] if is_distinct else inner
    args = [binder.term(value, scope)]
    separator = node.args.get("separator")
    args.append(binder.term(separator if separator is not None else exp.Literal.string(""), scope))
    found = call("listagg", args, place_of(node))
    for marked in _marked(found.node):
        first, *rest = marked.expressions
        keys = [ordered(binder, key, scope) for key in order.expressions] if order else []
        if is_distinct:
            first = exp.Distinct(expressions=[first])
        marked.set(
            "expressions", [first, exp.Order(this=rest[0], expressions=keys) if keys else rest[0]]
        )
    return _finished(binder, found, scope, Modifiers(), place_of(node))


RULES: dict[type[exp.Expr], Callable[[Binder, exp.Expr, Scope], Term]] = {
    exp.Window: _window,
    exp.Filter: _filter,
    exp.GroupConcat: _listagg,
}
