"""CREATE VIEW, DROP VIEW."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrate.local_athena.engine import information_schema
from orchestrate.local_athena.engine.statements.query import compiled
from orchestrate.local_athena.metastore.catalog import HiveTable
from orchestrate.local_athena.metastore.glue_shapes import View, view_input
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind
from orchestrate.local_athena.names import base_tables
from orchestrate.local_athena.translate import parse

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session


def create(session: Session, reader: Reader) -> QueryResult:
    """Keep the text of a query under a name."""
    reader.expect("CREATE")
    replace = reader.accept("OR", "REPLACE")
    reader.expect("VIEW")
    name = session.name(reader.names())
    comment = reader.string() if reader.accept("COMMENT") else None
    if reader.accept("SECURITY"):
        reader.until("AS")
    reader.expect("AS")
    text = reader.rest()
    session.check_may_write(name.database)
    session.check_database(name.database)
    there = session.metastore.entry(name.database, name.name)
    if there is not None and not isinstance(there, View):
        kind = "table" if isinstance(there, HiveTable) else "Iceberg table"
        raise QueryError("TABLE_ALREADY_EXISTS", f"'awsdatacatalog.{name}' is a {kind}")
    if there is not None and not replace:
        raise QueryError("TABLE_ALREADY_EXISTS", f"View 'awsdatacatalog.{name}' already exists")
    query = parse(text)
    if any(
        table.text("db").lower() == information_schema.DATABASE
        for table in base_tables(query.walk())
    ):
        raise QueryError("NOT_SUPPORTED", "a view on information_schema: write out its query")
    _, columns = compiled(session, query)
    for position, column in enumerate(columns):
        if column.name == f"_col{position}":
            raise QueryError(
                "MISSING_COLUMN_NAME", f"Column name not specified at position {position + 1}"
            )
    names = [each.name for each in columns]
    if len(set(names)) < len(names):
        raise QueryError("DUPLICATE_COLUMN_NAME", "two columns of the view have one name")
    view = View(sql=text, database=session.database, columns=columns)
    definition = view_input(name.name, view, comment)
    if there is None:
        session.metastore.create_table(name.database, definition)
    else:
        session.metastore.update_table(name.database, definition)
    return QueryResult(StatementKind.DDL, "CREATE_VIEW")


def drop(session: Session, reader: Reader) -> QueryResult:
    """Forget a view."""
    reader.expect("DROP", "VIEW")
    if_exists = reader.accept("IF", "EXISTS")
    name = session.name(reader.names())
    reader.end()
    session.check_may_write(name.database)
    there = session.metastore.entry(name.database, name.name)
    if not isinstance(there, View):
        if if_exists and there is None:
            return QueryResult(StatementKind.DDL, "DROP_VIEW")
        raise QueryError("TABLE_NOT_FOUND", f"View 'awsdatacatalog.{name}' does not exist")
    session.metastore.delete_table(name.database, name.name)
    return QueryResult(StatementKind.DDL, "DROP_VIEW")
