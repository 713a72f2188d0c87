"""Iceberg's metadata tables: `t$snapshots`, `t$files`, ….

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-table-metadata.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.types import PrimitiveType, StringType

from orchestrate.local_athena.engine.duck import quoted
from orchestrate.local_athena.engine.partitioning import of_spec
from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.names import TableName
from orchestrate.local_athena.types import athena_type, duckdb_from_athena

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.types import NestedField

_INSTANT = "timestamp(3) with time zone"
_COLUMNS: dict[str, dict[str, str]] = {
    "snapshots": {
        "committed_at": _INSTANT,
        "snapshot_id": "bigint",
        "parent_id": "bigint",
        "operation": "varchar",
        "manifest_list": "varchar",
        "summary": "map(varchar, varchar)",
    },
    "history": {
        "made_current_at": _INSTANT,
        "snapshot_id": "bigint",
        "parent_id": "bigint",
        "is_current_ancestor": "boolean",
    },
    "refs": {
        "name": "varchar",
        "type": "varchar",
        "snapshot_id": "bigint",
        "max_reference_age_in_ms": "bigint",
        "min_snapshots_to_keep": "integer",
        "max_snapshot_age_in_ms": "bigint",
    },
    "files": {
        "content": "integer",
        "file_path": "varchar",
        "file_format": "varchar",
        "record_count": "bigint",
        "file_size_in_bytes": "bigint",
        "column_sizes": "map(integer, bigint)",
        "value_counts": "map(integer, bigint)",
        "null_value_counts": "map(integer, bigint)",
        "nan_value_counts": "map(integer, bigint)",
        "split_offsets": "array(bigint)",
        "equality_ids": "array(integer)",
    },
    "manifests": {
        "path": "varchar",
        "length": "bigint",
        "partition_spec_id": "integer",
        "added_snapshot_id": "bigint",
        "added_data_files_count": "integer",
        "existing_data_files_count": "integer",
        "deleted_data_files_count": "integer",
        "added_rows_count": "bigint",
        "existing_rows_count": "bigint",
        "deleted_rows_count": "bigint",
    },
    "partitions": {
        "partition": "",  # a row of the table's partition fields
        "record_count": "bigint",
        "file_count": "bigint",
        "total_size": "bigint",
        "data": "",  # a row of what is known of each column
    },
}


def columns(table: Table, kind: str, name: TableName) -> dict[str, str]:
    """Athena's types of a metadata table's columns.

    Raises:
        QueryError: There is no such metadata table.
    """
    if kind not in _COLUMNS:
        raise QueryError(
            "TABLE_NOT_FOUND",
            f"Table 'awsdatacatalog.{name}' does not exist: of an Iceberg table there are "
            + ", ".join(f"${each}" for each in sorted(_COLUMNS)),
        )
    found = dict(_COLUMNS[kind])
    if kind == "partitions":
        partition = _partition_type(table)
        if partition:
            found["partition"] = partition
        else:
            del found["partition"]
        found["data"] = _data_type(table)
    return found


def rows(table: Table, kind: str) -> pa.Table:
    """The rows of a metadata table, of the table as it is now."""
    found = _ROWS[kind](table)
    names = columns(table, kind, TableName(*table.name()))
    nothing = ", ".join(
        f"cast(null as {duckdb_from_athena(text)}) as {quoted(name)}"
        for name, text in names.items()
    )
    with duckdb.connect(config={"threads": 1}) as connection:
        schema = connection.execute(f"select {nothing}").to_arrow_table().schema
    return pa.Table.from_pylist(found, schema)


def _partition_type(table: Table) -> str:
    spec = table.spec()
    schema = table.schema()
    fields = [
        f'"{name}" {athena_type(each.transform.result_type(schema.find_type(each.source_id)))}'
        for name, each in zip(_partition_names(table), spec.fields, strict=True)
    ]
    return f"row({', '.join(fields)})" if fields else ""


def _partition_names(table: Table) -> list[str]:
    """Names of the partition fields as Trino gives them; DuckDB gives others."""
    schema = table.schema()
    return [
        of_spec(each.transform, str(schema.find_column_name(each.source_id))).name
        for each in table.spec().fields
    ]


def _data_type(table: Table) -> str:
    fields = [
        f'"{each.name}" row(min {kind}, max {kind}, null_count bigint, nan_count bigint)'
        for each in _measured(table)
        for kind in (athena_type(each.field_type),)
    ]
    return f"row({', '.join(fields)})"


def _measured(table: Table) -> list[NestedField]:
    """The columns of which files state the least and the greatest value."""
    return [each for each in table.schema().fields if each.field_type.is_primitive]


def _snapshots(table: Table) -> list[dict[str, Any]]:
    return [
        {
            "committed_at": each.timestamp_ms * 1000,
            "snapshot_id": each.snapshot_id,
            "parent_id": each.parent_snapshot_id,
            "operation": each.summary.operation.value if each.summary else None,
            "manifest_list": each.manifest_list,
            "summary": list(each.summary.additional_properties.items()) if each.summary else None,
        }
        for each in table.metadata.snapshots
    ]


def _history(table: Table) -> list[dict[str, Any]]:
    parents = {each.snapshot_id: each.parent_snapshot_id for each in table.metadata.snapshots}
    ancestors = set()
    current = table.metadata.current_snapshot_id
    while current is not None:
        ancestors.add(current)
        current = parents.get(current)
    return [
        {
            "made_current_at": each.timestamp_ms * 1000,
            "snapshot_id": each.snapshot_id,
            "parent_id": parents.get(each.snapshot_id),
            "is_current_ancestor": each.snapshot_id in ancestors,
        }
        for each in table.history()
    ]


def _refs(table: Table) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "type": str(ref.snapshot_ref_type.value).upper(),
            "snapshot_id": ref.snapshot_id,
            "max_reference_age_in_ms": ref.max_ref_age_ms,
            "min_snapshots_to_keep": ref.min_snapshots_to_keep,
            "max_snapshot_age_in_ms": ref.max_snapshot_age_ms,
        }
        for name, ref in table.refs().items()
    ]


def _files(table: Table) -> list[dict[str, Any]]:
    wanted = [
        "content", "file_path", "file_format", "record_count", "file_size_in_bytes",
        "column_sizes", "value_counts", "null_value_counts", "nan_value_counts",
        "split_offsets", "equality_ids",
    ]  # fmt: skip
    return list(table.inspect.files().select(wanted).to_pylist())


def _manifests(table: Table) -> list[dict[str, Any]]:
    snapshot = table.current_snapshot()
    if snapshot is None:
        return []
    return [
        {
            "path": each.manifest_path,
            "length": each.manifest_length,
            "partition_spec_id": each.partition_spec_id,
            "added_snapshot_id": each.added_snapshot_id,
            "added_data_files_count": each.added_files_count,
            "existing_data_files_count": each.existing_files_count,
            "deleted_data_files_count": each.deleted_files_count,
            "added_rows_count": each.added_rows_count,
            "existing_rows_count": each.existing_rows_count,
            "deleted_rows_count": each.deleted_rows_count,
        }
        for each in snapshot.manifests(table.io)
    ]


def _partitions(table: Table) -> list[dict[str, Any]]:
    names = _partition_names(table)
    files: dict[tuple[Any, ...], list[DataFile]] = {}
    for task in table.scan().plan_files():
        key = tuple(task.file.partition[position] for position in range(len(names)))
        files.setdefault(key, []).append(task.file)
    return [
        {
            "partition": dict(zip(names, key, strict=True)),
            "record_count": sum(each.record_count for each in found),
            "file_count": len(found),
            "total_size": sum(each.file_size_in_bytes for each in found),
            "data": {each.name: _known_of(each, found) for each in _measured(table)},
        }
        for key, found in files.items()
    ]


def _known_of(column: NestedField, files: list[DataFile]) -> dict[str, Any]:
    """What files tell of a column; NULL for what one of them does not, unless all of it is NULL."""
    kind, name = column.field_type, column.field_id
    assert isinstance(kind, PrimitiveType)  # noqa: S101 - for the type checker: see _measured
    nulls = [(each.null_value_counts or {}).get(name) for each in files]
    nans = [(each.nan_value_counts or {}).get(name) for each in files]
    with_values = [
        each for each, count in zip(files, nulls, strict=True) if count != each.record_count
    ]
    lower = [(each.lower_bounds or {}).get(name) for each in with_values]
    upper = [(each.upper_bounds or {}).get(name) for each in with_values]
    return {
        "min": min(_values(kind, lower, "ignore"), default=None),
        "max": max(_values(kind, upper, "replace"), default=None),
        "null_count": None if None in nulls else sum(filter(None, nulls)),
        "nan_count": None if None in nans else sum(filter(None, nans)),
    }


def _values(kind: PrimitiveType, bounds: list[bytes | None], cut: str) -> list[Any]:
    """The values of bounds; none if one of them is not stated.

    A bound of text holds its first bytes, and `cut` says what becomes of a character whose last
    ones are not among them: to leave it out keeps a lower bound low, a replacement (U+FFFD) an
    upper one high.
    """
    stated = [bound for bound in bounds if bound is not None]
    if len(stated) < len(bounds):
        return []
    if isinstance(kind, StringType):
        return [bound.decode(errors=cut) for bound in stated]
    return [from_bytes(kind, bound) for bound in stated]


_ROWS = {
    "snapshots": _snapshots,
    "history": _history,
    "refs": _refs,
    "files": _files,
    "manifests": _manifests,
    "partitions": _partitions,
}
