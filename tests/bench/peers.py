"""The peers: bare COPY, DuckDB, dlt, connectorx, the MeltanoLabs plugins."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from orchestrate.local_stack.settings import PostgresSettings
from tests.bench import singer
from tests.bench.data import plain_definition, row_count
from tests.bench.processes import Sample, run, run_script
from tests.bench.singer import Plugin, Stream
from tests.bench.stack import connection_settings, psql
from tests.bench.workplace import (
    MELTANOLABS_TAP,
    MELTANOLABS_TARGET,
    PEERS,
    Workplace,
    check_rows,
)

NOTHING = Path("/dev/null")
SCRIPTS = Path(__file__).with_name("peer_scripts")
THREADS = 2
_STREAM_PREFIX = "public-"


class Peers:
    """What ours is measured against."""

    def __init__(self, workplace: Workplace) -> None:
        """Nothing is run yet."""
        self._workplace = workplace

    # Bare COPY

    def copy_to_nothing(self, database: PostgresSettings, table: str) -> Sample:
        """Binary COPY of both halves of a table at once, on two connections, thrown away."""
        with closing(psycopg.connect(database.url)) as connection:
            row = connection.execute(
                "select pg_relation_size(%s) / current_setting('block_size')::int / 2", [table]
            ).fetchone()
        assert row is not None
        halves = [
            psql(
                "psql",
                database,
                f"copy (select * from {table} where ctid {side} '({row[0]},0)')"
                " to stdout (format binary)",
            )
            for side in ("<", ">=")
        ]
        log = self._workplace.log(f"copy-{table}")
        began = time.monotonic()
        with ThreadPoolExecutor(len(halves)) as pool:
            tasks = [
                pool.submit(run, half, log=log.with_name(f"{log.name}-{side}"), stdout=NOTHING)
                for side, half in zip(("low", "high"), halves, strict=True)
            ]
            for task in tasks:
                task.result()
        return Sample(time.monotonic() - began)

    def copy_to_copy(self, database: PostgresSettings, table: str) -> Sample:
        """Binary COPY out of the source piped into COPY of an empty table with the same key."""
        schema = self._workplace.unused_name()
        with closing(psycopg.connect(database.url)) as connection:
            definition = plain_definition(connection, table, f"{schema}.{table}")
        with closing(self._workplace.servers.database_connection()) as connection:
            connection.execute(f"create schema {schema}; {definition}")
        self._workplace.settle()
        server = self._workplace.servers.database
        sample = run(
            psql("psql-out", database, f"copy (select * from {table}) to stdout (format binary)"),
            psql("psql-in", server, f"copy {schema}.{table} from stdin (format binary)"),
            log=self._workplace.log(f"copy-copy-{table}"),
        )
        with closing(self._workplace.servers.database_connection()) as connection:
            found = row_count(connection, table, schema)
        check_rows(f"{schema}.{table}", found, self._workplace.rows(database, table))
        self._workplace.drop_schema(schema)
        return sample

    # Programs that write Parquet

    def duckdb(self, database: PostgresSettings, table: str) -> Sample:
        """DuckDB's scanner to one Parquet file, zstd, on the lake's object store."""
        return self._script("duckdb", "duckdb_scan", database, table, threads=THREADS)

    def connectorx(self, database: PostgresSettings, table: str, partition_on: str) -> Sample:
        """Connectorx on two connections, written as one Parquet file to the object store."""
        return self._script(
            "connectorx", "connectorx_read", database, table, partition_on=partition_on
        )

    def dlt(self, database: PostgresSettings, table: str, backend: str) -> Sample:
        """The dlt source `sql_database` to Parquet files on the object store."""
        folder = self._workplace.folder / "dlt" / self._workplace.unused_name()
        return self._script(
            f"dlt-{backend}", "dlt_load", database, table, backend=backend, folder=str(folder)
        )

    def _script(
        self, role: str, script: str, database: PostgresSettings, table: str, **more: Any
    ) -> Sample:
        sample = run_script(
            role,
            PEERS / "python",
            SCRIPTS / f"{script}.py",
            {
                "source": connection_settings(database),
                "s3": self._workplace.s3,
                "table": table,
                "prefix": self._workplace.unused_name(),
                **more,
            },
            log=self._workplace.log(f"{role}-{table}"),
        )
        found = json.loads(sample.output)["rows"]
        check_rows(f"what {role} wrote", found, self._workplace.rows(database, table))
        return sample

    # The MeltanoLabs plugins

    def tap(self, database: PostgresSettings) -> Plugin:
        """The tap with its defaults."""
        config = {**connection_settings(database), "filter_schemas": ["public"]}
        return Plugin("meltanolabs-tap-postgres", MELTANOLABS_TAP, config)

    def target(self, schema: str, **more: Any) -> Plugin:
        """The target with its defaults."""
        server = connection_settings(self._workplace.servers.database)
        config = {**server, "default_target_schema": schema, **more}
        return Plugin("meltanolabs-target-postgres", MELTANOLABS_TARGET, config)

    @cache  # noqa: B019 (one a run)
    def catalog(self, database: PostgresSettings) -> Mapping[str, Any]:
        """The tap's catalog of a database."""
        return singer.discover(self.tap(database), self._workplace.log("discover-peer"))

    def extract(self, database: PostgresSettings, table: str, to: Path = NOTHING) -> Sample:
        """Run the MeltanoLabs tap alone; the whole table, which it does without sorting."""
        return singer.extract(
            self.tap(database),
            singer.select(self.catalog(database), Stream(_STREAM_PREFIX + table)),
            self._workplace.log(f"meltanolabs-tap-{table}"),
            to,
        )

    def pair(self, database: PostgresSettings, table: str) -> Sample:
        """The MeltanoLabs tap into the MeltanoLabs target, an empty schema."""
        return self._pair(database, table, self._workplace.unused_name())

    def pair_with_copy(self, database: PostgresSettings, table: str) -> Sample:
        """The same, the target told to use COPY."""
        return self._pair(database, table, self._workplace.unused_name(), use_copy=True)

    def _pair(self, database: PostgresSettings, table: str, schema: str, **more: Any) -> Sample:
        self._workplace.settle()
        sample, _ = singer.move(
            self.tap(database),
            self.target(schema, **more),
            singer.select(self.catalog(database), Stream(_STREAM_PREFIX + table)),
            self._workplace.log(f"meltanolabs-{table}"),
        )
        with closing(self._workplace.servers.database_connection()) as connection:
            found = row_count(connection, table, schema)
        check_rows(f"{schema}.{table}", found, self._workplace.rows(database, table))
        self._workplace.drop_schema(schema)
        return sample
