"""Databases, tables, views and partitions, in the shapes of the Glue Data Catalog.

Iceberg tables, with their columns, comments and properties, live in the lake's catalog and nowhere
else; Hive tables, partitions, views and versions in SQLite. What changes both changes the lake
first: a kill in between leaves what `delete_table` and the next `create_table` put right.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrate.local_athena.metastore import glue_shapes, glue_update
from orchestrate.local_athena.metastore.glue_shapes import (
    CATALOG_ID,
    COMMENT,
    View,
    is_view,
    view_of,
)
from orchestrate.local_athena.metastore.iceberg_catalog import IcebergCatalog
from orchestrate.local_athena.metastore.partition_filter import matching
from orchestrate.local_athena.metastore.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.table import Table

    from orchestrate.local_athena.names import TableName
    from orchestrate.local_stack.settings import LakeSettings

_FILE = "metastore.sqlite"


class EntityNotFound(Exception):  # noqa: N818 (Glue's name)
    """There is no such database, table, partition or version."""


class AlreadyExists(Exception):  # noqa: N818 (Glue's name)
    """There is such a database, table or partition already."""


class InvalidInput(Exception):  # noqa: N818 (Glue's name)
    """What was given cannot be."""


@dataclass(frozen=True)
class HiveTable:
    """A table of files; `definition` is Glue's `Table`."""

    definition: dict[str, Any]


Entry = HiveTable | View
"""What has a name in a database, besides Iceberg tables."""


class Metastore:
    """The catalog; safe to call from several threads. Names are lower-cased, as Glue does."""

    def __init__(self, settings: LakeSettings, directory: Path) -> None:
        """Open the store below `directory`; the lake is asked only when needed."""
        self.lake = IcebergCatalog(settings)
        self.store = Store(directory / _FILE)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    # Databases

    def databases(self) -> list[dict[str, Any]]:
        """All databases."""
        found = ((name, self.lake.namespace(name)) for name in self.lake.namespaces())
        return [
            glue_shapes.database(name, properties, self.lake.bucket)
            for name, properties in found
            if properties is not None  # One may have gone meanwhile.
        ]

    def database(self, name: str) -> dict[str, Any]:
        """One database.

        Raises:
            EntityNotFound: There is none of that name.
        """
        name = name.lower()
        found = self.lake.namespace(name)
        if found is None:
            raise EntityNotFound(f"Database {name} not found.")
        return glue_shapes.database(name, found, self.lake.bucket)

    def create_database(self, database_input: dict[str, Any]) -> None:
        """Create a database from Glue's `DatabaseInput`.

        Raises:
            AlreadyExists: There is one of that name.
        """
        name = str(database_input["Name"]).lower()
        properties = glue_shapes.namespace_properties(database_input)
        if not self.lake.create_namespace(name, properties):
            raise AlreadyExists(f"Database {name} already exists.")

    def update_database(self, name: str, database_input: dict[str, Any]) -> None:
        """Give a database the description and parameters of Glue's `DatabaseInput`, and no others.

        Raises:
            EntityNotFound: There is none of that name.
            InvalidInput: It would have another name or place.
        """
        now = self.database(name)
        new_name = str(database_input["Name"]).lower()
        place = database_input.get("LocationUri") or now["LocationUri"]
        if new_name != now["Name"] or place.rstrip("/") != now["LocationUri"]:
            raise InvalidInput(
                f"database {now['Name']} at {now['LocationUri']} cannot become {new_name} at "
                f"{place}: the local Athena changes its description and parameters only"
            )
        properties = glue_shapes.namespace_properties(database_input)
        removed = (now["Parameters"].keys() | {COMMENT}) - properties.keys()
        self.lake.update_namespace(now["Name"], removed, properties)

    def delete_database(self, name: str) -> None:
        """Delete a database with all its tables, as Glue does; the files of Hive tables stay.

        Raises:
            EntityNotFound: There is none of that name.
        """
        name = name.lower()
        self.database(name)
        for table in self.lake.names(name):
            self.lake.drop(name, table, purge=True)
        self.store.delete_database(name)
        self.lake.drop_namespace(name)

    # Tables

    def names(self, database: str) -> list[str]:
        """Tables and views of a database, sorted."""
        database = database.lower()
        return sorted({*self.lake.names(database), *self.store.names(database)})

    def tables(self, database: str) -> list[dict[str, Any]]:
        """All tables and views of a database.

        Raises:
            EntityNotFound: There is no such database.
        """
        self.database(database)
        found = (self.find(database, name) for name in self.names(database))
        return [each for each in found if each is not None]  # One may have gone meanwhile.

    def table(self, database: str, name: str) -> dict[str, Any]:
        """One table or view.

        Raises:
            EntityNotFound: There is none of that name.
        """
        found = self.find(database, name)
        if found is None:
            raise EntityNotFound(f"Table {name.lower()} not found.")
        return found

    def find(self, database: str, name: str) -> dict[str, Any] | None:
        """One table or view, None if there is none."""
        entry = self.entry(database, name)
        match entry:
            case None:
                return None
            case HiveTable(definition=definition):
                return definition
            case View():
                stored = self.store.table(database.lower(), name.lower())
                return self._stored(database.lower(), name.lower(), *stored) if stored else None
        return glue_shapes.iceberg_table(database.lower(), entry, self._version(entry))

    def entry(self, database: str, name: str) -> Table | Entry | None:
        """What a name stands for, None if for nothing."""
        database, name = database.lower(), name.lower()
        stored = self.store.table(database, name)
        if stored is None:
            return self.lake.table(database, name)
        definition = self._stored(database, name, *stored)
        return view_of(definition) if is_view(definition) else HiveTable(definition)

    def create_table(self, database: str, table_input: dict[str, Any]) -> None:
        """Register a Hive table or a view from Glue's `TableInput`.

        Raises:
            EntityNotFound: There is no such database.
            AlreadyExists: There is a table or view of that name.
            InvalidInput: It is an Iceberg table, which the lake's catalog alone creates.
        """
        database, name = database.lower(), str(table_input["Name"]).lower()
        if _is_iceberg(table_input):
            raise InvalidInput(
                f"table {name} is an Iceberg table: create it by SQL or through the lake's catalog"
            )
        self.database(database)
        if self.entry(database, name) is not None:
            raise AlreadyExists("Table already exists.")
        self.store.put(database, name, _stamped(table_input, None), archive=False)

    def update_table(
        self, database: str, table_input: dict[str, Any], skip_archive: bool = False
    ) -> None:
        """Change a table or view to Glue's `TableInput`.

        Of an Iceberg table comments and parameters change; its columns only change by SQL.

        Args:
            database: Of the table.
            table_input: What it shall be.
            skip_archive: Whether the definition before is not kept as a version.

        Raises:
            EntityNotFound: There is none of that name.
        """
        database, name = database.lower(), str(table_input["Name"]).lower()
        stored = self.store.table(database, name)
        if stored is not None:
            definition = _stamped(table_input, stored[1])
            self.store.put(database, name, definition, archive=not skip_archive)
            return
        table = self.lake.table(database, name)
        if table is None:
            raise EntityNotFound(f"Table {name} not found.")
        glue_update.apply(table, table_input)

    def delete_table(self, database: str, name: str) -> None:
        """Delete a table or view; the files stay, as with Glue.

        Raises:
            EntityNotFound: There is none of that name.
        """
        database, name = database.lower(), name.lower()
        if self.store.delete(database, name):
            return
        if self.lake.table(database, name) is None:
            raise EntityNotFound(f"Table {name} not found.")
        self.lake.drop(database, name, purge=False)

    def rename(self, name: TableName, new: TableName) -> None:
        """Give a Hive table another name, with its versions and partitions."""
        self.store.rename(name.database, name.name, new.database, new.name)

    # Versions

    def table_versions(self, database: str, name: str) -> list[dict[str, Any]]:
        """Glue's `TableVersion`s, newest first.

        Raises:
            EntityNotFound: There is no such table.
        """
        database, name = database.lower(), name.lower()
        now = self.table(database, name)
        before: list[dict[str, Any]]
        entry = self.lake.table(database, name) if _is_iceberg(now) else None
        if entry is None:
            before = [
                self._stored(database, name, *each) for each in self.store.versions(database, name)
            ]
        else:
            hidden = self.store.forgotten_versions(str(entry.metadata.table_uuid))
            log = entry.metadata.metadata_log
            before = [
                {
                    **now,
                    "VersionId": str(self._version(entry) - distance),
                    "UpdateTime": each.timestamp_ms / 1000,
                    "Parameters": {**now["Parameters"], "metadata_location": each.metadata_file},
                }
                for distance, each in enumerate(reversed(log), start=1)
                if str(self._version(entry) - distance) not in hidden
            ]
        return [{"Table": each, "VersionId": each["VersionId"]} for each in (now, *before)]

    def delete_table_version(self, database: str, name: str, version: str) -> None:
        """Delete a version other than the present one.

        Raises:
            EntityNotFound: There is no such version.
            InvalidInput: It is the present one.
        """
        database, name = database.lower(), name.lower()
        versions = {
            each["VersionId"]: each["Table"] for each in self.table_versions(database, name)
        }
        if str(version) not in versions:
            raise EntityNotFound(f"Version {version} of table {name} not found.")
        if str(version) == self.table(database, name)["VersionId"]:
            raise InvalidInput(f"Version {version} of table {name} is the present one.")
        entry = self.lake.table(database, name)
        if entry is not None and _is_iceberg(versions[str(version)]):
            self.store.forget_version(str(entry.metadata.table_uuid), str(version))
        else:
            self.store.delete_version(database, name, int(version))

    # Partitions

    def partitions(
        self, database: str, name: str, expression: str | None = None
    ) -> list[dict[str, Any]]:
        """Partitions of a Hive table that `expression` (Glue's filter) selects.

        Raises:
            EntityNotFound: There is no such table.
            InvalidInput: The expression cannot be understood.
        """
        database, name = database.lower(), name.lower()
        table = self.table(database, name)
        found = self.store.partitions(database, name)
        if not expression or not expression.strip():
            return found
        try:
            return matching(found, table.get("PartitionKeys", []), expression)
        except ValueError as error:
            raise InvalidInput(str(error)) from None

    def create_partitions(
        self, database: str, name: str, partitions: list[dict[str, Any]], replace: bool = False
    ) -> list[list[str]]:
        """Add Glue's `PartitionInput`s; returns the values of those that were there already.

        Raises:
            EntityNotFound: There is no such table.
            InvalidInput: One has not one value for each partition key.
        """
        database, name = database.lower(), name.lower()
        keys = self.table(database, name).get("PartitionKeys", [])
        for each in partitions:
            if len(each["Values"]) != len(keys):
                raise InvalidInput(
                    f"The number of partition keys ({len(keys)}) do not match the number of "
                    f"partition values ({len(each['Values'])})"
                )
        added = [
            {
                **each,
                "Values": [str(value) for value in each["Values"]],
                "DatabaseName": database,
                "TableName": name,
                "CreationTime": time.time(),
                "CatalogId": CATALOG_ID,
            }
            for each in partitions
        ]
        return self.store.add_partitions(database, name, added, replace=replace)

    def delete_partitions(
        self, database: str, name: str, values: list[list[str]]
    ) -> list[list[str]]:
        """Remove partitions; returns the values of those that were not there.

        Raises:
            EntityNotFound: There is no such table.
        """
        self.table(database, name)
        return self.store.delete_partitions(database.lower(), name.lower(), values)

    # Shapes

    def _stored(
        self, database: str, name: str, version: int, definition: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            **definition,
            "Name": name,
            "DatabaseName": database,
            "CatalogId": CATALOG_ID,
            "IsRegisteredWithLakeFormation": False,
            "VersionId": str(version),
        }

    @staticmethod
    def _version(table: Table) -> int:
        """The number of the present metadata file, of which each commit writes one."""
        file = table.metadata_location.rsplit("/", 1)[-1].lstrip("v")
        digits = file.split("-")[0].split(".")[0]
        return int(digits) if digits.isdigit() else len(table.metadata.metadata_log)


def _is_iceberg(table: dict[str, Any]) -> bool:
    return str(table.get("Parameters", {}).get("table_type", "")).upper() == "ICEBERG"


def _stamped(table_input: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    now = time.time()
    return {
        "Owner": "trackman-lake",
        "Retention": 0,
        "PartitionKeys": [],
        "Parameters": {},
        **table_input,
        "Name": str(table_input["Name"]).lower(),
        "CreateTime": before["CreateTime"] if before else now,
        "UpdateTime": now,
    }
