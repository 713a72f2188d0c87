"""Aggregates: https://trino.io/docs/current/functions/aggregate.html."""

from __future__ import annotations

from orchestrate.local_athena.translate.registry import define
from orchestrate.local_athena.translate.terms import Term, duck
from orchestrate.local_athena.translate.types import Type, array, decimal, duckdb_name, map_of


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
define("sum(decimal)", "agg_sum(_1)", returns=lambda args: decimal(38, args[0].type.params[1]))
define("avg(bigint) -> double", "agg_avg(_1)")
define("avg(double) -> double", "agg_avg(_1)")
define("avg(real) -> real", "CAST(agg_avg(_1) AS FLOAT)")
define("avg(decimal)", _decimal_average)
define("count(T) -> bigint", "agg_count(_1)")
define("count_if(boolean) -> bigint", "CAST(coalesce(agg_count_if(_1), 0) AS BIGINT)")
define("min(T) -> T", "agg_min(_1)")
define("max(T) -> T", "agg_max(_1)")
# NaN is the greatest to DuckDB; Trino gives it only where there is nothing else.
for _type in ("double", "real"):
    define(
        f"max({_type}) -> {_type}",
        "coalesce(agg_max(CASE WHEN NOT isnan(_1) THEN _1 END), agg_max(_1))",
    )
    for _trino, _duckdb in {"max_by": "arg_max_null", "min_by": "arg_min_null"}.items():
        define(f"{_trino}(T, {_type}) -> T", f"agg_{_duckdb}(_1, trino_not_nan(_2))")
define("min(T, bigint) -> array(T)", "agg_min(_1, _2)")
define("max(T, bigint) -> array(T)", "agg_max(_1, _2)")
# DuckDB's max_by skips rows whose first value is NULL.
define("max_by(T, K) -> T", "agg_arg_max_null(_1, _2)")
define("min_by(T, K) -> T", "agg_arg_min_null(_1, _2)")
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
define(
    "histogram(T)",
    lambda args: Term(
        duck(f"CAST(agg_histogram(_1) AS MAP({duckdb_name(args[0].type)}, BIGINT))", args[0]),
        map_of(args[0].type, Type("bigint")),
    ),
)
define("map_agg(K, V) -> map(K, V)", "map(agg_array_agg(_1), agg_array_agg(_2))")
# Approximate in Trino; the exact answer is within its error.
define("approx_distinct(T) -> bigint", "agg_count(DISTINCT _1)")
define("approx_distinct(T, double) -> bigint", "agg_count(DISTINCT _1)")
for _type in ("bigint", "double", "real"):
    define(f"approx_percentile({_type}, double) -> {_type}", "agg_quantile_disc(_1, _2)")
    define(
        f"approx_percentile({_type}, array(double))",
        "agg_quantile_disc(_1, _2)",
        returns=lambda args: array(args[0].type),
    )
for _trino, _duckdb in {
    "stddev": "stddev_samp", "stddev_samp": "stddev_samp", "stddev_pop": "stddev_pop",
    "variance": "var_samp", "var_samp": "var_samp", "var_pop": "var_pop", "kurtosis": "kurtosis",
}.items():  # fmt: skip
    define(f"{_trino}(double) -> double", f"agg_{_duckdb}(_1)")
for _name in ("corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept"):
    define(f"{_name}(double, double) -> double", f"agg_{_name}(_1, _2)")

define("grouping(T) -> integer", "CAST(GROUPING(_1) AS INTEGER)")
define("grouping(T, K) -> integer", "CAST(GROUPING(_1, _2) AS INTEGER)")
define("grouping(T, K, V) -> integer", "CAST(GROUPING(_1, _2, _3) AS INTEGER)")
