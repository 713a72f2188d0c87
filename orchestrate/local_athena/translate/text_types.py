"""The sizes of varchar that functions give, from those of their arguments."""

from __future__ import annotations

from collections.abc import Callable

from orchestrate.local_athena.translate.terms import Term
from orchestrate.local_athena.translate.types import VARCHAR, Type

_UNBOUNDED = 2**31 - 1


def sized(size: int) -> Type:
    """Give varchar(size), or varchar where that is no less."""
    return Type("varchar", (size,)) if size < _UNBOUNDED else VARCHAR


def as_given(args: list[Term]) -> Type:
    """Give the size of the first argument; of one of char, what it turns into."""
    return Type("varchar", args[0].type.params)


def by_size(rule: Callable[..., int], *places: int) -> Callable[[list[Term]], Type]:
    """Give a size by a rule of those of the arguments at `places`; varchar if one has none."""

    def returns(args: list[Term]) -> Type:
        sizes = [args[place].type.params for place in places]
        return sized(rule(*(size[0] for size in sizes))) if all(sizes) else VARCHAR

    return returns
