"""What every measurement works with: folders, servers, data sets."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from orchestrate.local_stack.settings import PROJECT_ROOT, PostgresSettings
from tests.bench.data import DataSets, row_count
from tests.bench.errors import BenchError
from tests.bench.stack import Servers

PEERS = PROJECT_ROOT / ".venv-bench" / "bin"
MELTANOLABS_TAP = PROJECT_ROOT / ".venv-bench-tap" / "bin" / "tap-postgres"
MELTANOLABS_TARGET = PROJECT_ROOT / ".venv-bench-target" / "bin" / "target-postgres"
SCRATCH_BUCKET = "bench"


@dataclass(eq=False)
class Workplace:
    """The folder and the servers of one run.

    Attributes:
        folder: Where all that the run leaves behind goes.
        servers: Source, database and lake.
        data: What is read.
    """

    folder: Path
    servers: Servers
    data: DataSets
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def unused_name(self) -> str:
        """A schema, namespace or prefix that nothing has yet."""
        return f"bench_{next(self._numbers)}"

    def log(self, name: str) -> Path:
        """A log file of its own."""
        return self.folder / "logs" / f"{next(self._numbers):03}-{name}"

    @cache  # noqa: B019 (one workplace a run)
    def rows(self, database: PostgresSettings, table: str) -> int:
        """How many rows a table of the source has."""
        import psycopg

        with closing(psycopg.connect(database.url)) as connection:
            return row_count(connection, table)

    def settle(self) -> None:
        """Write out what the database holds in memory, so that the next measurement need not."""
        with closing(self.servers.database_connection()) as connection:
            connection.execute("checkpoint")

    def drop_schema(self, name: str) -> None:
        """Remove a schema of the database with all it holds."""
        with closing(self.servers.database_connection()) as connection:
            connection.execute(f"drop schema if exists {name} cascade")

    @cached_property
    def s3(self) -> dict[str, str]:
        """Where the object store is and how to log in; the bucket for peers is made."""
        import botocore.session

        lake = self.servers.settings.lake
        client = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=lake.s3_endpoint,
            region_name=lake.region,
            aws_access_key_id=lake.access_key_id,
            aws_secret_access_key=lake.secret_access_key,
        )
        client.create_bucket(Bucket=SCRATCH_BUCKET)
        return {
            "endpoint": lake.s3_endpoint,
            "region": lake.region,
            "key_id": lake.access_key_id,
            "secret": lake.secret_access_key,
            "bucket": SCRATCH_BUCKET,
        }

    def parquet_rows(self, prefix: str) -> int:
        """How many rows the Parquet files below a prefix of the peers' bucket hold."""
        from pyarrow.dataset import dataset
        from pyarrow.fs import S3FileSystem

        filesystem = S3FileSystem(
            access_key=self.s3["key_id"],
            secret_key=self.s3["secret"],
            region=self.s3["region"],
            endpoint_override=self.s3["endpoint"],
        )
        files = dataset(f"{self.s3['bucket']}/{prefix}", filesystem=filesystem, format="parquet")
        return int(files.count_rows())

    def lake_rows(self, namespace: str, table: str) -> int:
        """How many rows a table of the lake holds by its newest snapshot."""
        from pyiceberg.catalog import load_catalog

        catalog = load_catalog("lake", **self.servers.settings.lake.catalog_properties())
        snapshot = catalog.load_table((namespace, table)).current_snapshot()
        if snapshot is None or snapshot.summary is None:
            return 0
        return int(snapshot.summary["total-records"] or 0)


def check_rows(what: str, found: int, expected: int) -> None:
    """Refuse a figure of work that was not done.

    Raises:
        BenchError: The numbers differ.
    """
    if found != expected:
        raise BenchError(f"{what} holds {found:,} rows where {expected:,} were to arrive")
