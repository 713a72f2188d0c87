"""The Iceberg tables that Glue knows, and the old versions it keeps of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

_BATCH = 100
"""https://docs.aws.amazon.com/glue/latest/webapi/API_BatchDeleteTableVersion.html"""


@dataclass(frozen=True)
class IcebergTable:
    """A table as it was listed.

    Attributes:
        database: Its database.
        name: Its name.
        column: Its first column.
        location: Where it lies: no two tables that bore a name one after the other share that.
        changed_at: When it was last committed to.
    """

    database: str
    name: str
    column: str
    location: str
    changed_at: datetime

    @property
    def full_name(self) -> str:
        """For people: `raw.strokes`."""
        return f"{self.database}.{self.name}"


def iceberg_tables(client: Any, database: str) -> list[IcebergTable]:  # noqa: ANN401
    """The Iceberg tables of a database, by name.

    Args:
        client: Boto3's client `glue`.
        database: Name of the database.

    Raises:
        client.exceptions.EntityNotFoundException: There is no such database.
    """
    pages = client.get_paginator("get_tables").paginate(DatabaseName=database)
    return sorted(
        (
            IcebergTable(
                database,
                table["Name"],
                table["StorageDescriptor"]["Columns"][0]["Name"],
                table["StorageDescriptor"]["Location"],
                table.get("UpdateTime", table["CreateTime"]),
            )
            for page in pages
            for table in page["TableList"]
            if table.get("Parameters", {}).get("table_type", "").upper() == "ICEBERG"
        ),
        key=lambda table: table.name,
    )


def is_gone(client: Any, table: IcebergTable) -> bool:  # noqa: ANN401
    """Whether a table was dropped, renamed or replaced by another since it was listed.

    Args:
        client: Boto3's client `glue`.
        table: The table.
    """
    try:
        found = client.get_table(DatabaseName=table.database, Name=table.name)["Table"]
    except client.exceptions.EntityNotFoundException:
        return True
    return bool(found["StorageDescriptor"]["Location"] != table.location)


def prune_versions(client: Any, table: IcebergTable, kept: int) -> int:  # noqa: ANN401
    """Delete old versions of a table: every commit makes one, and their number has a limit.

    Args:
        client: Boto3's client `glue`.
        table: The table.
        kept: How many stay, the newest.

    Returns:
        How many were deleted.

    Raises:
        RuntimeError: Glue did not delete some.
    """
    pages = client.get_paginator("get_table_versions").paginate(
        DatabaseName=table.database, TableName=table.name
    )
    versions = [int(each["VersionId"]) for page in pages for each in page["TableVersions"]]
    old = [str(each) for each in sorted(versions, reverse=True)[kept:]]
    for first in range(0, len(old), _BATCH):
        answer = client.batch_delete_table_version(
            DatabaseName=table.database,
            TableName=table.name,
            VersionIds=old[first : first + _BATCH],
        )
        if errors := answer.get("Errors"):
            raise RuntimeError(f"{len(errors)} versions stay: {errors[0]['ErrorDetail']}")
    return len(old)
