"""DuckDB's macros that read and write JSON as Trino does."""

from __future__ import annotations

JSON_MACROS = {
    # https://trino.io/docs/current/functions/json.html
    # DuckDB also reads NaN and infinities, and a comma before the end of an array or object.
    "trino_json_bare(t)": r"""regexp_replace(t, '"([^"\\]|\\.)*"', '""', 'g')""",
    "trino_json_is_lax(t)": (r"regexp_matches(t, ',[ \t\r\n]*[]}]|[nN][aA][nN]|[iI][nN][fF]')"),
    "trino_json_valid(t)": (
        "json_valid(t) AND NOT (CASE WHEN trino_json_is_lax(t) "
        "THEN trino_json_is_lax(trino_json_bare(t)) ELSE false END)"
    ),
    # Trino reads no further than it must: of a text that is broken behind its first word it may
    # give a value. One broken in its first word is NULL.
    "trino_json_read(t)": (
        "CASE WHEN trino_json_valid(t) THEN t WHEN trino_check(regexp_matches(t, "
        r"""'^[ \t\r\n]*([[{"]|-?[0-9]|true|false|null)'), """
        "'NOT_SUPPORTED: a text that is no JSON to its end: the local Athena cannot read it as "
        "Athena does; test it with TRY(json_parse(…))') THEN NULL END"
    ),
    # DuckDB keeps no more of a number than a double. What that would change is refused: a number
    # that is written as one that stood there otherwise.
    "trino_json_numbers(t)": "regexp_extract_all(trino_json_bare(t), '-?[0-9][-+.0-9eE]*')",
    "trino_json_changed(t)": (
        "list_transform(list_filter(list_zip(trino_json_numbers(t), "
        "trino_json_numbers(CAST(json(t) AS VARCHAR))), lambda trino_p: "
        "trino_p[1] IS DISTINCT FROM trino_p[2]), lambda trino_p: trino_p[2])"
    ),
    "trino_json_kept(t, j)": (
        "CASE WHEN trino_check(CASE WHEN regexp_matches(t, '[0-9][.eE]|-0|[0-9]{19}') "
        "AND NOT starts_with(CAST(j AS VARCHAR), '\"') THEN "
        "list_has_any(trino_json_numbers(CAST(j AS VARCHAR)), trino_json_changed(t)) END, "
        "'NOT_SUPPORTED: a number of this JSON: the local Athena cannot write it as Athena does') "
        "THEN j END"
    ),
    # In a value of type json doubles are written as Java does: 1.0E7, 1.0E-4.
    "trino_json_plain(j)": (
        "CASE WHEN trino_check(regexp_matches(trino_json_bare(CAST(j AS VARCHAR)), "
        "'[0-9][eE]|[0-9]{8}[.]|(^|[^.0-9])0[.]000'), 'NOT_SUPPORTED: a double of this JSON below "
        "0.001 or from 10000000: the local Athena cannot write it as Athena does; take it with "
        "json_extract_scalar') THEN j END"
    ),
    "trino_json_at(t, p)": (
        "CASE WHEN json_exists(trino_json_read(t), p) THEN json_extract(t, p) END"
    ),
    "trino_json_value(t, p)": "trino_json_plain(trino_json_kept(t, trino_json_at(t, p)))",
    "trino_json_sorted(j)": (
        "CASE WHEN len(list_filter(CAST(json_extract(j, '$..*') AS JSON[]), lambda "
        "trino_o: "
        "json_type(trino_o) = 'OBJECT' AND json_keys(trino_o) <> "
        "list_sort(list_distinct(json_keys(trino_o))))) > 0 "
        "OR (json_type(j) = 'OBJECT' AND json_keys(j) <> list_sort(list_distinct(json_keys(j)))) "
        "THEN CAST(trino_json_in_order(CAST(j AS VARCHAR)) AS JSON) ELSE j END"
    ),
    "trino_json_scalar(t, p)": (
        "CASE WHEN json_type(trino_json_at(t, p)) NOT IN ('OBJECT', 'ARRAY', 'NULL') "
        "AND trino_json_kept(t, json_extract(t, p)) IS NOT NULL THEN json_extract_string(t, p) END"
    ),
    "trino_json_size(t, p)": (
        "CASE json_type(trino_json_at(t, p)) WHEN 'OBJECT' THEN len(json_keys(t, p)) "
        "WHEN 'ARRAY' THEN json_array_length(t, p) ELSE CASE WHEN trino_json_at(t, p) IS NOT NULL "
        "THEN 0 END END"
    ),
    "trino_json_parse(t)": (
        "CASE WHEN trino_check(NOT trino_json_valid(t), 'INVALID_FUNCTION_ARGUMENT: Cannot "
        "convert value to JSON: ' || t) "
        "THEN trino_json_sorted(trino_json_plain(trino_json_kept(t, json(t)))) END"
    ),
    "trino_json_length(t)": (
        r"CASE WHEN regexp_matches(t, '^[ \t\r\n]*\[') "
        "THEN CAST(json_array_length(trino_json_read(t)) AS BIGINT) END"
    ),
    "trino_json_is_scalar(t)": (
        "CASE WHEN trino_check(NOT trino_json_valid(t), 'INVALID_FUNCTION_ARGUMENT: Invalid JSON "
        "value: ' || t) THEN json_type(t) NOT IN ('OBJECT', 'ARRAY') END"
    ),
    "trino_json_scalar_text(j)": (
        "CASE WHEN trino_check(json_type(j) IN ('OBJECT', 'ARRAY'), 'INVALID_CAST_ARGUMENT: Cannot "
        "cast ''' || CAST(j AS VARCHAR) || ''' to VARCHAR') THEN json_extract_string(j, '$') END"
    ),
    "trino_json_number(j, type)": (
        "CASE WHEN trino_check(json_type(j) IN ('OBJECT', 'ARRAY'), 'INVALID_CAST_ARGUMENT: Cannot "
        "cast ''' || CAST(j AS VARCHAR) || ''' to ' || upper(type)) THEN CASE json_type(j) "
        "WHEN 'BOOLEAN' THEN CASE WHEN json_extract_string(j, '$') = 'true' THEN '1' ELSE '0' END "
        "WHEN 'DOUBLE' THEN CAST(CAST(round(CAST(json_extract_string(j, '$') AS DOUBLE)) AS "
        "BIGINT) "
        "AS VARCHAR) ELSE trino_integer(json_extract_string(j, '$'), type) END END"
    ),
    "trino_json_double(j)": (
        "CASE WHEN trino_check(json_type(j) IN ('OBJECT', 'ARRAY'), 'INVALID_CAST_ARGUMENT: Cannot "
        "cast ''' || CAST(j AS VARCHAR) || ''' to DOUBLE') THEN CASE json_type(j) WHEN 'BOOLEAN' "
        "THEN "
        "CASE WHEN json_extract_string(j, '$') = 'true' THEN '1' ELSE '0' END "
        "ELSE trino_double(json_extract_string(j, '$'), 'double') END END"
    ),
    "trino_json_boolean(j)": (
        "CASE WHEN trino_check(json_type(j) IN ('OBJECT', 'ARRAY'), 'INVALID_CAST_ARGUMENT: Cannot "
        "cast ''' || CAST(j AS VARCHAR) || ''' to BOOLEAN') THEN CASE WHEN json_type(j) IN "
        "('UBIGINT', 'BIGINT', 'DOUBLE') THEN CAST(json_extract_string(j, '$') AS DOUBLE) <> 0 "
        "ELSE trino_boolean(json_extract_string(j, '$')) END END"
    ),
    "trino_json_items(j)": (
        "CASE WHEN trino_check(json_type(j) NOT IN ('ARRAY', 'NULL'), 'INVALID_CAST_ARGUMENT: "
        "Cannot "
        "cast to array') AND json_type(j) = 'ARRAY' THEN from_json(j, '[\"JSON\"]') END"
    ),
    "trino_json_entries(j)": (
        "CASE WHEN trino_check(json_type(j) NOT IN ('OBJECT', 'NULL'), 'INVALID_CAST_ARGUMENT: "
        "Cannot "
        "cast to map') AND json_type(j) = 'OBJECT' THEN list_transform(json_keys(j), "
        "lambda trino_k: {'k': trino_k, 'v': json_extract(j, '$.\"' || trino_k || '\"')}) END"
    ),
}
