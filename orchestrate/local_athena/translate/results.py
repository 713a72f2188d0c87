"""What of a result DuckDB cannot hold is written as text, as Athena shows it."""

from __future__ import annotations

from sqlglot import exp

from orchestrate.local_athena.translate.casts import text_of
from orchestrate.local_athena.translate.relations import quoted
from orchestrate.local_athena.translate.scope import Field, column_node
from orchestrate.local_athena.translate.terms import Term, not_supported
from orchestrate.local_athena.translate.types import Type, inside

_ALIAS = "trino_result"


def _is_text(type_: Type) -> bool:
    return type_.name.startswith("interval") or type_.zone != "UTC"


def shown(query: exp.Query, fields: list[Field]) -> exp.Query:
    """Write intervals, and timestamps of another zone than UTC, as text.

    Raises:
        QueryError: They stand inside an array, a map or a row.
    """
    for field in fields:
        for inner in inside(field.type):
            if inner is not field.type and _is_text(inner):
                raise not_supported(
                    f"a result of {field.type}", "take its parts apart, or convert to UTC"
                )
    if not any(_is_text(field.type) for field in fields):
        return query
    items = []
    for at, field in enumerate(fields):
        node: exp.Expr = column_node(f"c{at}", _ALIAS)
        if _is_text(field.type):
            node = text_of(Term(node, field.type)) or node
        items.append(exp.alias_(node, field.name or f"_col{at}", quoted=True))
    source, outer = query.copy(), exp.Select(expressions=items)
    width = len(fields) + _order_outside(source, outer, len(fields))
    alias = exp.TableAlias(this=quoted(_ALIAS), columns=[quoted(f"c{at}") for at in range(width)])
    return outer.from_(exp.Subquery(this=source, alias=alias), copy=False)


def _order_outside(inner: exp.Query, outer: exp.Select, width: int) -> int:
    """Move ORDER BY, LIMIT and OFFSET out: the order of a subquery is not kept.

    Returns:
        How many keys became columns of the inner query.
    """
    order = inner.args.get("order")
    extra = 0
    for key in order.expressions if order is not None else []:
        if isinstance(key.this, exp.Literal):
            at = int(key.this.name) - 1
        elif inner.args.get("distinct"):
            raise not_supported("ORDER BY of an expression here", "order by a column of the result")
        else:
            at = width + extra
            extra += 1
            inner.append("expressions", exp.alias_(key.this.copy(), f"trino_key_{at}", quoted=True))
        key.set("this", column_node(f"c{at}", _ALIAS))
    for part in ("order", "limit", "offset"):
        outer.set(part, inner.args.get(part))
        inner.set(part, None)
    return extra
