"""Partitions of Hive tables: ALTER TABLE ADD and DROP PARTITION, MSCK REPAIR TABLE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.table import Table

from orchestrate.local_athena.engine.statements import hive_writes
from orchestrate.local_athena.engine.statements.query import text_result
from orchestrate.local_athena.metastore.catalog import HiveTable
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session
    from orchestrate.local_athena.names import TableName


def add(session: Session, reader: Reader, name: TableName, table: Table | HiveTable) -> None:
    """Register partitions that must be new."""
    there = _add(session, reader, name, table)
    if there:
        raise QueryError("ALREADY_EXISTS", f"Partition already exists: {there[0]}")


def add_if_missing(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    """Register the partitions that are new."""
    _add(session, reader, name, table)


def drop(session: Session, reader: Reader, name: TableName, table: Table | HiveTable) -> None:
    """Forget partitions that must be there; the files stay."""
    missing = _drop(session, reader, name, table)
    if missing:
        raise QueryError("PARTITION_NOT_FOUND", f"Partition not found: {missing[0]}")


def drop_if_there(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    """Forget the partitions that are there; the files stay."""
    _drop(session, reader, name, table)


def set_location(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> None:
    """Let a table of files lie elsewhere."""
    location = reader.string()
    reader.end()
    definition = _hive(name, table)
    storage = {**definition["StorageDescriptor"], "Location": location}
    session.metastore.update_table(name.database, {**definition, "StorageDescriptor": storage})


def repair(session: Session, reader: Reader) -> QueryResult:
    """MSCK REPAIR TABLE: register the partitions whose directories are there."""
    reader.expect("MSCK", "REPAIR", "TABLE")
    name = session.name(reader.names())
    reader.end()
    session.check_may_write(name.database)
    definition = _hive(name, session.table(name))
    keys = [each["Name"] for each in definition.get("PartitionKeys", [])]
    if not keys:
        raise QueryError("INVALID_ARGUMENTS", f"{name} is not a partitioned table")
    added = [
        "/".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        for values in hive_writes.register_partitions(session, definition)
    ]
    lines = []
    if added:
        lines.append(
            "Partitions not in metastore:\t" + "\t".join(f"{name.name}:{x}" for x in added)
        )
        lines += [f"Repair: Added partition to metastore {name.name}:{each}" for each in added]
    return text_result(StatementKind.DDL, "MSCK_REPAIR_TABLE", "result", lines)


def _add(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> list[list[str]]:
    definition = _hive(name, table)
    storage = definition["StorageDescriptor"]
    root = storage["Location"].rstrip("/")
    new = []
    while True:
        values = _read_values(reader, definition)
        location = f"{root}/{'/'.join(f'{k}={v}' for k, v in values.items())}/"
        if reader.accept("LOCATION"):
            location = reader.string()
        new.append(
            {
                "Values": list(values.values()),
                "StorageDescriptor": {**storage, "Location": location},
            }
        )
        if not reader.accept("PARTITION"):
            break
    reader.end()
    return session.metastore.create_partitions(name.database, name.name, new)


def _drop(
    session: Session, reader: Reader, name: TableName, table: Table | HiveTable
) -> list[list[str]]:
    definition = _hive(name, table)
    gone = []
    while True:
        gone.append(list(_read_values(reader, definition).values()))
        if not reader.accept(","):
            break
        reader.expect("PARTITION")
    reader.end()
    return session.metastore.delete_partitions(name.database, name.name, gone)


def _read_values(reader: Reader, definition: dict[str, Any]) -> dict[str, str]:
    """Pass `(key = 'value', …)`; the values in the order of the keys."""
    given: dict[str, str] = {}

    def item() -> None:
        key = reader.name()
        reader.expect("=")
        token = reader.peek()
        is_number = token is not None and token.kind == "number"
        given[key] = str(reader.integer()) if is_number else reader.string()

    reader.listed(item)
    keys = [each["Name"] for each in definition.get("PartitionKeys", [])]
    if sorted(given) != sorted(keys):
        raise QueryError(
            "INVALID_PARTITION_VALUE",
            f"a partition of {definition['Name']} is told by {', '.join(keys)}, got "
            + ", ".join(given),
        )
    return {key: given[key] for key in keys}


def _hive(name: TableName, table: Table | HiveTable) -> dict[str, Any]:
    if isinstance(table, Table):
        raise QueryError("NOT_SUPPORTED", f"{name} is an Iceberg table, which keeps its own")
    return table.definition
