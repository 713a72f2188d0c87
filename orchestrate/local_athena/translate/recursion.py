"""WITH RECURSIVE, written out as so many steps as Athena takes.

https://trino.io/docs/current/sql/select.html#with-recursive-clause
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.scope import Field, place_of
from orchestrate.local_athena.translate.terms import mismatch, not_supported
from orchestrate.local_athena.translate.types import coerces

# Trino's max_recursion_depth, which Athena does not let anybody change.
_DEPTH = 10


def written_out(clause: exp.With) -> exp.With:
    """Replace each query of WITH that names itself by its steps, one a query, and all together.

    A row of the last step fails the query, as more steps than allowed do.

    Raises:
        QueryError: It recurs in another way than `first UNION ALL next`.
    """
    made: list[exp.Expr] = []
    for cte in clause.expressions:
        name = cte.alias.lower()
        if not any(table.name.lower() == name for table in _unqualified(cte.this)):
            made.append(cte)
            continue
        made += _steps(cte, name)
    return exp.With(expressions=made)


def first_step(name: str) -> str:
    """Give the name of the first step of which `name` is a later one; nothing's for another."""
    stem, _, step = name.partition(":")
    return f"{stem}:0" if step not in ("", "0") else ""


def refuse_other_types(step: list[Field], first: list[Field]) -> None:
    """Refuse a step whose columns do not turn into those of the first.

    Raises:
        QueryError: TYPE_MISMATCH.
    """
    is_short = len(step) != len(first)
    for found, wanted in zip(step, first, strict=False):
        given, size = found.type.params, wanted.type.params
        is_cut = found.type.is_text and size and (not given or given > size)
        if is_short or is_cut or not coerces(found.type, wanted.type):
            raise mismatch(
                f"recursion step relation output type ({found.type}) is not coercible to recursion "
                f"base relation output type ({wanted.type}) at column {wanted.name}"
            )


def _unqualified(tree: exp.Expr) -> Iterator[exp.Table]:
    return (table for table in tree.find_all(exp.Table) if not table.args.get("db"))


def _steps(cte: exp.CTE, name: str) -> Iterator[exp.CTE]:
    query, columns = cte.this, cte.args["alias"].columns
    if not columns:
        raise QueryError(
            "MISSING_COLUMN_ALIASES",
            f"{place_of(cte)}missing column aliases in recursive WITH query",
        )
    is_plain = type(query) is exp.Union and query.args.get("distinct") is False
    tail = ("order", "limit", "offset", "with_")
    if not is_plain or any(query.args.get(key) for key in tail):
        raise not_supported("WITH RECURSIVE of another form", "write `first UNION ALL next`")
    first, following = query.this, query.expression
    if any(table.name.lower() == name for table in _unqualified(first)):
        raise QueryError("INVALID_RECURSIVE_REFERENCE", "recursive reference outside of the step")
    inside = [found for found in _unqualified(following) if found.name.lower() == name]
    if len(inside) != 1 or following.find(exp.With) is not None:
        raise not_supported("WITH RECURSIVE that names itself twice", "join its result outside")

    def named(step: int, inner: exp.Expr) -> exp.CTE:
        alias = exp.TableAlias(
            this=exp.to_identifier(f"{name}:{step}", quoted=True),
            columns=[column.copy() for column in columns],
        )
        return exp.CTE(this=inner, alias=alias)

    yield named(0, first)
    for step in range(1, _DEPTH + 1):
        inner = following.copy()
        for table in list(_unqualified(inner)):
            if table.name.lower() == name:
                if table.args.get("alias") is None:
                    table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
                table.set("this", exp.to_identifier(f"{name}:{step - 1}", quoted=True))
        yield named(step, inner)
    steps = [
        exp.Select(expressions=[exp.Star()]).from_(
            exp.Table(this=exp.to_identifier(f"{name}:{step}", quoted=True)), copy=False
        )
        for step in range(_DEPTH + 1)
    ]
    steps[-1].set("where", exp.Where(this=exp.Anonymous(this="trino too deep")))
    whole: exp.Expr = steps[0]
    for step_query in steps[1:]:
        whole = exp.Union(this=whole, expression=step_query, distinct=False)
    yield exp.CTE(this=whole, alias=cte.args["alias"].copy())
