"""DuckDB's macros for numbers as Trino calculates and writes them."""

from __future__ import annotations

NUMBER_MACROS = {
    # https://trino.io/docs/current/language/types.html#floating-point
    # DuckDB's text of a number, which a lambda takes for what makes it to be written once.
    "trino_number_varchar(t, tiny)": (
        "list_transform([t], lambda trino_t: CASE WHEN regexp_full_match(trino_t, "
        "'-?0[.]0+(e00)?') THEN CASE WHEN trino_t[1] = '-' THEN '-0E0' ELSE '0E0' END "
        "WHEN trino_check(regexp_matches(trino_t, tiny), 'NOT_SUPPORTED: the text of a number so "
        "near to 0: the local Athena cannot answer it as Athena does') "
        "THEN trino_double_text(trino_t) END)[1]"
    ),
    "trino_double_varchar(x)": ("trino_number_varchar(CAST(x AS VARCHAR), 'e-(30[89]|3[1-9])')"),
    # Seven digits, rounded from the shortest text.
    "trino_real_varchar(x)": (
        "trino_number_varchar(replace(printf('%.6e', CAST(CAST(x AS VARCHAR) AS DOUBLE)), 'e+', "
        "'e'), 'e-(3[89]|4)')"
    ),
    # https://trino.io/docs/current/functions/json.html#cast-from-json
    "trino_json_varchar(j)": (  # a lambda, for what makes `j` to be written once
        "list_transform([j], lambda trino_v: CASE WHEN json_type(trino_v) = 'DOUBLE' THEN "
        "trino_double_varchar(CAST(json_extract_string(trino_v, '$') AS DOUBLE)) "
        "ELSE trino_json_scalar_text(trino_v) END)[1]"
    ),
    "trino_uuid(x)": (
        "CAST(trino_matching(x, '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}', 'uuid') "
        "AS UUID)"
    ),
    # https://trino.io/docs/current/functions/math.html
    "trino_pow(x, y)": (
        "CASE WHEN isnan(y) OR (abs(x) = 1 AND isinf(y)) THEN CAST('nan' AS DOUBLE) "
        "ELSE pow(x, y) END"
    ),
    "trino_int_modulo(a, b)": "CASE WHEN b = -1 THEN a - a ELSE trino_modulo(a, b) END",
    "trino_ln(x)": (
        "CASE WHEN x < 0 THEN CAST('nan' AS DOUBLE) WHEN x = 0 THEN CAST('-inf' AS DOUBLE) "
        "ELSE ln(x) END"
    ),
    # A double too large for a real is an infinity.
    "trino_real(x)": (
        "coalesce(TRY_CAST(x AS FLOAT), CAST(sign(x) * CAST('inf' AS DOUBLE) AS FLOAT))"
    ),
    "trino_frame(n)": (
        "CASE WHEN trino_check(n IS NULL, 'INVALID_WINDOW_FRAME: Window frame offset must not be "
        "null') AND trino_check(n < 0, 'INVALID_WINDOW_FRAME: Window frame offset must not be "
        "negative') THEN n END"
    ),
}
