"""The project's plugins, in the environments that Meltano built for its users."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from orchestrate.local_stack.settings import PROJECT_ROOT, PostgresSettings
from tests.bench import singer
from tests.bench.data import row_count
from tests.bench.processes import Sample
from tests.bench.singer import Plugin, Stream
from tests.bench.stack import connection_settings
from tests.bench.workplace import Workplace, check_rows

_STREAM_PREFIX = "public-"


def executable(kind: str, name: str) -> Path:
    """A plugin's program; `kind` is Meltano's, "extractors" or "loaders"."""
    return PROJECT_ROOT / ".meltano" / kind / name / "venv" / "bin" / name


class Ours:
    """Pipes of tap-postgres with target-s3 and target-postgres."""

    def __init__(self, workplace: Workplace) -> None:
        """Nothing is run yet."""
        self._workplace = workplace

    def tap(self, database: PostgresSettings) -> Plugin:
        """The tap, sending files of columns."""
        batches = self._workplace.folder / "batches"
        config = {
            **connection_settings(database),
            "filter_schemas": ["public"],
            "batch_config": {
                "encoding": {"format": "arrow"},
                "storage": {"root": batches.as_uri()},
            },
        }
        return Plugin("tap-postgres", executable("extractors", "tap-postgres"), config)

    def target_s3(self, namespace: str) -> Plugin:
        """The lake's target."""
        lake = self._workplace.servers.settings.lake
        config = {
            "catalog_type": "rest",
            "catalog_uri": lake.catalog_uri,
            "catalog_credential": f"{lake.access_key_id}:{lake.secret_access_key}",
            "warehouse": lake.warehouse,
            "namespace": namespace,
            "s3_endpoint_url": lake.s3_endpoint,
            "aws_access_key_id": lake.access_key_id,
            "aws_secret_access_key": lake.secret_access_key,
            "aws_region": lake.region,
        }
        return Plugin("target-s3", executable("loaders", "target-s3"), config)

    def target_postgres(self, schema: str) -> Plugin:
        """The database's target."""
        server = connection_settings(self._workplace.servers.database)
        config = {**server, "default_target_schema": schema}
        return Plugin("target-postgres", executable("loaders", "target-postgres"), config)

    @cache  # noqa: B019 (one a run)
    def catalog(self, database: PostgresSettings) -> Mapping[str, Any]:
        """The tap's catalog of a database."""
        return singer.discover(self.tap(database), self._workplace.log("discover"))

    def to_lake(self, database: PostgresSettings, table: str, key: str | None = None) -> Sample:
        """Load a table into an empty namespace of the lake, committed in Iceberg."""
        namespace = self._workplace.unused_name()
        sample, _ = singer.move(
            self.tap(database),
            self.target_s3(namespace),
            singer.select(self.catalog(database), Stream(_STREAM_PREFIX + table, key)),
            self._workplace.log(f"ours-lake-{table}"),
        )
        check_rows(
            f"the lake's table {namespace}.{table}",
            self._workplace.lake_rows(namespace, table),
            self._workplace.rows(database, table),
        )
        return sample

    def to_database(self, database: PostgresSettings, table: str, key: str | None = None) -> Sample:
        """Load a table into an empty schema of the database, primary key in place."""
        schema = self._workplace.unused_name()
        self._workplace.settle()
        sample, _ = self.move_to_database(database, table, key, schema, None)
        with closing(self._workplace.servers.database_connection()) as connection:
            found = row_count(connection, table, schema)
        check_rows(f"{schema}.{table}", found, self._workplace.rows(database, table))
        self._workplace.drop_schema(schema)
        return sample

    def move_to_database(
        self,
        database: PostgresSettings,
        table: str,
        key: str | None,
        schema: str,
        state: Mapping[str, Any] | None,
    ) -> tuple[Sample, dict[str, Any]]:
        """Load what is new in a table into a schema of the database; see `singer.move`."""
        return singer.move(
            self.tap(database),
            self.target_postgres(schema),
            singer.select(self.catalog(database), Stream(_STREAM_PREFIX + table, key)),
            self._workplace.log(f"ours-db-{table}"),
            state,
        )
