"""Hive tables: how DuckDB reads their files.

https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from orchestrate.local_athena.engine import csv_files, json_files, line_files, text_files
from orchestrate.local_athena.engine.duck import literal, quoted
from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.types import Type, duckdb_name, parse_type
from orchestrate.local_athena.types import athena_from_glue

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrate.local_athena.engine.duck import Cursor
    from orchestrate.local_athena.engine.line_files import Records
    from orchestrate.local_athena.metastore.catalog import HiveTable, Metastore
    from orchestrate.local_athena.metastore.iceberg_catalog import IcebergCatalog
    from orchestrate.local_athena.names import TableName

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
SIMPLE_TEXT = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
HIVE_JSON = "org.apache.hive.hcatalog.data.JsonSerDe"
OPENX_JSON = "org.openx.data.jsonserde.JsonSerDe"
_JSON = (HIVE_JSON, OPENX_JSON, "org.apache.hadoop.hive.serde2.JsonSerDe")
_DEFAULT_HIVE_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_PATH = "$path"


def files_below(lake: IcebergCatalog, location: str) -> list[str]:
    """The files of a table or partition: all below, but hidden ones (`_…`, `.…`), sorted."""
    from pyarrow.fs import FileSelector, FileType

    parts = urlsplit(location)
    below = FileSelector(parts.netloc + parts.path, allow_not_found=True, recursive=True)
    return sorted(
        f"s3://{found.path}"
        for found in lake.files().get_file_info(below)
        if found.type == FileType.File
        and found.size
        and not any(part.startswith(("_", ".")) for part in found.path.split("/")[1:])
    )


def query(table: HiveTable, metastore: Metastore, cursor: Cursor, *, with_path: bool) -> str:
    """DuckDB's query, in parentheses, of all rows of a table.

    A partition is a branch of its own with its values as constants, so that a filter on them
    leaves the files of other partitions unread.

    Args:
        table: The table.
        metastore: Knows its partitions.
        cursor: Looks into Parquet files for their columns.
        with_path: Whether "$path" is among the columns.

    Raises:
        QueryError: Its format is not one that can be read.
    """
    definition = table.definition
    storage = definition["StorageDescriptor"]
    keys = definition.get("PartitionKeys", [])
    columns = {each["Name"]: _type(each) for each in storage.get("Columns", [])}
    scan = _Scan(definition, columns, metastore.lake, cursor, with_path)
    branches = []
    if keys:
        for part in metastore.partitions(definition["DatabaseName"], definition["Name"]):
            own = part.get("StorageDescriptor") or {}
            constants = {
                key["Name"]: _constant(value, _type(key))
                for key, value in zip(keys, part["Values"], strict=True)
            }
            paths = files_below(metastore.lake, own.get("Location", ""))
            if paths:
                serde = own if own.get("SerdeInfo", {}).get("SerializationLibrary") else storage
                branches.append(scan.of(serde, paths, constants))
    else:
        paths = files_below(metastore.lake, storage["Location"])
        if paths:
            branches.append(scan.of(storage, paths, {}))
    if not branches:
        of_all = {**columns, **{each["Name"]: _type(each) for each in keys}}
        types = {name: duckdb_name(kind) for name, kind in of_all.items()}
        if with_path:
            types[_PATH] = "VARCHAR"
        empty = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in types.items())
        return f"(select {empty} where false)"
    return f"({' union all '.join(branches)})"


def partition_columns(table: HiveTable, kind: str, name: TableName) -> dict[str, str]:
    """Athena's types of the columns of `t$partitions`.

    Raises:
        QueryError: There is no such metadata table.
    """
    keys = table.definition.get("PartitionKeys", [])
    if kind != "partitions" or not keys:
        raise QueryError("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{name}' does not exist")
    return {each["Name"]: athena_from_glue(each["Type"]) for each in keys}


def partition_rows(table: HiveTable, metastore: Metastore) -> pa.Table:
    """The rows of `t$partitions`: the values of each partition, as text."""
    definition = table.definition
    found = metastore.partitions(definition["DatabaseName"], definition["Name"])
    return pa.table(
        {
            key["Name"]: pa.array([each["Values"][position] for each in found], pa.string())
            for position, key in enumerate(definition["PartitionKeys"])
        }
    )


@dataclass(frozen=True)
class _Scan:
    """How a table's files are read; `columns` are without partition keys."""

    definition: dict[str, Any]
    columns: dict[str, Type]
    lake: IcebergCatalog
    cursor: Cursor
    with_path: bool

    def of(self, storage: dict[str, Any], paths: list[str], constants: dict[str, str]) -> str:
        """A query of files; `constants` are the values of the partition keys."""
        source, values = self._source(storage, paths)
        selected = [f"{value} as {quoted(name)}" for name, value in {**values, **constants}.items()]
        if self.with_path:
            selected.append(quoted(_PATH))
        return f"select {', '.join(selected)} from {source}"  # noqa: S608

    def _source(self, storage: dict[str, Any], paths: list[str]) -> tuple[str, dict[str, str]]:
        serde = storage.get("SerdeInfo", {})
        library = serde.get("SerializationLibrary", "")
        parameters = {**storage.get("Parameters", {}), **serde.get("Parameters", {})}
        if library == PARQUET:
            return self._parquet(f"[{', '.join(map(literal, paths))}]")
        skipped = line_files.skipped_lines(self.definition.get("Parameters", {}), parameters)
        if library == OPEN_CSV:
            rows = csv_files.records(parameters, skipped)
            return self._lines(paths, rows), self._values(csv_files.value)
        if library in (SIMPLE_TEXT, ""):
            rows = text_files.records(parameters, self.columns, skipped)
            return self._lines(paths, rows), self._values(text_files.value)
        if library in _JSON:
            rows = json_files.records(
                parameters, self.columns, skipped, is_openx=library == OPENX_JSON
            )
            return self._lines(paths, rows), self._values(json_files.value)
        raise QueryError(
            "HIVE_UNSUPPORTED_FORMAT",
            f"the local Athena does not read tables of {library}; use Parquet, CSV or JSON",
        )

    def _parquet(self, listed: str) -> tuple[str, dict[str, str]]:
        # Columns are found by name; those that no file has are NULL.
        source = (
            f"read_parquet({listed}, union_by_name = true, hive_partitioning = false, "
            f"filename = '{_PATH}')"
        )
        found = self.cursor.describe(f"select * from {source}")  # noqa: S608
        there = {name.lower() for name, _ in found}
        values = {
            name: text_files.fitted(
                f"cast({quoted(name) if name.lower() in there else 'null'} as {duckdb_name(kind)})",
                kind,
            )
            for name, kind in self.columns.items()
        }
        return source, values

    def _lines(self, paths: list[str], records: Records) -> str:
        """A source of the records of files, all of whose columns are text."""
        source = f"lines_{uuid.uuid4().hex}"
        found = line_files.schema(list(self.columns), _PATH)
        rows = partial(
            line_files.batches,
            self.lake.files(),
            paths,
            found,
            records=records,
            count=self.cursor.add_scanned,
        )
        self.cursor.register_stream(source, found, rows)
        return source

    def _values(self, value: Callable[[str, Type], str]) -> dict[str, str]:
        return {name: value(name, kind) for name, kind in self.columns.items()}


def _type(column: dict[str, Any]) -> Type:
    return parse_type(athena_from_glue(column.get("Type", "string")))


def _constant(value: str, kind: Type) -> str:
    if value == _DEFAULT_HIVE_PARTITION:
        return f"cast(null as {duckdb_name(kind)})"
    return text_files.fitted(f"cast({literal(value)} as {duckdb_name(kind)})", kind)
