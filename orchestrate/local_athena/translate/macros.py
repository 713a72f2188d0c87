"""DuckDB's macros that stand for what Trino has: name and parameters, and expression."""

from __future__ import annotations

from orchestrate.local_athena.translate.json_macros import JSON_MACROS
from orchestrate.local_athena.translate.number_macros import NUMBER_MACROS
from orchestrate.local_athena.translate.text_macros import TEXT_MACROS, null_of_null
from orchestrate.local_athena.translate.time_macros import TIME_MACROS

SPACES = (
    "".join(
        map(
            chr,
            [*range(9, 14), *range(28, 33), 0x1680, *range(0x2000, 0x2007), *range(0x2008, 0x200B)],
        )
    )
    + "\u2028\u2029\u205f\u3000"
)

MACROS = {
    # https://trino.io/docs/current/functions/math.html
    # TRY catches the error of a cast, not one of a time zone that is none: so that what is refused
    # here stays refused inside TRY.
    "trino_check(is_bad, message)": (
        "CASE WHEN is_bad THEN CASE WHEN starts_with(message, 'NOT_SUPPORTED') "
        "THEN timezone(message, TIMESTAMP '2000-01-01') IS NULL "
        "ELSE CAST(message AS BOOLEAN) END ELSE true END"
    ),
    "trino_divide(a, b)": (
        "CASE WHEN trino_check(b = 0 AND a IS NOT NULL, 'DIVISION_BY_ZERO: Division by zero') "
        "THEN a // b END"
    ),
    "trino_modulo(a, b)": (
        "CASE WHEN trino_check(b = 0 AND a IS NOT NULL, 'DIVISION_BY_ZERO: Division by zero') "
        "THEN a % b END"
    ),
    "trino_unscaled(x)": "CAST(replace(CAST(x AS VARCHAR), '.', '') AS HUGEINT)",
    "trino_power(n)": "CAST(rpad('1', CAST(n + 1 AS INTEGER), '0') AS HUGEINT)",
    # Half away from zero: twice the rest against the divisor.
    "trino_round_half(n, d)": (
        "(n // d) + CASE WHEN 2 * abs(n % d) >= abs(d) THEN "
        "(CASE WHEN (n < 0) = (d < 0) THEN 1 ELSE -1 END) ELSE 0 END"
    ),
    "trino_scaled(n, s)": (
        "CASE WHEN n < 0 THEN '-' ELSE '' END || CASE WHEN s = 0 THEN CAST(abs(n) AS VARCHAR) ELSE "
        "left(lpad(CAST(abs(n) AS VARCHAR), CAST(greatest(length(CAST(abs(n) AS VARCHAR)), s + "
        "1) AS INTEGER), '0'), "
        "-s) || '.' || right(lpad(CAST(abs(n) AS VARCHAR), "
        "CAST(greatest(length(CAST(abs(n) AS VARCHAR)), s + 1) AS INTEGER), '0'), s) END"
    ),
    "trino_decimal_divide(a, b, s1, s2, shift, s)": (
        "CASE WHEN trino_check(b = 0 AND a IS NOT NULL, 'DIVISION_BY_ZERO: Division by zero') THEN "
        "trino_scaled(trino_round_half(trino_unscaled(a) * trino_power(shift), "
        "trino_unscaled(b)), s)"
        " END"
    ),
    # https://trino.io/docs/current/functions/conversion.html
    "trino_digits(t)": ("regexp_replace(split_part(t, 'e', 1), '[-.]', '', 'g')"),
    "trino_double_parts(t, e, w)": (
        "CASE WHEN t LIKE '-%' THEN '-' ELSE '' END || CASE WHEN ltrim(w, '0') = '' THEN '0.0E0' "
        "ELSE "
        "left(ltrim(w, '0'), 1) || '.' || "
        "CASE WHEN rtrim(substring(ltrim(w, '0'), 2), '0') = '' THEN '0' "
        "ELSE rtrim(substring(ltrim(w, '0'), 2), '0') END || 'E' || "
        "CAST(e + length(split_part(split_part(ltrim(t, '-'), 'e', 1), '.', 1)) - 1 "
        "- (length(w) - length(ltrim(w, '0'))) AS VARCHAR) END"
    ),
    "trino_double_text(t)": (
        "CASE t WHEN 'nan' THEN 'NaN' WHEN 'inf' THEN 'Infinity' WHEN '-inf' THEN '-Infinity' ELSE "
        "trino_double_parts(t, CASE WHEN contains(t, 'e') THEN "
        "TRY_CAST(split_part(t, 'e', 2) AS INTEGER) ELSE 0 END, trino_digits(t)) END"
    ),
    "trino_fraction(us, p)": (
        "CASE WHEN p = 0 THEN '' ELSE '.' || left(lpad(CAST(us % 1000000 AS VARCHAR), 6, '0'), "
        "p) END"
    ),
    "trino_timestamp_text(x, p)": (
        "strftime(x, '%Y-%m-%d %H:%M:%S') || CASE WHEN p = 0 THEN '' ELSE '.' || "
        "left(strftime(x, '%f'), p) END"
    ),
    "trino_time_text(x, p)": (
        "CASE WHEN p = 0 THEN left(CAST(x AS VARCHAR), 8) ELSE left(CASE WHEN "
        "contains(CAST(x AS VARCHAR), '.') THEN rpad(CAST(x AS VARCHAR), 15, '0') ELSE "
        "CAST(x AS VARCHAR) || '.000000' END, 9 + p) END"
    ),
    "trino_day_interval_text(x)": (
        "CASE WHEN epoch_ms(x) < 0 THEN '-' ELSE '' END || "
        "CAST(abs(epoch_ms(x)) // 86400000 AS VARCHAR) || ' ' || "
        "lpad(CAST(abs(epoch_ms(x)) // 3600000 % 24 AS VARCHAR), 2, '0') || ':' || "
        "lpad(CAST(abs(epoch_ms(x)) // 60000 % 60 AS VARCHAR), 2, '0') || ':' || "
        "lpad(CAST(abs(epoch_ms(x)) // 1000 % 60 AS VARCHAR), 2, '0') || '.' || "
        "lpad(CAST(abs(epoch_ms(x)) % 1000 AS VARCHAR), 3, '0')"
    ),
    "trino_months(x)": "date_part('year', x) * 12 + date_part('month', x)",
    "trino_month_interval_text(x)": (
        "CASE WHEN trino_months(x) < 0 THEN '-' ELSE '' END || "
        "CAST(abs(trino_months(x)) // 12 AS VARCHAR) || '-' || CAST(abs(trino_months(x)) % 12 AS "
        "VARCHAR)"
    ),
    "trino_fitting(x, n, type)": (
        "CASE WHEN trino_check(length(x) > n, 'INVALID_CAST_ARGUMENT: Value ' || x || "
        "' cannot be represented as ' || type || '(' || CAST(n AS VARCHAR) || ')') THEN x END"
    ),
    "trino_matching(x, pattern, type)": (
        "CASE WHEN trino_check(NOT regexp_full_match(x, pattern), "
        "'INVALID_CAST_ARGUMENT: Cannot cast ''' || x || ''' to ' || upper(type)) THEN x END"
    ),
    "trino_integer(x, type)": "trino_matching(x, '[+-]?[0-9]+', type)",
    "trino_numeral(x, type)": (
        "trino_matching(x, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?', type)"
    ),
    "trino_double(x, type)": (
        "trino_matching(x, "
        "'\\s*[+-]?(NaN|Infinity|([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?)\\s*', type)"
    ),
    "trino_boolean(x)": (
        "CASE WHEN trino_check(lower(x) NOT IN ('true', 't', '1', 'false', 'f', '0'), "
        "'INVALID_CAST_ARGUMENT: Cannot cast ''' || x || ''' to BOOLEAN') "
        "THEN lower(x) IN ('true', 't', '1') END"
    ),
    "trino_date(x)": (
        "CAST(trino_matching(trim(x), '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}', 'date') AS DATE)"
    ),
    "trino_timestamp(x)": (
        "CAST(trino_matching(trim(x), "
        "'[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( ([01]?[0-9]|2[0-3]):[0-9]{1,2}"
        "(:[0-9]{1,2}([.][0-9]{1,6})?)?)?', "
        "'timestamp') || CASE WHEN regexp_full_match(trim(x), '[^ ]+ [0-9]+:[0-9]+') "
        "THEN ':00' ELSE '' END AS TIMESTAMP)"
    ),
    "trino_time(x)": (
        "CAST(trino_matching(trim(x), "
        "'([01]?[0-9]|2[0-3]):[0-9]{1,2}(:[0-9]{1,2}([.][0-9]{1,6})?)?', "
        "'time') "
        "|| CASE WHEN regexp_full_match(trim(x), '[0-9]+:[0-9]+') THEN ':00' ELSE '' END AS TIME)"
    ),
    "trino_whole_days(x)": (
        "CASE WHEN trino_check(epoch_us(x) % 86400000000 <> 0, "
        "'INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds to a date') THEN x END"
    ),
    "trino_duration(x)": (
        "CASE WHEN trino_check(NOT regexp_full_match(trim(x), "
        "'[0-9]+([.][0-9]+)?[ ]*(ns|us|ms|s|m|h|d)'), 'INVALID_FUNCTION_ARGUMENT: duration is not "
        "a valid data duration string: ' || x) THEN to_milliseconds(CAST(floor("
        "CAST(rtrim(trim(x), 'nsumhd ') AS DOUBLE) * CASE regexp_extract(trim(x), '[a-z]+$')"
        " WHEN 'ns' THEN 1e-6 WHEN 'us' THEN 1e-3 WHEN 'ms' THEN 1 WHEN 's' THEN 1e3 "
        "WHEN 'm' THEN 6e4 WHEN 'h' THEN 36e5 WHEN 'd' THEN 864e5 END + 0.5) AS BIGINT)) END"
    ),
    "trino_from_unixtime(x)": (
        "timezone('UTC', make_timestamp(CAST(floor(x * 1000 + 0.5) AS BIGINT) * 1000))"
    ),
    # https://trino.io/docs/current/functions/aggregate.html
    "trino_finite(x)": "CASE WHEN isfinite(x) THEN x END",
    # DuckDB's is of a sample, Trino's of the whole.
    "trino_skewness(x, n, is_flat)": (
        "CASE WHEN n >= 3 AND is_flat THEN CAST('nan' AS DOUBLE) "
        "ELSE x * (n - 2) / sqrt(n * (n - 1.0)) END"
    ),
    "trino_kurtosis(x, n, is_flat)": (
        "CASE WHEN n >= 4 AND is_flat THEN CAST('nan' AS DOUBLE) ELSE x END"
    ),
    "trino_of_38_digits(x)": (
        "CASE WHEN trino_check(length(ltrim(translate(CAST(x AS VARCHAR), '-.', ''), '0')) > 38, "
        "'NUMERIC_VALUE_OUT_OF_RANGE: Decimal overflow') THEN x END"
    ),
    "trino_standard_error(e)": (
        "trino_check(e NOT BETWEEN 0.0040625 AND 0.26, 'INVALID_FUNCTION_ARGUMENT: Standard error "
        "must be in [0.0040625, 0.26]: ' || e)"
    ),
    "trino_some(n)": (
        "CASE WHEN trino_check(n <= 0, 'INVALID_FUNCTION_ARGUMENT: third argument of max_by/min_by "
        "must be a positive integer') AND trino_check(n > 10000, 'INVALID_FUNCTION_ARGUMENT: third "
        "argument of max_by/min_by must be less than or equal to 10000; found ' || n) THEN n END"
    ),
    # Of rows without a key nothing is made; of equal keys the first stays.
    "trino_with_key(l)": "nullif(list_filter(l, lambda trino_e: trino_e.k IS NOT NULL), [])",
    "trino_by_key(l)": (
        "list_sort(list_transform(l, lambda trino_e, trino_i: "
        "{'k': trino_e.k, 'i': trino_i, 'v': trino_e.v}))"
    ),
    # Of entries by key: the first of each key, and the place where the key's entries start.
    "trino_firsts(s)": (
        "list_transform(list_filter(list_zip(s, list_prepend(NULL, s[:-2]), range(1, len(s) + 1)), "
        "lambda trino_p: trino_p[1].k IS DISTINCT FROM trino_p[2].k), "
        "lambda trino_p: {'i': trino_p[1].i, 'e': trino_p[1], 'at': trino_p[3]})"
    ),
    "trino_map_of(l)": (
        "CASE WHEN trino_with_key(l) IS NOT NULL THEN map_from_entries(list_transform(list_sort("
        "trino_firsts(trino_by_key(trino_with_key(l)))), "
        "lambda trino_f: {'k': trino_f.e.k, 'v': trino_f.e.v})) END"
    ),
    "trino_groups(s, f)": (
        "list_transform(list_sort(list_zip(f, f[2:])), lambda trino_p: {'k': trino_p[1].e.k, "
        "'v': list_transform(s[trino_p[1].at:CASE WHEN trino_p[2] IS NULL THEN len(s) "
        "ELSE trino_p[2].at - 1 END], "
        "lambda trino_e: trino_e.v)})"
    ),
    "trino_multimap_of(l)": (
        "CASE WHEN l IS NOT NULL THEN map_from_entries(list_transform([trino_by_key(l)], "
        "lambda trino_s: trino_groups(trino_s, trino_firsts(trino_s)))[1]) END"
    ),
    # https://trino.io/docs/current/functions/array.html
    "trino_repeats(n)": (
        "CASE WHEN trino_check(n < 0, 'INVALID_FUNCTION_ARGUMENT: count argument of repeat "
        "function must be greater than or equal to 0') THEN n END"
    ),
    "trino_subscript(l, i)": (
        "CASE WHEN trino_check(i = 0, 'INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1') "
        "AND "
        "trino_check(i < 0, 'INVALID_FUNCTION_ARGUMENT: Array subscript is negative: ' || i) AND "
        "trino_check(i > len(l), 'INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or "
        "equal to array length: ' || i || ' > ' || len(l)) THEN l[i] END"
    ),
    "trino_element_at(l, i)": (
        "CASE WHEN trino_check(i = 0, 'INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1') "
        "THEN l[i] END"
    ),
    "trino_map_subscript(m, k)": (
        "CASE WHEN trino_check(m IS NOT NULL AND k IS NOT NULL AND NOT map_contains(m, k), "
        "'INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || CAST(k AS VARCHAR)) THEN m[k] END"
    ),
    "trino_distinct(l)": (
        "list_filter(l, lambda trino_x, trino_i: "
        "CASE WHEN trino_x IS NULL THEN len(list_filter(l[1:trino_i - 1], lambda trino_y: "
        "trino_y IS NULL)) = 0 ELSE NOT list_contains(l[1:trino_i - 1], trino_x) END)"
    ),
    "trino_member(l, x)": (
        "CASE WHEN x IS NULL THEN len(list_filter(l, lambda trino_z: trino_z IS NULL)) > 0 "
        "ELSE list_contains(l, x) END"
    ),
    "trino_has_null(l)": "len(list_filter(l, lambda trino_z: trino_z IS NULL)) > 0",
    "trino_contains(l, x)": (
        "CASE WHEN l IS NULL OR x IS NULL THEN NULL WHEN list_contains(l, x) THEN true "
        "WHEN trino_has_null(l) THEN NULL ELSE false END"
    ),
    "trino_any(l)": (
        "CASE WHEN l IS NULL THEN NULL WHEN list_contains(l, true) THEN true "
        "WHEN trino_has_null(l) THEN NULL ELSE false END"
    ),
    "trino_slice(l, s, n)": (
        "CASE WHEN trino_check(s = 0, 'INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1') "
        "AND "
        "trino_check(n < 0, 'INVALID_FUNCTION_ARGUMENT: length must be greater than or equal to "
        "0') "
        "THEN CASE WHEN n = 0 OR abs(s) > len(l) THEN l[1:0] WHEN s > 0 THEN l[s:s + n - 1] "
        "ELSE l[len(l) + s + 1:len(l) + s + n] END END"
    ),
    # Of NULLs alone DuckDB makes no text, Trino an empty one.
    "trino_join(l, d)": "coalesce(array_to_string(l, d), '')",
    "trino_extreme(l, made)": "CASE WHEN NOT trino_has_null(l) THEN made END",
    "trino_not_nan(x)": (
        "CASE WHEN trino_check(isnan(x), 'NOT_SUPPORTED: NaN in an order: the local Athena cannot "
        "answer it as Athena does') THEN x END"
    ),
    "trino_truncated(x)": "make_timestamp(epoch_us(x) // 1000 * 1000)",
    "trino_random(a, b)": (
        "CASE WHEN trino_check(b <= a, 'INVALID_FUNCTION_ARGUMENT: bound must be positive, or "
        "greater than the first') THEN a + CAST(floor(random() * (b - a)) AS BIGINT) END"
    ),
    "trino_round_whole(x, d)": (
        "CASE WHEN trino_check(d < 0, 'NOT_SUPPORTED: round of a whole number to tens: the local "
        "Athena cannot answer it as Athena does') AND d IS NOT NULL THEN x END"
    ),
    "trino_from_base(x, r)": (
        "CASE WHEN trino_check(r NOT BETWEEN 2 AND 36, 'INVALID_FUNCTION_ARGUMENT: Radix must be "
        "between 2 and 36') AND trino_check(NOT regexp_full_match(lower(x), '[+-]?[' || "
        "left('0123456789abcdefghijklmnopqrstuvwxyz', CAST(r AS INTEGER)) || ']+'), "
        "'INVALID_FUNCTION_ARGUMENT: Not a valid base-' || r || ' number: ' || x) "
        "THEN CAST(CASE WHEN x[1] = '-' THEN -1 ELSE 1 END * list_reduce(list_transform("
        "string_split(ltrim(lower(x), '+-'), ''), lambda trino_c: CAST(strpos("
        "'0123456789abcdefghijklmnopqrstuvwxyz', trino_c) - 1 AS HUGEINT)), "
        "lambda trino_a, trino_b: trino_a * r + trino_b) AS BIGINT) END"
    ),
    "trino_width_bucket(x, a, b, n)": (
        "CASE WHEN trino_check(n <= 0, 'INVALID_FUNCTION_ARGUMENT: bucketCount must be greater "
        "than 0') AND trino_check(isnan(x), 'INVALID_FUNCTION_ARGUMENT: operand must not be NaN') "
        "AND trino_check(NOT isfinite(a) OR NOT isfinite(b), 'INVALID_FUNCTION_ARGUMENT: bounds "
        "must be finite') AND trino_check(a = b, 'INVALID_FUNCTION_ARGUMENT: bounds cannot equal "
        "each other') THEN CASE WHEN x < least(a, b) THEN CASE WHEN a < b THEN 0 ELSE n + 1 END "
        "WHEN x >= greatest(a, b) THEN CASE WHEN a < b THEN n + 1 ELSE 0 END "
        "WHEN a < b THEN CAST(floor(n * (x - a) / (b - a) + 1) AS BIGINT) "
        "ELSE n - CAST(floor(n * (x - b) / (a - b) + 1) AS BIGINT) + 1 END END"
    ),
    "trino_bucket(x, l)": (
        "CASE WHEN trino_check(len(l) = 0, 'INVALID_FUNCTION_ARGUMENT: Bins cannot be an empty "
        "array') AND trino_check(isnan(x), 'INVALID_FUNCTION_ARGUMENT: Operand cannot be NaN') "
        "AND trino_check(trino_has_null(l) OR l <> list_sort(l), 'INVALID_FUNCTION_ARGUMENT: Bin "
        "values are not sorted in ascending order') AND x IS NOT NULL "
        "THEN len(list_filter(l, lambda trino_b: trino_b <= x)) END"
    ),
    # https://trino.io/docs/current/functions/window.html
    "trino_nth(n)": (
        "CASE WHEN trino_check(n < 1, 'INVALID_FUNCTION_ARGUMENT: Offset must be at least 1') "
        "THEN n END"
    ),
    "trino_offset(n)": (
        "CASE WHEN trino_check(n IS NULL, 'INVALID_FUNCTION_ARGUMENT: Offset must not be null') "
        "AND trino_check(n < 0, 'INVALID_FUNCTION_ARGUMENT: Offset must be at least 0') THEN n END"
    ),
}

# Trino calls these for no NULL; DuckDB's parts of them pass over some.
_OF_NO_NULL = (
    "trino_bucket",
    "trino_element_at",
    "trino_from_base",
    "trino_join",
    "trino_repeats",
    "trino_round_whole",
    "trino_slice",
    "trino_width_bucket",
)
MACROS = null_of_null(MACROS, _OF_NO_NULL) | TEXT_MACROS | JSON_MACROS | NUMBER_MACROS | TIME_MACROS
