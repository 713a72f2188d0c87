"""What names mean inside a query: relations, their columns, and variables of lambdas."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.terms import Term
from orchestrate.local_athena.translate.types import VARCHAR, Type

# Of each row of a table; only asked for by name.
# https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-table-metadata.html
HIDDEN_COLUMNS = {"$path": VARCHAR}


@dataclass(frozen=True)
class Field:
    """A column of a relation or a result.

    Attributes:
        name: None for one that has none.
        type: Trino's.
        held_as: What DuckDB calls it; two columns of a relation may have one name.
        label: The name as it was written, which a result shows.
    """

    name: str | None
    type: Type
    held_as: str = ""
    label: str = ""


@dataclass
class Relation:
    """A table or subquery of FROM.

    Attributes:
        alias: The name its columns are asked for with; empty for columns that a JOIN … USING made
            one of two, which belong to no table.
        fields: Its columns.
        hidden: Whether the hidden columns of a table can be asked for.
        joined: What the columns of a JOIN … USING are, by name.
    """

    alias: str
    fields: list[Field]
    hidden: bool = False
    joined: dict[str, exp.Expr] = field(default_factory=dict)

    def node(self, column: Field) -> exp.Expr:
        """DuckDB's reference to a column."""
        name = column.name or ""
        if name in self.joined:
            return self.joined[name].copy()
        return column_node(column.held_as or name, self.alias)


@dataclass
class Scope:
    """The names one query sees.

    Attributes:
        relations: Of FROM so far.
        first_joined: Where in them the tables begin that are being joined, after the last comma.
        variables: Of lambdas.
        parent: Of the query around.
        ctes: The names of WITH.
        windows: The names of WINDOW.
    """

    relations: list[Relation] = field(default_factory=list)
    first_joined: int = 0
    variables: dict[str, Term] = field(default_factory=dict)
    parent: Scope | None = None
    ctes: dict[str, list[Field]] = field(default_factory=dict)
    windows: dict[str, exp.Expr] = field(default_factory=dict)

    def window(self, name: str, place: str) -> exp.Expr:
        """Find a name of the WINDOW clause.

        Raises:
            QueryError: There is none.
        """
        if name not in self.windows:
            raise QueryError(
                "INVALID_WINDOW_REFERENCE", f"{place}Cannot resolve WINDOW name {name}"
            )
        return self.windows[name]

    def cte(self, name: str) -> list[Field] | None:
        """Find a name of WITH, here or around."""
        if name in self.ctes:
            return self.ctes[name]
        return self.parent.cte(name) if self.parent else None

    def outer(self) -> Scope:
        """Give the scope of a subquery in FROM: it sees WITH, not the relations beside it."""
        around = self.parent
        return Scope(parent=around, ctes=self.ctes)

    def variable(self, name: str) -> Term | None:
        """Find a lambda's variable, here or around."""
        if name in self.variables:
            return self.variables[name]
        return self.parent.variable(name) if self.parent else None

    def column(self, name: str, table: str | None, place: str) -> Term | None:
        """Find a column, here or around; None where there is none.

        Raises:
            QueryError: AMBIGUOUS_NAME.
        """
        found = [
            (relation, column)
            for relation in self.relations
            if table in (None, relation.alias)
            for column in relation.fields
            if column.name == name
        ]
        if not found:
            found = [
                (relation, Field(name, HIDDEN_COLUMNS[name]))
                for relation in self.relations
                if relation.hidden and name in HIDDEN_COLUMNS and table in (None, relation.alias)
            ]
        if len(found) > 1:
            raise QueryError("AMBIGUOUS_NAME", f"{place}Column '{name}' is ambiguous")
        if found:
            relation, column = found[0]
            return Term(relation.node(column), column.type)
        return self.parent.column(name, table, place) if self.parent else None

    def has_relation(self, name: str) -> bool:
        """Say whether a relation of that name is seen."""
        return any(found.alias == name for found in self.relations) or (
            self.parent is not None and self.parent.has_relation(name)
        )


def held(fields: list[Field]) -> list[Field]:
    """Give each column a name of its own for DuckDB."""
    made: list[Field] = []
    taken: set[str] = set()
    for at, given in enumerate(fields):
        name = given.name or f"_col{at}"
        name = name if name not in taken else f"{name}:{at}"
        taken.add(name)
        made.append(replace(given, held_as=name))
    return made


def column_node(name: str, table: str) -> exp.Column:
    """Make DuckDB's reference to a column."""
    # Not exp.column, which copies what it is given.
    return exp.Column(
        this=exp.to_identifier(name, quoted=True), table=exp.to_identifier(table, quoted=True)
    )


def place_of(node: exp.Expr) -> str:
    """Say where in the text a node stands, as Athena does: `line 1:8: `."""
    for found in chain([node], node.find_all(exp.Identifier)):
        if "line" in found.meta:
            start = found.meta["col"] - (found.meta.get("end", 0) - found.meta.get("start", 0))
            return f"line {found.meta['line']}:{max(start, 1)}: "
    return ""
