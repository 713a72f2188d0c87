"""DuckDB's macros that stand for what Trino does with texts and bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def null_of_null(macros: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Let macros of these names give NULL where any of their parameters is NULL."""

    def body_of(macro: str, body: str) -> str:
        name, _, parameters = macro.removesuffix(")").partition("(")
        if name not in names:
            return body
        tests = " AND ".join(f"{parameter} IS NOT NULL" for parameter in parameters.split(", "))
        return f"CASE WHEN {tests} THEN {body} END"

    return {macro: body_of(macro, body) for macro, body in macros.items()}


TEXT_MACROS = {
    # https://trino.io/docs/current/functions/binary.html
    "trino_from_hex(x)": (
        "CASE WHEN trino_check(length(x) % 2 = 1, 'INVALID_FUNCTION_ARGUMENT: expected an even "
        "number of digits, got ' || x) THEN unhex(x) END"
    ),
    "trino_from_utf8(x)": (
        "CASE WHEN trino_check(x IS NOT NULL AND TRY(decode(x)) IS NULL, 'NOT_SUPPORTED: bytes "
        "that are no UTF-8: the local Athena cannot replace them as Athena does') "
        "THEN decode(x) END"
    ),
    # Java reads a text without the signs that fill it up.
    "trino_from_base64(x)": (
        "from_base64(x || CASE WHEN contains(x, '=') THEN '' "
        "ELSE repeat('=', (4 - length(x) % 4) % 4) END)"
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
    "trino_split(s, d)": "string_split(s, trino_not_empty(d, 'delimiter'))",
    "trino_split_part(s, d, n)": (
        "CASE WHEN trino_check(n <= 0, 'INVALID_FUNCTION_ARGUMENT: Index must be greater than "
        "zero') THEN CASE WHEN d = '' THEN nullif(substring(s, n, 1), '') "
        "ELSE string_split(s, d)[n] END END"
    ),
    "trino_split_limit(s, d, n)": (
        "CASE WHEN trino_check(n <= 0, 'INVALID_FUNCTION_ARGUMENT: Limit must be positive') THEN "
        "CASE WHEN len(trino_split(s, d)) <= n THEN trino_split(s, d) ELSE "
        "list_append(trino_split(s, d)[1:n - 1], array_to_string(trino_split(s, d)[n:], d)) "
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
    # https://trino.io/docs/current/functions/comparison.html#pattern-comparison-like
    "trino_like_pattern(x, e)": (
        "CASE WHEN trino_check(length(e) <> 1, 'INVALID_FUNCTION_ARGUMENT: Escape string must be a "
        "single character') AND trino_check(contains(regexp_replace(x, regexp_escape(e) || '(' || "
        "regexp_escape(e) || '|[%_])', '', 'g'), e), 'INVALID_FUNCTION_ARGUMENT: Escape character "
        "must be followed by ''%'', ''_'' or the escape character itself') THEN x END"
    ),
    # RE2 finds no empty match behind another one, Java does.
    "trino_not_of_nothing(x, bare)": (
        "CASE WHEN trino_check(regexp_full_match('', bare), 'NOT_SUPPORTED: a regular expression "
        "that matches nothing: the local Athena cannot answer it as Athena does') THEN x END"
    ),
}

# Trino calls these for no NULL; DuckDB's parts of them pass over some.
_OF_NO_NULL = (
    "trino_split",
    "trino_split_entries",
    "trino_split_limit",
    "trino_split_part",
    "trino_strpos",
    "trino_substring",
    "trino_substring_of",
)
TEXT_MACROS = null_of_null(TEXT_MACROS, _OF_NO_NULL)
