"""Reads the head of a statement word by word; its query is left to `translate`.

Names of sqlglot's own DDL trees follow many dialects; Athena's DDL is small, and what it does not
know is to be refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.reserved import SELECT_RESERVED

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
      |(?P<string>'(?:[^']|'')*')
      |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
      |(?P<number>\d+(?:\.\d+)?)
      |(?P<word>[^\W\d][\w$]*)
      |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A piece of the text that is neither space nor comment."""

    kind: str  # string, quoted, number, word, other
    text: str
    start: int
    end: int


# A statement is read more than once: for its parameters, by its first words, then whole.
@lru_cache(maxsize=16)
def _tokens(sql: str) -> tuple[Token, ...]:
    tokens = [
        Token(str(match.lastgroup), match[0], match.start(), match.end())
        for match in _TOKEN.finditer(sql)
        if match.lastgroup != "space"
    ]
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    return tuple(tokens)


class Reader:
    """A statement's text and how far it is read.

    Attributes:
        reserved: The words that are no names without quotes.
    """

    def __init__(self, sql: str) -> None:
        """Split `sql`; a semicolon at its end is left out."""
        self.sql = sql
        self.reserved = SELECT_RESERVED
        self.tokens = _tokens(sql)
        self.position = 0

    @property
    def at_end(self) -> bool:
        """Whether all is read."""
        return self.position >= len(self.tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        """The next token, or one after it."""
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def accept(self, *words: str) -> bool:
        """Pass `words` if they come next; returns whether they did."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or token.kind in ("string", "quoted") or token.text.upper() != word:
                return False
        self.position += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Pass `words`.

        Raises:
            QueryError: Something else comes next.
        """
        if not self.accept(*words):
            raise self.error(" ".join(words))

    def name(self) -> str:
        """Pass a name, quoted or not; lower-cased, as Athena keeps all names.

        Raises:
            QueryError: Something else comes next, or a reserved word without quotes.
        """
        token = self.peek()
        if token is None or token.kind not in ("word", "quoted"):
            raise self.error("a name")
        if token.kind == "word" and token.text.upper() in self.reserved:
            raise self.error("a name", f"; {token.text} is a reserved word: quote it")
        self.position += 1
        return unquoted(token).lower()

    def names(self) -> list[str]:
        """Pass a name with dots."""
        found = [self.name()]
        while self.accept("."):
            found.append(self.name())
        return found

    def string(self) -> str:
        """Pass a string.

        Raises:
            QueryError: Something else comes next.
        """
        token = self.peek()
        if token is None or token.kind not in ("string", "quoted") or token.text[0] == "`":
            raise self.error("a string in quotes")
        self.position += 1
        return unquoted(token)

    def integer(self) -> int:
        """Pass a whole number.

        Raises:
            QueryError: Something else comes next.
        """
        token = self.peek()
        if token is None or not token.text.isdigit():
            raise self.error("a whole number")
        self.position += 1
        return int(token.text)

    def listed(self, item: Callable[[], None]) -> None:
        """Pass a list in parentheses, each of its items by `item`."""
        self.expect("(")
        while True:
            item()
            if not self.accept(","):
                break
        self.expect(")")

    def until(self, *stops: str) -> str:
        """Pass the text before one of `stops` (words or signs) outside of parentheses."""
        first = self.peek()
        if first is None:
            raise self.error(" or ".join(stops))
        depth = 0
        end = first.start
        while (token := self.peek()) is not None:
            plain = token.kind not in ("string", "quoted")
            if depth == 0 and plain and token.text.upper() in stops:
                break
            if plain and token.text in "([<":
                depth += 1
            elif plain and token.text in ")]>":
                depth -= 1
            end = token.end
            self.position += 1
        return self.sql[first.start : end]

    def rest(self) -> str:
        """Pass the text to the end."""
        token = self.peek()
        if token is None:
            raise self.error("more")
        text = self.sql[token.start : self.tokens[-1].end]
        self.position = len(self.tokens)
        return text

    def end(self) -> None:
        """Be at the end.

        Raises:
            QueryError: Something follows.
        """
        if not self.at_end:
            raise self.error("the end of the statement")

    def error(self, expected: str, more: str = "") -> QueryError:
        """What comes next is not what was expected."""
        token = self.peek()
        start = token.start if token else len(self.sql)
        line = self.sql.count("\n", 0, start) + 1
        column = start - (self.sql.rfind("\n", 0, start) + 1) + 1
        found = f"'{token.text}'" if token else "the end"
        return QueryError(
            "SYNTAX_ERROR", f"line {line}:{column}: found {found}, expected {expected}{more}"
        )


def unquoted(token: Token) -> str:
    """The text of a token without its quotes."""
    if token.kind in ("string", "quoted"):
        quote = token.text[0]
        return token.text[1:-1].replace(quote * 2, quote)
    return token.text
