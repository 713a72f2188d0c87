"""PREPARE, EXECUTE, DEALLOCATE PREPARE.

https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrate.local_athena.engine.reader import Reader
from orchestrate.local_athena.engine.statements import parameters
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind
from orchestrate.local_athena.translate import parse

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.statements.session import Session

_PARSED = ("SELECT", "WITH", "VALUES", "TABLE", "(", "INSERT")


def prepare(session: Session, reader: Reader) -> QueryResult:
    """Keep a statement with `?` in it under a name."""
    reader.expect("PREPARE")
    name = reader.name()
    reader.expect("FROM")
    text = reader.rest()
    _check(text)
    session.metastore.store.put_prepared_statement(name, text)
    return QueryResult(StatementKind.DDL, "PREPARE")


def _check(text: str) -> None:
    """Refuse what is no statement, or none that can be prepared."""
    reader = Reader(text)
    if reader.accept("UNLOAD") or reader.accept("CREATE", "TABLE"):
        return
    if not any(reader.accept(word) for word in _PARSED):
        raise reader.error("SELECT, INSERT INTO, CREATE TABLE AS or UNLOAD")
    parse(text)


def statement(session: Session, reader: Reader) -> str:
    """The text that EXECUTE means, its values filled in: of USING, or of the request.

    Raises:
        QueryError: There is no such statement, or other than its number of values.
    """
    reader.expect("EXECUTE")
    name = reader.name()
    text = session.metastore.store.prepared_statement(name)
    if text is None:
        raise QueryError("NOT_FOUND", f"Prepared statement not found: {name}")
    values: list[str] = list(session.request.parameters)
    if reader.accept("USING"):
        values = [reader.until(",")]
        while reader.accept(","):
            values.append(reader.until(","))
    reader.end()
    return parameters.filled_in(text, tuple(values))


def deallocate(session: Session, reader: Reader) -> QueryResult:
    """Forget a statement."""
    reader.expect("DEALLOCATE", "PREPARE")
    name = reader.name()
    reader.end()
    if not session.metastore.store.delete_prepared_statement(name):
        raise QueryError("NOT_FOUND", f"Prepared statement not found: {name}")
    return QueryResult(StatementKind.DDL, "DEALLOCATE")
