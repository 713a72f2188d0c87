"""Tables as the Glue Data Catalog describes them, and views as Athena keeps them there.

https://docs.aws.amazon.com/glue/latest/webapi/API_Table.html
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrate.local_athena.model import Column
from orchestrate.local_athena.types import glue_from_athena, glue_type

if TYPE_CHECKING:
    from pyiceberg.table import Table

CATALOG_ID = "000000000000"
COMMENT = "comment"
LOCATION = "location"
_VIEW_TEXT = re.compile(r"/\* Presto View: (.*) \*/", re.DOTALL)


@dataclass(frozen=True)
class View:
    """A view: Trino's text, the database of names without one, the columns it gives."""

    sql: str
    database: str
    columns: tuple[Column, ...]


def database(name: str, properties: dict[str, Any], bucket: str) -> dict[str, Any]:
    """A namespace with these properties as Glue's `Database`; `bucket` is that of all tables."""
    found: dict[str, Any] = {
        "Name": name,
        "LocationUri": properties.get(LOCATION, f"s3://{bucket}/{name}"),
        "Parameters": {k: str(v) for k, v in properties.items() if k != LOCATION},
        "CreateTime": 0.0,
        "CatalogId": CATALOG_ID,
    }
    if properties.get(COMMENT):
        found["Description"] = properties[COMMENT]
    return found


def namespace_properties(database_input: dict[str, Any]) -> dict[str, str]:
    """The properties of a namespace from Glue's `DatabaseInput`."""
    properties = {str(k): str(v) for k, v in database_input.get("Parameters", {}).items()}
    if database_input.get("Description"):
        properties[COMMENT] = str(database_input["Description"])
    return properties


def iceberg_table(database: str, table: Table, version: int) -> dict[str, Any]:
    """An Iceberg table, as Athena registers one."""
    metadata = table.metadata
    properties = {key: str(value) for key, value in table.properties.items()}
    parameters = {
        **properties,
        "table_type": "ICEBERG",
        "metadata_location": table.metadata_location,
        "EXTERNAL": "TRUE",
    }
    if metadata.metadata_log:
        parameters["previous_metadata_location"] = metadata.metadata_log[-1].metadata_file
    columns = []
    for field in table.schema().fields:
        column: dict[str, Any] = {
            "Name": field.name,
            "Type": glue_type(field.field_type),
            "Parameters": {
                "iceberg.field.id": str(field.field_id),
                "iceberg.field.optional": str(field.optional).lower(),
                "iceberg.field.current": "true",
            },
        }
        if field.doc:
            column["Comment"] = field.doc
        columns.append(column)
    first = metadata.metadata_log[0].timestamp_ms if metadata.metadata_log else None
    found: dict[str, Any] = {
        "Name": table.name()[-1],
        "DatabaseName": database,
        "Owner": properties.get("owner", "trackman-lake"),
        "CreateTime": (first or metadata.last_updated_ms) / 1000,
        "UpdateTime": metadata.last_updated_ms / 1000,
        "Retention": 0,
        "StorageDescriptor": {
            "Columns": columns,
            "Location": table.location(),
            "Compressed": False,
            "NumberOfBuckets": 0,
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
        "PartitionKeys": [],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "IsRegisteredWithLakeFormation": False,
        "CatalogId": CATALOG_ID,
        "VersionId": str(version),
    }
    if properties.get(COMMENT):
        found["Description"] = properties[COMMENT]
    return found


def view_input(name: str, view: View, comment: str | None = None) -> dict[str, Any]:
    """A view, as input of `CreateTable`."""
    text = json.dumps(
        {
            "originalSql": view.sql,
            "catalog": "awsdatacatalog",
            "schema": view.database,
            "columns": [{"name": each.name, "type": each.type} for each in view.columns],
        }
    )
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", COMMENT: comment or "Presto View"},
        "ViewOriginalText": f"/* Presto View: {base64.b64encode(text.encode()).decode()} */",
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [
                {"Name": each.name, "Type": glue_from_athena(each.type)} for each in view.columns
            ],
            "Location": "",
            "Compressed": False,
            "NumberOfBuckets": 0,
            "SerdeInfo": {},
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
        "PartitionKeys": [],
    }


def view_of(table: dict[str, Any]) -> View:
    """The view that a `Table` of Glue describes.

    Raises:
        ValueError: It is not in the form in which Athena keeps views.
    """
    match = _VIEW_TEXT.fullmatch(str(table.get("ViewOriginalText", "")).strip())
    if not match:
        raise ValueError(f"the text of the view {table['Name']} is not in Athena's form")
    found = json.loads(base64.b64decode(match[1]))
    return View(
        sql=found["originalSql"],
        database=found["schema"],
        columns=tuple(Column(each["name"], each["type"]) for each in found["columns"]),
    )


def is_view(table: dict[str, Any]) -> bool:
    """Whether a `Table` of Glue is a view."""
    return table.get("TableType") == "VIRTUAL_VIEW"
