"""Athena's view of the catalog: the one data catalog, its databases and tables."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from orchestrate.local_athena.api.athena_groups import page
from orchestrate.local_athena.api.errors import ApiError, invalid_request
from orchestrate.local_athena.api.glue import Catalog
from orchestrate.local_athena.api.shapes import Answer, Parameters
from orchestrate.local_athena.api.sts import ACCOUNT
from orchestrate.local_athena.model import Identity

CATALOG = "AwsDataCatalog"
_NOT_FOUND = "MetadataException"


class AthenaCatalog:
    """The operations on the catalog, all of them reading."""

    def __init__(self, catalog: Catalog) -> None:
        """Take the Glue catalog."""
        self._catalog = catalog

    def get_data_catalog(self, _: Identity, parameters: Parameters) -> Answer:
        """The one data catalog."""
        _require_catalog(parameters["Name"])
        return {
            "DataCatalog": {
                "Name": CATALOG,
                "Type": "GLUE",
                "Parameters": {"catalog-id": ACCOUNT},
                "Status": "CREATE_COMPLETE",
            }
        }

    def list_data_catalogs(self, _: Identity, parameters: Parameters) -> Answer:
        """The one data catalog, as a list."""
        found = [{"CatalogName": CATALOG, "Type": "GLUE", "Status": "CREATE_COMPLETE"}]
        return page(found, "DataCatalogsSummary", parameters)

    def get_database(self, identity: Identity, parameters: Parameters) -> Answer:
        """One database."""
        _require_catalog(parameters["CatalogName"])
        asked = {"Name": parameters["DatabaseName"]}
        found = _metadata(lambda: self._catalog.get_database(identity, asked))
        return {"Database": _database(found["Database"])}

    def list_databases(self, identity: Identity, parameters: Parameters) -> Answer:
        """All databases."""
        _require_catalog(parameters["CatalogName"])
        found = [_database(each) for each in self._catalog.databases()]
        return page(found, "DatabaseList", parameters)

    def get_table_metadata(self, identity: Identity, parameters: Parameters) -> Answer:
        """One table."""
        _require_catalog(parameters["CatalogName"])
        asked = {"DatabaseName": parameters["DatabaseName"], "Name": parameters["TableName"]}
        found = _metadata(lambda: self._catalog.get_table(identity, asked))
        return {"TableMetadata": _table(found["Table"])}

    def list_table_metadata(self, _: Identity, parameters: Parameters) -> Answer:
        """The tables of a database whose names match an expression."""
        _require_catalog(parameters["CatalogName"])
        expression = parameters.get("Expression", "*")
        found = _metadata(lambda: self._catalog.tables(parameters["DatabaseName"], expression))
        return page([_table(each) for each in found], "TableMetadataList", parameters)


def _require_catalog(name: str) -> None:
    if name.lower() != CATALOG.lower():
        raise invalid_request(f"Data catalog {name} was not found; there is {CATALOG}")


def _metadata(ask: Any) -> Any:  # noqa: ANN401
    """What `ask` gives; that something is not found has another name here than in Glue."""
    try:
        return ask()
    except ApiError as error:
        if error.code == "EntityNotFoundException":
            # Clients read the catalog's own code in this form.
            detail = (
                f"(Service: AmazonDataCatalog; Status Code: 400; Error Code: {error.code}; "
                f"Request ID: {uuid.uuid4()}; Proxy: null)"
            )
            raise ApiError(_NOT_FOUND, f"{error.message} {detail}") from None
        raise


def _database(found: Mapping[str, Any]) -> Answer:
    return {key: found[key] for key in ("Name", "Description", "Parameters") if key in found}


def _table(found: Mapping[str, Any]) -> Answer:
    members = ("Name", "CreateTime", "LastAccessTime", "TableType", "PartitionKeys", "Parameters")
    table = {key: found[key] for key in members if key in found}
    return table | {"Columns": found.get("StorageDescriptor", {}).get("Columns", [])}
