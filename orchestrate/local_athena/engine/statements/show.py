"""SHOW and DESCRIBE.

https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pyiceberg.table import Table

from orchestrate.local_athena.engine.partitioning import of_spec
from orchestrate.local_athena.engine.statements.query import text_result
from orchestrate.local_athena.metastore.glue_shapes import View, is_view, view_of
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session
    from orchestrate.local_athena.names import TableName


def databases(session: Session, reader: Reader) -> QueryResult:
    """SHOW DATABASES."""
    reader.position += 2
    pattern = _pattern(reader)
    found = [each for each in session.metastore.lake.namespaces() if pattern.fullmatch(each)]
    return _result("SHOW_DATABASES", "database_name", found)


def tables(session: Session, reader: Reader) -> QueryResult:
    """SHOW TABLES: views, too."""
    reader.position += 2
    database = _database(session, reader)
    pattern = _pattern(reader)
    found = [each for each in session.metastore.names(database) if pattern.fullmatch(each)]
    return _result("SHOW_TABLES", "tab_name", found)


def views(session: Session, reader: Reader) -> QueryResult:
    """SHOW VIEWS."""
    reader.position += 2
    database = _database(session, reader)
    pattern = _pattern(reader)
    found = [
        name
        for name in session.metastore.store.names(database)
        if pattern.fullmatch(name) and isinstance(session.metastore.entry(database, name), View)
    ]
    return _result("SHOW_VIEWS", "views", found)


def columns(session: Session, reader: Reader) -> QueryResult:
    """SHOW COLUMNS."""
    reader.position += 2
    if not reader.accept("IN"):
        reader.expect("FROM")
    parts = reader.names()
    if reader.accept("IN") or reader.accept("FROM"):
        parts = [reader.name(), *parts]
    reader.end()
    table = _table(session, session.name(parts))
    return _result("SHOW_COLUMNS", "field", [each["Name"] for each in _columns(table)])


def partitions(session: Session, reader: Reader) -> QueryResult:
    """SHOW PARTITIONS."""
    reader.position += 2
    name = session.name(reader.names())
    reader.end()
    table = _table(session, name)
    keys = [each["Name"] for each in table.get("PartitionKeys", [])]
    if not keys:
        raise QueryError("NOT_SUPPORTED", f"Table {name} is not a partitioned table")
    found = session.metastore.partitions(name.database, name.name)
    lines = [
        "/".join(f"{key}={value}" for key, value in zip(keys, each["Values"], strict=True))
        for each in found
    ]
    return _result("SHOW_PARTITIONS", "partition", lines)


def properties(session: Session, reader: Reader) -> QueryResult:
    """SHOW TBLPROPERTIES."""
    reader.position += 2
    table = _table(session, session.name(reader.names()))
    wanted = None
    if reader.accept("("):
        wanted = reader.string()
        reader.expect(")")
    reader.end()
    found = {
        key: value
        for key, value in sorted(table.get("Parameters", {}).items())
        if wanted in (None, key)
    }
    return text_result(
        StatementKind.UTILITY,
        "SHOW_TBLPROPERTIES",
        "prpt_name,prpt_value",
        list(found),
        list(found.values()),
    )


def create_table(session: Session, reader: Reader) -> QueryResult:
    """SHOW CREATE TABLE."""
    reader.position += 3
    name = session.name(reader.names())
    reader.end()
    table = _table(session, name)
    if is_view(table):
        raise QueryError("NOT_SUPPORTED", f"{name} is a view: use SHOW CREATE VIEW")
    entry = session.metastore.entry(name.database, name.name)
    lines = _iceberg_ddl(name, table, entry) if isinstance(entry, Table) else _hive_ddl(name, table)
    return _result("SHOW_CREATE_TABLE", "createtab_stmt", lines)


def create_view(session: Session, reader: Reader) -> QueryResult:
    """SHOW CREATE VIEW."""
    reader.position += 3
    name = session.name(reader.names())
    reader.end()
    table = _table(session, name)
    if not is_view(table):
        raise QueryError("NOT_SUPPORTED", f"{name} is a table: use SHOW CREATE TABLE")
    text = f"CREATE VIEW awsdatacatalog.{name} AS\n{view_of(table).sql}"
    return _result("SHOW_CREATE_VIEW", "Create View", text.splitlines())


def describe(session: Session, reader: Reader) -> QueryResult:
    """DESCRIBE a table or view."""
    reader.position += 1
    if not reader.accept("EXTENDED"):
        reader.accept("FORMATTED")
    name = session.name(reader.names())
    reader.end()
    found = _columns(_table(session, name))
    return text_result(
        StatementKind.UTILITY,
        "DESCRIBE_TABLE",
        "col_name,data_type,comment",
        [each["Name"] for each in found],
        [each["Type"] for each in found],
        [each.get("Comment", "") for each in found],
    )


def _result(sub_kind: str, column: str, lines: list[str]) -> QueryResult:
    return text_result(StatementKind.UTILITY, sub_kind, column, lines)


def _pattern(reader: Reader) -> re.Pattern[str]:
    """Pass a pattern, with or without LIKE: a regular expression, in which `*` is any text."""
    reader.accept("LIKE")
    if reader.at_end:
        return re.compile(".*")
    text = reader.string()
    reader.end()
    try:
        return re.compile(re.sub(r"(?<![.\])])\*", ".*", text), re.IGNORECASE)
    except re.error as error:
        raise QueryError("SYNTAX_ERROR", f"the pattern {text!r}: {error}") from None


def _database(session: Session, reader: Reader) -> str:
    if reader.accept("IN") or reader.accept("FROM"):
        database = reader.names()[-1]
    else:
        database = session.database
    session.check_database(database)
    return database


def _table(session: Session, name: TableName) -> dict[str, Any]:
    found = session.metastore.find(name.database, name.name)
    if found is None:
        session.check_database(name.database)
        raise QueryError("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{name}' does not exist")
    return found


def _columns(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [*table["StorageDescriptor"].get("Columns", []), *table.get("PartitionKeys", [])]


def _iceberg_ddl(name: TableName, glue: dict[str, Any], table: Table) -> list[str]:
    schema = table.schema()
    by = ", ".join(
        of_spec(each.transform, str(schema.find_column_name(each.source_id))).athena
        for each in table.spec().fields
    )
    parameters = {"table_type": "iceberg", **table.properties}
    return [
        f"CREATE TABLE {name} (",
        *_ddl_columns(glue["StorageDescriptor"]["Columns"]),
        *([f"PARTITIONED BY ({by})"] if by else []),
        f"LOCATION '{table.location()}'",
        *_ddl_properties(parameters),
    ]


def _hive_ddl(name: TableName, glue: dict[str, Any]) -> list[str]:
    storage = glue["StorageDescriptor"]
    serde = storage.get("SerdeInfo", {})
    lines = [f"CREATE EXTERNAL TABLE `{name}`(", *_ddl_columns(storage["Columns"])]
    if glue.get("PartitionKeys"):
        lines += ["PARTITIONED BY (", *_ddl_columns(glue["PartitionKeys"])]
    lines += ["ROW FORMAT SERDE", f"  {_string(serde.get('SerializationLibrary', ''))}"]
    if serde.get("Parameters"):
        lines += ["WITH SERDEPROPERTIES (", *_ddl_pairs(serde["Parameters"])]
    if storage.get("InputFormat"):
        lines += [
            "STORED AS INPUTFORMAT",
            f"  {_string(storage['InputFormat'])}",
            "OUTPUTFORMAT",
            f"  {_string(storage['OutputFormat'])}",
        ]
    lines += ["LOCATION", f"  {_string(storage['Location'])}"]
    return [*lines, *_ddl_properties(glue.get("Parameters", {}))]


def _ddl_columns(columns: list[dict[str, Any]]) -> list[str]:
    last = len(columns) - 1
    return [
        f"  `{each['Name']}` {each['Type']}"
        + (f" COMMENT {_string(each['Comment'])}" if each.get("Comment") else "")
        + (")" if position == last else ",")
        for position, each in enumerate(columns)
    ]


def _ddl_properties(parameters: dict[str, Any]) -> list[str]:
    return ["TBLPROPERTIES (", *_ddl_pairs(parameters)]


def _ddl_pairs(pairs: dict[str, Any]) -> list[str]:
    last = len(pairs) - 1
    return [
        f"  {_string(key)}={_string(str(value))}" + (")" if position == last else ",")
        for position, (key, value) in enumerate(sorted(pairs.items()))
    ]


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
