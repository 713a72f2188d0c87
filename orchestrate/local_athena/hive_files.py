"""Hive tables: how DuckDB reads their files.

https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from orchestrate.local_athena.duck import literal, quoted
from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.types import athena_from_glue, duckdb_from_athena

if TYPE_CHECKING:
    from orchestrate.local_athena.duck import Cursor
    from orchestrate.local_athena.iceberg_catalog import IcebergCatalog
    from orchestrate.local_athena.metastore import HiveTable, Metastore
    from orchestrate.local_athena.names import TableName

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
SIMPLE_TEXT = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
HIVE_JSON = "org.apache.hive.hcatalog.data.JsonSerDe"
OPENX_JSON = "org.openx.data.jsonserde.JsonSerDe"
_JSON = (HIVE_JSON, OPENX_JSON, "org.apache.hadoop.hive.serde2.JsonSerDe")
_DEFAULT_HIVE_PARTITION = "__HIVE_DEFAULT_PARTITION__"
# Of the columns that OpenCSVSerde turns into a type, an empty field is NULL; dates are days.
# https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
_CSV_QUOTE, _CSV_ESCAPE, _CSV_SEPARATOR = '"', "\\", ","


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
    columns = {each["Name"]: _duckdb_type(each) for each in storage.get("Columns", [])}
    branches = []
    if keys:
        for part in metastore.partitions(definition["DatabaseName"], definition["Name"]):
            own = part.get("StorageDescriptor") or {}
            files = files_below(metastore.lake, own.get("Location", ""))
            constants = {
                key["Name"]: _constant(value, _duckdb_type(key))
                for key, value in zip(keys, part["Values"], strict=True)
            }
            if files:
                serde = own if own.get("SerdeInfo", {}).get("SerializationLibrary") else storage
                branches.append(
                    _branch(definition, serde, columns, files, constants, cursor, with_path)
                )
    else:
        files = files_below(metastore.lake, storage["Location"])
        if files:
            branches.append(_branch(definition, storage, columns, files, {}, cursor, with_path))
    if not branches:
        types = {**columns, **{each["Name"]: _duckdb_type(each) for each in keys}}
        if with_path:
            types["$path"] = "VARCHAR"
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


def _branch(
    definition: dict[str, Any],
    storage: dict[str, Any],
    columns: dict[str, str],
    files: list[str],
    constants: dict[str, str],
    cursor: Cursor,
    with_path: bool,
) -> str:
    serde = storage.get("SerdeInfo", {})
    library = serde.get("SerializationLibrary", "")
    parameters = {**storage.get("Parameters", {}), **serde.get("Parameters", {})}
    skipped = int(
        definition.get("Parameters", {}).get(
            "skip.header.line.count", parameters.get("skip.header.line.count", 0)
        )
    )
    listed = f"[{', '.join(map(literal, files))}]"
    if library == PARQUET:
        source, values = _parquet(listed, columns, cursor)
    elif library == OPEN_CSV:
        separator = parameters.get("separatorChar", _CSV_SEPARATOR)
        source = _csv(
            listed,
            columns,
            skipped,
            separator,
            quote=parameters.get("quoteChar", _CSV_QUOTE),
            escape=parameters.get("escapeChar", _CSV_ESCAPE),
            null=None,
        )
        values = {name: _of_csv(name, kind) for name, kind in columns.items()}
    elif library in (SIMPLE_TEXT, ""):
        separator = parameters.get("field.delim", parameters.get("serialization.format", "\x01"))
        null = parameters.get("serialization.null.format", "\\N")
        source = _csv(listed, columns, skipped, separator, quote="", escape="", null=null)
        values = {
            name: quoted(name) if kind == "VARCHAR" else f"try_cast({quoted(name)} as {kind})"
            for name, kind in columns.items()
        }
    elif library in _JSON:
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
        source = (
            f"read_json({listed}, format = 'newline_delimited', columns = {{{types}}}, "
            "filename = true)"
        )
        values = {name: quoted(name) for name in columns}
    else:
        raise QueryError(
            "HIVE_UNSUPPORTED_FORMAT",
            f"the local Athena does not read tables of {library}; use Parquet, CSV or JSON",
        )
    selected = [f"{value} as {quoted(name)}" for name, value in {**values, **constants}.items()]
    if with_path:
        selected.append(f"filename as {quoted('$path')}")
    return f"select {', '.join(selected)} from {source}"  # noqa: S608


def _parquet(listed: str, columns: dict[str, str], cursor: Cursor) -> tuple[str, dict[str, str]]:
    # Columns are found by name; those that no file has are NULL.
    there = {
        name.lower()
        for name, _ in cursor.describe(
            f"select * from read_parquet({listed}, union_by_name = true, "  # noqa: S608
            "hive_partitioning = false)"
        )
    }
    values = {
        name: f"cast({quoted(name) if name.lower() in there else 'null'} as {kind})"
        for name, kind in columns.items()
    }
    source = (
        f"read_parquet({listed}, union_by_name = true, hive_partitioning = false, filename = true)"
    )
    return source, values


def _csv(
    listed: str,
    columns: dict[str, str],
    skipped: int,
    separator: str,
    *,
    quote: str,
    escape: str,
    null: str | None,
) -> str:
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    # Without a text for NULL, an empty field is an empty string: none can equal this one.
    null_text = "\x01\x02no text\x02" if null is None else null
    return (
        f"read_csv({listed}, columns = {{{types}}}, header = false, skip = {skipped}, "
        f"auto_detect = false, delim = {literal(separator)}, quote = {literal(quote)}, "
        f"escape = {literal(escape)}, nullstr = {literal(null_text)}, null_padding = true, "
        "parallel = false, "
        "strict_mode = false, hive_partitioning = false, filename = true)"
    )


def _of_csv(name: str, kind: str) -> str:
    column = quoted(name)
    if kind in ("VARCHAR", "TEXT"):
        return f"coalesce({column}, '')"
    if kind == "DATE":
        return f"date '1970-01-01' + cast(nullif({column}, '') as integer)"
    if kind == "TIMESTAMP":
        return f"epoch_ms(cast(nullif({column}, '') as bigint))"
    return f"cast(nullif({column}, '') as {kind})"


def _duckdb_type(column: dict[str, Any]) -> str:
    kind = duckdb_from_athena(athena_from_glue(column.get("Type", "string")))
    return "VARCHAR" if kind.startswith("TEXT") and "[" not in kind else kind


def _constant(value: str, kind: str) -> str:
    if value == _DEFAULT_HIVE_PARTITION:
        return f"cast(null as {kind})"
    return f"cast({literal(value)} as {kind})"
