"""Aggregates: https://trino.io/docs/current/functions/aggregate.html."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.registry import define, special
from orchestrate.local_athena.translate.scope import Scope
from orchestrate.local_athena.translate.terms import (
    Term,
    cast_node,
    check_distinct,
    check_orderable,
    duck,
    not_supported,
)
from orchestrate.local_athena.translate.types import Type, array, decimal, duckdb_name, map_of

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder


def _decimal_average(args: list[Term]) -> Term:
    """The average of decimals keeps their scale; DuckDB's is a double."""
    digits, scale = args[0].type.params
    text = (
        f"CAST(trino_scaled(trino_round_half(trino_unscaled(agg_sum(_1)), "
        f"nullif(agg_count(_1), 0)), {scale}) AS DECIMAL({digits},{scale}))"
    )
    return Term(duck(text, args[0]), args[0].type)


# DuckDB sums integers into 128 bits; Trino into a bigint that overflows.
define("sum(bigint) -> bigint", "CAST(agg_sum(_1) AS BIGINT)")
define("sum(real) -> real", "CAST(agg_sum(_1) AS FLOAT)")
define("sum(double) -> double", "agg_sum(_1)")
define("sum(decimal)", "trino_of_38_digits(agg_sum(_1))",
       returns=lambda args: decimal(38, args[0].type.params[1]))  # fmt: skip
define("avg(bigint) -> double", "agg_avg(_1)")
define("avg(double) -> double", "agg_avg(_1)")
define("avg(real) -> real", "CAST(agg_avg(_1) AS FLOAT)")
define("avg(decimal)", _decimal_average)
define("count(T) -> bigint", "agg_count(_1)")
define("count_if(boolean) -> bigint", "CAST(coalesce(agg_count_if(_1), 0) AS BIGINT)")


def _extreme(made: str, by: int = 0) -> Callable[[list[Term]], exp.Expr]:
    """An extreme by the argument at `by`; NaN has no place in the order of several values."""

    def rule(args: list[Term]) -> exp.Expr:
        check_orderable(args[by].type)
        checked = [*args]
        if args[by].type.name in ("double", "real"):
            checked[by] = Term(duck("trino_not_nan(_1)", args[by]), args[by].type)
        return duck(made, *checked)

    return rule


def _plain_extreme(made: str) -> Callable[[list[Term]], exp.Expr]:
    def rule(args: list[Term]) -> exp.Expr:
        check_orderable(args[0].type)
        return duck(made, *args)

    return rule


def _distinct(made: str) -> Callable[[list[Term]], exp.Expr]:
    """Tell values apart, which cannot be done with maps."""

    def rule(args: list[Term]) -> exp.Expr:
        check_distinct(args[0].type)
        return duck(made, *args)

    return rule


define("min(T) -> T", _plain_extreme("agg_min(_1)"))
define("max(T) -> T", _plain_extreme("agg_max(_1)"))
# NaN is the greatest to DuckDB; Trino gives it only where there is nothing else.
for _type in ("double", "real"):
    define(
        f"max({_type}) -> {_type}",
        "coalesce(agg_max(CASE WHEN NOT isnan(_1) THEN _1 END), agg_max(_1))",
    )
for _name in ("min", "max"):
    define(f"{_name}(T, bigint) -> array(T)", _extreme(f"agg_{_name}(_1, trino_some(_2))"))
    # DuckDB's max_by skips rows whose first value is NULL.
    define(f"{_name}_by(T, K) -> T", _extreme(f"agg_arg_{_name}_null(_1, _2)", 1))
    define(
        f"{_name}_by(T, K, bigint) -> array(T)",
        _extreme(
            f"list_transform(agg_arg_{_name}({{'x': _1}}, _2, trino_some(_3)), "
            "lambda trino_x: trino_x.x)",
            1,
        ),
    )
define("any_value(T) -> T", "agg_any_value(_1)")
define("arbitrary(T) -> T", "agg_any_value(_1)")
define("array_agg(T) -> array(T)", "agg_array_agg(_1)")
define("bool_and(boolean) -> boolean", "agg_bool_and(_1)")
define("every(boolean) -> boolean", "agg_bool_and(_1)")
define("bool_or(boolean) -> boolean", "agg_bool_or(_1)")
define("listagg(varchar, varchar) -> varchar", "agg_string_agg(_1, _2)")
define("geometric_mean(double) -> double", "agg_geometric_mean(_1)")
define("bitwise_and_agg(bigint) -> bigint", "agg_bit_and(_1)")
define("bitwise_or_agg(bigint) -> bigint", "agg_bit_or(_1)")
define("bitwise_xor_agg(bigint) -> bigint", "agg_bit_xor(_1)")


def _histogram(args: list[Term]) -> Term:
    check_distinct(args[0].type)
    made = f"CAST(agg_histogram(_1) AS MAP({duckdb_name(args[0].type)}, BIGINT))"
    return Term(duck(made, args[0]), map_of(args[0].type, Type("bigint")))


define("histogram(T)", _histogram)
define("map_agg(K, V) -> map(K, V)",
       _distinct("trino_map_of(agg_array_agg({'k': _1, 'v': _2}))"))  # fmt: skip
define(
    "multimap_agg(K, V) -> map(K, array(V))",
    _distinct("trino_multimap_of(trino_with_key(agg_array_agg({'k': _1, 'v': _2})))"),
)
# Approximate in Trino; the exact answer is within its error.
define("approx_distinct(T) -> bigint", _distinct("agg_count(DISTINCT _1)"))
define("approx_distinct(T, double) -> bigint",
       _distinct("CASE WHEN trino_standard_error(_2) THEN agg_count(DISTINCT _1) END"))  # fmt: skip


def _percentile(args: list[Term]) -> Term:
    """One percentile, or an array of them; those below 0 count from above in DuckDB."""
    value, asked = args
    for literal in asked.node.find_all(exp.Neg):
        raise QueryError(
            "INVALID_FUNCTION_ARGUMENT", f"Percentile must be between 0 and 1: {literal.sql()}"
        )
    if asked.node.find(exp.Column):
        raise not_supported("a percentile that is not a literal", "write the number")
    subject = "trino_not_nan(_1)" if value.type.name in ("double", "real") else "_1"
    is_array = asked.type.name == "array"
    made = duck(f"agg_quantile_disc({subject}, _2)", value, asked)
    return Term(made, array(value.type) if is_array else value.type)


for _type in ("bigint", "double", "real"):
    define(f"approx_percentile({_type}, double)", _percentile)
    define(f"approx_percentile({_type}, array(double))", _percentile)
for _trino, _duckdb in {
    "stddev": "stddev_samp", "stddev_samp": "stddev_samp", "stddev_pop": "stddev_pop",
    "variance": "var_samp", "var_samp": "var_samp", "var_pop": "var_pop",
}.items():  # fmt: skip
    define(f"{_trino}(double) -> double", f"agg_{_duckdb}(_1)")
for _name in ("covar_pop", "covar_samp"):
    define(f"{_name}(double, double) -> double", f"agg_{_name}(_1, _2)")
for _name in ("corr", "regr_slope", "regr_intercept"):  # NULL where there is no line
    define(f"{_name}(double, double) -> double", f"trino_finite(agg_{_name}(_1, _2))")
for _name in ("skewness", "kurtosis"):
    define(
        f"{_name}(double) -> double",
        f"trino_{_name}(agg_{_name}(_1), agg_count(_1), agg_min(_1) = agg_max(_1))",
    )


@special("grouping")
def _grouping(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """A bit for each column, the last one's the lowest."""
    columns = [binder.term(arg, scope).node for arg in node.expressions]
    made = exp.Anonymous(this="grouping", expressions=columns)
    result = Type("bigint" if len(columns) > 31 else "integer")
    return Term(cast_node(made, result), result)
