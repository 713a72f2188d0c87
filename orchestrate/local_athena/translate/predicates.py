"""Comparisons, logic and tests.

https://trino.io/docs/current/functions/comparison.html, https://trino.io/docs/current/functions/logical.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.coercion import coerce, unify
from orchestrate.local_athena.translate.operators import compare
from orchestrate.local_athena.translate.scope import Field, Scope, column_node, place_of
from orchestrate.local_athena.translate.terms import Term, duck, mismatch, not_supported
from orchestrate.local_athena.translate.types import BOOLEAN, UNKNOWN, Type, common_type

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder

_QUANTIFIED = (exp.Any, exp.All)
_WITH_NAN = ("double", "real")


def _compared(sign: str) -> Callable[[Binder, exp.Expr, Scope], Term]:
    def rule(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
        quantified = _quantifier(node.expression)
        if quantified is not None:
            return _quantified(binder, sign, node, quantified, scope)
        if isinstance(node.this, exp.Tuple) and isinstance(node.expression, exp.Tuple):
            return _rows(binder, sign, node, scope)
        left, right = binder.term(node.this, scope), binder.term(node.expression, scope)
        return compare(sign, left, right, place_of(node))

    return rule


def _rows(binder: Binder, sign: str, node: exp.Expr, scope: Scope) -> Term:
    """Compare two rows item by item: a NULL inside makes the answer unknown."""
    if sign not in ("=", "<>") or len(node.this.expressions) != len(node.expression.expressions):
        raise not_supported(f"{place_of(node)}rows with {sign}", "compare the items")
    pairs = zip(node.this.expressions, node.expression.expressions, strict=True)
    tests = [compare("=", binder.term(a, scope), binder.term(b, scope)).node for a, b in pairs]
    whole = exp.Paren(this=exp.and_(*tests, copy=False))
    return Term(exp.Not(this=whole) if sign == "<>" else whole, BOOLEAN)


def _quantifier(node: exp.Expr) -> exp.Expr | None:
    """Give `ANY (query)` or `ALL (query)`, which is read as a call before VALUES."""
    if isinstance(node, _QUANTIFIED):
        return node
    if isinstance(node, exp.Anonymous) and len(node.expressions) == 1:
        kind = {"all": exp.All, "any": exp.Any, "some": exp.Any}.get(node.name.lower())
        inner = node.expressions[0]
        if kind is not None and isinstance(inner, exp.Values | exp.Query):
            return kind(this=inner)
    return None


def _quantified(
    binder: Binder, sign: str, node: exp.Expr, quantified: exp.Expr, scope: Scope
) -> Term:
    """`x = ANY (query)`, `x > ALL (query)`."""
    inner = quantified.this
    query = inner.this if isinstance(inner, exp.Subquery) else inner
    if not isinstance(query, exp.Query | exp.Values):
        raise not_supported(f"{place_of(node)}ANY or ALL of a list", "use IN or a query")
    left = binder.term(node.this, scope)
    bound, fields = binder.subquery(query, scope)
    joined = common_type(left.type, fields[0].type) if len(fields) == 1 else None
    if joined is None or joined.items or not _is_fit(fields[0].type, joined):
        raise mismatch(
            f"{place_of(node)}the query gives {', '.join(str(f.type) for f in fields)}, the "
            f"value is "
            f"{left.type}; cast one of them"
        )
    left = coerce(left, joined)
    if left.type.name in _WITH_NAN:
        left = Term(duck("trino_not_nan(_1)", left), left.type)
        bound = _without_nan(binder, bound, fields)
    made = type(node)(this=left.node, expression=type(quantified)(this=exp.Subquery(this=bound)))
    return Term(made, BOOLEAN)


def _is_fit(column: Type, joined: Type) -> bool:
    """Say whether a query's column can be compared as it is; char is held with its padding."""
    return column in (joined, UNKNOWN) or (joined.name == "varchar" and column.is_text)


def _logic(kind: type[exp.Expr]) -> Callable[[Binder, exp.Expr, Scope], Term]:
    def rule(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
        name = kind.__name__.upper()
        left = binder.condition(node.this, scope, f"Logical expression {name}")
        right = binder.condition(node.expression, scope, f"Logical expression {name}")
        sides = {"this": _paren(left), "expression": _paren(right)}
        return Term(kind(**sides), BOOLEAN)

    return rule


def _paren(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node) if isinstance(node, exp.Connector | exp.Not) else node


def _not(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    inner = binder.condition(node.this, scope, "Value of logical NOT expression")
    return Term(exp.Not(this=exp.Paren(this=inner)), BOOLEAN)


def _between(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    value = binder.term(node.this, scope)
    if node.args.get("symmetric"):
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}BETWEEN SYMMETRIC is not Trino's")
    low, high = binder.term(node.args["low"], scope), binder.term(node.args["high"], scope)
    a, b = compare(">=", value, low, place_of(node)), compare("<=", value, high, place_of(node))
    return Term(duck("(_1) AND (_2)", a, b), BOOLEAN)


def _in(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    query = node.args.get("query")
    if query is not None:
        return _in_query(binder, node, query, scope)
    if node.args.get("unnest") or node.args.get("field"):
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}IN takes a list or a query")
    if isinstance(node.this, exp.Tuple):
        tests = [
            _rows(binder, "=", exp.EQ(this=node.this, expression=item), scope).node
            for item in node.expressions
            if isinstance(item, exp.Tuple)
        ]
        return Term(exp.Paren(this=exp.or_(*tests, copy=False)), BOOLEAN)
    terms = [binder.term(node.this, scope)]
    terms += [binder.term(item, scope) for item in node.expressions]
    for item in terms[1:]:
        compare("=", terms[0], item, place_of(node))
    terms = unify(terms, f"{place_of(node)}IN")
    if terms[0].type.name in ("double", "real"):  # NaN equals nothing
        tests = [compare("=", terms[0], item).node for item in terms[1:]]
        return Term(exp.Paren(this=exp.or_(*tests, copy=False)), BOOLEAN)
    made = exp.In(this=terms[0].node, expressions=[item.node for item in terms[1:]])
    return Term(made, BOOLEAN)


def _in_query(binder: Binder, node: exp.Expr, query: exp.Expr, scope: Scope) -> Term:
    inner = query.this if isinstance(query, exp.Subquery) else query
    bound, fields = binder.subquery(inner, scope)
    is_row = isinstance(node.this, exp.Tuple)
    items = node.this.expressions if is_row else [node.this]
    left = [binder.term(item, scope) for item in items]
    if len(left) != len(fields):
        raise QueryError(
            "TYPE_MISMATCH",
            f"{place_of(node)}the value has {len(left)} parts, the query {len(fields)} columns",
        )
    for at, (value, field) in enumerate(zip(left, fields, strict=True)):
        joined = common_type(value.type, field.type)
        if joined is None or joined.items:
            raise mismatch(
                f"{place_of(node)}value expression and result of subquery must be of the same "
                f"type: "
                f"{value.type} vs {field.type}"
            )
        if not _is_fit(field.type, joined):
            raise not_supported(
                f"{place_of(node)}{value.type} IN a query of {field.type}",
                f"cast the query's column to {joined}",
            )
        left[at] = coerce(value, joined)
    bound = _without_nan(binder, bound, fields)
    value_node = exp.Tuple(expressions=[v.node for v in left]) if is_row else left[0].node
    return Term(exp.In(this=value_node, query=exp.Subquery(this=bound)), BOOLEAN)


def _without_nan(binder: Binder, query: exp.Query, fields: list[Field]) -> exp.Query:
    """Refuse NaN among the values of a query, where DuckDB finds it equal to itself."""
    if not any(field.type.name in _WITH_NAN for field in fields):
        return query
    name = binder.fresh("values")
    columns = [exp.to_identifier(f"c{at}", quoted=True) for at in range(len(fields))]
    items: list[exp.Expr] = []
    for column, field in zip(columns, fields, strict=True):
        node = column_node(column.name, name)
        is_checked = field.type.name in _WITH_NAN
        items.append(exp.alias_(duck("trino_not_nan(_1)", node) if is_checked else node, column))
    alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True), columns=columns)
    return exp.Select(expressions=items).from_(exp.Subquery(this=query, alias=alias), copy=False)


def _exists(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    inner = node.this.this if isinstance(node.this, exp.Subquery) else node.this
    bound, _ = binder.subquery(inner, scope)
    return Term(exp.Exists(this=bound), BOOLEAN)


def _is(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    value = binder.term(node.this, scope)
    if not isinstance(node.expression, exp.Null):
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}expected IS [NOT] NULL")
    return Term(duck("_1 IS NULL", value), BOOLEAN)


def _like(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    pattern, escape = node.expression, node.args.get("escape")
    value, wanted = binder.term(node.this, scope), binder.term(pattern, scope)
    for found in (value, wanted):
        if not (found.type.is_text or found.type == UNKNOWN):
            raise mismatch(
                f"{place_of(node)}Left side of LIKE expression must evaluate to a varchar "
                f"(actual: {found.type})"
            )
    if escape is None:
        made = duck("_1 LIKE _2", value, wanted)
    else:
        made = duck(
            "like_escape(_1, trino_like_pattern(_2, _3), _3)",
            value,
            wanted,
            binder.term(escape, scope),
        )
    return Term(duck("NOT _1", made) if node.args.get("negate") else made, BOOLEAN)


def _escape(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    like = node.this.copy()
    like.set("escape", node.expression)
    return _like(binder, like, scope)


RULES: dict[type[exp.Expr], Callable[[Binder, exp.Expr, Scope], Term]] = {
    exp.EQ: _compared("="),
    exp.NEQ: _compared("<>"),
    exp.LT: _compared("<"),
    exp.LTE: _compared("<="),
    exp.GT: _compared(">"),
    exp.GTE: _compared(">="),
    exp.NullSafeEQ: _compared("IS NOT DISTINCT FROM"),
    exp.NullSafeNEQ: _compared("IS DISTINCT FROM"),
    exp.And: _logic(exp.And),
    exp.Or: _logic(exp.Or),
    exp.Not: _not,
    exp.Between: _between,
    exp.In: _in,
    exp.Exists: _exists,
    exp.Is: _is,
    exp.Like: _like,
    exp.Escape: _escape,
}
