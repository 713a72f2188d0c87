"""Trino's SQL, as Athena reads it, into DuckDB's: `parse`, then `to_duckdb`.

A statement is bound as Trino binds it: each name to its column, each expression to its Trino type;
each function is looked up in the table of `functions/`, by its Trino name and the types of its
arguments. What is not in that table is refused, so that nothing is answered otherwise than Athena
answers it. DuckDB is to be prepared once (`prepare`), and each connection set (`SETTINGS`).
"""

from __future__ import annotations

from sqlglot import exp

from orchestrate.local_athena.model import Column
from orchestrate.local_athena.translate import (
    drawn,
    functions,  # noqa: F401  the rules register themselves
)
from orchestrate.local_athena.translate.expressions import Schema
from orchestrate.local_athena.translate.parameters import bind_parameters
from orchestrate.local_athena.translate.parsing import parse
from orchestrate.local_athena.translate.prelude import SETTINGS, prepare, runtime_error
from orchestrate.local_athena.translate.queries import QueryBinder
from orchestrate.local_athena.translate.results import shown
from orchestrate.local_athena.translate.scope import Field
from orchestrate.local_athena.translate.statements import bind

__all__ = [
    "SETTINGS",
    "Schema",
    "bind_parameters",
    "parse",
    "prepare",
    "result_types",
    "runtime_error",
    "to_duckdb",
]


def to_duckdb(tree: exp.Expr, schema: Schema) -> tuple[exp.Expr, list[Column]]:
    """Turn a statement into one that DuckDB answers as Athena would.

    What DuckDB has no like of for a result comes as text: intervals, and timestamps shown in
    another zone than UTC. The tables stay `exp.Table` with database, name, alias and `version`; a
    column may be the hidden `$path` of one.

    Args:
        tree: Of `parse`: a query, INSERT, UPDATE, DELETE, MERGE or CREATE TABLE … AS; each table
            with its database. It is taken apart.
        schema: Athena's types: database, table, column.

    Returns:
        DuckDB's statement, and the columns that it gives, as of `result_types`.

    Raises:
        QueryError: Athena refuses it, or DuckDB cannot answer as Athena would.
    """
    made, fields = bind(QueryBinder(schema), tree)
    drawn.check(made)
    return shown(made, fields) if isinstance(made, exp.Query) else made, _columns(fields)


def result_types(tree: exp.Expr, schema: Schema) -> list[Column]:
    """Give the columns of a query's result, with Athena's names and types.

    Raises:
        QueryError: As `to_duckdb`.
    """
    return _columns(bind(QueryBinder(schema), tree.copy())[1])


def _columns(fields: list[Field]) -> list[Column]:
    return [
        Column(field.label or field.name or f"_col{at}", str(field.type))
        for at, field in enumerate(fields)
    ]
