"""Reads one Athena statement, and refuses what Athena's own parser refuses."""

from __future__ import annotations

import logging
import re

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.dialect import AthenaSql
from orchestrate.local_athena.translate.reserved import DDL_RESERVED, SELECT_RESERVED

# https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
MAX_QUERY_BYTES = 262_144

# Says for each statement it does not model that it keeps the text: no news here.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_FOREIGN = (TokenType.DCOLON, TokenType.NULLSAFE_EQ, TokenType.ILIKE, TokenType.RLIKE)

# What may stand right after a number.
_SIGNS = set("+-*/%|<>=!,.()[];:?\"'&^~`@")

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
    _refuse_reserved(statement)
    if isinstance(statement, exp.Query | exp.Insert | exp.Update | exp.Delete | exp.Merge):
        _refuse_foreign(sql, tokens)
        _refuse_late_offset(tokens)
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


def _refuse_foreign(sql: str, tokens: list[Token]) -> None:
    """Refuse signs of other dialects, which sqlglot takes where Trino does not."""
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        is_next = after is not None and after.start == token.end + 1
        is_stuck = is_next and sql[token.end + 1] not in _SIGNS
        if token.token_type == TokenType.NUMBER and is_stuck:
            raise QueryError(
                "SYNTAX_ERROR",
                f"line {token.line}:{max(token.col - len(token.text) + 1, 1)}: identifiers must "
                "not start with a digit; surround the identifier with double quotes",
            )
        is_hexadecimal = token.token_type in (TokenType.HEX_STRING, TokenType.BIT_STRING)
        if token.token_type in _FOREIGN or (is_hexadecimal and sql[token.start] == "0"):
            raise QueryError(
                "SYNTAX_ERROR",
                f"line {token.line}:{max(token.col - len(token.text) + 1, 1)}: "
                f"mismatched input '{token.text}'",
            )


def _refuse_late_offset(tokens: list[Token]) -> None:
    """Refuse OFFSET after LIMIT: in Trino it comes first."""
    words = [token.text.upper() for token in tokens]
    for at, word in enumerate(words):
        if word == "LIMIT" and words[at + 2 : at + 3] == ["OFFSET"]:
            raise QueryError(
                "SYNTAX_ERROR", "line 1:1: mismatched input 'OFFSET': put it before LIMIT"
            )


def _refuse_reserved(statement: exp.Expr) -> None:
    """Refuse reserved words as names, which sqlglot takes where Athena does not."""
    is_hive = isinstance(statement, _DDL) and statement.find(exp.Query) is None
    reserved = DDL_RESERVED if is_hive else SELECT_RESERVED
    for name in statement.find_all(exp.Identifier):
        if not name.args.get("quoted") and name.name.upper() in reserved:
            line, column = name.meta.get("line", 1), name.meta.get("col", 1)
            quote = "`" if is_hive else '"'
            raise QueryError(
                "SYNTAX_ERROR",
                f"line {line}:{column}: mismatched input '{name.name}': a reserved word; "
                f"write {quote}{name.name}{quote}",
            )
