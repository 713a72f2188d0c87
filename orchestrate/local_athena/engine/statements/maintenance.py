"""OPTIMIZE and VACUUM.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-data-optimization.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyiceberg.table import Table

from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind
from orchestrate.local_athena.translate import parse
from orchestrate.local_athena.upkeep import optimize as optimizing
from orchestrate.local_athena.upkeep import vacuum as vacuuming
from orchestrate.local_athena.upkeep.where import partition_condition

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session
    from orchestrate.local_athena.names import TableName


def optimize(session: Session, reader: Reader) -> QueryResult:
    """OPTIMIZE t REWRITE DATA USING BIN_PACK [WHERE …]: few large files of many small ones."""
    reader.expect("OPTIMIZE")
    name = session.name(reader.names())
    reader.expect("REWRITE", "DATA", "USING", "BIN_PACK")
    table = _iceberg(session, name)
    where = None
    if reader.accept("WHERE"):
        query = parse(f"select 1 where {reader.rest()}")
        where = partition_condition(query.args["where"].this, table)
    reader.end()
    optimizing.optimize(table, session.cancellation, where, session.cursor.add_scanned)
    return QueryResult(StatementKind.DML, "OPTIMIZE")


def vacuum(session: Session, reader: Reader) -> QueryResult:
    """VACUUM t: forget old snapshots, and delete what no snapshot needs."""
    reader.expect("VACUUM")
    name = session.name(reader.names())
    reader.end()
    vacuuming.vacuum(_iceberg(session, name), datetime.now(UTC), session.cancellation)
    return QueryResult(StatementKind.DML, "VACUUM")


def _iceberg(session: Session, name: TableName) -> Table:
    session.check_may_write(name.database)
    table = session.table(name)
    if not isinstance(table, Table):
        raise QueryError("NOT_SUPPORTED", f"{name} is no Iceberg table")
    return table
