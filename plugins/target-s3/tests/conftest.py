"""A target run against a real lake, and the messages to feed it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from columnar_singer.batch_files import new_run_directory, write_batch_files
from columnar_singer.errors import UserError
from columnar_singer.types import arrow_schema
from moto.server import ThreadedMotoServer
from target_s3.target import TargetS3

Message = dict[str, Any]


@dataclass
class Messages:
    """Singer messages of one stream, as our tap sends them."""

    directory: Path
    stream: str = "public-players"
    keys: list[str] = field(default_factory=lambda: ["id"])
    properties: dict[str, Message] = field(
        default_factory=lambda: {
            "id": {"type": ["integer"], "x-sql-datatype": "integer"},
            "name": {"type": ["string", "null"], "x-sql-datatype": "text"},
        }
    )
    replication_key: str | None = None
    snapshot_time: datetime = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

    def schema(self, **properties: str) -> Message:
        """SCHEMA, with columns added or changed: name and PostgreSQL type."""
        for name, datatype in properties.items():
            self.properties[name] = {"x-sql-datatype": datatype, "type": ["string", "null"]}
        return {
            "type": "SCHEMA",
            "stream": self.stream,
            "schema": {"type": "object", "properties": dict(self.properties)},
            "key_properties": self.keys,
            "bookmark_properties": [self.replication_key] if self.replication_key else [],
        }

    def batch(self, rows: list[Message], rows_per_file: int = 1000) -> Message:
        """BATCH with the rows in files."""
        schema = arrow_schema(self.properties)
        batches = pa.Table.from_pylist(rows, schema=schema).to_batches()
        run_directory = new_run_directory(str(self.directory))
        files = write_batch_files(
            batches,
            run_directory,
            schema,
            extracted_at=self.snapshot_time,
            rows_per_file=rows_per_file,
        )
        return {
            "type": "BATCH",
            "stream": self.stream,
            "encoding": {"format": "arrow", "compression": None},
            "manifest": [file.url for file in files],
        }

    def records(self, rows: list[Message], version: int | None = None) -> list[Message]:
        """RECORDs."""
        return [
            {
                "type": "RECORD",
                "stream": self.stream,
                "record": row,
                "time_extracted": self.snapshot_time.isoformat(),
                **({"version": version} if version else {}),
            }
            for row in rows
        ]

    def activate(self, version: int = 1) -> Message:
        """ACTIVATE_VERSION."""
        return {"type": "ACTIVATE_VERSION", "stream": self.stream, "version": version}

    def state(self, **bookmark: Any) -> Message:
        """STATE with this stream's bookmark alone."""
        return self.states({self.stream: bookmark})

    @staticmethod
    def states(bookmarks: dict[str, Message]) -> Message:
        """STATE of several streams."""
        return {"type": "STATE", "value": {"bookmarks": bookmarks}}

    def full_refresh(self, rows: list[Message]) -> list[Message]:
        """All messages of a stream that is sent anew."""
        return [
            self.schema(),
            *([self.batch(rows)] if rows else []),
            self.activate(),
            self.state(rows_read=len(rows)),
        ]


@dataclass
class Outcome:
    """What a run gave back."""

    states: list[Message]
    error: UserError | None


@pytest.fixture
def settings(lake: Any) -> Message:
    """The target's settings for an empty namespace."""
    return dict(lake.settings)


@pytest.fixture
def players(tmp_path: Path) -> Messages:
    """A stream with a key and two columns."""
    return Messages(tmp_path / "batches")


@pytest.fixture
def run(settings: Message) -> Callable[..., Outcome]:
    """Runs the target in this process over messages."""

    def run_target(messages: Iterable[Message], **more: Any) -> Outcome:
        written = io.StringIO()
        error = None
        target = TargetS3(config={**settings, **more}, validate_config=True)
        with redirect_stdout(written):
            try:
                target.listen(io.StringIO("".join(f"{json.dumps(m)}\n" for m in messages)))
            except UserError as raised:
                error = raised
        lines = written.getvalue().splitlines()
        return Outcome([json.loads(line) for line in lines], error)

    return run_target


@dataclass
class Reader:
    """Reads the lake as any other Iceberg client would."""

    catalog: Any
    namespace: str

    def table(self, name: str) -> Any:
        """The pyiceberg table, loaded anew."""
        return self.catalog.load_table((self.namespace, name))

    def rows(self, name: str, *columns: str) -> list[Any]:
        """All rows in order of `_sdc_sequence`: dicts, or tuples of the columns given."""
        rows = self.table(name).scan().to_arrow().sort_by("_sdc_sequence").to_pylist()
        return [tuple(row[column] for column in columns) for row in rows] if columns else rows

    def current(self, name: str, *keys: str) -> list[Message]:
        """The current rows: the newest version of each key, if it is no tombstone."""
        newest = {tuple(row[key] for key in keys): row for row in self.rows(name)}
        return [row for row in newest.values() if row["_sdc_deleted_at"] is None]

    def load_log(self) -> list[Message]:
        """The load log, oldest first."""
        return self.table("load_log").scan().to_arrow().sort_by("committed_at").to_pylist()

    def snapshots(self, name: str) -> int:
        """How often the table was committed to."""
        return len(self.table(name).snapshots())


@pytest.fixture
def reader(lake: Any) -> Reader:
    """Reads the namespace that the target writes to."""
    return Reader(lake.catalog(), lake.settings["namespace"])


@pytest.fixture
def make_reader() -> type[Reader]:
    """Makes readers of other catalogs."""
    return Reader


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A stand-in for AWS: Glue and S3 of moto, which can run here."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(
        Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    yield url
    server.stop()


@pytest.fixture
def glue(settings: Message, moto_url: str) -> Message:
    """Settings of a Glue catalog and an S3 that speak the APIs of AWS."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    settings.update(
        keys,
        catalog_type="glue",
        catalog_uri=moto_url,
        s3_endpoint_url=moto_url,
        warehouse="s3://lake/prefix",
        aws_region="eu-central-1",
    )
    del settings["catalog_credential"]
    return settings


def glue_table(settings: Message, name: str) -> tuple[Message, list[Message]]:
    """A table and its partitions, as Glue describes them."""
    client = boto3.client(
        "glue",
        endpoint_url=settings["catalog_uri"],
        region_name=settings["aws_region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    where = {"DatabaseName": settings["namespace"]}
    table = client.get_table(**where, Name=name)["Table"]
    return table, client.get_partitions(**where, TableName=name)["Partitions"]
