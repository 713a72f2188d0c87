"""The database `information_schema`: what databases, tables, columns and views there are.

It does not list itself. https://docs.aws.amazon.com/athena/latest/ug/querying-glue-catalog.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.table import Table
from sqlglot import exp

from orchestrate.local_athena.metastore.glue_shapes import View
from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.types import athena_from_glue, athena_type

if TYPE_CHECKING:
    from orchestrate.local_athena.metastore.catalog import HiveTable, Metastore

DATABASE = "information_schema"
_CATALOG = "awsdatacatalog"
_OF_TABLE = ("table_catalog", "table_schema", "table_name")
_COLUMNS = {
    "schemata": ("catalog_name", "schema_name"),
    "tables": (*_OF_TABLE, "table_type"),
    "views": (*_OF_TABLE, "view_definition"),
    "columns": (
        *_OF_TABLE,
        "column_name",
        "ordinal_position",
        "column_default",
        "is_nullable",
        "data_type",
        "comment",
        "extra_info",
    ),
}
Row = tuple[str | int | None, ...]


def columns(name: str) -> dict[str, str]:
    """Athena's types of a table's columns.

    Raises:
        QueryError: There is no such table.
    """
    if name not in _COLUMNS:
        raise QueryError(
            "TABLE_NOT_FOUND",
            f"Table '{_CATALOG}.{DATABASE}.{name}' does not exist; there are "
            + ", ".join(sorted(_COLUMNS)),
        )
    return {
        column: "bigint" if column == "ordinal_position" else "varchar" for column in _COLUMNS[name]
    }


def rows(name: str, metastore: Metastore, node: exp.Table) -> pa.Table:
    """The rows of a table, as things are now.

    Args:
        name: Of the table.
        metastore: What there is.
        node: The table in its query, whose WHERE may spare looking at other tables.
    """
    schemas = _named(node, "schema_name" if name == "schemata" else "table_schema")
    tables = _named(node, "table_name")
    found = [each for each in metastore.lake.namespaces() if schemas is None or each in schemas]
    made: list[Row] = []
    for schema in found:
        if name == "schemata":
            made.append((_CATALOG, schema))
            continue
        for table in metastore.names(schema):
            if tables is None or table in tables:
                made += _of_table(name, metastore, schema, table)
    kinds = [
        pa.field(column, pa.int64() if kind == "bigint" else pa.string())
        for column, kind in columns(name).items()
    ]
    values = zip(*made, strict=True) if made else [[] for _ in kinds]
    return pa.table(
        [pa.array(v, f.type) for v, f in zip(values, kinds, strict=True)], pa.schema(kinds)
    )


def _of_table(name: str, metastore: Metastore, schema: str, table: str) -> Iterator[Row]:
    known = (_CATALOG, schema, table)
    if name == "tables" and metastore.store.table(schema, table) is None:
        yield (*known, "BASE TABLE")  # Iceberg's: its definition need not be read
        return
    entry = metastore.entry(schema, table)
    if entry is None:  # it has gone meanwhile
        return
    is_view = isinstance(entry, View)
    if name == "tables":
        yield (*known, "VIEW" if is_view else "BASE TABLE")
    elif name == "columns":
        for position, (column, nullable, kind, comment, extra) in enumerate(_columns_of(entry), 1):
            yield (*known, column, position, None, nullable, kind, comment, extra)
    elif isinstance(entry, View):
        yield (*known, entry.sql)


def _columns_of(
    entry: Table | HiveTable | View,
) -> Iterator[tuple[str, str, str, str | None, str | None]]:
    """Of each column its name, whether it may be NULL, its type, comment and extra info."""
    if isinstance(entry, View):
        for each in entry.columns:
            yield each.name, "YES", each.type, None, None
        return
    if isinstance(entry, Table):
        for field in entry.schema().fields:
            nullable = "NO" if field.required else "YES"
            yield field.name.lower(), nullable, athena_type(field.field_type), field.doc, None
        return
    definition = entry.definition
    for place, extra in ((definition["StorageDescriptor"], None), (definition, "partition key")):
        for column in place.get("PartitionKeys" if extra else "Columns", []):
            kind = athena_from_glue(column.get("Type", "string"))
            yield column["Name"].lower(), "YES", kind, column.get("Comment") or None, extra


def _named(node: exp.Table, column: str) -> set[str] | None:
    """What `column` must be one of for the query to see a row; None if that cannot be told."""
    select = node.find_ancestor(exp.Select)
    where = select.args.get("where") if select is not None else None
    is_alone = (
        isinstance(node.parent, exp.From)
        and node.parent.parent is select
        and not node.args.get("joins")
    )
    if select is None or where is None or select.args.get("joins") or not is_alone:
        return None
    tests = [where.this]
    found: set[str] | None = None
    while tests:
        test = tests.pop().unnest()
        if isinstance(test, exp.And):
            tests += [test.this, test.expression]
            continue
        values = [test.expression] if isinstance(test, exp.EQ) else []
        if isinstance(test, exp.In) and test.expressions:
            values = test.expressions
        is_text = values and all(
            isinstance(value, exp.Literal) and value.args.get("is_string") for value in values
        )
        if is_text and isinstance(test.this, exp.Column) and test.this.name.lower() == column:
            given = {value.name for value in values}
            found = given if found is None else found & given
    return found
