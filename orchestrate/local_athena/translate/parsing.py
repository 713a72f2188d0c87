"""Reads one Athena statement, and refuses what Athena's own parser refuses."""

from __future__ import annotations

import logging
import re

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.dialect import AthenaSql
from orchestrate.local_athena.translate.grammar import check_parts, check_tokens
from orchestrate.local_athena.translate.reserved import DDL_RESERVED, SELECT_RESERVED

# https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
MAX_QUERY_BYTES = 262_144

# Says for each statement it does not model that it keeps the text: no news here.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_DDL = (exp.Create, exp.Alter, exp.Drop, exp.Describe)


def parse(sql: str) -> exp.Expr:
    """Read one statement.

    Function calls stay `exp.Anonymous` with Trino's names; table references, `FOR TIMESTAMP AS OF`
    and properties are sqlglot's of the dialect `athena`.

    Args:
        sql: The text, with comments or without.

    Raises:
        QueryError: SYNTAX_ERROR (with line and column), or the text is too long or holds several
            statements.
    """
    size = len(sql.encode())
    if size > MAX_QUERY_BYTES:
        raise QueryError(
            "INVALID_INPUT",
            f"the query has {size} bytes; Athena allows at most {MAX_QUERY_BYTES}",
        )
    dialect = AthenaSql()
    try:
        tokens = dialect.tokenize(sql)
        statements = [found for found in dialect.parser().parse(tokens, sql) if found is not None]
    except (ParseError, TokenError) as error:
        raise _syntax_error(error) from None
    statements = [found for found in statements if not isinstance(found, exp.Semicolon)]
    if not statements:
        raise QueryError("SYNTAX_ERROR", "line 1:1: no statement; expected one SQL statement")
    if len(statements) > 1:
        raise QueryError(
            "SYNTAX_ERROR",
            f"line 1:1: only one sql statement is allowed, got {len(statements)}; send each alone",
        )
    statement = statements[0]
    nodes = list(statement.walk())
    _refuse_reserved(statement, nodes)
    if isinstance(statement, exp.Query | exp.Insert | exp.Update | exp.Delete | exp.Merge):
        check_tokens(sql, tokens)
        check_parts(nodes)
    return statement


def _syntax_error(error: ParseError | TokenError) -> QueryError:
    if isinstance(error, ParseError) and error.errors:
        first = error.errors[0]
        near = f" near '{first['highlight']}'" if first.get("highlight") else ""
        place = f"line {first.get('line') or 1}:{first.get('col') or 1}"
        return QueryError("SYNTAX_ERROR", f"{place}: {first.get('description', error)}{near}")
    found = re.search(r"[Ll]ine (\d+),? [Cc]ol(?:umn)?:? (\d+)", str(error))
    line, column = found.groups() if found else ("1", "1")
    return QueryError("SYNTAX_ERROR", f"line {line}:{column}: {str(error).splitlines()[0]}")


def _refuse_reserved(statement: exp.Expr, nodes: list[exp.Expr]) -> None:
    """Refuse reserved words as names, which sqlglot takes where Athena does not."""
    is_hive = isinstance(statement, _DDL) and not any(isinstance(n, exp.Query) for n in nodes)
    reserved = DDL_RESERVED if is_hive else SELECT_RESERVED
    for name in nodes:
        if not isinstance(name, exp.Identifier) or name.args.get("quoted"):
            continue
        if name.name.upper() in reserved:
            line, column = name.meta.get("line", 1), name.meta.get("col", 1)
            quote = "`" if is_hive else '"'
            raise QueryError(
                "SYNTAX_ERROR",
                f"line {line}:{column}: mismatched input '{name.name}': a reserved word; "
                f"write {quote}{name.name}{quote}",
            )
