"""Tokens of pages, which tell their own from those of another list or query.

An offset alone would lead into the middle of whatever it is given for, and rows that never were.
"""

from __future__ import annotations

import hashlib
from typing import Any

from orchestrate.local_athena.api.shapes import Answer


def write(scope: str, position: int) -> str:
    """The token of a position within what `scope` names."""
    return f"{position}-{_check(scope, str(position))}"


def read(scope: str, token: str) -> int:
    """The position of a token of that scope.

    Raises:
        ValueError: It is none.
    """
    position, _, check = token.partition("-")
    if check != _check(scope, position):
        raise ValueError(f"NextToken is {token!r}: give one of an answer to the same request")
    return int(position)


def page(found: list[Any], member: str, first: int, count: int) -> Answer:
    """Up to `count` of `found` from `first` on as `member`, and the token of the rest."""
    end = first + count
    following = {"NextToken": write(member, end)} if end < len(found) else {}
    return {member: found[first:end]} | following


def _check(scope: str, position: str) -> str:
    return hashlib.sha256(f"{scope}\n{position}".encode()).hexdigest()[:16]
