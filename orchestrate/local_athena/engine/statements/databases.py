"""CREATE and DROP DATABASE (SCHEMA is the same)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrate.local_athena.engine.statements.table_properties import read_tblproperties
from orchestrate.local_athena.metastore.catalog import AlreadyExists
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session


def create(session: Session, reader: Reader) -> QueryResult:
    """Make a database, which is a namespace of the lake."""
    reader.expect("CREATE")
    _database_or_schema(reader)
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = _name(reader)
    given: dict[str, Any] = {"Name": name, "Parameters": {}}
    while not reader.at_end:
        if reader.accept("COMMENT"):
            given["Description"] = reader.string()
        elif reader.accept("LOCATION"):
            reader.string()  # Of what Athena keeps there, here all lies in the lake's buckets.
        elif reader.accept("WITH", "DBPROPERTIES"):
            given["Parameters"] = read_tblproperties(reader)
        else:
            raise reader.error("COMMENT, LOCATION or WITH DBPROPERTIES")
    session.check_may_write(name)
    try:
        session.metastore.create_database(given)
    except AlreadyExists:
        if not if_not_exists:
            raise QueryError(
                "SCHEMA_ALREADY_EXISTS", f"Schema 'awsdatacatalog.{name}' already exists"
            ) from None
    return QueryResult(StatementKind.DDL, "CREATE_DATABASE")


def drop(session: Session, reader: Reader) -> QueryResult:
    """Drop a database; with CASCADE its tables, too."""
    reader.expect("DROP")
    _database_or_schema(reader)
    if_exists = reader.accept("IF", "EXISTS")
    name = _name(reader)
    cascade = reader.accept("CASCADE")
    reader.accept("RESTRICT")
    reader.end()
    session.check_may_write(name)
    if session.metastore.lake.namespace(name) is None:
        if if_exists:
            return QueryResult(StatementKind.DDL, "DROP_DATABASE")
        raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{name}' does not exist")
    if not cascade and session.metastore.names(name):
        raise QueryError(
            "SCHEMA_NOT_EMPTY",
            f"Database {name} is not empty. One or more tables exist; use CASCADE",
        )
    session.metastore.delete_database(name)
    return QueryResult(StatementKind.DDL, "DROP_DATABASE")


def _database_or_schema(reader: Reader) -> None:
    if not reader.accept("SCHEMA"):
        reader.expect("DATABASE")


def _name(reader: Reader) -> str:
    parts = reader.names()
    return parts[-1]
