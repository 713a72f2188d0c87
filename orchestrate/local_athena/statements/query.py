"""SELECT, VALUES, TABLE, EXPLAIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from orchestrate.local_athena.duck import quoted
from orchestrate.local_athena.model import Column, QueryError, QueryResult, StatementKind
from orchestrate.local_athena.translate import parse
from orchestrate.local_athena.types import athena_from_duckdb, duckdb_from_athena

if TYPE_CHECKING:
    from orchestrate.local_athena.reader import Reader
    from orchestrate.local_athena.statements.session import Session

_UNNAMED = "__unnamed_"
# Types of DuckDB's that stand for another one in Trino, and so must not leave this package.
_INEXACT = ("HUGEINT", "UHUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT")


def select(session: Session, reader: Reader) -> QueryResult:
    """Run a query and hand back its rows."""
    sql, columns = compiled(session, parse(reader.sql))
    rows = session.cursor.run(sql)
    return QueryResult(
        StatementKind.DML,
        "SELECT",
        columns=columns,
        rows=rows.rename_columns([each.name for each in columns]),
    )


def explain(session: Session, reader: Reader) -> QueryResult:
    """Say how DuckDB would run a query; with ANALYZE, how it ran."""
    reader.expect("EXPLAIN")
    analyze = reader.accept("ANALYZE")
    if reader.accept("("):
        reader.until(")")
        reader.expect(")")
    sql, _ = compiled(session, parse(reader.rest()))
    plan = session.cursor.run(f"explain {'analyze ' if analyze else ''}{sql}")
    lines = [line for text in plan.column(1).to_pylist() for line in text.splitlines()]
    return text_result(
        StatementKind.UTILITY, "EXPLAIN_ANALYZE" if analyze else "EXPLAIN", "Query Plan", lines
    )


def compiled(session: Session, tree: exp.Expression) -> tuple[str, tuple[Column, ...]]:
    """DuckDB's text of a query, and the columns it gives, with Athena's types.

    Raises:
        QueryError: It is no query, or wrong.
    """
    if not isinstance(tree, exp.Query | exp.Values | exp.Table):
        raise QueryError("SYNTAX_ERROR", "line 1:1: expected a query")
    tree = tree.copy()
    _mark_unnamed(tree)
    sql = session.compile(tree)
    found = session.cursor.describe(sql)
    no_names = isinstance(tree, exp.Values)
    names = [
        f"_col{position}" if no_names or name.startswith(_UNNAMED) else name
        for position, (name, _) in enumerate(found)
    ]
    nulls = _null_columns(tree)
    kinds = ['"NULL"' if position in nulls else kind for position, (_, kind) in enumerate(found)]
    columns = tuple(
        Column(name, athena_from_duckdb(kind)) for name, kind in zip(names, kinds, strict=True)
    )
    if any(word in kind for kind in kinds for word in _INEXACT):
        listed = ", ".join(quoted(f"c{position}") for position in range(len(kinds)))
        casts = ", ".join(
            f"cast({quoted(f'c{position}')} as {duckdb_from_athena(column.type)})"
            if any(word in kind for word in _INEXACT)
            else quoted(f"c{position}")
            for position, (kind, column) in enumerate(zip(kinds, columns, strict=True))
        )
        sql = f"select {casts} from ({sql}) as q({listed})"  # noqa: S608
    return sql, columns


def text_result(
    kind: StatementKind, sub_kind: str, name: str, lines: list[str], *more: list[str]
) -> QueryResult:
    """A result of text, of one column, or of more that are named in `name` with commas."""
    names = name.split(",")
    columns = tuple(Column(each, "varchar") for each in names)
    values = [pa.array(each, pa.string()) for each in (lines, *more)]
    return QueryResult(
        kind, sub_kind, columns=columns, rows=pa.table(dict(zip(names, values, strict=True)))
    )


def _null_columns(tree: exp.Expr) -> set[int]:
    """Positions of columns that are nothing but NULL, for which DuckDB makes up a type."""
    if isinstance(tree, exp.SetOperation):
        return _null_columns(tree.this) & _null_columns(tree.expression)
    if isinstance(tree, exp.Subquery):
        return _null_columns(tree.this)
    if isinstance(tree, exp.Values):
        rows = [
            row.expressions if isinstance(row, exp.Tuple) else [row] for row in tree.expressions
        ]
        columns = zip(*rows, strict=False)
        return {
            position
            for position, column in enumerate(columns)
            if all(isinstance(each, exp.Null) for each in column)
        }
    if not isinstance(tree, exp.Select) or tree.is_star:
        return set()
    return {
        position
        for position, each in enumerate(tree.expressions)
        if isinstance(each.unalias(), exp.Null)
    }


def _mark_unnamed(tree: exp.Expression) -> None:
    """Give columns without a name one that is told apart, since DuckDB names them by their text."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    for position, each in enumerate(select.expressions):
        if isinstance(each, exp.Alias | exp.Star) or each.is_star:
            continue
        if isinstance(each, exp.Column):
            if each.name.startswith("$"):
                select.expressions[position].replace(
                    exp.alias_(each.copy(), each.name, quoted=True)
                )
            continue
        if isinstance(each, exp.Dot):
            continue  # named by its last part
        each.replace(exp.alias_(each.copy(), f"{_UNNAMED}{position}", quoted=True))
