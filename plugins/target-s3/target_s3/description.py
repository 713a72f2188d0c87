"""What a table's Iceberg properties and column comments say about it, for whoever looks for data.

The names `comment` and `owner` are those that Trino, and so Athena, shows.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from columnar_singer.description import TableDescription
    from columnar_singer.drift import Drift
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

COMMENT = "comment"
OWNER = "owner"
SOURCE = "source"
PERSONAL_DATA = "personal-data-columns"
"""A JSON list of the table's columns that hold, or held, values about a person; sorted."""


def description_properties(
    description: TableDescription, drift: Drift[IcebergType], found: Mapping[str, str]
) -> dict[str, str]:
    """Give the properties that describe a table.

    Args:
        description: What the stream says.
        drift: Which of the table's columns the stream is written to.
        found: The properties the table has.

    Returns:
        Names and values. Without a comment the property is empty and not left out: Glue's copy of
        the properties keeps one that is removed.
    """
    told = {
        COMMENT: description.comment,
        OWNER: description.owner,
        SOURCE: description.source,
        PERSONAL_DATA: json.dumps(_personal_data(description, drift, found)),
    }
    return {name: value for name, value in told.items() if value is not None}


def set_properties(table: Table, wanted: Mapping[str, str]) -> None:
    """Set those properties of a table that differ, in one commit, or in none."""
    new = {name: value for name, value in wanted.items() if table.properties.get(name) != value}
    if new:
        with table.transaction() as transaction:
            transaction.set_properties(new)


def _personal_data(
    description: TableDescription, drift: Drift[IcebergType], found: Mapping[str, str]
) -> list[str]:
    """Name the columns with personal data, those included that only old rows have a value in."""
    names = description.personal_data
    marked: list[str] = []
    # Whatever else stands there was set by hand.
    with contextlib.suppress(ValueError, TypeError):
        marked = list(json.loads(found.get(PERSONAL_DATA, "[]")))
    gone = [name for name in marked if name in drift.unwritten]
    return sorted({*(drift.written[name] for name in names), *drift.versions_of(names), *gone})
