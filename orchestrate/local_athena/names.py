"""Names of tables in a statement: which are of WITH, and which databases the others are in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from orchestrate.local_athena.model import QueryError

# The catalog's names in Athena; there is no other one here.
CATALOGS = frozenset({"", "awsdatacatalog"})


@dataclass(frozen=True, order=True)
class TableName:
    """A table or view, by its database and name, in lower case."""

    database: str
    name: str

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"


def table_name(parts: list[str], database: str) -> TableName:
    """The table that `parts` (catalog, database, name; the first ones may lack) mean.

    Raises:
        QueryError: There is no such catalog.
    """
    catalog, given, name = (*[""] * (3 - len(parts)), *parts)[-3:]
    if catalog.lower() not in CATALOGS:
        raise QueryError(
            "CATALOG_NOT_FOUND", f"Catalog '{catalog}' does not exist; use awsdatacatalog"
        )
    return TableName((given or database).lower(), name.lower())


def of_node(node: exp.Table, database: str) -> TableName:
    """The table that a node means."""
    return table_name([part.name for part in node.parts], database)


def base_tables(nodes: Iterable[exp.Expr]) -> list[exp.Table]:
    """Those of a statement's nodes that are tables or views, and no names of queries of WITH."""
    return [
        node
        for node in nodes
        if isinstance(node, exp.Table)
        and isinstance(node.this, exp.Identifier)
        and not _is_of_with(node)
    ]


def _is_of_with(node: exp.Table) -> bool:
    if node.args.get("db"):
        return False
    inner: exp.Expr = node
    outer = node.parent
    while outer is not None:
        clause = outer.args.get("with_")
        if isinstance(clause, exp.With) and inner is not clause:
            if any(each.alias.lower() == node.name.lower() for each in clause.expressions):
                return True
        elif isinstance(outer, exp.With):
            # A query of WITH sees those before it, and itself if recursive.
            before = outer.expressions[: inner.index]
            seen = [*before, inner] if outer.recursive else before
            if any(each.alias.lower() == node.name.lower() for each in seen):
                return True
        inner, outer = outer, outer.parent
    return False
