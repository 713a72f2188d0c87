"""Arithmetic and comparison with Trino's types and errors.

https://trino.io/docs/current/functions/math.html, https://trino.io/docs/current/functions/decimal.html,
https://trino.io/docs/current/functions/datetime.html, https://trino.io/docs/current/functions/comparison.html
"""

from __future__ import annotations

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.coercion import (
    back_to_instant,
    coerce,
    local_timestamp,
    row_part,
)
from orchestrate.local_athena.translate.terms import (
    NOT_CONSTANT,
    Term,
    cast_node,
    check_distinct,
    duck,
    mismatch,
    not_supported,
)
from orchestrate.local_athena.translate.types import (
    BOOLEAN,
    DATE,
    DAY_INTERVAL,
    MAX_CHAR,
    MAX_PRECISION,
    MONTH_INTERVAL,
    UNKNOWN,
    Type,
    as_decimal,
    common_type,
    decimal,
    with_milliseconds,
)

_WHOLE = {"/": "//", "%": "%"}
_INTERVALS = (DAY_INTERVAL, MONTH_INTERVAL)


def arithmetic(sign: str, left: Term, right: Term, place: str = "") -> Term:
    """Calculate `left sign right` for one of `+ - * / %`."""
    if left.type == UNKNOWN and right.type == UNKNOWN:
        return Term(exp.null(), Type("integer"), None)
    if left.type == UNKNOWN and right.type not in _INTERVALS and not right.type.is_temporal:
        left = coerce(left, right.type)
    if right.type == UNKNOWN and left.type not in _INTERVALS and not left.type.is_temporal:
        right = coerce(right, left.type)
    if left.type.is_numeric and right.type.is_numeric:
        return _numbers(sign, left, right)
    made = _with_intervals(sign, left, right)
    if made is None:
        raise mismatch(f"{place}Cannot apply operator: {left.type} {sign} {right.type}")
    return made


def _numbers(sign: str, left: Term, right: Term) -> Term:
    joined = common_type(left.type, right.type)
    if joined is None:
        raise mismatch(f"Cannot apply operator: {left.type} {sign} {right.type}")
    if joined.name == "decimal":
        return _decimals(sign, left, right)
    a, b = coerce(left, joined), coerce(right, joined)
    if joined.is_integer and sign in _WHOLE and b.value not in (NOT_CONSTANT, None, 0, -1):
        made = duck(f"_1 {_WHOLE[sign]} _2", _typed(a), _typed(b))
        return Term(cast_node(made, joined), joined)
    if joined.is_integer and sign == "/":
        return Term(cast_node(duck("trino_divide(_1, _2)", a, b), joined), joined)
    if joined.is_integer and sign == "%":
        return Term(cast_node(duck("trino_int_modulo(_1, _2)", a, b), joined), joined)
    return Term(duck(f"_1 {sign} _2", _typed(a), _typed(b)), joined)


def _typed(term: Term) -> exp.Expr:
    """Give a literal its type: DuckDB would fit it to the other operand."""
    if isinstance(term.node, exp.Literal | exp.Neg | exp.Paren) and term.type.is_numeric:
        return cast_node(term.node, term.type)
    return term.node


def decimal_result(sign: str, left: Type, right: Type) -> Type:
    """Give the precision and scale of decimal arithmetic.

    https://trino.io/docs/current/functions/decimal.html#binary-arithmetic-decimal-operators
    """
    (p1, s1), (p2, s2) = left.params, right.params
    if sign in "+-":
        return decimal(max(p1 - s1, p2 - s2) + max(s1, s2) + 1, max(s1, s2))
    if sign == "*":
        if s1 + s2 > MAX_PRECISION:
            raise QueryError(
                "INVALID_FUNCTION_ARGUMENT",
                f"DECIMAL scale must be in range [0, precision ({MAX_PRECISION})]: {s1 + s2}",
            )
        return decimal(p1 + p2, s1 + s2)
    if sign == "/":
        return decimal(p1 + s2 + max(s2 - s1, 0), max(s1, s2))
    return decimal(min(p1 - s1, p2 - s2) + max(s1, s2), max(s1, s2))


def _decimals(sign: str, left: Term, right: Term) -> Term:
    a, b = (coerce(t, as_decimal(t.type)) for t in (left, right))
    result = decimal_result(sign, a.type, b.type)
    scale = result.params[1]
    (p1, s1), (p2, s2) = a.type.params, b.type.params
    if sign in "+-":
        wide = decimal(result.params[0], scale)
        node = duck(f"_1 {sign} _2", cast_node(a.node, wide), cast_node(b.node, wide))
        return Term(cast_node(node, result), result)
    if sign == "*":
        # DuckDB multiplies 64-bit decimals as such; 38 digits on one side make it 128 bits.
        wide = decimal(max(p1, MAX_PRECISION - p2 if p1 + p2 < MAX_PRECISION else p1), s1)
        if p1 + p2 > 18:
            wide = decimal(MAX_PRECISION, s1)
        node = duck("_1 * _2", cast_node(a.node, wide), cast_node(b.node, b.type))
        return Term(cast_node(node, result), result)
    if sign == "/":
        shift = scale + s2 - s1
        text = f"trino_decimal_divide(_1, _2, {s1}, {s2}, {shift}, {scale})"
        return Term(cast_node(duck(text, a, b), result), result)
    wide = decimal(max(p1 - s1, p2 - s2) + scale, scale)
    node = duck("trino_modulo(_1, _2)", cast_node(a.node, wide), cast_node(b.node, wide))
    return Term(cast_node(node, result), result)


def _with_intervals(sign: str, left: Term, right: Term) -> Term | None:
    if sign == "+" and left.type in _INTERVALS and right.type not in _INTERVALS:
        left, right = right, left
    if left.type in _INTERVALS:
        if right.type == left.type and sign in "+-":
            return Term(duck(f"_1 {sign} _2", left, right), left.type)
        if right.type.is_integer and sign == "*":
            return Term(duck("_1 * CAST(_2 AS BIGINT)", left, right), left.type)
        return None
    if sign == "*" and right.type in _INTERVALS and left.type.is_integer:
        return Term(duck("_2 * CAST(_1 AS BIGINT)", left, right), right.type)
    if right.type in _INTERVALS and sign in "+-":
        return _shifted(sign, left, right)
    if sign == "-" and left.type.is_temporal and right.type.is_temporal:
        joined = common_type(left.type, right.type)
        if joined is None or (left.type == DATE) != (right.type == DATE):
            return None
        a, b = coerce(left, joined), coerce(right, joined)
        minus = "trino_zoned_minus" if joined.name.endswith("zone") else "trino_minus"
        return Term(duck(f"{minus}(_1, _2)", a, b), DAY_INTERVAL)
    return None


def _shifted(sign: str, moment: Term, interval: Term) -> Term | None:
    """Add an interval to a moment; a DATE stays one, which DuckDB would make a timestamp."""
    if moment.type == DATE:
        if interval.type == DAY_INTERVAL:
            bad = duck("trino_whole_days(_1)", interval)
            return Term(duck(f"CAST(_1 {sign} _2 AS DATE)", moment, bad), DATE)
        return Term(duck(f"CAST(_1 {sign} _2 AS DATE)", moment, interval), DATE)
    if moment.type.name == "time" and interval.type == DAY_INTERVAL:
        return Term(duck(f"_1 {sign} _2", moment, interval), with_milliseconds(moment.type))
    if moment.type.name == "timestamp":
        is_day = interval.type == DAY_INTERVAL
        result = with_milliseconds(moment.type) if is_day else moment.type
        return Term(duck(f"_1 {sign} _2", moment, interval), result)
    if moment.type.name == "timestamp with time zone":
        if interval.type == DAY_INTERVAL:
            return Term(duck(f"_1 {sign} _2", moment, interval), with_milliseconds(moment.type))
        local = local_timestamp(moment, "adding months")
        added = duck(f"_1 {sign} _2", local, interval.node)
        return back_to_instant(added, moment, moment.type)
    return None


_ORDERS = ("<", "<=", ">", ">=")
_FLIPPED = {"=": "a", "<>": "a", "<": "b", "<=": "b", ">": "a", ">=": "a"}


def compare(sign: str, left: Term, right: Term, place: str = "") -> Term:
    """Compare two values; types that do not agree are an error, as in Trino."""
    joined = common_type(left.type, right.type)
    if joined is None:
        raise mismatch(f"{place}Cannot apply operator: {left.type} {sign} {right.type}")
    if joined.items and sign not in ("IS DISTINCT FROM", "IS NOT DISTINCT FROM"):
        return _nested(sign, left, right, joined)
    check_distinct(joined)
    if joined == Type("json"):
        raise not_supported("comparing JSON values", "compare json_format of them")
    a, b = coerce(left, joined), coerce(right, joined)
    if joined == Type("char", (MAX_CHAR,)) and sign not in _ORDERS:
        a, b = (Term(duck("rtrim(_1, ' ')", side), joined) for side in (left, right))
    node = duck(f"_1 {sign} _2", a, b)
    if joined.name in ("real", "double") and sign in _FLIPPED:
        node = _with_nan(sign, a, b, node)
    return Term(node, BOOLEAN)


def _nested(sign: str, left: Term, right: Term, joined: Type) -> Term:
    """Compare arrays and rows item by item: a NULL inside makes the answer unknown."""
    a, b = coerce(left, joined), coerce(right, joined)
    if sign not in ("=", "<>") or joined.name == "map":
        raise not_supported(f"{left.type} {sign} {right.type}", "compare the items")
    if joined.name == "row":
        tests = [
            compare("=", Term(row_part(a, at), item), Term(row_part(b, at), item)).node
            for at, item in enumerate(joined.items)
        ]
        node = duck(
            "CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN _3 END", a, b, exp.and_(*tests)
        )
    else:
        pair = exp.to_identifier("trino_pair", quoted=True)
        item = joined.items[0]
        x, y = (Term(duck(f"struct_extract(_1, {at})", pair), item) for at in (1, 2))
        test = compare("=", x, y).node
        node = duck(
            "CASE WHEN len(_1) <> len(_2) THEN false WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN "
            'NOT trino_any(list_transform(list_zip(_1, _2), lambda "trino_pair": NOT _3)) END',
            a,
            b,
            exp.Paren(this=test),
        )
    return Term(duck("NOT _1", exp.Paren(this=node)) if sign == "<>" else node, BOOLEAN)


def _with_nan(sign: str, a: Term, b: Term, node: exp.Expr) -> exp.Expr:
    """NaN equals nothing and is not greater than all, as it is for DuckDB."""
    checked, other = (a, b) if _FLIPPED[sign] == "a" else (b, a)
    if _is_number(checked.node):
        return node
    if checked.is_constant:
        if sign in ("=", "<>") and not other.is_constant:
            return node
        if sign not in ("=", "<>"):
            return node
    if sign == "<>":
        return duck("_1 OR (isnan(_2) AND _3 IS NOT NULL)", node, checked, other)
    if other.is_constant and sign == "=":
        return node
    if other.is_constant:
        return duck("_1 AND NOT isnan(_2)", node, checked)
    return duck("_1 AND (NOT isnan(_2) OR _3 IS NULL)", node, checked, other)


_KEEPING = ("random", "abs", "ceil", "floor", "round", "trunc")


def _is_number(node: exp.Expr) -> bool:
    """Say whether it cannot be NaN, as nothing made of literals and random(); drawn but once."""
    if isinstance(node, exp.Paren | exp.Cast):
        return _is_number(node.this)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul):
        return _is_number(node.this) and _is_number(node.expression)
    if isinstance(node, exp.Anonymous):
        return node.this in _KEEPING and all(map(_is_number, node.expressions))
    return isinstance(node, exp.Literal) and set(node.name) <= set("0123456789.")


def negated(term: Term, place: str = "") -> Term:
    """Change the sign."""
    if not (term.type.is_numeric or term.type in _INTERVALS or term.type == UNKNOWN):
        raise mismatch(f"{place}Cannot apply operator: -{term.type}")
    value = -term.value if isinstance(term.value, int | float) else NOT_CONSTANT
    return Term(exp.Neg(this=exp.Paren(this=term.node)), term.type, value)


def concatenated(left: Term, right: Term, place: str = "") -> Term:
    """Join texts, arrays or bytes with `||`."""
    types = (left.type, right.type)
    if any(found.name == "array" for found in types):
        return _joined_arrays(left, right, place)
    for name in ("varchar", "varbinary"):
        wanted = Type(name)
        if all(t == UNKNOWN or t.name == name or (t.is_text and name == "varchar") for t in types):
            a, b = (coerce(t, wanted) if t.type == UNKNOWN else t for t in (left, right))
            return Term(duck("_1 || _2", a, b), wanted)
    raise QueryError(
        "FUNCTION_NOT_FOUND",
        f"{place}Unexpected parameters ({left.type}, {right.type}) for function concat. "
        "Expected: concat(varchar), concat(array(E)), concat(varbinary)",
    )


def _joined_arrays(left: Term, right: Term, place: str) -> Term:
    def item(found: Type) -> Type:
        return found.items[0] if found.name == "array" else found

    joined = common_type(item(left.type), item(right.type))
    if joined is None:
        raise mismatch(f"{place}Cannot apply operator: {left.type} || {right.type}")
    whole = Type("array", items=(joined,))
    sides = []
    for side in (left, right):
        if side.type.name == "array" or side.type == UNKNOWN:
            sides.append(coerce(side, whole).node)
        else:
            sides.append(duck("[_1]", coerce(side, joined)))
    # NULL || array is NULL in Trino; DuckDB would take it for an empty one.
    made = duck("CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN list_concat(_1, _2) END", *sides)
    return Term(made, whole)
