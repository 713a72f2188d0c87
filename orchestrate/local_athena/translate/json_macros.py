"""DuckDB's macros that read and write JSON as Trino does."""

from __future__ import annotations

JSON_MACROS = {
    # https://trino.io/docs/current/functions/json.html
    # DuckDB keeps no more of a number than a double. What that would change is refused.
    "trino_json_kept(t, j)": (
        "CASE WHEN trino_check(len(list_filter(regexp_extract_all(CAST(j AS VARCHAR), "
        "'[-0-9][-+.0-9eE]*[.eE][-+.0-9eE]*'), lambda trino_n: NOT regexp_matches(t, "
        "'(^|[^-+.0-9eE])' || regexp_escape(trino_n) || '($|[^-+.0-9eE])'))) > 0, "
        "'NOT_SUPPORTED: a number of this JSON: the local Athena cannot write it as Athena does') "
        "THEN j END"
    ),
    "trino_json_at(t, p)": (
        "CASE WHEN json_valid(t) AND json_exists(t, p) THEN trino_json_kept(t, json_extract(t, "
        "p)) END"
    ),
    "trino_json_sorted(j)": (
        "CASE WHEN len(list_filter(json_extract(j, '$..*'), lambda trino_o: "
        "json_type(trino_o) = 'OBJECT' AND json_keys(trino_o) <> "
        "list_sort(list_distinct(json_keys(trino_o))))) > 0 "
        "OR (json_type(j) = 'OBJECT' AND json_keys(j) <> list_sort(list_distinct(json_keys(j)))) "
        "THEN CAST(trino_json_in_order(CAST(j AS VARCHAR)) AS JSON) ELSE j END"
    ),
    "trino_json_scalar(t, p)": (
        "CASE WHEN json_type(trino_json_at(t, p)) NOT IN ('OBJECT', 'ARRAY', 'NULL') "
        "THEN json_extract_string(t, p) END"
    ),
    "trino_json_size(t, p)": (
        "CASE json_type(trino_json_at(t, p)) WHEN 'OBJECT' THEN len(json_keys(t, p)) "
        "WHEN 'ARRAY' THEN json_array_length(t, p) ELSE CASE WHEN trino_json_at(t, p) IS NOT NULL "
        "THEN 0 END END"
    ),
    "trino_json_parse(t)": (
        "CASE WHEN trino_check(NOT json_valid(t), 'INVALID_FUNCTION_ARGUMENT: Cannot convert "
        "value to "
        "JSON: ' || t) THEN trino_json_sorted(trino_json_kept(t, json(t))) END"
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
