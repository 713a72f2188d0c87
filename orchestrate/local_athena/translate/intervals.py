"""Literals of intervals.

https://trino.io/docs/current/language/types.html#interval-day-to-second
"""

from __future__ import annotations

import re

from sqlglot import exp

from orchestrate.local_athena.translate.scope import place_of
from orchestrate.local_athena.translate.terms import Term, duck, not_supported
from orchestrate.local_athena.translate.types import DAY_INTERVAL, MONTH_INTERVAL

_UNITS = {
    "YEAR": ("to_years", MONTH_INTERVAL),
    "MONTH": ("to_months", MONTH_INTERVAL),
    "DAY": ("to_days", DAY_INTERVAL),
    "HOUR": ("to_hours", DAY_INTERVAL),
    "MINUTE": ("to_minutes", DAY_INTERVAL),
    "SECOND": ("to_seconds", DAY_INTERVAL),
}


def interval(node: exp.Expr) -> Term:
    """Read `INTERVAL '2' DAY`; one of two units (`DAY TO SECOND`) is refused.

    Raises:
        QueryError: Another unit or value.
    """
    unit = node.args.get("unit")
    text = node.this.sql("trino").replace("'", "").replace(" ", "") if node.this else ""
    known = _UNITS.get(unit.name.upper()) if isinstance(unit, exp.Var) else None
    if known is None or not re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        raise not_supported(
            f"{place_of(node)}{node.sql('trino')}",
            "write one unit: YEAR, MONTH, DAY, HOUR, MINUTE or SECOND",
        )
    function, type_ = known
    if "." in text and function != "to_seconds":
        raise not_supported(f"{place_of(node)}{node.sql('trino')}", "give whole numbers")
    number = text.lstrip("+")
    made = f"to_seconds({number})" if function == "to_seconds" else f"{function}({number})"
    return Term(duck(made), type_)
