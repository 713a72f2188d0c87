"""Mathematical and bitwise functions.

https://trino.io/docs/current/functions/math.html, https://trino.io/docs/current/functions/bitwise.html
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from orchestrate.local_athena.translate.coercion import is_null_literal, unify
from orchestrate.local_athena.translate.operators import arithmetic
from orchestrate.local_athena.translate.registry import define
from orchestrate.local_athena.translate.terms import Term, cast_node, duck, literal, not_supported
from orchestrate.local_athena.translate.types import BIGINT, Type, decimal


def _whole(name: str) -> None:
    """Integers stay as they are; decimals lose their scale, doubles stay doubles."""
    define(f"{name}(whole) -> 1", "_1")
    define(f"{name}(double) -> double", f"{name}(_1)")
    define(f"{name}(real) -> real", f"{name}(_1)")

    def decimals(args: list[Term]) -> Term:
        digits, scale = args[0].type.params
        result = decimal(digits - scale + min(scale, 1), 0)
        return Term(cast_node(duck(f"{name}(_1)", args[0]), result), result)

    define(f"{name}(decimal)", decimals)


for _name in ("ceil", "floor"):
    _whole(_name)
define("ceiling(whole) -> 1", "_1")
define("ceiling(double) -> double", "ceil(_1)")
define("ceiling(real) -> real", "ceil(_1)")
define(
    "ceiling(decimal)",
    "ceil(_1)",
    returns=lambda args: decimal(
        args[0].type.params[0] - args[0].type.params[1] + min(args[0].type.params[1], 1), 0
    ),
)


def _rounded_decimal(args: list[Term]) -> Term:
    digits, scale = args[0].type.params
    result = decimal(digits - scale + min(scale, 1), 0)
    return Term(cast_node(duck("round(_1)", args[0]), result), result)


def _rounded_to(args: list[Term]) -> Term:
    digits, scale = args[0].type.params
    places = args[1].value
    if not isinstance(places, int):
        raise not_supported(
            "round of a decimal to places that are not a literal", "write the number"
        )
    result = decimal(digits + 1, scale)
    return Term(cast_node(duck("round(_1, _2)", args[0], args[1]), result), result)


define("round(whole) -> 1", "_1")
define("round(double) -> double", "round(_1)")
define("round(real) -> real", "round(_1)")
define("round(decimal)", _rounded_decimal)
define("round(double, integer) -> double", "round(_1, _2)")
define("round(real, integer) -> real", "CAST(round(_1, _2) AS FLOAT)")
define("round(whole, bigint) -> 1", "trino_round_whole(_1, _2)")
define("round(decimal, integer)", _rounded_to)
define("truncate(double) -> double", "trunc(_1)")
define("truncate(real) -> real", "trunc(_1)")
define(
    "truncate(decimal)",
    lambda args: Term(
        cast_node(
            duck("trunc(_1)", args[0]),
            decimal(max(args[0].type.params[0] - args[0].type.params[1], 1), 0),
        ),
        decimal(max(args[0].type.params[0] - args[0].type.params[1], 1), 0),
    ),
)
define("abs(number) -> 1", "abs(_1)")
define("mod(number, number)", lambda args: arithmetic("%", args[0], args[1]))


def _sign(args: list[Term]) -> Term:
    """The sign has the type of the number."""
    result = decimal(1, 0) if args[0].type.name == "decimal" else args[0].type
    if args[0].type.name in ("double", "real"):  # -0 and NaN stay
        made = duck("CASE WHEN isnan(_1) OR _1 = 0 THEN _1 ELSE sign(_1) END", args[0])
    else:
        made = duck("sign(_1)", args[0])
    return Term(cast_node(made, result), result)


define("sign(number)", _sign)
# DuckDB refuses what IEEE 754 gives NaN or an infinity for.
_NAN, _LOW = "CAST('nan' AS DOUBLE)", "CAST('-inf' AS DOUBLE)"
define("sqrt(double) -> double", f"CASE WHEN _1 < 0 THEN {_NAN} ELSE sqrt(_1) END")
define("ln(double) -> double", "trino_ln(_1)")
define("log2(double) -> double", "trino_ln(_1) / ln(CAST(2 AS DOUBLE))")
define(
    "log10(double) -> double",
    f"CASE WHEN _1 < 0 THEN {_NAN} WHEN _1 = 0 THEN {_LOW} ELSE log10(_1) END",
)
define("log(double, double) -> double", "trino_ln(_2) / trino_ln(_1)")


def _power(args: list[Term]) -> exp.Expr:
    return duck("pow(_1, _2)" if args[1].is_constant else "trino_pow(_1, _2)", *args)


for _name in ("power", "pow"):
    define(f"{_name}(double, double) -> double", _power)
# The nearest double to the root: one step of Newton's method on DuckDB's.
define(
    "cbrt(double) -> double",
    "CASE WHEN _1 = 0 OR NOT isfinite(_1) THEN _1 ELSE "
    "cbrt(_1) - (cbrt(_1) * cbrt(_1) * cbrt(_1) - _1) / (3 * cbrt(_1) * cbrt(_1)) END",
)
for _name in ("exp", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh"):
    define(f"{_name}(double) -> double", f"{_name}(_1)")
for _name in ("asin", "acos"):
    _made = f"CASE WHEN abs(_1) > 1 THEN {_NAN} ELSE {_name}(_1) END"
    define(f"{_name}(double) -> double", _made)
for _name in ("degrees", "radians"):
    define(f"{_name}(double) -> double", f"{_name}(_1)")
define("atan2(double, double) -> double", "atan2(_1, _2)")
define("pi() -> double", "pi()")
define("e() -> double", "exp(CAST(1 AS DOUBLE))")
define("infinity() -> double", "CAST('inf' AS DOUBLE)")
define("nan() -> double", _NAN)
define("is_nan(double) -> boolean", "isnan(_1)")
define("is_finite(double) -> boolean", "isfinite(_1)")
define("is_infinite(double) -> boolean", "isinf(_1)")


def _random(args: list[Term]) -> Term:
    """Draw a whole number of the type of the bounds."""
    low, high = unify([*args], "random") if len(args) == 2 else (Term(literal(0), BIGINT), *args)
    return Term(cast_node(duck("trino_random(_1, _2)", low, high), high.type), high.type)


for _name in ("rand", "random"):
    define(f"{_name}() -> double", "random()")
    define(f"{_name}(whole)", _random)
    define(f"{_name}(whole, whole)", _random)
_BITS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}


def _shifted(sign: str) -> Callable[[list[Term]], Term]:
    """Shift in the bits of the type; `>>` fills with zeros, `>>>` with the sign."""

    def rule(args: list[Term]) -> Term:
        if is_null_literal(args[0]):
            return Term(cast_node(args[0].node, Type("tinyint")), Type("tinyint"))
        bits = _BITS[args[0].type.name]
        wide = duck("CAST(_1 AS HUGEINT)", args[0])
        places = duck(
            "CAST(CASE WHEN trino_check(_1 < 0, 'INVALID_FUNCTION_ARGUMENT: shift must not be "
            f"negative') AND _1 IS NOT NULL THEN least(_1, {bits}) END AS INTEGER)",
            args[1],
        )
        power = duck("CAST(pow(2, _1) AS HUGEINT)", places)
        if sign == ">>>":
            # Down to the next whole number: DuckDB's // goes towards 0.
            made = duck("(_1 - ((_1 % _2) + _2) % _2) // _2", wide, power)
            return Term(cast_node(made, args[0].type), args[0].type)
        whole = 2**bits
        unsigned = duck(f"(_1 + {whole}) % {whole}", wide)
        made = duck(f"(_1 * _2) % {whole}" if sign == "<<" else "_1 // _2", unsigned, power)
        signed = duck(f"CASE WHEN _1 >= {whole // 2} THEN _1 - {whole} ELSE _1 END", made)
        return Term(cast_node(signed, args[0].type), args[0].type)

    return rule


define("bitwise_and(bigint, bigint) -> bigint", "_1 & _2")
define("bitwise_or(bigint, bigint) -> bigint", "_1 | _2")
define("bitwise_xor(bigint, bigint) -> bigint", "xor(_1, _2)")
define("bitwise_not(bigint) -> bigint", "~_1")
define("bitwise_left_shift(whole, bigint)", _shifted("<<"))
define("bitwise_right_shift(whole, bigint)", _shifted(">>"))
define("bitwise_right_shift_arithmetic(whole, bigint)", _shifted(">>>"))
define("from_base(varchar, bigint) -> bigint", "trino_from_base(_1, _2)")
define(
    "width_bucket(double, double, double, bigint) -> bigint",
    "CASE WHEN (_1 + _2 + _3 + _4) IS NOT NULL THEN trino_width_bucket(_1, _2, _3, _4) END",
)
define("width_bucket(double, array(double)) -> bigint", "trino_bucket(_1, _2)")
define("to_base(bigint, bigint) -> varchar", "lower(to_base(_1, CAST(_2 AS INTEGER)))")


def _bits(args: list[Term]) -> Term:
    if args[1].value != 64:
        raise not_supported("bit_count of other than 64 bits", "count in 64 bits")
    return Term(duck("CAST(bit_count(_1) AS BIGINT)", args[0]), Type("bigint"))


define("bit_count(bigint, bigint)", _bits)
