"""Conversions that Trino makes by itself.

https://trino.io/docs/current/language/types.html, https://trino.io/docs/current/functions/conversion.html
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from orchestrate.local_athena.translate.terms import (
    NOT_CONSTANT,
    Term,
    cast_node,
    duck,
    mismatch,
    not_supported,
)
from orchestrate.local_athena.translate.types import Type, common_type, duckdb_name


def coerce(term: Term, target: Type) -> Term:
    """Convert a term where Trino does so by itself."""
    source = term.type
    if source == target:
        return term
    if source.name == target.name and source.name in (
        "timestamp",
        "timestamp with time zone",
        "varchar",
        "time",
    ):
        return replace(term, type=target)
    if source.name == "char" and target.name == "varchar":
        return replace(term, type=target)
    if target.name == "char":
        # Values of char are held with their padding, so that they compare as Trino's do.
        return Term(duck(f"rpad(_1, {target.params[0]}, ' ')", term), target)
    return Term(cast_node(term.node, target), target, term.value)


def unify(terms: list[Term], what: str) -> list[Term]:
    """Convert terms to the one type that all turn into.

    Raises:
        QueryError: TYPE_MISMATCH.
    """
    joined = terms[0].type
    for term in terms[1:]:
        found = common_type(joined, term.type)
        if found is None:
            raise mismatch(f"{what}: types {joined} and {term.type} do not agree; cast one of them")
        joined = found
    return [coerce(term, joined) for term in terms]


def value_zone(type_: Type, what: str) -> str:
    """Give the zone a timestamp with time zone is shown in.

    Raises:
        QueryError: It differs from row to row.
    """
    if not type_.zone:
        raise not_supported(what, "its time zone differs from row to row; convert to UTC first")
    return type_.zone


def local_timestamp(term: Term, what: str) -> exp.Expr:
    """Give the local date and time of an instant, as TIMESTAMP (or DATE for a date)."""
    if term.row_zone is not None:
        return duck("timezone(_2, _1)", term, term.row_zone)
    if term.type.name == "timestamp with time zone":
        return duck(f"timezone('{value_zone(term.type, what)}', _1)", term)
    return term.node


def back_to_instant(node: exp.Expr, type_: Type) -> Term:
    """Turn a local date and time back into the type it came from."""
    if type_.name == "timestamp with time zone":
        value_zone(type_, "a calendar's arithmetic")
        return Term(duck(f"timezone('{type_.zone}', CAST(_1 AS TIMESTAMP))", node), type_)
    return Term(duck(f"CAST(_1 AS {duckdb_name(type_)})", node), type_)


def is_null_literal(term: Term) -> bool:
    """Say whether a term is the word NULL."""
    return term.value is not NOT_CONSTANT and term.value is None
