"""The schema `raw` as the loader keeps it, without running one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from extract.simulated_backend.load import load

SOURCE, RAW = "public", "raw"

_LOAD_LOG = """
create table raw.load_log (
    run_id text not null, stream text not null, table_name text not null,
    rows_read bigint not null, rows_committed bigint not null, rows_rejected bigint not null,
    bytes bigint not null, files integer not null, position_from text, position_to text,
    source_time timestamptz, sequence_from bigint, sequence_to bigint,
    schema_changes text not null, started_at timestamptz not null, committed_at timestamptz not null
)
"""
# Enums and composites become text, domains their base types.
_COLUMNS = """
select attname, case
        when element.typtype = 'e' then 'text[]'
        when type.typtype in ('e', 'c') then 'text'
        when type.typtype = 'd' then format_type(type.typbasetype, type.typtypmod)
        else format_type(atttypid, atttypmod)
    end
from pg_attribute
join pg_type type on type.oid = atttypid
left join pg_type element on element.oid = type.typelem and type.typcategory = 'A'
where attrelid = %s::regclass and attnum > 0 and not attisdropped
order by attnum
"""


class Loader:
    """Writes `raw` out of a simulated source in the same database, and later changes to it."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self._runs = 1

    def first_run(self, scale: float = 0.01) -> None:
        """Fill an empty database, as the first run does."""
        with psycopg.connect(self.connection.info.dsn, password=self.connection.info.password) as c:
            loaded = load(c, scale=scale, seed=7, until=datetime.now(UTC))
        self.connection.execute("create schema raw")
        self.connection.execute(_LOAD_LOG)
        for table in loaded.rows:
            columns = self.connection.execute(_COLUMNS, [f"{SOURCE}.{table}"]).fetchall()
            self.connection.execute(
                sql.SQL(
                    "create table {} as select {}, now() as _sdc_batched_at, "
                    "null::timestamptz as _sdc_deleted_at, 0::bigint as _sdc_sequence from {}"
                ).format(
                    sql.Identifier(RAW, table),
                    sql.SQL(", ").join(
                        sql.SQL("{0}::{1} as {0}").format(sql.Identifier(name), sql.SQL(kind))
                        for name, kind in columns
                    ),
                    sql.Identifier(SOURCE, table),
                )
            )
            self.commit(table, f"update raw.{table} set _sdc_sequence = 0")

    def values(self, query: str) -> list[Any]:
        """The first column of what a query gives."""
        return [row[0] for row in self.connection.execute(query.encode()).fetchall()]

    def tables(self) -> list[str]:
        """The streams that were loaded."""
        return self.values("select distinct table_name from raw.load_log order by 1")

    def next_run(self) -> None:
        """What is committed from now on belongs to another run."""
        self._runs += 1

    def commit(self, table: str, *statements: str, at: str = "now()") -> None:
        """Write rows of one table and the load log's row, in one transaction.

        Args:
            table: table in `raw`.
            statements: what writes its rows; none for a stream without news. Sequence numbers and
                the time of arrival are filled in.
            at: time of the commit, in SQL.
        """
        with self.connection.transaction():
            for statement in statements:
                self.connection.execute(statement.encode())
            # What this transaction wrote, and nothing else.
            written = self.connection.execute(
                f"with last as (select coalesce(max(sequence_to), 0) as number from raw.load_log "
                f"where table_name = '{table}'), "
                f"rows as (select ctid as place, row_number() over () as number from raw.{table} "
                "where xmin = pg_current_xact_id()::xid) "
                f"update raw.{table} set _sdc_sequence = last.number + rows.number, "
                f"_sdc_batched_at = {at} from rows, last where ctid = rows.place "
                "returning _sdc_sequence".encode()
            ).fetchall()
            numbers = [number for (number,) in written]
            self.connection.execute(
                f"insert into raw.load_log values (%s, %s, %s, %s, %s, 0, 0, 0, null, null, {at}, "
                f"%s, %s, '[]', {at}, {at})".encode(),
                [
                    f"run-{self._runs}", f"public-{table}", table, len(numbers), len(numbers),
                    min(numbers, default=None), max(numbers, default=None),
                ],
            )  # fmt: skip
