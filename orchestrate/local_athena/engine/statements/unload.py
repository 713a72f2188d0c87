"""UNLOAD: a query's rows as files.

https://docs.aws.amazon.com/athena/latest/ug/unload.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrate.local_athena.engine import hive_files
from orchestrate.local_athena.engine.partitioning import PartitionField
from orchestrate.local_athena.engine.statements import hive_columns, hive_writes
from orchestrate.local_athena.engine.statements.iceberg_writes import cast_columns, staged
from orchestrate.local_athena.engine.statements.query import compiled
from orchestrate.local_athena.engine.statements.table_properties import list_of, read_with
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind
from orchestrate.local_athena.translate import parse
from orchestrate.local_athena.types import duckdb_from_athena

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session

_PROPERTIES = frozenset(
    {"format", "compression", "compression_level", "partitioned_by", "field_delimiter"}
)


def run(session: Session, reader: Reader) -> QueryResult:
    """Write a query's rows to a place that must be empty, and list the files."""
    reader.expect("UNLOAD", "(")
    text = reader.until(")")
    reader.expect(")", "TO")
    location = reader.string().rstrip("/") + "/"
    properties = read_with(reader) if reader.accept("WITH") else {}
    reader.end()
    unknown = sorted(properties.keys() - _PROPERTIES)
    if unknown or "format" not in properties:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"UNLOAD needs a format and takes {', '.join(sorted(_PROPERTIES))}, got "
            + (", ".join(sorted(properties)) or "none"),
        )
    if not location.startswith("s3://"):
        raise QueryError("INVALID_ARGUMENTS", f"{location!r} is no address s3://…")
    hive_writes.refuse_table_bucket(session, location)
    if hive_files.files_below(session.metastore.lake, location):
        raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory {location} is not empty")
    file_format, compression = hive_writes.file_options(properties)
    keys = list_of(properties, "partitioned_by")
    sql, columns = compiled(session, parse(text))
    hive_columns.refuse_types(columns, file_format)
    names = [each.name for each in columns]
    if names[len(names) - len(keys) :] != keys:
        raise QueryError(
            "HIVE_COLUMN_ORDER_MISMATCH", f"partition keys must be the last columns: {keys}"
        )
    casts = [(each.name, duckdb_from_athena(each.type)) for each in columns]
    rows = staged(
        session,
        cast_columns(sql, casts),
        [PartitionField("identity", each) for each in keys],
        hive_writes.TOO_MANY,
    )
    delimiter = hive_writes.delimiter_of(properties)
    files = hive_writes.Files(location, file_format, compression, delimiter, tuple(keys))
    count = hive_writes.copy(session, rows, files)
    return QueryResult(
        StatementKind.DML,
        "UNLOAD",
        update_count=count,
        manifest_location=hive_writes.write_manifest(session, location),
    )
