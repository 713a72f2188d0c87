"""What CREATE TABLE AS and INSERT share when they write to an Iceberg table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrate.local_athena.engine.duck import quoted
from orchestrate.local_athena.engine.partitioning import MAX_OPEN_PARTITIONS, PartitionField
from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.statements.session import Session

_STAGED = "staged_rows"


def staged(session: Session, sql: str, fields: list[PartitionField], error: str) -> str:
    """A query's rows for a partitioned table, refused if they lie in too many partitions.

    The rows are kept first, so that the data are read once and nothing is written if refused.

    Args:
        session: Of the statement.
        sql: DuckDB's query, its columns named as the table's.
        fields: What the table is partitioned by.
        error: Trino's name of the error.

    Returns:
        DuckDB's query of the same rows.

    Raises:
        QueryError: Athena would not write to so many partitions at once.
    """
    if not fields:
        return sql
    session.cursor.write(f"create or replace temp table {_STAGED} as {sql}")
    values = ", ".join(each.duckdb_value for each in fields)
    count = session.cursor.write(
        f"select count(*) from (select distinct {values} from {_STAGED})"  # noqa: S608
    )
    if count > MAX_OPEN_PARTITIONS:
        raise QueryError(
            error,
            f"Exceeded limit of {MAX_OPEN_PARTITIONS} open writers for partitions/buckets "
            f"(the rows lie in {count})",
        )
    return f"select * from {_STAGED}"  # noqa: S608


def cast_columns(sql: str, casts: list[tuple[str, str]]) -> str:
    """A query whose columns, by position, are cast to types and named.

    Args:
        sql: DuckDB's query.
        casts: Name and DuckDB's type of each column.
    """
    listed = ", ".join(f"c{position}" for position in range(len(casts)))
    values = ", ".join(
        f"cast(c{position} as {kind}) as {quoted(name)}"
        for position, (name, kind) in enumerate(casts)
    )
    return f"select {values} from ({sql}) as q({listed})"  # noqa: S608
