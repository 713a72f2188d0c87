"""INSERT INTO, into Iceberg and Hive tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
from pyiceberg.table import Table

from orchestrate.local_athena.engine.duck import CATALOG, literal, quoted
from orchestrate.local_athena.engine.partitioning import of_spec
from orchestrate.local_athena.engine.relations import columns_of
from orchestrate.local_athena.engine.statements import hive_writes
from orchestrate.local_athena.engine.statements.iceberg_writes import cast_columns, staged
from orchestrate.local_athena.engine.statements.query import compiled
from orchestrate.local_athena.metastore.catalog import HiveTable
from orchestrate.local_athena.model import Column, QueryError, QueryResult, StatementKind
from orchestrate.local_athena.names import TableName
from orchestrate.local_athena.translate import parse
from orchestrate.local_athena.translate.types import parse_type
from orchestrate.local_athena.types import duckdb_from_athena, is_storable

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session

_ATTEMPTS = 5
_QUERY_STARTS = ("SELECT", "WITH", "VALUES", "TABLE", "(")


def run(session: Session, reader: Reader) -> QueryResult:
    """Add a query's rows to a table."""
    reader.expect("INSERT", "INTO")
    name = session.name(reader.names())
    named: list[str] = []
    first, second = reader.peek(), reader.peek(1)
    if (
        first is not None
        and first.text == "("
        and second is not None
        and (second.kind == "quoted" or second.text.upper() not in _QUERY_STARTS)
    ):
        reader.listed(lambda: named.append(reader.name()))
    tree = parse(reader.rest())
    session.check_may_write(name.database)
    table = session.table(name)
    targets = columns_of(table)
    unknown = [each for each in named if each not in targets]
    if unknown:
        raise QueryError(
            "COLUMN_NOT_FOUND", f"Insert column name does not exist in target table: {unknown[0]}"
        )
    chosen = {each: targets[each] for each in named} if named else targets
    sql, columns = compiled(session, tree)
    _check_types(tuple(chosen.values()), columns)
    casts = [(column, duckdb_from_athena(kind)) for column, kind in chosen.items()]
    rows = cast_columns(_never_cut(sql, list(chosen), list(chosen.values())), casts)
    if isinstance(table, Table):
        count = _into_iceberg(session, name, table, list(chosen), rows)
    else:
        count = _into_hive(session, table, targets, list(chosen), rows)
    return QueryResult(StatementKind.DML, "INSERT", update_count=count)


def _into_iceberg(
    session: Session, name: TableName, table: Table, columns: list[str], rows: str
) -> int:
    schema = table.schema()
    fields = [
        of_spec(each.transform, str(schema.find_column_name(each.source_id)).lower())
        for each in table.spec().fields
    ]
    rows = staged(
        session,
        rows,
        [each for each in fields if each.column in columns],
        "ICEBERG_TOO_MANY_OPEN_PARTITIONS",
    )
    listed = ", ".join(map(quoted, columns))
    statement = f"insert into {quoted(CATALOG, name.database, name.name)} ({listed}) {rows}"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            (count,) = session.cursor.transaction([statement])
        except duckdb.TransactionException as error:
            # Somebody else committed meanwhile, and this statement has had no effect.
            if "Conflict_409" not in str(error) or attempt == _ATTEMPTS:
                raise
        else:
            return count
    raise AssertionError


def _into_hive(
    session: Session, table: HiveTable, targets: dict[str, str], columns: list[str], rows: str
) -> int:
    values = ", ".join(
        quoted(each) if each in columns else f"null as {quoted(each)}" for each in targets
    )
    sql = f"select {values} from ({rows})"  # noqa: S608
    in_order = tuple(Column(column, kind) for column, kind in targets.items())
    count = hive_writes.append(session, table, in_order, sql)
    if table.definition.get("PartitionKeys"):
        hive_writes.register_partitions(session, table.definition)
    return count


def _never_cut(sql: str, names: list[str], targets: list[str]) -> str:
    """A query that fails where a text is longer than its column takes; blanks may be cut.

    https://trino.io/docs/current/language/types.html#varchar
    """
    types = [parse_type(each) for each in targets]
    if not any(each.is_text and each.params for each in types):
        return sql
    values = []
    for name, kind in zip(map(quoted, names), types, strict=True):
        if kind.is_text and kind.params:
            text = literal(
                "INVALID_CAST_ARGUMENT: Cannot truncate non-space characters when casting to "
                f"{kind} on INSERT"
            )
            is_longer = f"length(rtrim(q.{name}, ' ')) > {kind.params[0]}"
            values.append(
                f"case when trino_check({is_longer}, {text}) "
                f"then left(q.{name}, {kind.params[0]}) end as {name}"
            )
        else:
            values.append(f"q.{name}")
    return f"select {', '.join(values)} from ({sql}) as q({', '.join(map(quoted, names))})"  # noqa: S608


def _check_types(targets: tuple[str, ...], columns: tuple[Column, ...]) -> None:
    given = tuple(each.type for each in columns)
    if len(targets) != len(given) or not all(
        is_storable(source, target) for source, target in zip(given, targets, strict=True)
    ):
        raise QueryError(
            "TYPE_MISMATCH",
            "Insert query has mismatched column types: "
            f"Table: [{', '.join(targets)}], Query: [{', '.join(given)}]",
        )
