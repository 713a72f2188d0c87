"""The rows of the source, the database and the lake, as plain values that can be compared.

`orchestrate/compare.py` answers whether the three are equal, by checksums that PostgreSQL computes.
Here the answer must name the rows, and hold for tables without a key, of which that knows nothing;
so each place is read by its own client and compared row by row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from tests.faults.tables import SCHEMA, SourceTable

Row = tuple[Any, ...]
RAW = "raw"

_SESSION = "-c timezone=UTC"
_SHOWN = 5

SEQUENCE = "_sdc_sequence"
DELETED_AT = "_sdc_deleted_at"
SYNC_STARTED_AT = "_sdc_sync_started_at"


@dataclass(frozen=True)
class Difference:
    """Where a destination is not as the source.

    Attributes:
        place: The destination.
        table: Name of the table.
        lost: Rows of the source that are not there.
        surplus: Rows there that the source has not, or not as often.
    """

    place: str
    table: str
    lost: Sequence[Row]
    surplus: Sequence[Row]

    def __str__(self) -> str:
        """A line for a person."""
        return (
            f"{self.place}.{self.table}: {len(self.lost)} rows lost {list(self.lost[:_SHOWN])}, "
            f"{len(self.surplus)} too many or wrong {list(self.surplus[:_SHOWN])}"
        )


def connect(url: str) -> psycopg.Connection[Any]:
    """A session in UTC."""
    return psycopg.connect(url, options=_SESSION, connect_timeout=5)


def source_rows(url: str, table: SourceTable) -> tuple[list[str], Counter[Row]]:
    """The columns of a source's table, and its rows."""
    with connect(url) as connection:
        query = sql.SQL("select * from {}").format(sql.Identifier(SCHEMA, table.name))
        cursor = connection.execute(query)
        columns = [column.name for column in cursor.description or ()]
        return columns, Counter(map(plain, cursor))


def database_rows(url: str, table: SourceTable, columns: Sequence[str]) -> Counter[Row]:
    """The current rows of a table of the database."""
    query = sql.SQL("select {} from {} where {} is null").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(RAW, table.name),
        sql.Identifier(DELETED_AT),
    )
    with connect(url) as connection:
        return Counter(map(plain, connection.execute(query)))


def lake_rows(
    catalog: Any, namespace: str, table: SourceTable, columns: Sequence[str]
) -> Counter[Row]:
    """The current rows of a table of the lake."""
    versions = catalog.load_table((namespace, table.name)).scan().to_arrow().to_pylist()
    return Counter(
        plain(version[column] for column in columns) for version in current(versions, table)
    )


def current(versions: Iterable[Mapping[str, Any]], table: SourceTable) -> list[Mapping[str, Any]]:
    """What a change log says the rows are now; target-s3's guide has the same in SQL.

    Args:
        versions: Rows of the lake's table, in any order.
        table: As the source has it.
    """
    ordered = sorted(versions, key=lambda version: version[SEQUENCE])
    if table.key:
        newest = {tuple(version[name] for name in table.key): version for version in ordered}
        rows: Iterable[Mapping[str, Any]] = newest.values()
    elif table.replication_key is None:
        latest = max((version[SYNC_STARTED_AT] for version in ordered), default=None)
        rows = (version for version in ordered if version[SYNC_STARTED_AT] == latest)
    else:
        rows = ordered
    return [row for row in rows if row[DELETED_AT] is None]


def difference(
    place: str, table: SourceTable, source: Counter[Row], found: Counter[Row]
) -> Difference | None:
    """Compare a destination's rows with the source's; None if they are equal."""
    if not table.is_exact:
        source, found = Counter(set(source)), Counter(set(found))
    if source == found:
        return None
    return Difference(
        place, table.name, list((source - found).elements()), list((found - source).elements())
    )


def plain(values: Iterable[Any]) -> Row:
    """Values as they compare equal whoever read them: each client has types of its own."""
    return tuple(_plain(value) for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    return value
