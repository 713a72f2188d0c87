"""What of a result DuckDB cannot hold is written as text, as Athena shows it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from orchestrate.local_athena.translate.casts import text_of
from orchestrate.local_athena.translate.relations import quoted
from orchestrate.local_athena.translate.scope import Field, column_node
from orchestrate.local_athena.translate.terms import Term, not_supported
from orchestrate.local_athena.translate.types import Type


def _inside(type_: Type) -> Iterator[Type]:
    yield type_
    for item in type_.items:
        yield from _inside(item)


def _is_text(type_: Type) -> bool:
    return type_.name.startswith("interval") or type_.zone != "UTC"


def shown(query: exp.Query, fields: list[Field]) -> exp.Query:
    """Write intervals, and timestamps of another zone than UTC, as text.

    Raises:
        QueryError: They stand inside an array, a map or a row.
    """
    for field in fields:
        for inner in _inside(field.type):
            if inner is not field.type and _is_text(inner):
                raise not_supported(
                    f"a result of {field.type}", "take its parts apart, or convert to UTC"
                )
    if not any(_is_text(field.type) for field in fields):
        return query
    names = [field.name or f"_col{at}" for at, field in enumerate(fields)]
    items = []
    for at, field in enumerate(fields):
        node: exp.Expr = column_node(f"c{at}", "trino_result")
        if _is_text(field.type):
            node = text_of(Term(node, field.type)) or node
        items.append(exp.alias_(node, names[at], quoted=True))
    alias = exp.TableAlias(
        this=quoted("trino_result"), columns=[quoted(f"c{at}") for at in range(len(fields))]
    )
    return exp.Select(expressions=items).from_(exp.Subquery(this=query, alias=alias), copy=False)
