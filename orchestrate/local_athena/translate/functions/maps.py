"""Map functions: https://trino.io/docs/current/functions/map.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.translate.coercion import row_part
from orchestrate.local_athena.translate.lambdas import (
    applied,
    arguments,
    body,
    function,
    variable,
)
from orchestrate.local_athena.translate.registry import define, special
from orchestrate.local_athena.translate.scope import Scope, place_of
from orchestrate.local_athena.translate.terms import Term, duck, mismatch
from orchestrate.local_athena.translate.types import UNKNOWN, Type, array, map_of

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder

define(
    "map()",
    lambda args: Term(duck("CAST(map([], []) AS MAP(INTEGER, INTEGER))"), map_of(UNKNOWN, UNKNOWN)),
)
define(
    "map(array(K), array(V)) -> map(K, V)",
    "CASE WHEN trino_check(len(_1) <> len(_2), 'INVALID_FUNCTION_ARGUMENT: Key and value arrays "
    "must "
    "be the same length') THEN map(_1, _2) END",
)
define("map_keys(map(K, V)) -> array(K)", "map_keys(_1)")
define("map_values(map(K, V)) -> array(V)", "map_values(_1)")
define("element_at(map(K, V), K) -> V", "map_extract_value(_1, _2)")
define("map_concat(map(K, V), map(K, V)) -> map(K, V)",
       "CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN map_concat(_1, _2) END")  # fmt: skip


def _entries(args: list[Term]) -> Term:
    """Rows without field names; DuckDB calls theirs key and value."""
    made = duck(
        "list_transform(map_entries(_1), lambda trino_e: row(trino_e.key, trino_e.value))", args[0]
    )
    return Term(made, array(Type("row", items=args[0].type.items, fields=(None, None))))


define("map_entries(map(K, V))", _entries)


@special("map_from_entries")
def _from_entries(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    given = binder.term(arguments(node, 1)[0], scope)
    if (
        given.type.name != "array"
        or given.type.items[0].name != "row"
        or len(given.type.items[0].items) != 2
    ):
        raise mismatch(
            f"{place_of(node)}map_from_entries takes an array of rows of two, got {given.type}"
        )
    name, item = variable(binder, given.type.items[0])
    pair = duck("{'k': _1, 'v': _2}", row_part(item, 0), row_part(item, 1))
    made = applied("list_transform", given.node, function(pair, name))
    return Term(applied("map_from_entries", made), map_of(*given.type.items[0].items))


def _map(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    found = binder.term(node, scope)
    if found.type.name != "map":
        raise mismatch(f"{place_of(node)}expected a map, got {found.type}")
    return found


def _parts(binder: Binder, whole: Term) -> tuple[exp.Identifier, Term, Term]:
    name, _ = variable(binder, whole.type)
    key = Term(duck("struct_extract(_1, 'key')", name), whole.type.items[0])
    value = Term(duck("struct_extract(_1, 'value')", name), whole.type.items[1])
    return name, key, value


@special("map_filter")
def _filter(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    values, rule = arguments(node, 2)
    whole = _map(binder, values, scope)
    name, key, value = _parts(binder, whole)
    test = body(binder, rule, scope, [key, value])
    kept = applied("list_filter", applied("map_entries", whole.node), function(test.node, name))
    return Term(applied("map_from_entries", kept), whole.type)


@special("transform_values", "transform_keys")
def _transform(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    values, rule = arguments(node, 2)
    whole = _map(binder, values, scope)
    name, key, value = _parts(binder, whole)
    made = body(binder, rule, scope, [key, value])
    is_values = node.name.lower() == "transform_values"
    sides = (key.node, made.node) if is_values else (made.node, value.node)
    pairs = function(duck("{'k': _1, 'v': _2}", *sides), name)
    entries = applied("list_transform", applied("map_entries", whole.node), pairs)
    types = (key.type, made.type) if is_values else (made.type, value.type)
    return Term(applied("map_from_entries", entries), map_of(*types))
