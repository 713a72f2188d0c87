"""A lake table's name and columns: from a stream's SCHEMA, and what changes when it changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
from columnar_singer.drift import Destination
from pyiceberg.io.pyarrow import pyarrow_to_schema
from pyiceberg.types import (
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from columnar_singer.drift import Drift
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table


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


def types_of(schema: Schema) -> dict[str, IcebergType]:
    """Give the type of each column, in order."""
    return {column.name: column.field_type for column in schema.fields}


def is_wider(wanted: IcebergType, found: IcebergType) -> bool:
    """Tell whether Iceberg can change a column to a type that holds all its values.

    https://iceberg.apache.org/spec/#schema-evolution
    """
    # Not pyiceberg's `promote`: that of 0.12 lets the scale of a decimal change.
    match found, wanted:
        case (IntegerType(), LongType()) | (FloatType(), DoubleType()):
            return True
        case DecimalType(), DecimalType():
            return found.scale == wanted.scale and found.precision < wanted.precision
        case _:
            return False


LAKE: Destination[IcebergType] = Destination(is_wider)
"""The rules of `drift` for Iceberg. Names differ by case there, as in PostgreSQL."""


NOTHING_WIDENS: Destination[IcebergType] = Destination(lambda _wanted, _found: False)
"""The rules for plain Parquet: engines compare the columns of each partition with the table's."""


def change_columns(table: Table, drift: Drift[IcebergType], comments: Mapping[str, str]) -> None:
    """Add and widen columns, and describe them as the stream does.

    Args:
        table: The table.
        drift: What is to be changed.
        comments: Description of each column of the stream for which it is known, empty for none.
    """
    described = {
        drift.written[name]: comment for name, comment in comments.items() if name in drift.written
    }
    found = {column.name: column for column in table.schema().fields}
    new_comments = {
        name: comment
        for name, comment in described.items()
        if name in found and (found[name].doc or "") != comment
    }
    if not (drift.added or drift.widened or new_comments):
        return
    with table.update_schema() as update:
        # Paths, because a name alone is taken apart at its dots.
        for name, field_type in drift.added.items():
            update.add_column((name,), field_type, doc=described.get(name) or None)
        for name in {**drift.widened, **new_comments}:
            update.update_column(
                (name,),
                field_type=drift.widened.get(name),
                doc=described.get(name),
            )


def _field_metadata(number: int, comment: str | None) -> dict[str, str]:
    doc = {"doc": comment} if comment else {}
    return {"PARQUET:field_id": str(number), **doc}
