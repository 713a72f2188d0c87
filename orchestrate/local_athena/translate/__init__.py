"""Trino's SQL, as Athena reads it, into DuckDB's: `parse`, then `to_duckdb`."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from orchestrate.local_athena.translate.parsing import parse

__all__ = ["parse", "to_duckdb"]

Schema = Mapping[str, Mapping[str, Mapping[str, str]]]


def to_duckdb(tree: exp.Expression, schema: Schema) -> exp.Expression:
    """Turn a statement into one that DuckDB answers as Athena would.

    Args:
        tree: Of `parse`; each table with its database.
        schema: Athena's types: database, table, column.

    Raises:
        QueryError: Athena refuses it, or DuckDB cannot answer as Athena would.
    """
    return tree.copy()
