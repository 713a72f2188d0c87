"""`format`: https://trino.io/docs/current/functions/conversion.html#formatting.

Java's conversions %s, %d and %.nf, with zeros in front and groups of three; others are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.casts import cast
from orchestrate.local_athena.translate.registry import special
from orchestrate.local_athena.translate.scope import Scope, place_of
from orchestrate.local_athena.translate.terms import (
    Term,
    constant_text,
    duck,
    literal,
    not_supported,
)
from orchestrate.local_athena.translate.types import DOUBLE, MAX_PRECISION, VARCHAR, decimal

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder

_CONVERSION = re.compile(r"%(%|s|,?d|0[1-9][0-9]?d|,?\.[0-9]{1,2}f)")
_AS_TEXT = ("varchar", "boolean", "date", "tinyint", "smallint", "integer", "bigint")


@special("format")
def _format(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    place = place_of(node)
    if len(node.expressions) < 2:
        raise QueryError("FUNCTION_NOT_FOUND", f"{place}format takes a pattern and values")
    pattern, *args = [binder.term(each, scope) for each in node.expressions]
    text = constant_text(pattern, "the pattern of format")
    parts: list[exp.Expr] = []
    at = 0
    for found in _CONVERSION.finditer(text):
        _plain(parts, text[at : found.start()])
        at = found.end()
        if found[1] == "%":
            parts.append(literal("%"))
        elif not args:
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"{place}format: no value for {found[0]}")
        else:
            parts.append(_converted(found[1], args.pop(0)))
    _plain(parts, text[at:])
    if not parts:
        return Term(literal(""), VARCHAR)
    made = parts[0]
    for part in parts[1:]:
        made = duck("_1 || _2", made, part)
    return Term(made, VARCHAR)


def _plain(parts: list[exp.Expr], text: str) -> None:
    if "%" in text:
        raise not_supported(f"format of {text!r}", "use %s, %d, %05d, %,d, %.2f or %,.2f")
    if text:
        parts.append(literal(text))


def _converted(conversion: str, value: Term) -> exp.Expr:
    kind = conversion[-1]
    if kind == "s":
        if value.type.name not in _AS_TEXT:
            raise not_supported(f"format %s of {value.type}", "cast it to varchar")
        return duck("coalesce(_1, 'null')", cast(value, VARCHAR))
    if kind == "d":
        if not value.type.is_integer:
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"format %d of {value.type}")
        if conversion == ",d":
            return duck("coalesce(format('{:,}', _1), 'null')", value)
        if conversion == "d":
            return duck("coalesce(CAST(_1 AS VARCHAR), 'null')", value)
        width = int(conversion[1:-1])
        made = f"coalesce(printf('%0{width}d', _1), lpad('null', {max(width, 4)}, ' '))"
        return duck(made, value)
    return _with_places(value, int(conversion.lstrip(",.")[:-1]), is_grouped=conversion[0] == ",")


def _with_places(value: Term, places: int, *, is_grouped: bool) -> exp.Expr:
    """Round half up, from the shortest digits of a double, as Java does."""
    if value.type.name not in ("decimal", "double", "real"):
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"format %f of {value.type}")
    if places > 18:
        raise not_supported("format of so many places", "use 18 or less")
    if value.type.name == "real":
        value = cast(value, DOUBLE)
    rounded = cast(value, decimal(MAX_PRECISION, places)).node
    if not is_grouped:
        made = duck("CAST(_1 AS VARCHAR)", rounded)
    else:
        made = duck(
            "CASE WHEN _1 < 0 THEN '-' ELSE '' END || format('{:,}', CAST(split_part(CAST("
            "abs(_1) AS VARCHAR), '.', 1) AS BIGINT)) || regexp_extract(CAST(_1 AS VARCHAR), "
            "'[.].*')",
            rounded,
        )
    if value.type == DOUBLE:  # the sign of what is rounded to nothing stays
        made = duck(
            "CASE WHEN _2 < 0 AND _1 = 0 THEN '-' || _3 ELSE _3 END", rounded, value.node, made
        )
    return duck("coalesce(_1, 'null')", made)
