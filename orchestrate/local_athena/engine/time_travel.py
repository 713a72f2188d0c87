"""`FOR TIMESTAMP AS OF` and `FOR VERSION AS OF`.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-time-travel-and-version-travel-queries.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from orchestrate.local_athena.engine.duck import Cursor


def snapshot_id(table: Table, version: exp.Expr, cursor: Cursor) -> int:
    """The snapshot that a clause `FOR … AS OF …` means.

    Args:
        table: The table as it is now.
        version: The clause, its expression in DuckDB's words.
        cursor: Computes the expression.

    Raises:
        QueryError: The table has no such snapshot.
    """
    asked = version.args["expression"]
    value = cursor.run(f"select {asked.sql('duckdb')}").column(0)[0].as_py()
    name = ".".join(table.name())
    if str(version.name).upper() == "TIMESTAMP":
        if not isinstance(value, datetime):
            raise QueryError(
                "TYPE_MISMATCH", f"FOR TIMESTAMP AS OF needs a timestamp, got {value!r}"
            )
        instant = value if value.tzinfo else value.replace(tzinfo=UTC)
        milliseconds = int(instant.timestamp() * 1000)
        found = [each for each in table.history() if each.timestamp_ms <= milliseconds]
        if not found:
            raise QueryError(
                "INVALID_ARGUMENTS",
                f"No version history table {name} at or before {instant.isoformat()}",
            )
        return found[-1].snapshot_id
    if isinstance(value, str):
        reference = table.refs().get(value)
        if reference is None:
            raise QueryError(
                "INVALID_ARGUMENTS", f"Cannot find snapshot with reference name: {value}"
            )
        return reference.snapshot_id
    if not isinstance(value, int) or table.snapshot_by_id(value) is None:
        raise QueryError("INVALID_ARGUMENTS", f"Iceberg snapshot ID does not exists: {value}")
    return value
