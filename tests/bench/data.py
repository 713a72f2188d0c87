"""The tables that are read: made once, kept for the next run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from orchestrate.local_stack.settings import PROJECT_ROOT, PostgresSettings
from tests.bench.errors import BenchError
from tests.bench.processes import Program, run
from tests.bench.stack import Servers, psql

STROKES_COPIES = 5
TEN_TABLES = 10
ROWS_OF_TEN_TABLES = 1000

# https://www.tpc.org/tpc_documents_current_versions/pdf/tpc-h_v3.0.1.pdf, 1.4.1; its decimals are
# numeric(15,2), its identifiers 64-bit.
_LINEITEM = """
create table lineitem (
    l_orderkey bigint not null,
    l_partkey bigint not null,
    l_suppkey bigint not null,
    l_linenumber integer not null,
    l_quantity numeric(15,2) not null,
    l_extendedprice numeric(15,2) not null,
    l_discount numeric(15,2) not null,
    l_tax numeric(15,2) not null,
    l_returnflag char(1) not null,
    l_linestatus char(1) not null,
    l_shipdate date not null,
    l_commitdate date not null,
    l_receiptdate date not null,
    l_shipinstruct char(25) not null,
    l_shipmode char(10) not null,
    l_comment varchar(44) not null
)
"""
_KEY = "add primary key (l_orderkey, l_linenumber)"


@dataclass(frozen=True)
class DataSets:
    """The source's databases, one for each kind of data.

    Attributes:
        servers: Where they are.
        scale: TPC-H scale factor: 1 gives about 6.0 million rows of `lineitem`.
        generator: The program `tpchgen-cli`.
        logs: Where the logs of what makes the data go.
        say: Told what is being made.
    """

    servers: Servers
    scale: float
    generator: Path
    logs: Path
    say: Callable[[str], None]

    def lineitem(self) -> PostgresSettings:
        """Database with `lineitem`, its first tenth and hundredth, and an empty one."""
        return self._made(f"lineitem-{self.scale:g}", self._make_lineitem)

    def changing(self) -> PostgresSettings:
        """Database with `lineitem`, each row with the time of its last change."""
        return self._made(f"changing-{self.scale:g}", self._make_changing)

    def tenfold(self) -> PostgresSettings:
        """Database with a `lineitem` of ten times the rows."""

        def make(database: PostgresSettings) -> None:
            self._generate(database, self.scale * 10)

        return self._made(f"lineitem-{self.scale * 10:g}-alone", make)

    def strokes(self) -> PostgresSettings:
        """Database with `bench_strokes` and an empty one: the simulated source's, multiplied."""
        return self._made(f"strokes-{self.scale:g}", self._make_strokes)

    def ten_tables(self) -> PostgresSettings:
        """Database with ten small tables."""
        return self._made("ten-tables", self._make_ten_tables)

    def _made(self, name: str, make: Callable[[PostgresSettings], None]) -> PostgresSettings:
        """The database `name`, made under another name first: it is there whole or not at all."""
        unfinished = f"{name}-unfinished"
        with closing(self.servers.source_connection()) as connection:
            found = connection.execute("select from pg_database where datname = %s", [name])
            if not found.rowcount:
                self.say(f"making the data set {name}")
                old, new = sql.Identifier(unfinished), sql.Identifier(name)
                connection.execute(sql.SQL("drop database if exists {}").format(old))
                connection.execute(sql.SQL("create database {}").format(old))
                make(replace(self.servers.source, database=unfinished))
                connection.execute(sql.SQL("alter database {} rename to {}").format(old, new))
        return replace(self.servers.source, database=name)

    def _generate(self, database: PostgresSettings, scale: float) -> None:
        generator = (str(self.generator), "csv", "--scale-factor", f"{scale:g}")
        run(
            Program("tpchgen", (*generator, "--tables", "lineitem", "--stdout", "--quiet")),
            psql(
                "psql",
                database,
                _LINEITEM,
                # A table made in the same transaction needs no second write of its hint bits.
                "copy lineitem from stdin (format csv, header, freeze)",
                f"alter table lineitem {_KEY}",
            ),
            log=self.logs / "make-lineitem",
        )
        _vacuum(database)

    def _make_lineitem(self, database: PostgresSettings) -> None:
        self._generate(database, self.scale)
        with psycopg.connect(database.url) as connection:
            rows = row_count(connection, "lineitem")
            for name, share in (("tenth", 10), ("hundredth", 100), ("none", 0)):
                limit = rows // share if share else 0
                connection.execute(
                    f"create table lineitem_{name} (like lineitem including all);"
                    f"insert into lineitem_{name} select * from lineitem"
                    f" order by l_orderkey, l_linenumber limit {limit}"
                )
        _vacuum(database)

    def _make_changing(self, database: PostgresSettings) -> None:
        self._generate(database, self.scale)
        with psycopg.connect(database.url) as connection:
            connection.execute(
                "alter table lineitem add updated_at timestamptz not null default now();"
                "create index on lineitem (updated_at)"
            )
        _vacuum(database)

    def _make_strokes(self, database: PostgresSettings) -> None:
        run(
            Program(
                "simulated-backend",
                (
                    *(sys.executable, "-m", "extract.simulated_backend", "load"),
                    *("--scale", f"{self.scale * 2:g}"),
                    *("--url", f"postgresql://{database.user}@{database.host}:"
                    f"{database.port.number}/{database.database}"),
                ),
                environment={"TRACKMAN_BACKEND_PASSWORD": database.password},
                directory=PROJECT_ROOT,
            ),
            log=self.logs / "make-strokes",
        )  # fmt: skip
        with psycopg.connect(database.url) as connection:
            columns = ", ".join(
                name
                for (name,) in connection.execute(
                    "select attname from pg_attribute where attrelid = 'strokes'::regclass"
                    " and attnum > 0 and not attisdropped and attgenerated = ''"
                    " and attname <> 'stroke_id' order by attnum"
                )
            )
            connection.execute(
                "create table bench_strokes"
                " (like strokes including generated, primary key (stroke_id));"
                "create table bench_strokes_none (like bench_strokes including all);"
                f"insert into bench_strokes (stroke_id, {columns})"
                f" select gen_random_uuid(), {columns}"
                f" from generate_series(1, {STROKES_COPIES}), strokes"
            )
        _vacuum(database)

    def _make_ten_tables(self, database: PostgresSettings) -> None:
        with psycopg.connect(database.url) as connection:
            for number in range(TEN_TABLES):
                connection.execute(
                    f"create table table_{number} (id bigint primary key, name text not null,"
                    " amount numeric(12,2), updated_at timestamptz not null default now());"
                    f"create index on table_{number} (updated_at);"
                    f"insert into table_{number} select i, 'row ' || i, i / 7.0"
                    f" from generate_series(1, {ROWS_OF_TEN_TABLES}) i"
                )
        _vacuum(database)


def row_count(connection: psycopg.Connection, table: str, schema: str = "public") -> int:
    """Count a table's rows."""
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def plain_definition(source: psycopg.Connection, table: str, name: str) -> str:
    """Write CREATE TABLE for the columns and the primary key of a source's table.

    Args:
        source: Where it is.
        table: Its name.
        name: Of the new one, quoted if it needs to be.

    Raises:
        BenchError: There is no such table.
    """
    columns = source.execute(
        "select format('%%I %%s', attname, format_type(atttypid, atttypmod)) from pg_attribute"
        " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
        [table],
    ).fetchall()
    if not columns:
        raise BenchError(f"there is no table {table} in the source")
    key = source.execute(
        "select pg_get_constraintdef(oid) from pg_constraint"
        " where conrelid = to_regclass(%s) and contype = 'p'",
        [table],
    ).fetchall()
    return f"create table {name} ({', '.join(text for (text,) in (*columns, *key))})"


def _vacuum(database: PostgresSettings) -> None:
    """Let no reader find work that a writer has left."""
    with closing(psycopg.connect(database.url, autocommit=True)) as connection:
        connection.execute("vacuum (freeze, analyze)")
