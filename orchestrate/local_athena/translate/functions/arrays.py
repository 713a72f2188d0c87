"""Array functions: https://trino.io/docs/current/functions/array.html."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.translate.coercion import unify
from orchestrate.local_athena.translate.lambdas import (
    applied,
    arguments,
    body,
    function,
    typed,
    variable,
)
from orchestrate.local_athena.translate.registry import call, define, special
from orchestrate.local_athena.translate.scope import Scope, place_of
from orchestrate.local_athena.translate.terms import (
    Term,
    cast_node,
    check_distinct,
    check_orderable,
    duck,
    mismatch,
    not_supported,
)
from orchestrate.local_athena.translate.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    MONTH_INTERVAL,
    Type,
    array,
    common_type,
    duckdb_name,
)

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder

define("cardinality(array(T)) -> bigint", "len(_1)")
define("cardinality(map(K, V)) -> bigint", "CAST(cardinality(_1) AS BIGINT)")
define("element_at(array(T), bigint) -> T", "trino_element_at(_1, _2)")


def _plain_items(made: str) -> Callable[[list[Term]], exp.Expr]:
    """Compare items with `=`: not arrays or rows, in which a NULL or NaN counts otherwise."""

    def rule(args: list[Term]) -> exp.Expr:
        item = args[0].type.items[0]
        if item.items:
            raise not_supported(f"looking for {item} in an array", "use any_match")
        if item.name not in ("double", "real"):
            return duck(made, *args)
        other = args[1]
        text = "list_transform(_1, lambda trino_n: trino_not_nan(trino_n))"
        checked = text if other.type.name == "array" else "trino_not_nan(_1)"
        return duck(made, args[0], duck(checked, other))

    return rule


def _distinct(made: str) -> Callable[[list[Term]], exp.Expr]:
    def rule(args: list[Term]) -> exp.Expr:
        check_distinct(args[0].type)
        return duck(made, *args)

    return rule


define("contains(array(T), T) -> boolean", _plain_items("trino_contains(_1, _2)"))
# DuckDB's set functions drop NULLs and promise no order; Trino keeps the first of each.
define("array_distinct(array(T)) -> array(T)", _distinct("trino_distinct(_1)"))
define(
    "array_union(array(T), array(T)) -> array(T)",
    _distinct(
        "CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN trino_distinct(list_concat(_1, _2)) END"
    ),
)
define(
    "array_remove(array(T), T) -> array(T)",
    _plain_items(
        "CASE WHEN _2 IS NOT NULL THEN list_filter(_1, lambda trino_r: trino_r IS DISTINCT FROM "
        "_2) END"
    ),
)
define(
    "array_position(array(T), T) -> bigint",
    _plain_items(
        "CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN coalesce(list_position(_1, _2), 0) END"
    ),
)


def _ordered(made: str) -> Callable[[list[Term]], exp.Expr]:
    def rule(args: list[Term]) -> exp.Expr:
        check_orderable(args[0].type.items[0])
        return duck(made, *args)

    return rule


def _sorted(args: list[Term]) -> exp.Expr:
    check_orderable(args[0].type.items[0])
    return typed(duck("list_sort(_1, 'ASC', 'NULLS LAST')", args[0]), args[0].type)


# A NULL inside makes the extreme unknown.
for _name in ("min", "max"):
    define(f"array_{_name}(array(T)) -> T", _ordered(f"trino_extreme(_1, list_{_name}(_1))"))
for _type in ("double", "real"):
    for _name in ("min", "max"):
        define(
            f"array_{_name}(array({_type})) -> {_type}",
            f"trino_extreme(_1, list_{_name}(list_transform(_1, lambda trino_n: "
            "trino_not_nan(trino_n))))",
        )
define("array_sort(array(T)) -> array(T)", _sorted)
define("slice(array(T), bigint, bigint) -> array(T)", "trino_slice(_1, _2, _3)")
define("flatten(array(array(T))) -> array(T)",
       lambda args: typed(duck("flatten(_1)", args[0]), args[0].type.items[0]))  # fmt: skip
define(
    "trim_array(array(T), bigint) -> array(T)",
    "CASE WHEN trino_check(_2 < 0 OR _2 > len(_1), 'INVALID_FUNCTION_ARGUMENT: size must not "
    "exceed "
    "array cardinality') THEN list_slice(_1, 1, len(_1) - _2) END",
)
define(
    "repeat(T, bigint) -> array(T)", "list_transform(range(trino_repeats(_2)), lambda trino_n: _1)"
)
define("arrays_overlap(array(T), array(T)) -> boolean",
       _plain_items(
       "CASE WHEN _1 IS NULL OR _2 IS NULL THEN NULL WHEN list_has_any(_1, _2) THEN true "
       "WHEN (trino_has_null(_1) AND len(_2) > 0) OR (trino_has_null(_2) AND len(_1) > 0) "
       "THEN NULL ELSE false END"))  # fmt: skip


def _by_membership(name: str, sign: str, made: str) -> None:
    @special(name)
    def rule(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
        """Keep the first of each item, by whether the other array has it."""
        terms = [binder.term(arg, scope) for arg in arguments(node, 2)]
        left, right = unify(terms, f"{place_of(node)}{name}")
        if left.type.name != "array":
            raise mismatch(f"{place_of(node)}{name} takes arrays, got {left.type}")
        check_distinct(left.type)
        item, _ = variable(binder, left.type.items[0])
        sides = [left, right]
        if name == "array_intersect":  # in the order of the longer one
            is_left = duck("len(_1) >= len(_2)", left, right)
            sides = [
                Term(duck("CASE WHEN _1 THEN _2 ELSE _3 END", is_left, a, b), left.type)
                for a, b in ((left, right), (right, left))
            ]
        test = duck(f"{sign} trino_member(_1, _2)", sides[1], item)
        kept = applied("list_filter", sides[0].node, function(test, item))
        return Term(duck(made, left, right, kept), left.type)


_by_membership(
    "array_intersect",
    "",
    "CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN trino_distinct(_3) END",
)
# Trino gives back what it need not look through, with what is twice in it; its page says otherwise.
_by_membership(
    "array_except",
    "NOT",
    "CASE WHEN _2 IS NOT NULL AND trino_check(len(_2) = 0 AND len(trino_distinct(_1)) < len(_1), "
    "'NOT_SUPPORTED: array_except of what repeats and of nothing: the local Athena cannot answer "
    "it as Athena does') THEN trino_distinct(_3) END",
)


def _joined(args: list[Term]) -> exp.Expr:
    """NULLs are left out, or written as the third argument says."""
    from orchestrate.local_athena.translate.casts import text_of

    item = exp.to_identifier("trino_item", quoted=True)
    text = text_of(Term(item, args[0].type.items[0]))
    if text is None:
        raise mismatch(f"Input type {args[0].type} not supported by array_join")
    made = duck('list_transform(_1, lambda "trino_item": _2)', args[0].node, text)
    if len(args) == 3:
        made = duck(
            "CASE WHEN _2 IS NOT NULL THEN "
            "list_transform(_1, lambda trino_t: coalesce(trino_t, _2)) END",
            made,
            args[2],
        )
    return duck("trino_join(_1, _2)", made, args[1])


define("array_join(array(T), varchar) -> varchar", _joined)
define("array_join(array(T), varchar, varchar) -> varchar", _joined)


def _array(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    found = binder.term(node, scope)
    if found.type.name != "array":
        raise mismatch(f"{place_of(node)}expected an array, got {found.type}")
    return found


@special("transform")
def _transform(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    values, rule = arguments(node, 2)
    whole = _array(binder, values, scope)
    name, item = variable(binder, whole.type.items[0])
    made = body(binder, rule, scope, [item])
    return Term(applied("list_transform", whole.node, function(made.node, name)), array(made.type))


@special("filter")
def _filter(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    values, rule = arguments(node, 2)
    whole = _array(binder, values, scope)
    name, item = variable(binder, whole.type.items[0])
    made = body(binder, rule, scope, [item])
    return Term(applied("list_filter", whole.node, function(made.node, name)), whole.type)


@special("any_match", "all_match", "none_match")
def _match(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """A NULL among the answers makes the whole unknown, unless another answer decides."""
    values, rule = arguments(node, 2)
    whole = _array(binder, values, scope)
    name, item = variable(binder, whole.type.items[0])
    made = body(binder, rule, scope, [item])
    is_all = node.name.lower() == "all_match"
    test = duck("NOT (_1)", made) if is_all else made.node
    answers = applied("list_transform", whole.node, function(test, name))
    text = "trino_any(_1)" if node.name.lower() == "any_match" else "NOT trino_any(_1)"
    return Term(duck(text, answers), BOOLEAN)


@special("reduce")
def _reduce(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """DuckDB reduces to the type of the items only, so items and state are put into one struct."""
    values, start, step, last = arguments(node, 4)
    whole, state = _array(binder, values, scope), binder.term(start, scope)
    item_type = whole.type.items[0]
    accumulated, _ = variable(binder, state.type)
    current, _ = variable(binder, item_type)

    def stepped(type_: Type) -> Term:
        old = Term(duck("struct_extract(_1, 's')", accumulated), type_)
        new = Term(duck("struct_extract(_1, 'x')", current), item_type)
        return body(binder, step, scope, [old, new])

    made = stepped(state.type)
    joined = common_type(state.type, made.type)
    if joined is None or joined != state.type:
        raise mismatch(
            f"{place_of(node)}reduce: the state is {state.type}, the function gives {made.type}; "
            "cast the start"
        )
    s, x = duckdb_name(joined), duckdb_name(item_type)
    first = duck(f"[{{'s': CAST(_1 AS {s}), 'x': CAST(NULL AS {x})}}]", state)
    rest = duck(
        f"list_transform(_1, lambda trino_e: {{'s': CAST(NULL AS {s}), 'x': trino_e}})", whole
    )
    step_node = duck(f"{{'s': CAST(_1 AS {s}), 'x': CAST(NULL AS {x})}}", made)
    reduced = applied(
        "list_reduce",
        duck("list_concat(_1, _2)", first, rest),
        function(step_node, accumulated, current),
    )
    result = Term(duck("struct_extract(_1, 's')", reduced), joined)
    # The last function is of one variable: bound in a lambda, so that the state is computed once.
    name, end = variable(binder, joined)
    ended = body(binder, last, scope, [end])
    node_ = applied("list_transform", duck("[_1]", result), function(ended.node, name))
    out = duck("CASE WHEN _1 IS NOT NULL THEN list_extract(_2, 1) END", whole.node, node_)
    return Term(out, ended.type)


@special("array_sort")
def _sort(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """With a comparison, an item's place is the count of those that come before it."""
    if len(node.expressions) == 1:
        return call("array_sort", [binder.term(node.expressions[0], scope)], place_of(node))
    values, rule = arguments(node, 2)
    whole = _array(binder, values, scope)
    item_type = whole.type.items[0]
    mine, x = variable(binder, item_type)
    other, y = variable(binder, item_type)
    at, _ = variable(binder, BIGINT)
    at_other, _ = variable(binder, BIGINT)
    compared = body(binder, rule, scope, [y, x])
    if not compared.type.is_integer:
        raise mismatch(f"{place_of(node)}array_sort: the function gives {compared.type}, no number")
    before = duck(
        "CASE WHEN trino_check(_1 IS NULL OR _1 NOT IN (-1, 0, 1), 'INVALID_FUNCTION_ARGUMENT: "
        "Lambda comparator must return either -1, 0, or 1') THEN _2 <> _3 AND (_1 < 0 OR (_1 = 0 "
        "AND _2 < _3)) END",
        compared.node,
        at_other,
        at,
    )
    others = applied("list_filter", whole.node, function(before, other, at_other))
    keyed = function(duck("{'n': len(_1), 'i': _2, 'x': _3}", others, at, mine), mine, at)
    made = applied("list_sort", applied("list_transform", whole.node, keyed))
    items = duck("list_transform(_1, lambda trino_e: trino_e.x)", made)
    return Term(typed(items, whole.type), whole.type)


define(
    "ngrams(array(T), bigint)",
    lambda args: Term(
        duck(
            "CASE WHEN trino_check(_2 <= 0, 'INVALID_FUNCTION_ARGUMENT: N must be positive') THEN "
            "CASE WHEN len(_1) <= _2 THEN [_1] ELSE list_transform(range(1, len(_1) - _2 + 2), "
            "lambda trino_i: list_slice(_1, trino_i, trino_i + _2 - 1)) END END",
            *args,
        ),
        array(args[0].type),
    ),
)


@special("zip")
def _zip(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """The shorter arrays are filled with NULLs."""
    terms = [_array(binder, arg, scope) for arg in node.expressions]
    type_ = Type("row", items=tuple(t.type.items[0] for t in terms), fields=(None,) * len(terms))
    made = applied("list_zip", *(term.node for term in terms))
    tests = exp.and_(*(duck("_1 IS NOT NULL", term) for term in terms), copy=False)
    return Term(duck("CASE WHEN _1 THEN _2 END", tests, made), array(type_))


@special("zip_with")
def _zip_with(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    left, right, rule = arguments(node, 3)
    a, b = _array(binder, left, scope), _array(binder, right, scope)
    pair, _ = variable(binder, a.type)
    x = Term(duck("struct_extract(_1, 1)", pair), a.type.items[0])
    y = Term(duck("struct_extract(_1, 2)", pair), b.type.items[0])
    made = body(binder, rule, scope, [x, y])
    zipped = duck("CASE WHEN _1 IS NOT NULL AND _2 IS NOT NULL THEN list_zip(_1, _2) END", a, b)
    return Term(applied("list_transform", zipped, function(made.node, pair)), array(made.type))


def _whole_sequence(args: list[Term]) -> Term:
    """Both ends are included; the step is 1 or -1 towards the end unless given."""
    start, stop = args[0], args[1]
    step = (
        args[2].node
        if len(args) == 3
        else duck("CASE WHEN _1 <= _2 THEN 1 ELSE -1 END", start, stop)
    )
    checked = duck(
        "CASE WHEN trino_check(_3 = 0 OR (_3 > 0 AND _2 < _1) OR (_3 < 0 AND _2 > _1), "
        "'INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater than or equal to start "
        "value if step is greater than zero otherwise stop should be less than or equal to start') "
        "AND trino_check((_2 - _1) // _3 >= 10000, 'INVALID_FUNCTION_ARGUMENT: result of sequence "
        "function must not have more than 10000 entries') THEN generate_series(_1, _2, _3) END",
        start,
        stop,
        step,
    )
    return Term(checked, array(BIGINT))


define("sequence(bigint, bigint)", _whole_sequence)
define("sequence(bigint, bigint, bigint)", _whole_sequence)


@special("sequence")
def _sequence(binder: Binder, node: exp.Anonymous, scope: Scope) -> Term:
    """Dates stay dates, which DuckDB's series makes timestamps."""
    terms = [binder.term(arg, scope) for arg in node.expressions]
    if len(terms) not in (2, 3) or not terms[0].type.is_temporal:
        return call("sequence", terms, place_of(node))
    start, stop = unify(terms[:2], f"{place_of(node)}sequence")
    if start.type.name == "timestamp with time zone":
        raise not_supported("sequence of timestamps with time zone", "use timestamps")
    if len(terms) == 2:
        if start.type != DATE:
            return call("sequence", terms, place_of(node))
        step = duck("CASE WHEN _1 <= _2 THEN to_days(1) ELSE to_days(-1) END", start, stop)
    elif not terms[2].type.name.startswith("interval"):
        return call("sequence", terms, place_of(node))
    else:
        step = terms[2].node
        if terms[2].type == MONTH_INTERVAL:
            # Trino adds n months to the start, so that 31 January gives the last day of each month.
            raise not_supported("sequence by months", "make it with transform over numbers")
        if start.type == DATE:
            step = duck("trino_whole_days(_1)", step)
    moments = (cast_node(each.node, Type("timestamp", (6,))) for each in (start, stop))
    made = cast_node(applied("trino_moments", *moments, step), array(start.type))
    return Term(made, array(start.type))
