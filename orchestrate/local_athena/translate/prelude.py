"""Macros that DuckDB needs to answer as Trino does; run once on an instance.

A macro that fails does so by a cast of its message, which TRY catches as Trino does;
`runtime_error` turns DuckDB's error back into Trino's.
"""

from __future__ import annotations

import re

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.macros import MACROS

# Of each connection (cursor). Integers are divided by `//`, and `/` of doubles follows IEEE 754.
SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET integer_division = false",
    "SET ieee_floating_point_ops = true",
)


def prelude() -> list[str]:
    """Give the statements that make the macros, to run once on a DuckDB instance."""
    return [f"CREATE OR REPLACE MACRO {name} AS {body}" for name, body in MACROS.items()]


_OWN = re.compile(r"Could not convert string '([A-Z]+(?:_[A-Z]+)+: .*)' to BOOL", re.DOTALL)
_KINDS = (
    ("field value out of range", "INVALID_CAST_ARGUMENT"),
    ("Casting value", "INVALID_CAST_ARGUMENT"),
    ("Overflow", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("out of range", "NUMERIC_VALUE_OUT_OF_RANGE"),
    ("Could not convert", "INVALID_CAST_ARGUMENT"),
    ("Conversion Error", "INVALID_CAST_ARGUMENT"),
    ("Could not parse", "INVALID_FUNCTION_ARGUMENT"),
    ("Map keys must be unique", "INVALID_FUNCTION_ARGUMENT"),
    ("More than one row returned", "SUBQUERY_MULTIPLE_ROWS"),
    ("must appear in the GROUP BY", "EXPRESSION_NOT_AGGREGATE"),
    ("Invalid Input Error", "INVALID_FUNCTION_ARGUMENT"),
    ("Out of Range Error", "NUMERIC_VALUE_OUT_OF_RANGE"),
)


def runtime_error(error: Exception) -> QueryError | None:
    """Give Trino's error for one that DuckDB raised while it ran, None if it is not the query's."""
    text = str(error)
    own = _OWN.search(text)
    if own:
        name, _, rest = own.group(1).partition(": ")
        return QueryError(name, rest.replace("''", "'"))
    for sign, name in _KINDS:
        if sign in text:
            return QueryError(name, text.splitlines()[0].partition(": ")[2] or text.splitlines()[0])
    return None
