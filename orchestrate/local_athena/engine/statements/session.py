"""What a statement runs with."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrate.local_athena.engine.relations import Query
from orchestrate.local_athena.metastore.glue_shapes import View
from orchestrate.local_athena.model import Cancellation, QueryError, QueryRequest
from orchestrate.local_athena.names import TableName, table_name

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from orchestrate.local_athena.engine.duck import Cursor
    from orchestrate.local_athena.metastore.catalog import HiveTable, Metastore


@dataclass
class Session:
    """A request with the connections of its own."""

    request: QueryRequest
    metastore: Metastore
    cursor: Cursor
    cancellation: Cancellation
    query: Query = field(init=False)

    def __post_init__(self) -> None:
        """Start with no table looked up."""
        self.query = Query(self.metastore, self.cursor, self.request.database.lower())

    @property
    def database(self) -> str:
        """Of names without one."""
        return self.request.database.lower()

    def name(self, parts: list[str]) -> TableName:
        """The table that parts of a name mean."""
        return table_name(parts, self.database)

    def check_may_write(self, database: str) -> None:
        """Refuse a change by whom may only read.

        Raises:
            QueryError: ACCESS_DENIED.
        """
        if not self.request.identity.may_write(database):
            raise QueryError(
                "ACCESS_DENIED",
                f"{self.request.identity.access_key_id} may read but not write the database "
                f"{database}",
            )

    def check_database(self, database: str) -> None:
        """Refuse a database that is not there.

        Raises:
            QueryError: SCHEMA_NOT_FOUND.
        """
        if self.metastore.lake.namespace(database) is None:
            raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")

    def table(self, name: TableName) -> Table | HiveTable:
        """The table of a statement that changes it.

        Raises:
            QueryError: There is none, or it is a view.
        """
        entry = self.metastore.entry(name.database, name.name)
        if isinstance(entry, View):
            raise QueryError("NOT_SUPPORTED", f"{name} is a view, not a table")
        if entry is None:
            self.check_database(name.database)
            raise QueryError("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{name}' does not exist")
        return entry

    def iceberg_location(self, name: TableName, given: str | None) -> str:
        """Where a new Iceberg table lies: a directory that no other table ever had.

        The lake's bucket holds tables two levels deep only, `s3://bucket/namespace/table`; and one
        that was renamed keeps its directory, so that its old name says nothing.
        """
        lake = f"s3://{self.metastore.lake.bucket}/{name.database}"
        if given and re.fullmatch(re.escape(lake) + r"/[^/]+/?", given):
            return given.rstrip("/")
        return f"{lake}/{name.name}-{uuid.uuid4().hex[:12]}"
