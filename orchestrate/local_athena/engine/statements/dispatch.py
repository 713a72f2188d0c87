"""Finds the module that runs a statement, by its first words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrate.local_athena.engine.reader import Reader
from orchestrate.local_athena.engine.statements import (
    alter,
    changes,
    create_table,
    ctas,
    databases,
    insert,
    maintenance,
    parameters,
    partitions,
    prepared,
    query,
    show,
    unload,
    views,
)
from orchestrate.local_athena.model import QueryError, QueryResult
from orchestrate.local_athena.translate.reserved import DDL_RESERVED

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.statements.session import Session

Runner = Callable[["Session", Reader], QueryResult]


def _create_table(session: Session, reader: Reader) -> QueryResult:
    """CREATE TABLE with columns, or with a query."""
    if _after_name(reader) != "(":
        return ctas.run(session, reader)
    reader.reserved = DDL_RESERVED
    return create_table.run(session, reader)


def _after_name(reader: Reader) -> str:
    reader.expect("CREATE", "TABLE")
    reader.accept("IF", "NOT", "EXISTS")
    reader.names()
    token = reader.peek()
    reader.position = 0
    return token.text if token else ""


_BY_FIRST_WORDS: tuple[tuple[tuple[str, ...], Runner], ...] = (
    (("SELECT",), query.select),
    (("WITH",), query.select),
    (("VALUES",), query.select),
    (("TABLE",), query.select),
    (("(",), query.select),
    (("EXPLAIN",), query.explain),
    (("CREATE", "DATABASE"), databases.create),
    (("CREATE", "SCHEMA"), databases.create),
    (("DROP", "DATABASE"), databases.drop),
    (("DROP", "SCHEMA"), databases.drop),
    (("CREATE", "VIEW"), views.create),
    (("CREATE", "OR", "REPLACE", "VIEW"), views.create),
    (("DROP", "VIEW"), views.drop),
    (("CREATE", "EXTERNAL", "TABLE"), create_table.run),
    (("CREATE", "TABLE"), _create_table),
    (("DROP", "TABLE"), alter.drop),
    (("ALTER", "TABLE"), alter.run),
    (("INSERT", "INTO"), insert.run),
    (("UPDATE",), changes.run),
    (("DELETE", "FROM"), changes.run),
    (("MERGE", "INTO"), changes.run),
    (("UNLOAD",), unload.run),
    (("MSCK", "REPAIR", "TABLE"), partitions.repair),
    (("SHOW", "DATABASES"), show.databases),
    (("SHOW", "SCHEMAS"), show.databases),
    (("SHOW", "TABLES"), show.tables),
    (("SHOW", "VIEWS"), show.views),
    (("SHOW", "COLUMNS"), show.columns),
    (("SHOW", "PARTITIONS"), show.partitions),
    (("SHOW", "TBLPROPERTIES"), show.properties),
    (("SHOW", "CREATE", "TABLE"), show.create_table),
    (("SHOW", "CREATE", "VIEW"), show.create_view),
    (("DESCRIBE",), show.describe),
    (("DESC",), show.describe),
    (("DEALLOCATE", "PREPARE"), prepared.deallocate),
    (("OPTIMIZE",), maintenance.optimize),
    (("VACUUM",), maintenance.vacuum),
)


# What Athena reads as Hive does has other reserved words.
_OF_HIVE = (
    alter.drop,
    alter.run,
    create_table.run,
    databases.create,
    databases.drop,
    partitions.repair,
    show.columns,
    show.create_table,
    show.describe,
    show.partitions,
    show.properties,
    show.tables,
)


def run(session: Session) -> QueryResult:
    """Run the statement of a session's request.

    Raises:
        QueryError: It is wrong, refused, or of a kind that Athena does not know.
    """
    reader = Reader(session.request.sql)
    if reader.accept("PREPARE"):
        return prepared.prepare(session, Reader(session.request.sql))
    if reader.accept("EXECUTE"):
        sql = prepared.statement(session, Reader(session.request.sql))
    else:
        sql = parameters.filled_in(session.request.sql, session.request.parameters)
    reader = Reader(sql)
    if reader.at_end:
        raise QueryError("SYNTAX_ERROR", "line 1:1: no statement; expected one SQL statement")
    for words, runner in _BY_FIRST_WORDS:
        if reader.accept(*words):
            reader.position = 0
            if runner in _OF_HIVE:
                reader.reserved = DDL_RESERVED
            return runner(session, reader)
    raise reader.error("a statement of Athena's")
