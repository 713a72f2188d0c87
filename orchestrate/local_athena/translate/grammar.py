"""Refuses what sqlglot reads though Trino's grammar has no such thing.

sqlglot's parsers take the clauses of all dialects, and what a rule here does not look at would be
left out in silence. So every part of a statement must be one that Trino's grammar knows.

https://github.com/trinodb/trino/blob/master/core/trino-grammar/src/main/antlr4/io/trino/grammar/sql/SqlBase.g4
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.dialect import WRITTEN
from orchestrate.local_athena.translate.scope import place_of
from orchestrate.local_athena.translate.terms import not_supported

# The parts of each node that Trino has; some of them are refused later, by name.
_PARTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Update: frozenset({"this", "expressions", "where", "from_"}),
    exp.Delete: frozenset({"this", "where"}),
    exp.Merge: frozenset({"this", "using", "on", "whens"}),
    exp.When: frozenset({"matched", "condition", "then"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.Limit: frozenset({"expression", "expressions"}),
    exp.Lateral: frozenset({"this", "alias", "view"}),
    exp.WindowSpec: frozenset({"kind", "start", "start_side", "end", "end_side"}),
}
_FOREIGN = frozenset(
    {
        TokenType.DCOLON, TokenType.NULLSAFE_EQ, TokenType.ILIKE, TokenType.RLIKE,
        TokenType.ISNULL, TokenType.NOTNULL,
    }
)  # fmt: skip
_FOREIGN_SIGNS = frozenset({(TokenType.EQ, "=="), (TokenType.NOT, "!")})
_FOREIGN_TYPES = frozenset(
    {
        "BIGDECIMAL", "BOOL", "BYTES", "DATETIME", "FLOAT", "FLOAT4", "FLOAT8", "INT1", "INT2",
        "INT4", "INT8", "LONG", "NUMBER", "NUMERIC", "STRING", "TEXT", "UINTEGER",
    }
)  # fmt: skip
_UNITS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})
# What may stand right after a number.
_SIGNS = set("+-*/%|<>=!,.()[];:?\"'&^~`@")
_NO_ITEM_BEFORE = (
    TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.FROM, TokenType.WHERE, TokenType.SEMICOLON
)  # fmt: skip
_NO_INDEX_AFTER = (
    TokenType.SELECT, TokenType.COMMA, TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.EQ,
)  # fmt: skip


def check_parts(nodes: Iterable[exp.Expr]) -> None:
    """Refuse parts of statements that Trino does not have.

    Args:
        nodes: All of a statement.

    Raises:
        QueryError: SYNTAX_ERROR.
    """
    for node in nodes:
        known = _PARTS.get(type(node))
        if known is not None:
            for part, value in node.args.items():
                if part not in known and value:
                    words = part.replace("_", " ").strip().upper()
                    raise _syntax_error(node, f"{type(node).__name__.upper()} … {words}")
        if isinstance(node, exp.Update | exp.Delete) and isinstance(node.this, exp.Table):
            _check_target(node)
        elif isinstance(node, exp.When):
            _check_action(node)
        elif isinstance(node, exp.DataType):
            name = node.meta.get(WRITTEN, "")
            if name.upper() in _FOREIGN_TYPES:
                raise QueryError("TYPE_NOT_FOUND", f"Unknown type: {name}")
        elif isinstance(node, exp.SetOperation):
            left = node.this
            if any(left.args.get(part) for part in ("order", "limit", "offset")) and not isinstance(
                left, exp.Subquery
            ):
                raise _syntax_error(node, "ORDER BY or LIMIT before a set operation", "parentheses")


def _check_target(node: exp.Update | exp.Delete) -> None:
    if node.this.args.get("alias"):
        raise _syntax_error(node.this, "an alias of the target")
    if isinstance(node, exp.Update):
        _check_assignments(node)


def _check_assignments(node: exp.Update) -> None:
    for pair in node.expressions:
        if not (isinstance(pair, exp.EQ) and isinstance(pair.this, exp.Column)):
            raise _syntax_error(node, "an assignment other than column = value")
        if pair.this.args.get("table"):
            raise _syntax_error(pair, "a table's name before a column to set")


def _check_action(when: exp.When) -> None:
    """Matched rows are updated or deleted, others inserted."""
    then = when.args["then"]
    if when.args.get("matched"):
        if isinstance(then, exp.Update):
            if then.args.get("where"):
                raise _syntax_error(then, "UPDATE … WHERE in MERGE", "WHEN MATCHED AND …")
            _check_assignments(then)
        elif not (isinstance(then, exp.Var) and then.name.upper() == "DELETE"):
            raise _syntax_error(when, f"WHEN MATCHED THEN {then.sql()}")
        return
    if not isinstance(then, exp.Insert) or not isinstance(then.expression, exp.Tuple):
        raise _syntax_error(when, f"WHEN NOT MATCHED THEN {then.sql()}", "INSERT (…) VALUES (…)")
    if then.args.get("where"):
        raise _syntax_error(then, "INSERT … WHERE in MERGE", "WHEN NOT MATCHED AND …")


def _syntax_error(node: exp.Expr, what: str, instead: str = "") -> QueryError:
    advice = f"; write {instead}" if instead else ""
    return QueryError("SYNTAX_ERROR", f"{place_of(node)}{what} is not Trino's{advice}")


def check_tokens(sql: str, tokens: Sequence[Token]) -> None:
    """Refuse signs and words of other dialects, of which the tree says no more.

    Args:
        sql: The statement's text.
        tokens: Of it.

    Raises:
        QueryError: SYNTAX_ERROR.
    """
    padded = [None, *tokens, None, None]
    for at, token in enumerate(tokens):
        before, after, then = padded[at], padded[at + 2], padded[at + 3]
        if token.token_type == TokenType.NUMBER and _is_stuck(sql, token, after):
            raise QueryError(
                "SYNTAX_ERROR",
                f"{_place(token)}identifiers must not start with a digit; surround the "
                "identifier with double quotes",
            )
        if token.token_type == TokenType.LIMIT and then is not None:
            _check_after_limit(then)
        is_distinct = after is not None and after.token_type == TokenType.DISTINCT
        if token.token_type == TokenType.GROUP_BY and is_distinct:
            raise not_supported(f"{_place(token)}GROUP BY DISTINCT", "name each set once")
        if (
            token.token_type in _FOREIGN
            or (token.token_type, token.text) in _FOREIGN_SIGNS
            or _is_hexadecimal(sql, token)
            or _is_foreign_here(before, token, after, then)
        ):
            raise QueryError("SYNTAX_ERROR", f"{_place(token)}mismatched input '{token.text}'")


def _is_stuck(sql: str, number: Token, after: Token | None) -> bool:
    is_next = after is not None and after.start == number.end + 1
    return is_next and sql[number.end + 1] not in _SIGNS


def _is_hexadecimal(sql: str, token: Token) -> bool:
    is_bits = token.token_type in (TokenType.HEX_STRING, TokenType.BIT_STRING)
    return is_bits and sql[token.start] == "0"


def _check_after_limit(token: Token) -> None:
    """ORDER BY and OFFSET come before LIMIT, which is one whole number."""
    word = token.text.upper()
    if word == "OFFSET" or token.token_type == TokenType.ORDER_BY:
        raise QueryError(
            "SYNTAX_ERROR", f"{_place(token)}mismatched input '{word}': put it before LIMIT"
        )
    if token.token_type in (TokenType.COMMA, TokenType.MOD, TokenType.PERCENT):
        raise QueryError("SYNTAX_ERROR", f"{_place(token)}mismatched input '{token.text}'")


def _is_foreign_here(
    before: Token | None, token: Token, after: Token | None, then: Token | None
) -> bool:
    """Whether a token is wrong for those around it."""
    kind = token.token_type
    next_kind = after.token_type if after is not None else None
    if kind == TokenType.COMMA:
        return after is None or next_kind in _NO_ITEM_BEFORE
    if kind == TokenType.L_BRACKET:
        return before is None or before.token_type in _NO_INDEX_AFTER
    if kind == TokenType.ALIAS:
        return next_kind == TokenType.STRING
    if kind == TokenType.FROM:
        return before is None or next_kind == TokenType.VALUES
    if kind == TokenType.INTERVAL:
        is_whole = then is not None and then.text.upper() in _UNITS
        return next_kind == TokenType.NUMBER or (next_kind == TokenType.STRING and not is_whole)
    if kind == TokenType.IS and after is not None:
        last = then if after.text.upper() == "NOT" else after
        return last is not None and last.text.upper() in ("UNKNOWN", "TRUE", "FALSE")
    return False


def _place(token: Token) -> str:
    return f"line {token.line}:{max(token.col - len(token.text) + 1, 1)}: "
