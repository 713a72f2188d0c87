"""Glue's operations on databases and tables.

https://docs.aws.amazon.com/glue/latest/webapi/API_Operations.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from orchestrate.local_athena.api import tokens
from orchestrate.local_athena.api.errors import ApiError, access_denied
from orchestrate.local_athena.api.shapes import Answer, Parameters
from orchestrate.local_athena.metastore.catalog import (
    AlreadyExists,
    EntityNotFound,
    InvalidInput,
    Metastore,
)
from orchestrate.local_athena.model import Identity

_PAGE = 100
_MAX_PAGE = 1000


@contextmanager
def glue_errors() -> Iterator[None]:
    """The metastore's errors as Glue tells them."""
    try:
        yield
    except EntityNotFound as error:
        raise ApiError("EntityNotFoundException", str(error)) from None
    except AlreadyExists as error:
        raise ApiError("AlreadyExistsException", str(error)) from None
    except InvalidInput as error:
        raise invalid_input(str(error)) from None


def invalid_input(message: str) -> ApiError:
    """Glue's answer to a request that it cannot serve."""
    return ApiError("InvalidInputException", message)


def refuse_unless_writable(identity: Identity, database: str) -> None:
    """Raise Glue's error if `identity` may only read `database`."""
    if not identity.may_write(database):
        raise access_denied(
            f"User: {identity.access_key_id} is not authorized to change database {database}"
        )


def page(found: list[Any], member: str, parameters: Parameters, default: int = _PAGE) -> Answer:
    """The page of `found` that a Get operation asks for, as its member."""
    token = parameters.get("NextToken")
    try:
        first = tokens.read(member, token) if token else 0
    except ValueError as error:
        raise invalid_input(str(error)) from None
    return tokens.page(found, member, first, min(parameters.get("MaxResults", default), _MAX_PAGE))


def each(
    names: list[Any], member: str, key: Callable[[Any], Any], act: Callable[[Any], object]
) -> Answer:
    """Act on each of `names`; those that fail are told, the others done."""
    errors = []
    for name in names:
        try:
            with glue_errors():
                act(name)
        except ApiError as error:
            detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
            errors.append(key(name) | {"ErrorDetail": detail})
    return {member: errors} if errors else {}


class Catalog:
    """The operations on databases, tables and versions."""

    def __init__(self, store: Metastore) -> None:
        """Take what holds them."""
        self._store = store

    # Databases

    def databases(self) -> list[Answer]:
        """All databases, by name."""
        return sorted(self._store.databases(), key=lambda found: str(found["Name"]))

    def get_databases(self, _: Identity, parameters: Parameters) -> Answer:
        """All databases."""
        return page(self.databases(), "DatabaseList", parameters)

    def get_database(self, _: Identity, parameters: Parameters) -> Answer:
        """One database."""
        with glue_errors():
            return {"Database": self._store.database(parameters["Name"])}

    def create_database(self, identity: Identity, parameters: Parameters) -> Answer:
        """Create a database."""
        given = parameters["DatabaseInput"]
        refuse_unless_writable(identity, given["Name"])
        with glue_errors():
            self._store.create_database(dict(given))
        return {}

    def update_database(self, identity: Identity, parameters: Parameters) -> Answer:
        """Change what is said of a database."""
        refuse_unless_writable(identity, parameters["Name"])
        with glue_errors():
            self._store.update_database(parameters["Name"], dict(parameters["DatabaseInput"]))
        return {}

    def delete_database(self, identity: Identity, parameters: Parameters) -> Answer:
        """Delete a database and its tables."""
        refuse_unless_writable(identity, parameters["Name"])
        with glue_errors():
            self._store.delete_database(parameters["Name"])
        return {}

    # Tables

    def tables(self, database: str, expression: str | None) -> list[Answer]:
        """The tables of a database whose names match `expression`, by name."""
        with glue_errors():
            found = self._store.tables(database)
        matches = name_filter(expression)
        return sorted(
            (table for table in found if matches(str(table["Name"]))),
            key=lambda table: str(table["Name"]),
        )

    def get_tables(self, _: Identity, parameters: Parameters) -> Answer:
        """The tables of a database."""
        found = self.tables(parameters["DatabaseName"], parameters.get("Expression"))
        return page(found, "TableList", parameters)

    def get_table(self, _: Identity, parameters: Parameters) -> Answer:
        """One table."""
        with glue_errors():
            return {"Table": self._store.table(parameters["DatabaseName"], parameters["Name"])}

    def search_tables(self, _: Identity, parameters: Parameters) -> Answer:
        """The tables of all databases of which some text holds what is searched for."""
        refused = sorted(parameters.keys() & {"Filters", "SortCriteria"})
        if refused:
            raise invalid_input(f"{refused[0]} is not honoured by the local Athena: use SearchText")
        text = parameters.get("SearchText", "").strip('"').lower()
        found = [
            table
            for database in self.databases()
            for table in self.tables(database["Name"], None)
            if any(text in said.lower() for said in _said(table))
        ]
        return page(found, "TableList", parameters)

    def create_table(self, identity: Identity, parameters: Parameters) -> Answer:
        """Register a table or a view."""
        refuse_unless_writable(identity, parameters["DatabaseName"])
        if parameters.get("OpenTableFormatInput") or parameters.get("PartitionIndexes"):
            raise invalid_input(
                "the local Athena creates no Iceberg table and no partition index through Glue: "
                "use CREATE TABLE"
            )
        with glue_errors():
            self._store.create_table(parameters["DatabaseName"], _table_input(parameters))
        return {}

    def update_table(self, identity: Identity, parameters: Parameters) -> Answer:
        """Change a table; what it was stays a version unless SkipArchive says otherwise."""
        database = parameters["DatabaseName"]
        refuse_unless_writable(identity, database)
        given = _table_input(parameters)
        skip = bool(parameters.get("SkipArchive", False))
        with glue_errors():
            expected = parameters.get("VersionId")
            if expected is not None:
                self._refuse_changed(database, given["Name"], expected)
            self._store.update_table(database, given, skip_archive=skip)
        return {}

    def _refuse_changed(self, database: str, name: str, expected: str) -> None:
        found = self._store.table(database, name).get("VersionId")
        if found != expected:
            raise ApiError(
                "ConcurrentModificationException",
                f"table {name} is at version {found}, not {expected}",
            )

    def delete_table(self, identity: Identity, parameters: Parameters) -> Answer:
        """Delete a table."""
        refuse_unless_writable(identity, parameters["DatabaseName"])
        with glue_errors():
            self._store.delete_table(parameters["DatabaseName"], parameters["Name"])
        return {}

    def batch_delete_table(self, identity: Identity, parameters: Parameters) -> Answer:
        """Delete tables."""
        database = parameters["DatabaseName"]
        refuse_unless_writable(identity, database)
        return each(
            parameters["TablesToDelete"],
            "Errors",
            lambda name: {"TableName": name},
            lambda name: self._store.delete_table(database, name),
        )

    # Versions

    def get_table_versions(self, _: Identity, parameters: Parameters) -> Answer:
        """A table as it was, newest first."""
        with glue_errors():
            found = self._store.table_versions(parameters["DatabaseName"], parameters["TableName"])
        return page(found, "TableVersions", parameters)

    def get_table_version(self, _: Identity, parameters: Parameters) -> Answer:
        """One version of a table; the newest if none is asked for."""
        name, asked = parameters["TableName"], parameters.get("VersionId")
        with glue_errors():
            found = self._store.table_versions(parameters["DatabaseName"], name)
        for version in found:
            if asked in (None, version["VersionId"]):
                return {"TableVersion": version}
        raise ApiError("EntityNotFoundException", f"Version {asked} of table {name} not found.")

    def delete_table_version(self, identity: Identity, parameters: Parameters) -> Answer:
        """Delete one version of a table."""
        database = parameters["DatabaseName"]
        refuse_unless_writable(identity, database)
        with glue_errors():
            self._store.delete_table_version(
                database, parameters["TableName"], parameters["VersionId"]
            )
        return {}

    def batch_delete_table_version(self, identity: Identity, parameters: Parameters) -> Answer:
        """Delete versions of a table."""
        database, name = parameters["DatabaseName"], parameters["TableName"]
        refuse_unless_writable(identity, database)
        return each(
            parameters["VersionIds"],
            "Errors",
            lambda version: {"TableName": name, "VersionId": version},
            lambda version: self._store.delete_table_version(database, name, version),
        )

    # What clients ask about that is never there

    def get_user_defined_functions(self, _: Identity, __: Parameters) -> Answer:
        """None."""
        return {"UserDefinedFunctions": []}

    def get_partition_indexes(self, _: Identity, parameters: Parameters) -> Answer:
        """None."""
        with glue_errors():
            self._store.table(parameters["DatabaseName"], parameters["TableName"])
        return {"PartitionIndexDescriptorList": []}

    def get_tags(self, _: Identity, __: Parameters) -> Answer:
        """None."""
        return {"Tags": {}}

    def get_catalog_import_status(self, _: Identity, __: Parameters) -> Answer:
        """Nothing was to be imported."""
        return {"ImportStatus": {"ImportCompleted": True}}


def name_filter(expression: str | None) -> Callable[[str], bool]:
    """Whether a table's name matches Glue's expression: `*`, `|` and regular expressions alike.

    A `*` on its own stands for anything, as in `raw_*`; after `.` it is a regular expression's.
    """
    if not expression:
        return lambda _: True
    try:
        pattern = re.compile(re.sub(r"(?<![.\])])\*", ".*", expression), re.IGNORECASE)
    except re.error as error:
        raise invalid_input(f"Expression is {expression!r}: {error}") from None
    return lambda name: pattern.fullmatch(name) is not None


def _said(table: Answer) -> Iterator[str]:
    """Names, comments and parameters of a table."""
    yield from (table["Name"], table.get("Description", ""))
    for column in (*table.get("StorageDescriptor", {}).get("Columns", ()), *table["PartitionKeys"]):
        yield from (column["Name"], column.get("Comment", ""))
    for key, value in table.get("Parameters", {}).items():
        yield from (key, value)


def _table_input(parameters: Parameters) -> Answer:
    given = parameters.get("TableInput")
    if given is None:
        raise invalid_input("TableInput is missing")
    return dict(given)
