"""Runs the tap as Meltano does: discovery, metadata, catalog, state."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pytest
from columnar_singer import batch_files
from columnar_singer.errors import UserError
from tap_postgres.tap import TapPostgres

from .events import TABLE

Metadata = dict[str, dict[str, Any]]


@dataclass
class Run:
    """What one run of the tap sent."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    lines: str = ""
    error: UserError | None = None

    def of(self, kind: str, stream: str | None = None) -> list[dict[str, Any]]:
        return [
            message
            for message in self.messages
            if message["type"] == kind and stream in {None, message.get("stream")}
        ]

    @property
    def state(self) -> dict[str, Any]:
        states = self.of("STATE")
        return states[-1]["value"] if states else {}

    def bookmark(self, stream: str) -> dict[str, Any]:
        return self.state.get("bookmarks", {}).get(stream, {})

    @property
    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of each stream, read from its batch files or taken from its records."""
        rows = defaultdict(list)
        for message in self.messages:
            if message["type"] == "BATCH":
                for url in message["manifest"]:
                    for batch in batch_files.read_batches(url):
                        rows[message["stream"]].extend(_to_pylist(batch))
            elif message["type"] == "RECORD":
                rows[message["stream"]].append(message["record"])
        return rows

    def values(self, stream: str, column: str) -> list[Any]:
        return sorted(row[column] for row in self.rows[stream])


def _to_pylist(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    try:
        return batch.to_pylist()
    except OverflowError:  # a time that Python has not: as numbers
        schema = pa.schema(
            [
                field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field
                for field in batch.schema
            ]
        )
        return batch.cast(schema).to_pylist()


class Source:
    """An empty database, and the tap reading it."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.directory = directory
        parts = urlsplit(url)
        self.config: dict[str, Any] = {
            "host": parts.hostname,
            "port": parts.port,
            "user": parts.username,
            "password": parts.password,
            "database": parts.path.lstrip("/"),
            "batch_config": {
                "encoding": {"format": "arrow"},
                "storage": {"root": directory.as_uri()},
            },
        }
        self.connection = psycopg.connect(url, autocommit=True)

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement)

    def value(self, query: str) -> Any:
        row = self.connection.execute(query).fetchone()
        assert row is not None
        return row[0]

    def session(self) -> psycopg.Connection[Any]:
        """Another session, in a transaction from its first statement on."""
        return psycopg.connect(self.url)

    def catalog(self, metadata: Metadata | None = None, **config: Any) -> dict[str, Any]:
        """Discover, select all streams and set what Meltano's `metadata` sets, by stream."""
        catalog = TapPostgres(config={**self.config, **config}).catalog_dict
        for entry in catalog["streams"]:
            root = next(item for item in entry["metadata"] if not item["breadcrumb"])
            root["metadata"]["selected"] = True
            for name, value in (metadata or {}).get(entry["tap_stream_id"], {}).items():
                root["metadata"][name] = value
                entry[name.replace("-", "_")] = value
        return catalog

    def run(
        self,
        metadata: Metadata | None = None,
        state: dict[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
        after_snapshot: Callable[[], None] | None = None,
        **config: Any,
    ) -> Run:
        run = Run()
        output = io.StringIO()
        with redirect_stdout(output):
            try:
                tap = TapPostgres(
                    config={**self.config, **config},
                    catalog=catalog or self.catalog(metadata, **config),
                    state=json.loads(json.dumps(state or {})),
                )
                if after_snapshot:
                    _ = tap.snapshot
                    after_snapshot()
                tap.sync_all()
            except UserError as error:
                run.error = error
        run.lines = output.getvalue()
        run.messages = [json.loads(line) for line in run.lines.splitlines()]
        return run


@pytest.fixture
def source(postgres_url: str, tmp_path: Path) -> Iterator[Source]:
    source = Source(postgres_url, tmp_path / "batches")
    yield source
    source.connection.close()


@pytest.fixture
def events(source: Source) -> Source:
    """A source with the table `events`."""
    source.execute(TABLE)
    return source
