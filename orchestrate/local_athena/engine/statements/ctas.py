"""CREATE TABLE AS: Iceberg and Hive.

https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrate.local_athena.engine.duck import CATALOG, literal, quoted
from orchestrate.local_athena.engine.partitioning import parse_field
from orchestrate.local_athena.engine.statements import hive_writes
from orchestrate.local_athena.engine.statements.iceberg_writes import cast_columns, staged
from orchestrate.local_athena.engine.statements.query import compiled
from orchestrate.local_athena.engine.statements.table_properties import (
    Value,
    list_of,
    read_with,
    refuse_unknown,
    text_of,
)
from orchestrate.local_athena.model import Column, QueryError, QueryResult, StatementKind
from orchestrate.local_athena.translate import parse
from orchestrate.local_athena.translate.types import inside, parse_type
from orchestrate.local_athena.types import duckdb_from_athena, iceberg_type

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session
    from orchestrate.local_athena.names import TableName

SUB_KIND = "CREATE_TABLE_AS_SELECT"
# Taken, and without effect here: how files are written is DuckDB's to choose.
_ICEBERG_PROPERTIES = frozenset(
    {
        "table_type", "is_external", "location", "format", "partitioning", "write_compression",
        "compression_level", "vacuum_min_snapshots_to_keep", "vacuum_max_snapshot_age_seconds",
        "vacuum_max_metadata_files_to_keep", "optimize_rewrite_data_file_threshold",
        "optimize_rewrite_delete_file_threshold",
        "optimize_rewrite_min_data_file_size_bytes",
        "optimize_rewrite_max_data_file_size_bytes", "write_target_data_file_size_bytes",
    }
)  # fmt: skip
_LAYOUT = frozenset({"table_type", "is_external", "location", "partitioning"})


def run(session: Session, reader: Reader) -> QueryResult:
    """Create a table with a query's rows; all of it appears in one commit, or none."""
    reader.expect("CREATE", "TABLE")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = session.name(reader.names())
    properties = read_with(reader) if reader.accept("WITH") else {}
    reader.expect("AS")
    text = reader.rest()
    with_data = True
    upper = " ".join(text.upper().split())
    if upper.endswith("WITH NO DATA"):
        text, with_data = text[: text.upper().rindex("WITH")], False
    session.check_may_write(name.database)
    session.check_database(name.database)
    if session.metastore.entry(name.database, name.name) is not None:
        if if_not_exists:
            return QueryResult(StatementKind.DDL, SUB_KIND, update_count=0)
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table 'awsdatacatalog.{name}' already exists")
    sql, columns = compiled(session, parse(text))
    if not with_data:
        sql = f"select * from ({sql}) where false"  # noqa: S608
    _check_columns(columns)
    kind = (text_of(properties, "table_type") or "hive").lower()
    if kind == "iceberg":
        count = _iceberg(session, name, properties, columns, sql)
        return QueryResult(StatementKind.DDL, SUB_KIND, update_count=count)
    if kind != "hive":
        raise QueryError(
            "INVALID_TABLE_PROPERTY", f"table_type is {kind!r}: use 'ICEBERG' or 'HIVE'"
        )
    count, manifest = hive_writes.create_as(session, name, properties, columns, sql)
    return QueryResult(StatementKind.DDL, SUB_KIND, update_count=count, manifest_location=manifest)


def _iceberg(
    session: Session,
    name: TableName,
    properties: dict[str, Value],
    columns: tuple[Column, ...],
    sql: str,
) -> int:
    refuse_unknown(properties, _ICEBERG_PROPERTIES, "Iceberg")
    file_format = (text_of(properties, "format") or "parquet").lower()
    if file_format != "parquet":
        raise QueryError(
            "NOT_SUPPORTED", f"format is {file_format!r}: the local Athena writes Parquet only"
        )
    fields = [parse_field(each) for each in list_of(properties, "partitioning")]
    names = {each.name for each in columns}
    for each in fields:
        if each.column not in names:
            raise QueryError(
                "INVALID_TABLE_PROPERTY", f"Unknown partitioning column: {each.column}"
            )
    casts = []
    for column in columns:
        if any(None in each.fields for each in inside(parse_type(column.type))):
            raise QueryError("NOT_SUPPORTED", f"Row type field does not have a name: {column.type}")
        iceberg_type(_hive_like(column.type))
        casts.append((column.name, duckdb_from_athena(column.type)))
    rows = staged(session, cast_columns(sql, casts), fields, "ICEBERG_TOO_MANY_OPEN_PARTITIONS")
    location = session.iceberg_location(name, text_of(properties, "location"))
    options = {"location": location, "format-version": "2"} | {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in properties.items()
        if key not in _LAYOUT
    }
    by = ", ".join(each.duckdb_clause for each in fields)
    listed = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in options.items())
    (count,) = session.cursor.transaction(
        [
            f"create table {quoted(CATALOG, name.database, name.name)} "
            f"{f'partitioned by ({by}) ' if by else ''}with ({listed}) as {rows}"
        ]
    )
    return count


def _check_columns(columns: tuple[Column, ...]) -> None:
    seen = set()
    for position, column in enumerate(columns, start=1):
        if column.name == f"_col{position - 1}":
            raise QueryError(
                "MISSING_COLUMN_NAME", f"Column name not specified at position {position}"
            )
        if column.name in seen:
            raise QueryError(
                "DUPLICATE_COLUMN_NAME", f"Column name '{column.name}' specified more than once"
            )
        seen.add(column.name)
        if column.type == "unknown":
            raise QueryError("COLUMN_TYPE_UNKNOWN", f"Column type is unknown: {column.name}")


def _hive_like(athena: str) -> str:
    """The name of a type without what only Trino's names carry."""
    if athena.startswith("timestamp"):
        return "timestamptz" if athena.endswith("zone") else "timestamp"
    if athena.startswith("time"):
        return "time"
    from orchestrate.local_athena.types import glue_from_athena

    return athena if athena in ("uuid", "json") else glue_from_athena(athena)
