"""Literals of intervals.

https://trino.io/docs/current/language/types.html#interval-day-to-second
"""

from __future__ import annotations

import re

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
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


_SPANS = {
    ("YEAR", "MONTH"): r"(\d+)-(\d+)",
    ("DAY", "HOUR"): r"(\d+) (\d+)",
    ("DAY", "MINUTE"): r"(\d+) (\d+):(\d+)",
    ("DAY", "SECOND"): r"(\d+) (\d+):(\d+):(\d+(?:\.\d{1,3})?)",
    ("HOUR", "MINUTE"): r"(\d+):(\d+)",
    ("HOUR", "SECOND"): r"(\d+):(\d+):(\d+(?:\.\d{1,3})?)",
    ("MINUTE", "SECOND"): r"(\d+):(\d+(?:\.\d{1,3})?)",
}


def _of_two_units(node: exp.Expr, span: exp.IntervalSpan) -> Term:
    """Read `INTERVAL '1-2' YEAR TO MONTH`, `INTERVAL '2 03:04' DAY TO MINUTE`."""
    first, last = span.this.name.upper(), span.expression.name.upper()
    text = node.this.name.strip() if isinstance(node.this, exp.Literal) else ""
    sign = "-" if text.startswith("-") else ""
    found = re.fullmatch(_SPANS.get((first, last), r"(?!)"), text.lstrip("+-"))
    if found is None:
        raise QueryError(
            "INVALID_LITERAL", f"{place_of(node)}Invalid INTERVAL {first} TO {last} value: {text}"
        )
    units = list(_UNITS)
    names = units[units.index(first) : units.index(last) + 1]
    parts = [
        f"{_UNITS[unit][0]}({sign}{value})"
        for unit, value in zip(names, found.groups(), strict=True)
    ]
    return Term(duck(" + ".join(parts)), _UNITS[first][1])


def interval(node: exp.Expr) -> Term:
    """Read `INTERVAL '2' DAY`.

    Raises:
        QueryError: Another unit or value.
    """
    unit = node.args.get("unit")
    if isinstance(unit, exp.IntervalSpan):
        return _of_two_units(node, unit)
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
