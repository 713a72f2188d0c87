"""Writing the files of Hive tables, and of UNLOAD."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrate.local_athena.engine import hive_files, line_files, text_files
from orchestrate.local_athena.engine.duck import literal, quoted
from orchestrate.local_athena.engine.partitioning import PartitionField
from orchestrate.local_athena.engine.statements import hive_columns
from orchestrate.local_athena.engine.statements.iceberg_writes import cast_columns, staged
from orchestrate.local_athena.engine.statements.table_properties import (
    Value,
    list_of,
    refuse_unknown,
    text_of,
)
from orchestrate.local_athena.metastore.catalog import HiveTable
from orchestrate.local_athena.model import Column, QueryError
from orchestrate.local_athena.types import (
    athena_from_glue,
    duckdb_from_athena,
    glue_from_athena,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrate.local_athena.engine.statements.session import Session
    from orchestrate.local_athena.names import TableName

_PROPERTIES = frozenset(
    {
        "table_type", "is_external", "external_location", "format", "partitioned_by",
        "bucketed_by", "bucket_count", "write_compression", "compression_level",
        "parquet_compression", "field_delimiter",
    }
)  # fmt: skip
_FORMATS = {
    "PARQUET": (
        hive_files.PARQUET,
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    ),
    "TEXTFILE": (
        hive_files.SIMPLE_TEXT,
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    ),
    "JSON": (
        hive_files.HIVE_JSON,
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    ),
}
_COMPRESSIONS = {
    "PARQUET": ("SNAPPY", "GZIP", "ZSTD", "NONE", "LZ4"),
    "TEXTFILE": ("GZIP", "NONE", "ZSTD"),
    "JSON": ("GZIP", "NONE", "ZSTD"),
}
_EXTENSIONS = {"PARQUET": "parquet", "TEXTFILE": "csv", "JSON": "json"}
TOO_MANY = "HIVE_TOO_MANY_OPEN_PARTITIONS"


def create_as(
    session: Session,
    name: TableName,
    properties: dict[str, Value],
    columns: tuple[Column, ...],
    sql: str,
) -> tuple[int, str]:
    """Write a query's rows as a new table's files, then register it.

    Returns:
        How many rows, and where the list of the files lies.

    Raises:
        QueryError: A property is wrong, or the place is not empty.
    """
    refuse_unknown(properties, _PROPERTIES, "Hive")
    file_format, compression = file_options(properties)
    hive_columns.refuse_types(columns, file_format)
    keys = [each.lower() for each in list_of(properties, "partitioned_by")]
    if [each.name for each in columns[len(columns) - len(keys) :]] != keys:
        raise QueryError(
            "HIVE_COLUMN_ORDER_MISMATCH",
            "Partition keys must be the last columns in the table and in the same order as the "
            f"table properties: {keys}",
        )
    hive_columns.check_buckets(properties, columns, keys)
    location = text_of(properties, "external_location") or (
        f"{session.request.output_location.rstrip('/')}/tables/{session.request.id}"
    )
    location = location.rstrip("/") + "/"
    refuse_table_bucket(session, location)
    if hive_files.files_below(session.metastore.lake, location):
        raise QueryError(
            "HIVE_PATH_ALREADY_EXISTS",
            f"Target directory for table '{name}' already exists: "
            f"{location}. Use an empty location, or delete what lies there",
        )
    library, input_format, output_format = _FORMATS[file_format]
    delimiter = delimiter_of(properties)
    serde: dict[str, Any] = {"SerializationLibrary": library, "Parameters": {}}
    if file_format == "TEXTFILE":
        serde["Parameters"] = {"field.delim": delimiter, "serialization.format": delimiter}
    glue = [{"Name": each.name, "Type": glue_from_athena(each.type)} for each in columns]
    definition = {
        "Name": name.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "has_encrypted_data": "false",
            f"{file_format.lower()}.compression": compression,
        },
        "PartitionKeys": glue[len(glue) - len(keys) :],
        "StorageDescriptor": {
            "Columns": glue[: len(glue) - len(keys)],
            "Location": location,
            "InputFormat": input_format,
            "OutputFormat": output_format,
            "SerdeInfo": serde,
            "Compressed": False,
            "NumberOfBuckets": 0,
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
    }
    definition = {**definition, "DatabaseName": name.database}
    count = append(session, HiveTable(definition), columns, sql)
    session.metastore.create_table(name.database, definition)
    if keys:
        register_partitions(session, definition)
    return count, write_manifest(session, location)


def append(session: Session, table: HiveTable, columns: tuple[Column, ...], sql: str) -> int:
    """Write a query's rows as more files of a table; returns how many.

    Args:
        session: Of the statement.
        table: Where to.
        columns: The query's, in the table's order, partition keys last.
        sql: DuckDB's query.

    Raises:
        QueryError: Too many partitions, or a format that is not written.
    """
    definition = table.definition
    storage = definition["StorageDescriptor"]
    keys = [each["Name"] for each in definition.get("PartitionKeys", [])]
    kinds = {
        each["Name"]: duckdb_from_athena(athena_from_glue(each["Type"]))
        for each in (*storage["Columns"], *definition.get("PartitionKeys", []))
    }
    casts = [(each, kind) for each, kind in zip(kinds, kinds.values(), strict=True)]
    if len(casts) != len(columns):
        raise QueryError(
            "MISMATCHED_COLUMNS", f"the table has {len(casts)} columns, the query {len(columns)}"
        )
    fields = [PartitionField("identity", each) for each in keys]
    rows = staged(session, cast_columns(sql, casts), fields, TOO_MANY)
    library = storage.get("SerdeInfo", {}).get("SerializationLibrary", "")
    formats = {each[0]: name for name, each in _FORMATS.items()}
    if library not in formats:
        raise QueryError(
            "NOT_SUPPORTED", f"Cannot write to a table of {library}; Parquet, TEXTFILE and JSON can"
        )
    file_format = formats[library]
    hive_columns.refuse_in_lines(columns, file_format)
    parameters = definition.get("Parameters", {})
    compression = parameters.get(
        f"{file_format.lower()}.compression", "SNAPPY" if file_format == "PARQUET" else "NONE"
    )
    serde = storage["SerdeInfo"].get("Parameters", {})
    files = Files(
        storage["Location"],
        file_format,
        compression,
        text_files.delimiter(serde),
        tuple(keys),
        null=text_files.null_text(serde),
        has_header=file_format != "PARQUET" and _has_header(file_format, parameters, serde),
    )
    return copy(session, rows, files)


def _has_header(file_format: str, parameters: Mapping[str, str], serde: Mapping[str, str]) -> bool:
    """Whether the files of a table begin with the names of its columns.

    Raises:
        QueryError: Athena or this one does not write them as they are read.
    """
    if file_format == "TEXTFILE" and text_files.ESCAPE in serde:
        raise QueryError("NOT_SUPPORTED", "the local Athena does not write to tables ESCAPED BY")
    lines = line_files.skipped_lines(parameters, serde)
    if lines > 1:
        raise QueryError(
            "NOT_SUPPORTED",
            "Inserting into Hive table with value of skip.header.line.count property greater "
            "than 1 is not supported",
        )
    if lines and file_format != "TEXTFILE":
        raise QueryError(
            "NOT_SUPPORTED", f"the local Athena writes no header to files of {file_format}"
        )
    return lines > 0


@dataclass(frozen=True)
class Files:
    """Where rows are written, and how; `keys` are what they are partitioned by.

    Of files of text: `null` is the text of NULL, and the names of the columns may come first.
    """

    location: str
    file_format: str
    compression: str
    delimiter: str
    keys: tuple[str, ...]
    null: str = "\\N"
    has_header: bool = False


def copy(session: Session, sql: str, files: Files) -> int:
    """Write a query's rows as files; returns how many rows.

    Files bear the query's id: those of a query that was killed can be told.
    """
    file_format = files.file_format
    extension = _EXTENSIONS[file_format]
    options = {
        "PARQUET": "format parquet",
        "TEXTFILE": f"format csv, header {str(files.has_header).lower()}, "
        f"delimiter {literal(files.delimiter)}, quote '', escape '', nullstr {literal(files.null)}",
        "JSON": "format json",
    }[file_format]
    codec = {"NONE": "uncompressed"}.get(files.compression.upper(), files.compression.lower())
    if file_format != "PARQUET" and codec != "uncompressed":
        extension += {"gzip": ".gz", "zstd": ".zst"}[codec]
    if file_format == "PARQUET" or codec != "uncompressed":
        options += f", compression {codec}"
    stem = f"{session.request.id}_{uuid.uuid4().hex[:8]}"
    if files.keys and file_format == "JSON":
        raise QueryError(
            "NOT_SUPPORTED", "the local Athena writes no partitions of JSON; use PARQUET"
        )
    if files.keys:
        by = ", ".join(map(quoted, files.keys))
        target = files.location.rstrip("/")
        options += (
            f", partition_by ({by}), append, filename_pattern {literal(stem + '_{uuid}')}, "
            f"file_extension {literal(extension)}"
        )
    else:
        target = f"{files.location.rstrip('/')}/{stem}.{extension}"
    session.cancellation.take_effect()
    return session.cursor.write(f"copy ({sql}) to {literal(target)} ({options})")


def register_partitions(session: Session, definition: dict[str, Any]) -> list[list[str]]:
    """Register the partitions whose directories (`key=value`) lie below a table's location.

    Returns:
        The values of those that were not known.
    """
    from urllib.parse import unquote

    keys = [each["Name"] for each in definition.get("PartitionKeys", [])]
    storage = definition["StorageDescriptor"]
    root = storage["Location"].rstrip("/") + "/"
    found: dict[tuple[str, ...], str] = {}
    # `P=1` is no partition of the key `p`: Athena adds no path in camel case.
    pattern = re.compile("".join(f"{re.escape(key)}=([^/]*)/" for key in keys))
    for file in hive_files.files_below(session.metastore.lake, root):
        match = pattern.match(file.removeprefix(root))
        if match:
            values = tuple(unquote(each) for each in match.groups())
            found[values] = root + match[0]
    database, name = definition["DatabaseName"], definition["Name"]
    known = {tuple(each["Values"]) for each in session.metastore.partitions(database, name)}
    new = [
        {"Values": list(values), "StorageDescriptor": {**storage, "Location": location}}
        for values, location in found.items()
        if values not in known
    ]
    session.metastore.create_partitions(database, name, new)
    return [list(values) for values in found if values not in known]


def file_options(properties: dict[str, Value]) -> tuple[str, str]:
    """Format and compression that properties ask for.

    Raises:
        QueryError: One is not among those that are written.
    """
    file_format = (text_of(properties, "format") or "PARQUET").upper()
    if file_format not in _FORMATS:
        raise QueryError(
            "NOT_SUPPORTED",
            f"format is {file_format!r}: the local Athena writes {', '.join(_FORMATS)}",
        )
    compression = (
        text_of(properties, "write_compression")
        or text_of(properties, "parquet_compression")
        or text_of(properties, "compression")
        or ("GZIP" if file_format == "PARQUET" else "NONE")
    ).upper()
    if compression not in _COMPRESSIONS[file_format]:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"write_compression is {compression!r}: for {file_format} use one of "
            + ", ".join(_COMPRESSIONS[file_format]),
        )
    return file_format, compression


def delimiter_of(properties: dict[str, Value]) -> str:
    """What stands between the fields of text that properties ask for.

    Raises:
        QueryError: It is more than one character.
    """
    found = text_files.hive_string(text_of(properties, "field_delimiter") or "\x01")
    if len(found) != 1:
        raise QueryError(
            "INVALID_TABLE_PROPERTY", f"field_delimiter is {found!r}: give a single character"
        )
    return found


def refuse_table_bucket(session: Session, location: str) -> None:
    """Refuse to write files of no Iceberg table into the lake's bucket, which takes no others.

    Raises:
        QueryError: HIVE_INVALID_LOCATION.
    """
    bucket = session.metastore.lake.bucket
    if location.startswith(f"s3://{bucket}/"):
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"the bucket {bucket} holds Iceberg tables only, and {location} would be a Hive "
            f"table's: use another bucket, as {session.metastore.lake.files_bucket}",
        )


def write_manifest(session: Session, location: str) -> str:
    """List the files of a query in a file beside its results; returns where."""
    manifest = f"{session.request.output_location.rstrip('/')}/{session.request.id}-manifest.csv"
    lines = hive_files.files_below(session.metastore.lake, location)
    with session.metastore.lake.files().open_output_stream(manifest.removeprefix("s3://")) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    return manifest
