"""Finds the module that runs a statement, by its first words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrate.local_athena.model import QueryError, QueryResult
from orchestrate.local_athena.statements import ctas, databases, query, views
from orchestrate.local_athena.statements.reader import Reader

if TYPE_CHECKING:
    from orchestrate.local_athena.statements.session import Session

Runner = Callable[["Session", Reader], QueryResult]

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
    (("CREATE", "TABLE"), ctas.run),
)


def run(session: Session, sql: str) -> QueryResult:
    """Run a statement.

    Raises:
        QueryError: It is wrong, refused, or of a kind that Athena does not know.
    """
    reader = Reader(sql)
    if reader.at_end:
        raise QueryError("SYNTAX_ERROR", "line 1:1: no statement; expected one SQL statement")
    for words, runner in _BY_FIRST_WORDS:
        if reader.accept(*words):
            reader.position = 0
            return runner(session, reader)
    raise reader.error("a statement of Athena's")
