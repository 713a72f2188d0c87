"""SELECT, VALUES, TABLE, EXPLAIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from orchestrate.local_athena.model import Column, QueryError, QueryResult, StatementKind
from orchestrate.local_athena.translate import parse

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session


def select(session: Session, reader: Reader) -> QueryResult:
    """Run a query and hand back its rows."""
    sql, columns = compiled(session, parse(reader.sql), as_written=True)
    rows = session.cursor.stream(sql)
    return QueryResult(StatementKind.DML, "SELECT", columns=columns, rows=rows)


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


def compiled(
    session: Session, tree: exp.Expr, *, as_written: bool = False
) -> tuple[str, tuple[Column, ...]]:
    """DuckDB's text of a query, which is taken apart, and the columns it gives, with their types.

    Args:
        session: Of the statement.
        tree: The query.
        as_written: Keep the case of the columns' names, as results do and tables do not
            (https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html).

    Raises:
        QueryError: It is no query, or wrong.
    """
    if not isinstance(tree, exp.Query | exp.Values | exp.Table):
        raise QueryError("SYNTAX_ERROR", "line 1:1: expected a query")
    bound, columns = session.query.bind(tree)
    if not as_written:
        columns = tuple(Column(each.name.lower(), each.type) for each in columns)
    return bound.sql(dialect="duckdb", copy=False), columns


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
