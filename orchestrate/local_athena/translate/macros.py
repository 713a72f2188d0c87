"""DuckDB's macros that stand for what Trino has: name and parameters, and expression."""

from __future__ import annotations

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
    "trino_check(is_bad, message)": (
        "CAST(CASE WHEN is_bad THEN message ELSE 'true' END AS BOOLEAN)"
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
    "trino_zoned(x)": "CAST(x AS TIMESTAMPTZ)",
    "trino_time(x)": (
        "CAST(trino_matching(trim(x), "
        "'([01]?[0-9]|2[0-3]):[0-9]{1,2}(:[0-9]{1,2}([.][0-9]{1,6})?)?', "
        "'time') "
        "|| CASE WHEN regexp_full_match(trim(x), '[0-9]+:[0-9]+') THEN ':00' ELSE '' END AS TIME)"
    ),
    "trino_round_timestamp(x, p)": (
        "make_timestamp(CAST(floor((epoch_us(x) + CAST(pow(10, 6 - p) AS BIGINT) // 2) "
        "/ pow(10, 6 - p)) AS BIGINT) * CAST(pow(10, 6 - p) AS BIGINT))"
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
    "trino_skewness(x, n)": "x * (n - 2) / sqrt(n * (n - 1.0))",
    "trino_some(n)": (
        "CASE WHEN trino_check(n <= 0, 'INVALID_FUNCTION_ARGUMENT: third argument of max_by/min_by "
        "must be a positive integer') THEN n END"
    ),
    "trino_map_of(l)": ("map_from_entries(list_filter(l, lambda trino_e: trino_e.k IS NOT NULL))"),
    "trino_multimap_of(l)": (
        "map_from_entries(list_transform(list_distinct(list_transform(l, lambda trino_e: "
        "trino_e.k)), lambda trino_k: {'k': trino_k, 'v': list_transform(list_filter(l, "
        "lambda trino_e: trino_e.k = trino_k), lambda trino_e: trino_e.v)}))"
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
    "trino_extreme(l, made)": "CASE WHEN NOT trino_has_null(l) THEN made END",
    # https://trino.io/docs/current/functions/binary.html
    "trino_from_hex(x)": (
        "CASE WHEN trino_check(length(x) % 2 = 1, 'INVALID_FUNCTION_ARGUMENT: expected an even "
        "number of digits, got ' || x) THEN unhex(x) END"
    ),
    "trino_big_endian(x, digits, size)": (
        "unhex(lpad(hex((CAST(x AS HUGEINT) + size) % size), digits, '0'))"
    ),
    # https://trino.io/docs/current/functions/string.html
    "trino_strpos(s, t, n)": (
        "CASE WHEN trino_check(n = 0, 'INVALID_FUNCTION_ARGUMENT: ''instance'' must be a positive "
        "or negative number.') AND trino_check(t = '', 'NOT_SUPPORTED: strpos of the empty string: "
        "the local Athena cannot answer it as Athena does') THEN coalesce(list_filter("
        "range(1, length(s) + 1), lambda trino_i: substring(s, trino_i, length(t)) = t)[n], 0) END"
    ),
    "trino_split_entries(s, e, k)": (
        "list_transform(CASE WHEN trino_check(e = '' OR k = '' OR e = k, "
        "'INVALID_FUNCTION_ARGUMENT: the delimiters must be different and not empty') THEN "
        "CASE WHEN s = '' THEN [] WHEN suffix(s, e) THEN string_split(s, e)[:-2] "
        "ELSE string_split(s, e) END END, lambda trino_p: CASE WHEN trino_check("
        "len(string_split(trino_p, k)) <> 2, 'INVALID_FUNCTION_ARGUMENT: Key-value delimiter must "
        "appear exactly once in each entry. Bad input: ' || trino_p) THEN "
        "{'k': string_split(trino_p, k)[1], 'v': string_split(trino_p, k)[2]} END)"
    ),
    "trino_url_decode(x)": (
        "CASE WHEN trino_check(regexp_matches(x, '%($|[^0-9a-fA-F]|.$|.[^0-9a-fA-F])'), "
        "'INVALID_FUNCTION_ARGUMENT: URLDecoder: Illegal hex characters in escape pattern') "
        "THEN url_decode(replace(x, '+', ' ')) END"
    ),
    "trino_substring(s, i)": (
        "CASE WHEN i = 0 OR -i > length(s) THEN '' WHEN i > 0 THEN substring(s, i) "
        "WHEN i < 0 THEN substring(s, length(s) + i + 1) END"
    ),
    "trino_substring_of(s, i, n)": (
        "CASE WHEN n <= 0 THEN '' WHEN n > 0 THEN left(trino_substring(s, i), n) END"
    ),
    "trino_not_empty(x, what)": (
        "CASE WHEN trino_check(x = '', 'INVALID_FUNCTION_ARGUMENT: The ' || what || "
        "' may not be the empty string') THEN x END"
    ),
    "trino_split_part(s, d, n)": (
        "CASE WHEN trino_check(n <= 0, 'INVALID_FUNCTION_ARGUMENT: Index must be greater than "
        "zero') "
        "THEN string_split(s, trino_not_empty(d, 'delimiter'))[n] END"
    ),
    "trino_split_limit(s, d, n)": (
        "CASE WHEN trino_check(n <= 0, 'INVALID_FUNCTION_ARGUMENT: Limit must be positive') THEN "
        "CASE WHEN len(string_split(s, d)) <= n THEN string_split(s, d) ELSE "
        "list_append(string_split(s, d)[1:n - 1], array_to_string(string_split(s, d)[n:], d)) "
        "END END"
    ),
    "trino_replace(s, a, b)": (
        "CASE WHEN trino_check(a = '', 'NOT_SUPPORTED: replace of the empty string: the local "
        "Athena "
        "cannot answer it as Athena does') THEN replace(s, a, b) END"
    ),
    "trino_plain(x)": (
        "CASE WHEN trino_check(regexp_matches(x, '[^\\x00-\\x7F]'), 'NOT_SUPPORTED: letters beyond "
        "ASCII here: the local Athena cannot answer it as Athena does') THEN x END"
    ),
    # Letters whose upper case is of two letters, or of one that Java does not know.
    "trino_one_to_one(x)": (
        "CASE WHEN trino_check(regexp_matches(x, "
        "'[\\x{df}\\x{1f80}-\\x{1f87}\\x{1f90}-\\x{1f97}\\x{1fa0}-\\x{1fa7}"
        "\\x{1fb3}\\x{1fc3}\\x{1ff3}]'), "
        "'NOT_SUPPORTED: upper of ß or of Greek with iota: the local Athena cannot answer it as "
        "Athena does') THEN x END"
    ),
    "trino_not_nan(x)": (
        "CASE WHEN trino_check(isnan(x), 'NOT_SUPPORTED: NaN in an order: the local Athena cannot "
        "answer it as Athena does') THEN x END"
    ),
    "trino_no_vertical_tab(x)": (
        "CASE WHEN trino_check(contains(x, chr(11)), 'NOT_SUPPORTED: a vertical tab in a regular "
        "expression: the local Athena cannot answer it as Athena does') THEN x END"
    ),
    "trino_no_line_end(x)": (
        "CASE WHEN trino_check(ends_with(x, chr(10)), 'NOT_SUPPORTED: a line end before $ in a "
        "regular "
        "expression: the local Athena cannot answer it as Athena does') THEN x END"
    ),
    "trino_pad_size(n)": (
        "CAST(CASE WHEN trino_check(n < 0, 'INVALID_FUNCTION_ARGUMENT: Target length must be in "
        "the "
        "range [0..2147483647]') THEN n END AS INTEGER)"
    ),
    "trino_codepoint(x)": (
        "CASE WHEN trino_check(length(x) <> 1, 'INVALID_FUNCTION_ARGUMENT: Input string must be a "
        "single character string') THEN unicode(x) END"
    ),
    "trino_group(x, is_match)": (
        "CASE WHEN trino_check(is_match AND x = '', 'NOT_SUPPORTED: an empty group of a regular "
        "expression: the local Athena cannot tell it from one that did not match') THEN x END"
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
    # https://trino.io/docs/current/functions/comparison.html#pattern-comparison-like
    "trino_like_pattern(x, e)": (
        "CASE WHEN trino_check(length(e) <> 1, 'INVALID_FUNCTION_ARGUMENT: Escape string must be a "
        "single character') AND trino_check(contains(regexp_replace(x, regexp_escape(e) || '(' || "
        "regexp_escape(e) || '|[%_])', '', 'g'), e), 'INVALID_FUNCTION_ARGUMENT: Escape character "
        "must be followed by ''%'', ''_'' or the escape character itself') THEN x END"
    ),
    # RE2 finds no empty match behind another one, Java does.
    "trino_not_of_nothing(x)": (
        "CASE WHEN trino_check(regexp_full_match('', x), 'NOT_SUPPORTED: a regular expression that "
        "matches nothing: the local Athena cannot answer it as Athena does') THEN x END"
    ),
}
