"""How a destination's table follows a stream whose columns change. Pure: no table is touched here.

A stream's column belongs to a family of the table's columns: `price`, `price__v2`, `price__v3`, …
Each row has its value in one of them and NULL in the others, so that `coalesce` of the family,
newest first, is the value. Which one is written:

- the newest that holds every value of the stream's type: the same type, or a wider one. A source
  that goes from bigint to integer goes on in the bigint column, since nothing is lost there; and
  one that flips between two types has two columns and not a new one at each flip.
- else the newest whose type can be widened to the stream's without loss; it is widened.
- else a new one.

A column that the stream no longer has stays, NULL from then on. The setting `schema_drift` says
how much of this is allowed.

A column of the source that truly is named `price__v2` is a column of its own as long as the stream
has both. Nothing in a table tells it from a version of `price`, though: if the source once had the
one and later makes the other, both share the column.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from columnar_singer.destination import CREATED_TABLE
from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Mapping

ALLOW = "allow"
ADD_COLUMNS = "add_columns"
BLOCK = "block"
MODES = (ALLOW, ADD_COLUMNS, BLOCK)
"""Values of the setting `schema_drift`, the most liberal first."""

_VERSION = re.compile(r"__v([2-9]|[1-9]\d+)\Z")
_HASH_CHARACTERS = 8

Type = TypeVar("Type")
"""A column's type as the destination has it: the words of `format_type`, an Iceberg type, …

It is compared with `==` and shown with `str`.
"""


@dataclass(frozen=True)
class Destination(Generic[Type]):
    """What the rules have to know of a kind of destination.

    Attributes:
        is_wider: Tells whether its first argument, a type, holds every value of its second, and a
            column of the second can be changed to the first. False for equal types.
        fold: Gives the same text for names that are one name there.
        name_bytes: Longest name of a column, None if there is no bound.
    """

    is_wider: Callable[[Type, Type], bool]
    fold: Callable[[str], str] = str
    name_bytes: int | None = None


@dataclass(frozen=True)
class Drift(Generic[Type]):
    """What becomes of a table.

    Attributes:
        written: The table's column for each column of the stream, in the stream's order; no two
            are the same.
        added: Type of each column to add, in order. All columns, if there is no table.
        widened: New type of each column to widen.
        unwritten: The table's columns that are not written any more, older versions and what the
            stream no longer has: NULL in each row that is written from now on.
        superseded: Those of `unwritten` that are other versions of a column that is written: a row
            with a value in one is not as the stream has it.
        changes: `added` and `widened` in words, for the load log.
        warnings: What whoever reads the table must know, in words. It repeats with each run.
    """

    written: dict[str, str]
    added: dict[str, Type]
    widened: dict[str, Type]
    unwritten: tuple[str, ...]
    superseded: tuple[str, ...]
    changes: list[str]
    warnings: list[str]

    @property
    def other_versions(self) -> list[str]:
        """Those of `unwritten` that hold values of a column that the stream still has.

        One for a column that the stream had, and whose name looks like a version, is among them.
        """
        return self.versions_of(self.written)

    def versions_of(self, names: Container[str]) -> list[str]:
        """Give those of `other_versions` that hold values of certain columns of the stream."""
        return [name for name in self.unwritten if _VERSION.sub("", name) in names]


def plan_drift(
    table: str,
    wanted: Mapping[str, Type],
    found: Mapping[str, Type] | None,
    destination: Destination[Type],
    *,
    mode: str = ALLOW,
    fixed: Collection[str] = (),
) -> Drift[Type]:
    """Find out which columns of a table a stream is written to, and what must change for it.

    Args:
        table: Name of the table, for the messages.
        wanted: Type of each column of the stream, metadata included, in order.
        found: Type of each column of the table, None if it does not exist.
        destination: Its rules.
        mode: Setting `schema_drift`, one of `MODES`; whatever it is, a table may be created.
        fixed: Columns that cannot have versions: those of the key and of the metadata.

    Returns:
        The plan. Carried out, it gives a table for which the plan is empty.

    Raises:
        UserError: The mode does not allow the change, a fixed column takes a type that is not
            wider, or two names are one name in the destination.
    """
    planner = _Planner(table, wanted, found or {}, destination, frozenset(fixed))
    drift = planner.plan()
    if found is None:
        return Drift(drift.written, drift.added, {}, (), (), [CREATED_TABLE], [])
    planner.check(mode)
    return drift


class _Planner(Generic[Type]):
    """One comparison on its way."""

    def __init__(
        self,
        table: str,
        wanted: Mapping[str, Type],
        found: Mapping[str, Type],
        destination: Destination[Type],
        fixed: frozenset[str],
    ) -> None:
        self._table = table
        self._wanted = wanted
        self._found = found
        self._destination = destination
        self._fixed = fixed
        fold = destination.fold
        own = {fold(name) for name in wanted}
        self._spelled = {fold(name): name for name in found}
        self._taken = {*self._spelled, *own}
        # A column of the stream is no version of another, whatever its name.
        self._versions = [
            (int(number[1]), name)
            for name in found
            if fold(name) not in own and (number := _VERSION.search(name))
        ]
        self._added: dict[str, Type] = {}
        self._widened: dict[str, Type] = {}
        self._changes: list[str] = []
        self._warnings: list[str] = []
        self._altered: str | None = None  # the first column that takes another type

    def plan(self) -> Drift[Type]:
        self._check_names()
        written = {name: self._place(name, wanted) for name, wanted in self._wanted.items()}
        unwritten = tuple(name for name in self._found if name not in written.values())
        versions = {column for name in self._wanted for _, column in self._family(name)}
        return Drift(
            written,
            self._added,
            self._widened,
            unwritten,
            tuple(name for name in unwritten if name in versions),
            self._changes,
            self._warnings,
        )

    def check(self, mode: str) -> None:
        """Refuse what a mode does not allow."""
        if mode == BLOCK and self._changes:
            name = self._altered or next(iter(self._added))
            allows = "allows no change of a table that is there"
        elif mode == ADD_COLUMNS and self._altered:
            name, allows = self._altered, "allows new columns only"
        else:
            return
        family = self._family(name)
        is_now = f"is {self._found[family[0][1]]} in" if family else "is not in"
        message = (
            f"column '{name}' {is_now} table {self._table} and {self._wanted[name]} in the stream; "
            f"'schema_drift' is '{mode}', which {allows}: set it to '{ALLOW}', or leave the column "
            "out of the selection"
        )
        raise UserError(message)

    def _check_names(self) -> None:
        first: dict[str, str] = {}
        for name in self._wanted:
            other = first.setdefault(self._destination.fold(name), name)
            if other != name:
                message = (
                    f"columns '{other}' and '{name}' of the stream are one name in table "
                    f"{self._table}; rename one of them with a stream map, or leave it out of the "
                    "selection"
                )
                raise UserError(message)

    def _family(self, name: str) -> list[tuple[int, str]]:
        """Give the table's columns that hold values of a stream's column, the newest first."""
        fold = self._destination.fold
        own = self._spelled.get(fold(name))
        family = [] if own is None else [(1, own)]
        if name not in self._fixed:
            family += [
                (number, column)
                for number, column in self._versions
                if fold(column) == fold(self._versioned(name, number))
            ]
        return sorted(family, reverse=True)

    def _place(self, name: str, wanted: Type) -> str:
        family = [column for _, column in self._family(name)]
        if not family:
            return self._add(name, wanted, f"added column {name} {wanted}")
        for column in family:
            found = self._found[column]
            if found == wanted or self._destination.is_wider(found, wanted):
                if column != family[0]:
                    self._warnings.append(
                        f"column {name} is {wanted} again: its values go to {column}, and "
                        f"{family[0]} is NULL in new rows"
                    )
                return column
        for column in family:
            if self._destination.is_wider(wanted, self._found[column]):
                return self._widen(name, column, wanted)
        return self._add_version(name, wanted)

    def _widen(self, name: str, column: str, wanted: Type) -> str:
        self._altered = self._altered or name
        self._widened[column] = wanted
        self._changes.append(f"widened column {column} from {self._found[column]} to {wanted}")
        return column

    def _add_version(self, name: str, wanted: Type) -> str:
        newest, column = self._family(name)[0]
        if name in self._fixed:
            message = (
                f"column '{name}' of table {self._table} is {self._found[column]}, the stream has "
                f"{wanted}, which is not wider; a column of the key or of the loader cannot go on "
                "in a new column: rename the table to load the stream anew"
            )
            raise UserError(message)
        self._altered = self._altered or name
        names = (self._versioned(name, number) for number in itertools.count(newest + 1))
        version = next(each for each in names if self._destination.fold(each) not in self._taken)
        change = f"column {name} is now {wanted}: its values go to {version}"
        self._warnings.append(change)
        return self._add(version, wanted, change)

    def _add(self, name: str, wanted: Type, change: str) -> str:
        self._added[name] = wanted
        self._taken.add(self._destination.fold(name))
        self._changes.append(change)
        return name

    def _versioned(self, name: str, number: int) -> str:
        """Name a version; a name that gets too long is cut, and a hash tells it from others."""
        suffix = f"__v{number}"
        limit = self._destination.name_bytes
        if limit is None or len((name + suffix).encode()) <= limit:
            return name + suffix
        mark = f"_{hashlib.sha256(name.encode()).hexdigest()[:_HASH_CHARACTERS]}{suffix}"
        return name.encode()[: limit - len(mark)].decode(errors="ignore") + mark
