"""A term: a DuckDB expression with the Trino type of its value, and templates to build one from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.dialect import DuckDBText
from orchestrate.local_athena.translate.types import Type, duckdb_name, inside

NOT_CONSTANT: Any = object()


@dataclass(frozen=True)
class Term:
    """A DuckDB expression.

    Attributes:
        node: The expression.
        type: Trino's type of it.
        value: What the query's text gives, for a literal.
        row_zone: Gives the time zone of a timestamp whose zone differs from row to row, as long as
            it is known: where the zone is set. Its type has no zone.
    """

    node: exp.Expr
    type: Type
    value: Any = NOT_CONSTANT
    row_zone: exp.Expr | None = None

    @property
    def is_constant(self) -> bool:
        """Whether the text of the query gives the value."""
        return self.value is not NOT_CONSTANT


@lru_cache(maxsize=2048)
def _parsed(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, dialect=DuckDBText)


def duck(text: str, *parts: exp.Expr | Term) -> exp.Expr:
    """Build DuckDB's expression from a text in which `_1`, `_2`, … stand for the parts."""
    nodes = [part.node if isinstance(part, Term) else part for part in parts]
    root = exp.Paren(this=_parsed(text).copy())
    for column in list(root.find_all(exp.Column, exp.Identifier)):
        name = column.name
        if name[:1] != "_" or not name[1:].isdigit() or column.parent is None:
            continue
        if isinstance(column, exp.Identifier) and isinstance(column.parent, exp.Column):
            continue
        column.replace(_operand(nodes[int(name[1:]) - 1]))
    return _enclosed(root.this)


def _operand(node: exp.Expr) -> exp.Expr:
    """A node as a part of another."""
    # One that stands nowhere yet needs no copy, and copies of copies are what takes longest.
    return _enclosed(node if node.parent is None else node.copy())


def _enclosed(node: exp.Expr) -> exp.Expr:
    """Put an operation in parentheses, for it will stand inside another."""
    is_operation = isinstance(
        node, exp.Binary | exp.Unary | exp.Between | exp.In | exp.Is | exp.Lambda | exp.AtTimeZone
    )
    if is_operation and not isinstance(node, exp.Paren | exp.Lambda | exp.Dot):
        return exp.Paren(this=node)
    return node


def literal(value: str | int) -> exp.Expr:
    """Make a literal of a text or a whole number."""
    return exp.Literal.string(value) if isinstance(value, str) else exp.Literal.number(value)


def cast_node(node: exp.Expr, target: Type) -> exp.Expr:
    """Cast to the DuckDB type that holds `target`."""
    # As `duck` does, without a template to fill in: half of all that is built are casts.
    to = _parsed(f"CAST(NULL AS {duckdb_name(target)})").args["to"]
    return exp.Cast(this=_operand(node), to=to.copy())


def not_supported(what: str, why: str) -> QueryError:
    """Make the error for what the local Athena would answer otherwise than Athena."""
    return QueryError(
        "NOT_SUPPORTED", f"{what}: the local Athena cannot answer it as Athena does; {why}"
    )


def check_orderable(type_: Type) -> None:
    """Refuse to order arrays and rows: Trino fails at a NULL inside, DuckDB gives it a place.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    if type_.items:
        raise not_supported(f"an order of {type_}", "order by its parts")


def check_distinct(type_: Type) -> None:
    """Refuse to tell maps apart: equal ones of another order are several to DuckDB.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    if any(part.name == "map" for part in inside(type_)):
        raise not_supported(f"which values of {type_} are distinct", "use what the maps hold")


def mismatch(text: str) -> QueryError:
    """Make the error for operands of wrong types."""
    return QueryError("TYPE_MISMATCH", text)


def constant_text(term: Term, what: str) -> str:
    """Give the text of an argument that must be a literal.

    Raises:
        QueryError: It is not: NOT_SUPPORTED.
    """
    if not isinstance(term.value, str):
        raise not_supported(f"{what} that is not a literal", "write the text itself")
    return str(term.value)
