"""What Glue's `UpdateTable` changes of an Iceberg table: comments and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrate.local_athena.metastore.glue_shapes import COMMENT

if TYPE_CHECKING:
    from pyiceberg.table import Table

# Not the table's own: made up for Glue's shape, see `glue_shapes`.
_OWN_PARAMETERS = frozenset(
    {"table_type", "metadata_location", "previous_metadata_location", "EXTERNAL"}
)
# What a client may leave out without meaning to take it away.
_KEPT = frozenset({COMMENT, "schema.name-mapping.default"})


def apply(table: Table, table_input: dict[str, Any]) -> None:
    """Write comments and parameters into a table's schema and properties, in one commit.

    Args:
        table: As it is now.
        table_input: Glue's `TableInput`; without parameters the table keeps those it has.
    """
    given = table_input.get("Parameters")
    properties = {
        str(key): str(value)
        for key, value in (given if given is not None else table.properties).items()
        if key not in _OWN_PARAMETERS
    }
    description = table_input.get("Description")
    if description is not None:
        properties[COMMENT] = str(description)
    changed = {k: v for k, v in properties.items() if table.properties.get(k) != v}
    removed = [key for key in table.properties if key not in properties and key not in _KEPT]
    columns = table_input.get("StorageDescriptor", {}).get("Columns", [])
    comments = {str(each["Name"]).lower(): each.get("Comment") or None for each in columns}
    with table.transaction() as transaction:
        if changed:
            transaction.set_properties(changed)
        if removed:
            transaction.remove_properties(*removed)
        with transaction.update_schema() as update:
            for field in table.schema().fields:
                doc = comments.get(field.name.lower(), field.doc)
                if doc != field.doc:
                    update.update_column(field.name, doc=doc or "")
