"""OPTIMIZE and VACUUM.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-data-optimization.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.parser import parse as parse_filter
from pyiceberg.table import Table
from sqlglot import exp

from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind
from orchestrate.local_athena.translate import parse

if TYPE_CHECKING:
    from orchestrate.local_athena.names import TableName
    from orchestrate.local_athena.statements.reader import Reader
    from orchestrate.local_athena.statements.session import Session


def optimize(session: Session, reader: Reader) -> QueryResult:
    """OPTIMIZE t REWRITE DATA USING BIN_PACK [WHERE …]: few large files of many small ones."""
    from orchestrate.local_athena import upkeep

    reader.expect("OPTIMIZE")
    name = session.name(reader.names())
    reader.expect("REWRITE", "DATA", "USING", "BIN_PACK")
    where: BooleanExpression = AlwaysTrue()
    if reader.accept("WHERE"):
        where = _filter(reader.rest())
    reader.end()
    upkeep.optimize(_iceberg(session, name), where, session.cancellation)
    return QueryResult(StatementKind.DDL, "OPTIMIZE")


def vacuum(session: Session, reader: Reader) -> QueryResult:
    """VACUUM t: forget old snapshots, and delete what no snapshot needs."""
    from orchestrate.local_athena import upkeep

    reader.expect("VACUUM")
    name = session.name(reader.names())
    reader.end()
    upkeep.vacuum(_iceberg(session, name), datetime.now(UTC))
    return QueryResult(StatementKind.DDL, "VACUUM")


def _iceberg(session: Session, name: TableName) -> Table:
    session.check_may_write(name.database)
    table = session.table(name)
    if not isinstance(table, Table):
        raise QueryError("NOT_SUPPORTED", f"{name} is no Iceberg table")
    return table


def _filter(text: str) -> BooleanExpression:
    """A condition on columns, as pyiceberg has it."""
    tree = parse(f"select 1 where {text}").args["where"].this
    for cast in list(tree.find_all(exp.Cast)):
        if isinstance(cast.this, exp.Literal):  # DATE '…', whose type the column tells
            literal = cast.this
            if cast.to.is_type("timestamp", "timestamptz"):
                literal = exp.Literal.string(literal.name.replace(" ", "T"))
            cast.replace(literal)
    try:
        return parse_filter(tree.sql())
    except Exception as error:
        raise QueryError(
            "NOT_SUPPORTED",
            f"the condition {text!r}: compare columns with constants, joined by AND and OR",
        ) from error
