"""A lake table's name and columns: from a stream's SCHEMA, and what changes when it changes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from columnar_singer.errors import UserError
from pyiceberg.io.pyarrow import pyarrow_to_schema
from pyiceberg.schema import Schema
from pyiceberg.types import (
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.table.update.schema import UpdateSchema


@dataclass(frozen=True)
class ColumnChange:
    """One change that a table needs.

    Attributes:
        column: The column as it shall be.
        existing: The column as it is, None if it is to be added.
    """

    column: NestedField
    existing: NestedField | None

    def __str__(self) -> str:
        """Tell the change in the words of the load log."""
        name, wanted = self.column.name, self.column.field_type
        if self.existing is None:
            return f"added column {name} {wanted}"
        if self.existing.field_type != wanted:
            return f"widened column {name} from {self.existing.field_type} to {wanted}"
        return f"described column {name}"

    def apply(self, update: UpdateSchema) -> None:
        """Add the change to a schema update."""
        # A path, because a name alone is taken apart at its dots.
        path, column = (self.column.name,), self.column
        if self.existing is None:
            update.add_column(path, column.field_type, doc=column.doc)
        else:
            update.update_column(path, field_type=column.field_type, doc=column.doc)


def lake_name(table_name: str) -> str:
    """Give a table a name that Athena and Glue allow: lower case letters, digits and underscores.

    https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
    """
    return re.sub(r"[^a-z0-9_]", "_", table_name.lower())


def lake_schema(columns: Mapping[str, pa.DataType], comments: Mapping[str, str]) -> Schema:
    """Give the Iceberg schema of a table.

    Every column is optional: neither Athena nor the Iceberg specification lets a required column
    be added to rows that exist, and a tombstone knows only its key.

    Args:
        columns: Arrow type of each column, in order.
        comments: Description of each column that has one.

    Returns:
        The schema, with field ids that the catalog replaces when it makes the table.
    """
    fields = [
        pa.field(name, arrow, metadata=_field_metadata(number, comments.get(name)))
        for number, (name, arrow) in enumerate(columns.items(), start=1)
    ]
    return pyarrow_to_schema(pa.schema(fields))


def plan_changes(table_name: str, existing: Schema, wanted: Schema) -> list[ColumnChange]:
    """Compare a table with what it shall be.

    Args:
        table_name: For the message.
        existing: Schema of the table.
        wanted: Schema that the stream's rows need.

    Returns:
        Columns to add, widen or describe. A column that is no longer wanted stays, its new rows
        are NULL there.

    Raises:
        UserError: A column changed to a type that Iceberg cannot widen its type to
            (https://iceberg.apache.org/spec/#schema-evolution).
    """
    columns = {column.name: column for column in existing.fields}
    changes = []
    for column in wanted.fields:
        found = columns.get(column.name)
        if found is None:
            changes.append(ColumnChange(column, None))
        elif found.field_type != column.field_type:
            if not _is_widening(found.field_type, column.field_type):
                message = (
                    f"column '{column.name}' of {table_name} is {found.field_type} in the lake "
                    f"and {column.field_type} in the stream; a column can go from int to long, "
                    "from float to double and to a decimal of more digits and the same scale; "
                    "rename the column with a stream map, or drop the table and load it anew"
                )
                raise UserError(message)
            changes.append(ColumnChange(column, found))
        elif column.doc and column.doc != found.doc:
            changes.append(ColumnChange(column, found))
    return changes


def _is_widening(existing: IcebergType, wanted: IcebergType) -> bool:
    # Not pyiceberg's `promote`: that of 0.12 lets the scale of a decimal change.
    match existing, wanted:
        case (IntegerType(), LongType()) | (FloatType(), DoubleType()):
            return True
        case DecimalType(), DecimalType():
            return existing.scale == wanted.scale and existing.precision < wanted.precision
        case _:
            return False


def _field_metadata(number: int, comment: str | None) -> dict[str, str]:
    doc = {"doc": comment} if comment else {}
    return {"PARQUET:field_id": str(number), **doc}
