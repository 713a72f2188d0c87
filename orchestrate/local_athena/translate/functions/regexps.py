"""Regular expressions: https://trino.io/docs/current/functions/regexp.html.

Trino reads Java's patterns, DuckDB those of RE2, which refuses what it lacks (look-around,
references to groups). What both take and mean otherwise is refused here.
"""

from __future__ import annotations

import re

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.registry import define
from orchestrate.local_athena.translate.terms import (
    Term,
    constant_text,
    duck,
    literal,
    not_supported,
)
from orchestrate.local_athena.translate.text_types import as_given, by_size
from orchestrate.local_athena.translate.types import VARCHAR, Type, array

# Java: the meeting of two classes, a class in a class, line ends, possessive repetition.
_OTHERWISE = re.compile(r"&&|\[[^\]\\]*\[|\\[hHRXGZkxuNp]|[*+?}]\+|\(\?[a-z]*[dmuxU]")


def _pattern(term: Term) -> str:
    """Give the pattern's text.

    Raises:
        QueryError: It is no literal, or means something else to DuckDB.
    """
    text = constant_text(term, "a regular expression")
    found = _OTHERWISE.search(text)
    if found:
        raise not_supported(f"'{found.group()}' in a regular expression", "write it without")
    return text


def _groups(pattern: str) -> int:
    """Count the groups of a pattern that have a number."""
    plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "", pattern)
    return len(re.findall(r"\((?!\?)|\(\?P?<(?![=!])", plain))


def _subject(term: Term, pattern: str) -> exp.Expr:
    """Check while running that the text is ASCII, where the pattern's classes depend on it."""
    if re.search(r"\\[sS]", pattern):  # white space of Java's alone
        term = Term(duck("trino_no_vertical_tab(_1)", term), VARCHAR)
    if re.search(r"\\[wWdDsSbB]|\(\?i", pattern):
        term = Term(duck("trino_plain(_1)", term), VARCHAR)
    if "$" in pattern:
        term = Term(duck("trino_no_line_end(_1)", term), VARCHAR)
    return term.node


def _of_something(term: Term, pattern: str) -> exp.Expr:
    """Check while running that a pattern matches no empty text, at the edge of a word neither."""
    bare = re.sub(r"\\(.)", lambda found: "(?:)" if found[1] in "bB" else found[0], pattern)
    return duck("trino_not_of_nothing(_1, _2)", term.node, literal(bare))


def _like(args: list[Term]) -> exp.Expr:
    pattern = _pattern(args[1])
    return duck("regexp_matches(_1, _2)", _subject(args[0], pattern), args[1].node)


def _group(args: list[Term], pattern: str) -> int:
    if len(args) < 3:
        return 0
    if not isinstance(args[2].value, int):
        raise not_supported("a group that is not a literal", "write the number")
    return _known(int(args[2].value), pattern)


def _known(group: int, pattern: str) -> int:
    """Refuse a group that the pattern has not."""
    if not 0 <= group <= _groups(pattern):
        raise QueryError(
            "INVALID_FUNCTION_ARGUMENT",
            f"Pattern has {_groups(pattern)} groups. Cannot access group {group}",
        )
    return group


def _extract(args: list[Term]) -> exp.Expr:
    """No match is NULL in Trino, an empty text in DuckDB."""
    pattern = _pattern(args[1])
    group = _group(args, pattern)
    subject = _subject(args[0], pattern)
    made = duck(f"regexp_extract(_1, _2, {group})", subject, args[1].node)
    match = duck("regexp_matches(_1, _2)", subject, args[1].node)
    if group and re.search(r"\)(\?|\*|\{0)|\|", pattern):
        made = duck("trino_group(_1, _2)", made, match)
    return duck("CASE WHEN _1 THEN _2 END", match, made)


def _extract_all(args: list[Term]) -> exp.Expr:
    pattern = _pattern(args[1])
    group = _group(args, pattern)
    if group and re.search(r"\)(\?|\*|\{0)|\|", pattern):
        raise not_supported("a group that may not match", "make the group part of every match")
    made = f"regexp_extract_all(_1, _2, {group})"
    return duck(made, _subject(args[0], pattern), _of_something(args[1], pattern))


def _replace(args: list[Term]) -> exp.Expr:
    """Write Java's replacement for RE2, whose groups are marked by a backslash."""
    pattern = _pattern(args[1])
    given = constant_text(args[2], "the replacement of a regular expression") if args[2:] else ""
    made, at = "", 0
    while at < len(given):
        letter, rest = given[at], given[at + 1 :]
        if letter == "\\" and rest:
            made += "\\\\" if rest[0] == "\\" else rest[0]
            at += 2
        elif letter == "$" and rest[:1].isdigit():
            if rest[1:2].isdigit():
                raise not_supported("a group of two digits", "use one digit")
            made += f"\\{_known(int(rest[0]), pattern)}"
            at += 2
        elif letter == "\\":
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Invalid replacement sequence: {given}")
        elif letter == "$":
            raise not_supported("a named group in a replacement", "use its number")
        else:
            made += letter
            at += 1
    return duck(
        "regexp_replace(_1, _2, _3, 'g')",
        _subject(args[0], pattern),
        _of_something(args[1], pattern),
        literal(made),
    )


def _split(args: list[Term]) -> exp.Expr:
    pattern = _pattern(args[1])
    made = "regexp_split_to_array(_1, _2)"
    return duck(made, _subject(args[0], pattern), _of_something(args[1], pattern))


def _count(args: list[Term]) -> exp.Expr:
    return duck("CAST(len(_1) AS BIGINT)", _extract_all(args))


define("regexp_like(varchar, varchar) -> boolean", _like)


def _all_as_given(args: list[Term]) -> Type:
    return array(as_given(args))


for _arity in ("varchar, varchar", "varchar, varchar, bigint"):
    define(f"regexp_extract({_arity})", _extract, returns=as_given)
    define(f"regexp_extract_all({_arity})", _extract_all, returns=_all_as_given)
define("regexp_replace(varchar, varchar)", _replace, returns=as_given)
define("regexp_replace(varchar, varchar, varchar)", _replace,
       returns=by_size(lambda x, y: x + max(x * y // 2, y) * (x + 1), 0, 2))  # fmt: skip
define("regexp_split(varchar, varchar)", _split, returns=_all_as_given)
define("regexp_count(varchar, varchar) -> bigint", _count)
