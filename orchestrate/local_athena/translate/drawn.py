"""What differs from call to call is drawn once: never where a rule would draw it again.

https://trino.io/docs/current/functions/math.html#random-functions
"""

from __future__ import annotations

import re
from functools import cache
from itertools import count

from sqlglot import exp

from orchestrate.local_athena.translate.macros import MACROS
from orchestrate.local_athena.translate.terms import Term, not_supported

NAMES = frozenset({"rand", "random", "uuid"})
_KEY, _OF_EACH = "drawn", "drawn for each item"
_numbers = count(1)


def marked(term: Term, call: exp.Expr) -> Term:
    """Note of which call of the query a term is made."""
    key = call.meta.setdefault(_KEY, next(_numbers))
    is_of_each = call.find_ancestor(exp.Lambda) is not None
    term.node.meta.update({_KEY: key, _OF_EACH: is_of_each})
    return term


def check(tree: exp.Expr) -> None:
    """Refuse a statement that would draw a value again.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    seen: set[int] = set()
    for node in tree.walk():
        # `meta` would be made for each node by asking for it.
        key = node._meta.get(_KEY) if node._meta else None
        if key is None:
            continue
        if key in seen or _is_repeated(node):
            raise not_supported("random() or uuid() here", "make it a column of a subquery first")
        seen.add(key)


def _is_repeated(node: exp.Expr) -> bool:
    is_of_each = node.meta[_OF_EACH]
    parent = node.parent
    while parent is not None:
        if isinstance(parent, exp.Lambda) and not is_of_each:
            return True
        if isinstance(parent, exp.Anonymous) and node.arg_key == "expressions":
            repeating = _repeating().get(str(parent.this).lower(), frozenset())
            if node.index in repeating:
                return True
        node, parent = parent, parent.parent
    return False


@cache
def _repeating() -> dict[str, frozenset[int]]:
    """Of each macro, the places of the parameters that it may use more than once."""
    found: dict[str, frozenset[int]] = {}
    for signature, body in MACROS.items():
        name, _, inner = signature.removesuffix(")").partition("(")
        plain = re.sub(r"'(?:[^']|'')*'", "", body).replace("trino_check(", "")
        is_vague = "trino_" in plain or "lambda" in plain
        found[name] = frozenset(
            place
            for place, parameter in enumerate(re.split(r",\s*", inner))
            if is_vague or len(re.findall(rf"\b{parameter}\b", plain)) > 1
        )
    return found
