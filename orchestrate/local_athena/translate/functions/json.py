"""JSON functions: https://trino.io/docs/current/functions/json.html."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from orchestrate.local_athena.translate.registry import define
from orchestrate.local_athena.translate.terms import (
    Term,
    constant_text,
    duck,
    literal,
    not_supported,
)
from orchestrate.local_athena.translate.text_types import as_given

_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\"([^\"\\]+)\"\]|\['([^'\\]+)'\]")
_MOST_PATHS = 8


def _paths(term: Term) -> list[exp.Expr]:
    """Write a path for DuckDB: names and places only.

    To Trino a number is both, the name in an object and the place in an array; to DuckDB it is one
    of them, so that there are several paths, of which a text has one at most.

    Raises:
        QueryError: It holds wildcards, filters or the like.
    """
    text = constant_text(term, "a JSON path")
    made, at = ["$"], 1
    while text.startswith("$") and at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            break
        steps = _steps(next(g for g in found.groups() if g is not None))
        made = [path + step for path in made for step in steps]
        at = found.end()
    if not text.startswith("$") or at < len(text) or "*" in text or len(made) > _MOST_PATHS:
        raise not_supported(f"the JSON path {text}", 'use names and places: $.a["b c"][0]')
    return [literal(path) for path in made]


def _steps(name: str) -> list[str]:
    if re.fullmatch(r"[0-9]{1,9}", name):
        return [f"[{int(name)}]", f'."{name}"']
    return [f'."{name}"']


def _by_path(macro: str) -> Callable[[list[Term]], exp.Expr]:
    def rule(args: list[Term]) -> exp.Expr:
        made = [
            duck(f"{macro}(CAST(_1 AS VARCHAR), _2)", args[0].node, path)
            for path in _paths(args[1])
        ]
        return made[0] if len(made) == 1 else exp.Coalesce(this=made[0], expressions=made[1:])

    return rule


for _type in ("varchar", "json"):
    define(f"json_extract({_type}, varchar) -> json", _by_path("trino_json_value"))
    define(f"json_extract_scalar({_type}, varchar)", _by_path("trino_json_scalar"),
           returns=as_given)  # fmt: skip
    define(f"json_size({_type}, varchar) -> bigint", _by_path("trino_json_size"))
    define(f"json_array_length({_type}) -> bigint", "trino_json_length(CAST(_1 AS VARCHAR))")
    define(f"is_json_scalar({_type}) -> boolean", "trino_json_is_scalar(CAST(_1 AS VARCHAR))")
define("json_parse(varchar) -> json", "trino_json_parse(_1)")
define("json_format(json) -> varchar", "CAST(_1 AS VARCHAR)")
