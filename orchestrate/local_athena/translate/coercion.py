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
    if source.name == "decimal" and target.name in ("double", "real"):
        value = float(term.value) if isinstance(term.value, str) else NOT_CONSTANT
        return Term(decimal_as_double(term, target), target, value)
    if target.name == "row" and all(field is None for field in target.fields):
        return Term(_nameless_row(term, target), target)
    return Term(cast_node(term.node, target), target, term.value)


def decimal_as_double(term: Term, target: Type) -> exp.Expr:
    """Convert a decimal as Trino does; DuckDB loses the last bits of one of many digits.

    https://trino.io/docs/current/language/types.html#exact-numeric
    """
    digits, scale = term.type.params
    name = duckdb_name(target)
    if digits <= 15 or not scale:
        return cast_node(term.node, target)
    if digits <= 18:
        text = f"CAST(CAST(trino_unscaled(_1) AS DOUBLE) / CAST('1e{scale}' AS DOUBLE) AS {name})"
        return duck(text, term)
    return duck(f"CAST(CAST(_1 AS VARCHAR) AS {name})", term)


def _nameless_row(term: Term, target: Type) -> exp.Expr:
    """Convert field by field: DuckDB has no name for the type of such a row."""
    if term.type.name != "row":
        return term.node
    parts = [
        coerce(Term(row_part(term, place), a), b).node
        for place, (a, b) in enumerate(zip(term.type.items, target.items, strict=True))
    ]
    made = exp.Anonymous(this="row", expressions=parts)
    return duck("CASE WHEN _1 IS NOT NULL THEN _2 END", term.node, made)


def row_part(term: Term, place: int) -> exp.Expr:
    """Give a field of a row by its place, from 0."""
    name = term.type.fields[place]
    if all(field is None for field in term.type.fields):
        return duck(f"struct_extract(_1, {place + 1})", term)
    return duck(f"struct_extract(_1, '{name or f'field{place}'}')", term)


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


def back_to_instant(node: exp.Expr, origin: Term, type_: Type) -> Term:
    """Turn a local date and time back into an instant like the one it came from."""
    if type_.name == "timestamp with time zone":
        zone = value_zone(type_, "a calendar's arithmetic")
        if zone == "UTC":
            return Term(duck("timezone('UTC', CAST(_1 AS TIMESTAMP))", node), type_)
        made = f"trino_instant_near('{zone}', CAST(_1 AS TIMESTAMP), _2)"
        return Term(duck(made, node, origin), type_)
    return Term(duck(f"CAST(_1 AS {duckdb_name(type_)})", node), type_)


def is_null_literal(term: Term) -> bool:
    """Say whether a term is the word NULL."""
    return term.value is not NOT_CONSTANT and term.value is None
