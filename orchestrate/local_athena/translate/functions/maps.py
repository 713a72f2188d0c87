"""Map functions: https://trino.io/docs/current/functions/map.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.translate.coercion import row_part, unify
from orchestrate.local_athena.translate.lambdas import (
    applied,
    arguments,
    body,
    function,
    typed,
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


define(
    "multimap_from_entries(array(T))",
    lambda args: _multimap(args[0]),
)


def _multimap(given: Term) -> Term:
    item = exp.to_identifier("trino_item", quoted=True)
    row = given.type.items[0] if given.type.items else UNKNOWN
    if row.name != "row" or len(row.items) != 2:
        raise mismatch(f"multimap_from_entries takes an array of rows of two, got {given.type}")
    parts = [row_part(Term(item, row), at) for at in (0, 1)]
    made = duck(
        'trino_multimap_of(list_transform(_1, lambda "trino_item": CASE WHEN trino_check(_2 IS NULL'
        ", 'INVALID_FUNCTION_ARGUMENT: map key cannot be null') THEN {'k': _2, 'v': _3} END))",
        given.node,
        *parts,
    )
    return Term(made, map_of(row.items[0], array(row.items[1])))


@special("map_concat")
def _concat(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """Of equal keys the last map's stays."""
    maps = unify([binder.term(arg, scope) for arg in node.expressions], "map_concat")
    if maps[0].type.name != "map":
        raise mismatch(f"{place_of(node)}map_concat takes maps, got {maps[0].type}")
    tests = exp.and_(*(duck("_1 IS NOT NULL", found) for found in maps), copy=False)
    made = applied("map_concat", *(found.node for found in maps))
    return Term(duck("CASE WHEN _1 THEN _2 END", tests, made), maps[0].type)


@special("map_zip_with")
def _zip_with(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """The keys of both; a value that one has not is NULL."""
    left, right, rule = arguments(node, 3)
    a, b = _map(binder, left, scope), _map(binder, right, scope)
    keys = unify(
        [Term(duck("map_keys(_1)", side), array(side.type.items[0])) for side in (a, b)],
        f"{place_of(node)}map_zip_with",
    )
    name, key = variable(binder, keys[0].type.items[0])
    x, y = (Term(duck("map_extract_value(_1, _2)", m, name), m.type.items[1]) for m in (a, b))
    made = body(binder, rule, scope, [key, x, y])
    pairs = function(duck("{'k': _1, 'v': _2}", name, made), name)
    every = duck(
        "list_concat(_1, list_filter(_2, lambda trino_k: NOT list_contains(_1, trino_k)))", *keys
    )
    entries = applied("map_from_entries", applied("list_transform", every, pairs))
    both = duck("CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN _3 END", a, b, entries)
    return Term(both, map_of(key.type, made.type))


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
    return _of_entries(made, map_of(*given.type.items[0].items))


def _of_entries(entries: exp.Expr, type_: Type) -> Term:
    return Term(typed(applied("map_from_entries", entries), type_), type_)


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
    return _of_entries(kept, whole.type)


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
    return _of_entries(entries, map_of(*types))
