"""JSON functions: https://trino.io/docs/current/functions/json.html."""

from __future__ import annotations

import re

from sqlglot import exp

from orchestrate.local_athena.translate.registry import define
from orchestrate.local_athena.translate.terms import (
    Term,
    constant_text,
    duck,
    literal,
    not_supported,
)

_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\"([^\"\\]*)\"\]|\['([^'\\]*)'\]")


def _path(term: Term) -> exp.Expr:
    """Write a path for DuckDB: names and places only.

    Raises:
        QueryError: It holds wildcards, filters or the like.
    """
    text = constant_text(term, "a JSON path")
    made, at = "$", 1
    while text.startswith("$") and at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            break
        name = next((g for g in (found[1], found[3], found[4]) if g is not None), None)
        made += f"[{found[2]}]" if name is None else f'."{name}"'
        at = found.end()
    if not text.startswith("$") or at < len(text):
        raise not_supported(f"the JSON path {text}", 'use names and places: $.a["b c"][0]')
    return literal(made)


def _extract(args: list[Term]) -> exp.Expr:
    return duck("trino_json_at(CAST(_1 AS VARCHAR), _2)", args[0].node, _path(args[1]))


def _scalar(args: list[Term]) -> exp.Expr:
    return duck("trino_json_scalar(CAST(_1 AS VARCHAR), _2)", args[0].node, _path(args[1]))


for _type in ("varchar", "json"):
    define(f"json_extract({_type}, varchar) -> json", _extract)
    define(f"json_extract_scalar({_type}, varchar) -> varchar", _scalar)
    define(
        f"json_array_length({_type}) -> bigint",
        "CASE WHEN json_valid(CAST(_1 AS VARCHAR)) AND json_type(_1) = 'ARRAY' "
        "THEN CAST(json_array_length(_1) AS BIGINT) END",
    )
    define(
        f"json_size({_type}, varchar) -> bigint",
        lambda args: duck("trino_json_size(CAST(_1 AS VARCHAR), _2)", args[0].node, _path(args[1])),
    )
    define(f"is_json_scalar({_type}) -> boolean", "json_type(_1) NOT IN ('OBJECT', 'ARRAY')")
define("json_parse(varchar) -> json", "trino_json_parse(_1)")
define("json_format(json) -> varchar", "CAST(_1 AS VARCHAR)")
