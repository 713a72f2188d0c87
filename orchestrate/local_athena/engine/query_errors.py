"""DuckDB's and the catalog's errors, as Athena would tell them."""

from __future__ import annotations

import re

import duckdb

from orchestrate.local_athena.model import CANCELLED, ErrorCategory, QueryError
from orchestrate.local_athena.translate import runtime_error

# DuckDB's kind of error: Trino's name. https://trino.io/docs/current/language/types.html
_NAMES: tuple[tuple[type[Exception], str], ...] = (
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
    (duckdb.ConstraintException, "CONSTRAINT_VIOLATION"),
    (duckdb.OutOfMemoryException, "EXCEEDED_LOCAL_MEMORY_LIMIT"),
    (duckdb.NotImplementedException, "NOT_SUPPORTED"),
    (duckdb.TransactionException, "ICEBERG_COMMIT_ERROR"),
    (duckdb.HTTPException, "HIVE_CANNOT_OPEN_SPLIT"),
    (duckdb.IOException, "HIVE_CANNOT_OPEN_SPLIT"),
)
_BY_TEXT: tuple[tuple[str, str], ...] = (
    (r"Referenced (column|table) .* not found", "COLUMN_NOT_FOUND"),
    (r"does not have a column named", "COLUMN_NOT_FOUND"),
    (r"Table with name .* does not exist", "TABLE_NOT_FOUND"),
    (r"already exists", "TABLE_ALREADY_EXISTS"),
    (r"NOT NULL constraint failed", "CONSTRAINT_VIOLATION"),
    (r"Conflict_409|CommitFailed|Requirement failed", "ICEBERG_COMMIT_ERROR"),
    (r"Could not (connect|establish)|Failed to retrieve OAuth2", "GENERIC_INTERNAL_ERROR"),
)
_SYSTEM = (
    "HIVE_CANNOT_OPEN_SPLIT",
    "EXCEEDED_LOCAL_MEMORY_LIMIT",
    "ICEBERG_COMMIT_ERROR",
    "GENERIC_INTERNAL_ERROR",
)


def of_duckdb(error: duckdb.Error, *, stopped: bool) -> QueryError:
    """The error of a query that DuckDB could not run.

    Args:
        error: DuckDB's.
        stopped: Whether somebody asked for the query to stop.
    """
    if stopped:
        return QueryError(CANCELLED, "Query cancelled", ErrorCategory.USER)
    known = runtime_error(error)
    if known is not None:
        return known
    text = " ".join(str(error).split())
    name = next((found for pattern, found in _BY_TEXT if re.search(pattern, text)), None)
    if name is None:
        name = next((found for kind, found in _NAMES if isinstance(error, kind)), None)
    if name is None and isinstance(error, duckdb.ParserException | duckdb.BinderException):
        name = "SYNTAX_ERROR"
    name = name or "GENERIC_USER_ERROR"
    return QueryError(name, text, ErrorCategory.SYSTEM if name in _SYSTEM else ErrorCategory.USER)


def of_lake(error: Exception) -> QueryError:
    """The error of a query that the lake's catalog or S3 did not answer."""
    text = " ".join(str(error).split()) or type(error).__name__
    return QueryError("GENERIC_INTERNAL_ERROR", f"the lake: {text}", ErrorCategory.SYSTEM)
