"""ALTER TABLE and DROP TABLE.

https://docs.aws.amazon.com/athena/latest/ug/alter-table-add-columns.html and its neighbours
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from pyiceberg.exceptions import ValidationError
from pyiceberg.table import Table

from orchestrate.local_athena.engine.statements import partitions
from orchestrate.local_athena.engine.statements.create_table import read_column, read_columns
from orchestrate.local_athena.engine.statements.table_properties import read_tblproperties
from orchestrate.local_athena.metastore.catalog import HiveTable
from orchestrate.local_athena.metastore.glue_shapes import View
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind
from orchestrate.local_athena.types import iceberg_type

if TYPE_CHECKING:
    from pyiceberg.table.update.schema import UpdateSchema

    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session
    from orchestrate.local_athena.names import TableName


def run(session: Session, reader: Reader) -> QueryResult:
    """Change a table."""
    reader.expect("ALTER", "TABLE")
    name = session.name(reader.names())
    session.check_may_write(name.database)
    table = session.table(name)
    for words, change in _CHANGES:
        if reader.accept(*words):
            change(session, reader, name, table)
            return QueryResult(StatementKind.DDL, f"ALTER_TABLE_{'_'.join(words[:2])}")
    raise reader.error(" or ".join(" ".join(words) for words, _ in _CHANGES))


def drop(session: Session, reader: Reader) -> QueryResult:
    """Drop a table: an Iceberg table with its data, of a table of files the definition only."""
    reader.expect("DROP", "TABLE")
    if_exists = reader.accept("IF", "EXISTS")
    name = session.name(reader.names())
    reader.accept("PURGE")
    reader.end()
    session.check_may_write(name.database)
    entry = session.metastore.entry(name.database, name.name)
    if isinstance(entry, View):
        raise QueryError("NOT_SUPPORTED", f"{name} is a view: use DROP VIEW")
    if entry is None:
        if not if_exists:
            raise QueryError("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{name}' does not exist")
    elif isinstance(entry, Table):
        session.metastore.lake.drop(name.database, name.name, purge=True)
    else:
        session.metastore.delete_table(name.database, name.name)
    return QueryResult(StatementKind.DDL, "DROP_TABLE")


def _rename(session: Session, reader: Reader, name: TableName, table: Table | HiveTable) -> None:
    new = session.name(reader.names())
    reader.end()
    session.check_may_write(new.database)
    session.check_database(new.database)
    if session.metastore.entry(new.database, new.name) is not None:
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table 'awsdatacatalog.{new}' already exists")
    if isinstance(table, Table):
        session.metastore.lake.rename(name.database, name.name, new.database, new.name)
    else:
        session.metastore.rename(name, new)


def _set_properties(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    properties = read_tblproperties(reader)
    reader.end()
    if isinstance(table, Table):
        with table.transaction() as transaction:
            transaction.set_properties(properties)
        return
    definition = table.definition
    merged = {**definition.get("Parameters", {}), **properties}
    session.metastore.update_table(name.database, {**definition, "Parameters": merged})


def _unset_properties(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    keys: list[str] = []
    reader.listed(lambda: keys.append(reader.string()))
    reader.end()
    if isinstance(table, Table):
        there = [key for key in keys if key in table.properties]
        if there:
            with table.transaction() as transaction:
                transaction.remove_properties(*there)
        return
    definition = table.definition
    kept = {k: v for k, v in definition.get("Parameters", {}).items() if k not in keys}
    session.metastore.update_table(name.database, {**definition, "Parameters": kept})


def _add_columns(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    columns = read_columns(reader)
    reader.end()

    def change(update: UpdateSchema) -> None:
        for each in columns:
            kind = iceberg_type(each["Type"], count(10_000))
            update.add_column(each["Name"], kind, doc=each.get("Comment"))

    _change_columns(session, name, table, change, lambda there: [*there, *columns])


def _replace_columns(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    columns = read_columns(reader)
    reader.end()
    new = {each["Name"]: each for each in columns}

    def change(update: UpdateSchema) -> None:
        assert isinstance(table, Table)  # noqa: S101
        there = {each.name: each for each in table.schema().fields}
        for column in there:
            if column not in new:
                update.delete_column(column)
        for column, each in new.items():
            kind = iceberg_type(each["Type"], count(10_000))
            if column not in there:
                update.add_column(column, kind, doc=each.get("Comment"))
            elif there[column].field_type != kind and not there[column].field_type.is_struct:
                update.update_column(column, field_type=kind)

    _change_columns(session, name, table, change, lambda there: columns)


def _drop_column(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    column = reader.name()
    reader.end()
    if not isinstance(table, Table):
        raise QueryError(
            "NOT_SUPPORTED", f"DROP COLUMN is for Iceberg tables; of {name} use REPLACE COLUMNS"
        )
    _change_columns(session, name, table, lambda update: update.delete_column(column), list)


def _change_column(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    old = reader.name()
    column = read_column(reader)
    first = reader.accept("FIRST")
    after = reader.name() if reader.accept("AFTER") else None
    reader.end()

    def change(update: UpdateSchema) -> None:
        kind = iceberg_type(column["Type"], count(10_000))
        assert isinstance(table, Table)  # noqa: S101
        field = table.schema().find_field(old)
        if field.field_type != kind:
            update.update_column(old, field_type=kind)
        if column.get("Comment") is not None:
            update.update_column(old, doc=column["Comment"])
        if first:
            update.move_first(old)
        if after:
            update.move_after(old, after)
        if column["Name"] != old:
            update.rename_column(old, column["Name"])

    def of_hive(there: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if old not in [each["Name"] for each in there]:
            raise QueryError("COLUMN_NOT_FOUND", f"Column '{old}' does not exist in {name}")
        return [{**each, **column} if each["Name"] == old else each for each in there]

    _change_columns(session, name, table, change, of_hive)


def _change_columns(
    session: Session,
    name: TableName,
    table: Table | HiveTable,
    change: Callable[[UpdateSchema], object],
    of_hive: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
) -> None:
    if isinstance(table, HiveTable):
        storage = table.definition["StorageDescriptor"]
        columns = of_hive(storage.get("Columns", []))
        names = [each["Name"] for each in columns]
        if len(set(names)) < len(names):
            raise QueryError("COLUMN_ALREADY_EXISTS", f"two columns of {name} would have one name")
        definition = {**table.definition, "StorageDescriptor": {**storage, "Columns": columns}}
        session.metastore.update_table(name.database, definition)
        return
    try:
        with table.update_schema() as update:
            change(update)
    except (ValueError, ValidationError) as error:
        text = " ".join(str(error).split())
        kind = "COLUMN_NOT_FOUND" if "find" in text.lower() else "NOT_SUPPORTED"
        raise QueryError(kind, f"{name}: {text}") from None


Change = Callable[["Session", "Reader", "TableName", Table | HiveTable], None]
_CHANGES: tuple[tuple[tuple[str, ...], Change], ...] = (
    (("RENAME", "TO"), _rename),
    (("SET", "TBLPROPERTIES"), _set_properties),
    (("UNSET", "TBLPROPERTIES"), _unset_properties),
    (("ADD", "COLUMNS"), _add_columns),
    (("REPLACE", "COLUMNS"), _replace_columns),
    (("DROP", "COLUMN"), _drop_column),
    (("CHANGE", "COLUMN"), _change_column),
    (("CHANGE",), _change_column),
    (("ADD", "IF", "NOT", "EXISTS", "PARTITION"), partitions.add_if_missing),
    (("ADD", "PARTITION"), partitions.add),
    (("DROP", "IF", "EXISTS", "PARTITION"), partitions.drop_if_there),
    (("DROP", "PARTITION"), partitions.drop),
    (("SET", "LOCATION"), partitions.set_location),
)
