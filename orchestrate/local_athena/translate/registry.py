"""The table of Trino's functions: what is in it becomes DuckDB's, what is not is refused.

A rule is one line: Trino's signature, and DuckDB's expression with `_1`, `_2`, … for the arguments
(or a pure function that builds it). In a signature `T`, `K`, `V` stand for any type, `number` for
any number, `instant` for dates and timestamps, `text` for varchar and char; `...` repeats the last.
In the expression of an aggregate, `agg_` marks the calls that take DISTINCT, ORDER BY, FILTER and
OVER.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.coercion import coerce
from orchestrate.local_athena.translate.known import TRINO_FUNCTIONS
from orchestrate.local_athena.translate.terms import Term, duck
from orchestrate.local_athena.translate.types import (
    UNKNOWN,
    Type,
    coerces,
    common_type,
    parse_type,
)

if TYPE_CHECKING:
    from orchestrate.local_athena.translate.expressions import Binder
    from orchestrate.local_athena.translate.scope import Scope

Build = str | Callable[[list[Term]], exp.Expr | Term]
Returns = str | Callable[[list[Term]], Type]
Special = Callable[["Binder", exp.Anonymous, "Scope"], Term]

_VARIABLE = re.compile(r"[A-Z]")
_LOOSE = {
    "number": lambda found: found.is_numeric,
    "whole": lambda found: found.is_integer,
    "text": lambda found: found.is_text,
    "instant": lambda found: found.is_temporal,
    "timestamp": lambda found: found.name == "timestamp",
    "timestamptz": lambda found: found.name == "timestamp with time zone",
    "decimal": lambda found: found.name == "decimal",
    "row": lambda found: found.name == "row",
    "char": lambda found: found.name == "char",
}


@dataclass(frozen=True)
class Function:
    """One overload of a function."""

    name: str
    args: tuple[str, ...]
    is_variadic: bool
    returns: Returns
    build: Build


FUNCTIONS: dict[str, list[Function]] = {}
SPECIAL: dict[str, Special] = {}


def define(signature: str, build: Build, returns: Returns | None = None) -> None:
    """Add an overload, as `strpos(varchar, varchar) -> bigint`; `-> 1`: the type of argument 1."""
    call_part, _, result = signature.partition(" -> ")
    name, _, inner = call_part.removesuffix(")").partition("(")
    args = tuple(_split(inner))
    is_variadic = bool(args) and args[-1] == "..."
    FUNCTIONS.setdefault(name, []).append(
        Function(
            name,
            args[:-1] if is_variadic else args,
            is_variadic,
            returns or result,
            build,
        )
    )


def special(*names: str) -> Callable[[Special], Special]:
    """Register a rule that reads its arguments itself: lambdas, rows, windows."""

    def register(rule: Special) -> Special:
        for name in names:
            SPECIAL[name] = rule
        return rule

    return register


def _split(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += letter
    return [*parts, current.strip()] if current.strip() else parts


def call(name: str, args: Sequence[Term], place: str = "") -> Term:
    """Apply the overload that takes the arguments with the fewest conversions.

    Raises:
        QueryError: FUNCTION_NOT_FOUND, or NOT_SUPPORTED for one that is Trino's but not here.
    """
    overloads = FUNCTIONS.get(name)
    if not overloads:
        raise unknown_function(name, place)
    best: tuple[int, Function, dict[str, Type], tuple[str, ...]] | None = None
    for overload in overloads:
        patterns = overload.args
        if overload.is_variadic and len(args) >= len(patterns) - 1:
            patterns = (*patterns, *patterns[-1:] * len(args))[: len(args)]
        if len(patterns) != len(args):
            continue
        bound: dict[str, Type] = {}
        costs = [_cost(p, a.type, bound) for p, a in zip(patterns, args, strict=True)]
        if None in costs:
            continue
        # A pattern for any type gives way to one that names the type.
        vague = sum(1 for pattern in patterns if _VARIABLE.search(pattern))
        cost = 100 * sum(found for found in costs if found is not None) + vague
        if best is None or cost < best[0]:
            best = (cost, overload, bound, patterns)
    if best is None:
        given = ", ".join(str(arg.type) for arg in args)
        wanted = ", ".join(f"{f.name}({', '.join(f.args)})" for f in overloads)
        raise QueryError(
            "FUNCTION_NOT_FOUND",
            f"{place}Unexpected parameters ({given}) for function {name}. Expected: {wanted}",
        )
    _, overload, bound, patterns = best
    taken = [_fit(p, a, bound) for p, a in zip(patterns, args, strict=True)]
    return _build(overload, taken, bound)


def _build(overload: Function, taken: list[Term], bound: dict[str, Type]) -> Term:
    if callable(overload.build):
        built = overload.build(taken)
        if isinstance(built, Term):
            return built
    else:
        built = duck(overload.build, *taken)
    if callable(overload.returns):
        return Term(built, overload.returns(taken))
    if overload.returns.isdigit():
        result = taken[int(overload.returns) - 1].type
        if result.name == "char":  # held with its padding
            built = duck(f"rpad(_1, {result.params[0]}, ' ')", built)
        return Term(built, result)
    return Term(built, resolve(overload.returns, bound))


def resolve(pattern: str, bound: dict[str, Type]) -> Type:
    """Make the type a pattern stands for."""
    if pattern in bound:
        return bound[pattern]
    found = re.fullmatch(r"(array|map)\((.*)\)", pattern)
    if found:
        return Type(found[1], items=tuple(resolve(part, bound) for part in _split(found[2])))
    return UNKNOWN if _VARIABLE.fullmatch(pattern) else parse_type(pattern)


def _cost(pattern: str, given: Type, bound: dict[str, Type]) -> int | None:
    """Count the conversions an argument needs; None where it does not fit."""
    if _VARIABLE.fullmatch(pattern):
        known = bound.get(pattern)
        joined = given if known is None else common_type(known, given)
        if joined is None:
            return None
        bound[pattern] = joined
        return 0 if known in (None, given) else 1
    if pattern in _LOOSE:
        return 1 if given == UNKNOWN else (0 if _LOOSE[pattern](given) else None)
    found = re.fullmatch(r"(array|map)\((.*)\)", pattern)
    if found:
        if given == UNKNOWN:
            return 1
        if given.name != found[1]:
            return None
        costs = [_cost(p, g, bound) for p, g in zip(_split(found[2]), given.items, strict=True)]
        return None if None in costs else sum(c for c in costs if c is not None)
    wanted = parse_type(pattern)
    if given == wanted or (given.is_text and wanted.name == given.name):
        return 0
    if not coerces(given, wanted):
        return None
    return 3 if wanted.name in ("double", "real") else 2


def _fit(pattern: str, given: Term, bound: dict[str, Type]) -> Term:
    if pattern in _LOOSE:
        return given
    if not _VARIABLE.fullmatch(pattern) and pattern == "varchar" and given.type.is_text:
        return given
    wanted = resolve(pattern, bound)
    return given if given.type == wanted else coerce(given, wanted)


def unknown_function(name: str, place: str = "") -> QueryError:
    """Make the error for a function that is not in the table."""
    if name in TRINO_FUNCTIONS:
        return QueryError(
            "NOT_SUPPORTED",
            f"{place}function {name}: the local Athena cannot answer it as Athena does; "
            "run this query on Athena, or write it with other functions",
        )
    return QueryError("FUNCTION_NOT_FOUND", f"{place}Function '{name}' not registered")
