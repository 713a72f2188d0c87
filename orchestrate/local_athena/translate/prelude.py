"""Macros that DuckDB needs to answer as Trino does; run once on an instance.

A macro that fails does so by a cast of its message, which TRY catches as Trino does, or by a time
zone of that name, which TRY does not catch, where the endpoint refuses; `runtime_error` turns
DuckDB's error back into Trino's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.macros import MACROS
from orchestrate.local_athena.translate.native import FUNCTIONS

if TYPE_CHECKING:
    import duckdb

# Of each connection (cursor). Integers are divided by `//`, and `/` of doubles follows IEEE 754.
SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET integer_division = false",
    "SET ieee_floating_point_ops = true",
)


def prepare(instance: duckdb.DuckDBPyConnection) -> None:
    """Give an instance the functions and macros that translated statements call; once."""
    for name, (function, parameters, returns) in FUNCTIONS.items():
        instance.create_function(name, function, list(parameters), returns)
    for name, body in MACROS.items():
        instance.execute(f"CREATE OR REPLACE MACRO {name} AS {body}")


_OWN = re.compile(r"Could not convert string '([A-Z]+(?:_[A-Z]+)+: .*)' to BOOL", re.DOTALL)
_REFUSED = re.compile(r"Unknown TimeZone '(NOT_SUPPORTED: .*)'!", re.DOTALL)
_OF_PYTHON = re.compile(r"UDF: \w+: ([A-Z]+(?:_[A-Z]+)+: .*)")
_KINDS = (
    ("inside the TRY expression", "NOT_SUPPORTED"),
    ("TRY can not be used", "NOT_SUPPORTED"),
    ("Could not parse", "INVALID_FUNCTION_ARGUMENT"),
    ("field value out of range", "INVALID_CAST_ARGUMENT"),
    ("Casting value", "INVALID_CAST_ARGUMENT"),
    ("Overflow", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("out of range", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("Could not convert", "INVALID_CAST_ARGUMENT"),
    ("Conversion Error", "INVALID_CAST_ARGUMENT"),
    ("Map keys must be unique", "INVALID_FUNCTION_ARGUMENT"),
    ("More than one row returned", "SUBQUERY_MULTIPLE_ROWS"),
    ("must appear in the GROUP BY", "EXPRESSION_NOT_AGGREGATE"),
    ("Invalid Input Error", "INVALID_FUNCTION_ARGUMENT"),
    ("Out of Range Error", "NUMERIC_VALUE_OUT_OF_RANGE"),
)


def runtime_error(error: Exception) -> QueryError | None:
    """Give Trino's error for one that DuckDB raised while it ran, None if it is not the query's."""
    text = str(error)
    own = _OWN.search(text) or _REFUSED.search(text) or _OF_PYTHON.search(text)
    if own:
        name, _, rest = own.group(1).partition(": ")
        return QueryError(name, rest.replace("''", "'"))
    for sign, name in _KINDS:
        if sign in text:
            return QueryError(name, text.splitlines()[0].partition(": ")[2] or text.splitlines()[0])
    return None
