"""CREATE TABLE (Iceberg) and CREATE EXTERNAL TABLE (files).

https://docs.aws.amazon.com/athena/latest/ug/create-table.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from pyiceberg.partitioning import PartitionField as IcebergPartitionField
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField

from orchestrate.local_athena.engine import hive_files
from orchestrate.local_athena.engine.partitioning import PartitionField, parse_field
from orchestrate.local_athena.engine.reader import Reader
from orchestrate.local_athena.engine.statements.table_properties import read_tblproperties
from orchestrate.local_athena.engine.text_files import hive_string
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind
from orchestrate.local_athena.translate.types import inside, parse_type
from orchestrate.local_athena.types import iceberg_type

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.statements.session import Session
    from orchestrate.local_athena.names import TableName

_STORED_AS = {
    "PARQUET": hive_files.PARQUET,
    "TEXTFILE": hive_files.SIMPLE_TEXT,
    "ORC": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "AVRO": "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
    "JSON": hive_files.HIVE_JSON,
}
_DELIMITERS = {
    ("FIELDS", "TERMINATED", "BY"): "field.delim",
    ("ESCAPED", "BY"): "escape.delim",
    ("LINES", "TERMINATED", "BY"): "line.delim",
    ("COLLECTION", "ITEMS", "TERMINATED", "BY"): "colelction.delim",  # Hive's spelling
    ("MAP", "KEYS", "TERMINATED", "BY"): "mapkey.delim",
    ("NULL", "DEFINED", "AS"): "serialization.null.format",
}


@dataclass
class _Table:
    columns: list[dict[str, Any]] = field(default_factory=list)
    comment: str | None = None
    partitioned_by: list[str] = field(default_factory=list)
    serde: str = ""
    serde_parameters: dict[str, str] = field(default_factory=dict)
    stored_as: str = ""
    formats: tuple[str, str] = ("", "")
    location: str | None = None
    properties: dict[str, str] = field(default_factory=dict)


def run(session: Session, reader: Reader) -> QueryResult:
    """Create an empty Iceberg table, or register a table of files."""
    reader.expect("CREATE")
    is_external = reader.accept("EXTERNAL")
    reader.expect("TABLE")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = session.name(reader.names())
    table = _read(reader)
    done = QueryResult(StatementKind.DDL, "CREATE_TABLE")
    session.check_may_write(name.database)
    session.check_database(name.database)
    if session.metastore.entry(name.database, name.name) is not None:
        if if_not_exists:
            return done
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table 'awsdatacatalog.{name}' already exists")
    is_iceberg = table.properties.get("table_type", "").upper() == "ICEBERG"
    if is_external == is_iceberg:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            "an Iceberg table is made by CREATE TABLE … TBLPROPERTIES ('table_type'='ICEBERG'), "
            "a table of files by CREATE EXTERNAL TABLE",
        )
    if is_iceberg:
        _create_iceberg(session, name, table)
    else:
        session.metastore.create_table(name.database, _definition(name, table))
    return done


def read_columns(reader: Reader) -> list[dict[str, Any]]:
    """Pass `(name type [COMMENT 'text'], …)`, as Glue's `Column`s."""
    found: list[dict[str, Any]] = []

    def item() -> None:
        found.append(read_column(reader))

    reader.listed(item)
    return found


def read_column(reader: Reader) -> dict[str, Any]:
    """Pass `name type [COMMENT 'text']`."""
    name = reader.name()
    kind = "".join(reader.until(",", ")", "COMMENT", "FIRST", "AFTER").lower().split())
    if not kind:
        raise reader.error(f"the type of {name}")
    # Refuses a type that there is not.
    if any(None in each.fields for each in inside(parse_type(kind))):
        raise QueryError("TYPE_NOT_FOUND", f"a field of {name} has no name: {kind}")
    column: dict[str, Any] = {"Name": name, "Type": kind}
    if reader.accept("COMMENT"):
        column["Comment"] = reader.string()
    return column


def _read(reader: Reader) -> _Table:
    table = _Table(columns=read_columns(reader))
    clustered: list[str] = []  # How the rows of a file lie is DuckDB's to choose.
    while not reader.at_end:
        if reader.accept("COMMENT"):
            table.comment = reader.string()
        elif reader.accept("PARTITIONED", "BY"):
            reader.listed(lambda: table.partitioned_by.append(reader.until(",", ")")))
        elif reader.accept("CLUSTERED", "BY"):
            reader.listed(lambda: clustered.append(reader.name()))
            reader.expect("INTO")
            reader.integer()
            reader.expect("BUCKETS")
        elif reader.accept("ROW", "FORMAT", "SERDE"):
            table.serde = reader.string()
            if reader.accept("WITH", "SERDEPROPERTIES"):
                table.serde_parameters = {
                    key: hive_string(value) for key, value in read_tblproperties(reader).items()
                }
        elif reader.accept("ROW", "FORMAT", "DELIMITED"):
            table.serde = table.serde or hive_files.SIMPLE_TEXT
            _read_delimiters(reader, table)
        elif reader.accept("STORED", "AS", "INPUTFORMAT"):
            input_format = reader.string()
            reader.expect("OUTPUTFORMAT")
            table.formats = (input_format, reader.string())
        elif reader.accept("STORED", "AS"):
            table.stored_as = reader.name().upper()
        elif reader.accept("LOCATION"):
            table.location = reader.string()
        elif reader.accept("TBLPROPERTIES"):
            table.properties = read_tblproperties(reader)
        else:
            raise reader.error(
                "COMMENT, PARTITIONED BY, CLUSTERED BY, ROW FORMAT, STORED AS, LOCATION or "
                "TBLPROPERTIES"
            )
    return table


def _read_delimiters(reader: Reader, table: _Table) -> None:
    while True:
        for words, key in _DELIMITERS.items():
            if reader.accept(*words):
                table.serde_parameters[key] = hive_string(reader.string())
                break
        else:
            return


def _definition(name: TableName, table: _Table) -> dict[str, Any]:
    """A table of files, as Glue's `TableInput`."""
    if table.location is None or not table.location.startswith("s3://"):
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"LOCATION is {table.location!r}: a table of files needs an address s3://…",
        )
    if table.stored_as and table.stored_as not in _STORED_AS:
        raise QueryError(
            "NOT_SUPPORTED", f"STORED AS {table.stored_as}: use {', '.join(_STORED_AS)}"
        )
    library = table.serde or _STORED_AS.get(table.stored_as, hive_files.SIMPLE_TEXT)
    keys = []
    for text in table.partitioned_by:
        reader = Reader(text)
        keys.append(read_column(reader))
        reader.end()
    _refuse_duplicates(name, [*table.columns, *keys])
    parameters = {"EXTERNAL": "TRUE", **table.properties}
    if table.comment:
        parameters["comment"] = table.comment
    definition: dict[str, Any] = {
        "Name": name.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": keys,
        "StorageDescriptor": {
            "Columns": table.columns,
            "Location": table.location,
            "InputFormat": table.formats[0],
            "OutputFormat": table.formats[1],
            "SerdeInfo": {
                "SerializationLibrary": library,
                "Parameters": table.serde_parameters,
            },
            "Compressed": False,
            "NumberOfBuckets": 0,
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
    }
    if table.comment:
        definition["Description"] = table.comment
    return definition


def _refuse_duplicates(name: TableName, columns: list[dict[str, Any]]) -> None:
    names = [each["Name"] for each in columns]
    for each in names:
        if names.count(each) > 1:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"two columns of {name} are named {each}")


def _create_iceberg(session: Session, name: TableName, table: _Table) -> None:
    if table.serde or table.stored_as:
        raise QueryError(
            "INVALID_TABLE_PROPERTY", "an Iceberg table has no ROW FORMAT and no STORED AS"
        )
    if table.location is None:
        raise QueryError("INVALID_TABLE_PROPERTY", "an Iceberg table needs a LOCATION")
    _refuse_duplicates(name, table.columns)
    ids = count(len(table.columns) + 1)
    schema = Schema(
        *(
            NestedField(
                position,
                each["Name"],
                iceberg_type(each["Type"], ids),
                required=False,
                doc=each.get("Comment"),
            )
            for position, each in enumerate(table.columns, start=1)
        )
    )
    fields = [parse_field(text) for text in table.partitioned_by]
    properties = {
        key: value for key, value in table.properties.items() if key not in ("table_type", "format")
    }
    if table.properties.get("format", "parquet").lower() != "parquet":
        raise QueryError(
            "NOT_SUPPORTED",
            f"format is {table.properties['format']!r}: the local Athena writes Parquet only",
        )
    if table.comment:
        properties["comment"] = table.comment
    session.metastore.lake.catalog.create_table(
        (name.database, name.name),
        schema,
        location=session.iceberg_location(name, table.location),
        partition_spec=_spec(schema, fields),
        properties={"format-version": "2", **properties},
    )


def _spec(schema: Schema, fields: list[PartitionField]) -> PartitionSpec:
    found = []
    for position, each in enumerate(fields):
        try:
            source = schema.find_field(each.column)
        except ValueError:
            raise QueryError(
                "INVALID_TABLE_PROPERTY", f"Unknown partitioning column: {each.column}"
            ) from None
        found.append(
            IcebergPartitionField(source.field_id, 1000 + position, each.iceberg, each.name)
        )
    return PartitionSpec(*found)
