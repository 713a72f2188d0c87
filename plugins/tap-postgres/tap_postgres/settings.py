"""The tap's settings: their JSON Schema, and the frozen form everything else works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from columnar_singer import batch_files
from columnar_singer.connection import CONNECTION_SETTINGS, PostgresConnection
from columnar_singer.errors import UserError
from singer_sdk import typing as th

from tap_postgres import masks, personal_data
from tap_postgres.backfill import Backfill
from tap_postgres.column_rules import ColumnRule

DEFAULT_LOOKBACK_SECONDS = 15 * 60
DEFAULT_MAX_WORKERS = 2

CONFIG_JSONSCHEMA: dict[str, Any] = th.PropertiesList(
    *CONNECTION_SETTINGS,
    th.Property(
        "filter_schemas",
        th.ArrayType(th.StringType),
        description="Schemas to read. Left out: all but PostgreSQL's own.",
    ),
    th.Property(
        "default_replication_keys",
        th.ArrayType(th.StringType),
        description=(
            "Names of columns, the first that a table has becomes its replication key, and the "
            "table INCREMENTAL, unless the catalog says otherwise. Other tables are FULL_TABLE."
        ),
    ),
    th.Property(
        "lookback_seconds",
        th.IntegerType(minimum=0),
        default=DEFAULT_LOOKBACK_SECONDS,
        description=(
            "How long a transaction may stay open, in seconds, where the tap cannot see the open "
            "transactions: its role lacks pg_read_all_stats, the server is a replica, or a "
            "transaction is prepared. Rows of a longer one may be missed."
        ),
    ),
    th.Property(
        "backfill",
        th.ObjectType(
            th.Property("stream", th.StringType, required=True, description="Name of the stream."),
            th.Property(
                "from",
                th.StringType,
                description="Least replication key to read, a time in UTC. Left out: no bound.",
            ),
            th.Property(
                "to",
                th.StringType,
                description="Replication key to stop before. Left out: no bound.",
            ),
        ),
        description=(
            "Read this one stream again, whole or a range of its replication key, and leave its "
            "position where it is."
        ),
    ),
    th.Property(
        "reconcile",
        th.BooleanType,
        default=False,
        description=(
            "Read nothing but the keys that are there, of the tables that have a key and are not "
            "FULL_TABLE, so that this project's targets find the rows that were deleted. Such a "
            "run keeps no position: give it a state of its own."
        ),
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1),
        default=batch_files.DEFAULT_ROWS_PER_FILE,
        description="Most rows in one batch file.",
    ),
    th.Property(
        "max_workers",
        th.IntegerType(minimum=1),
        default=DEFAULT_MAX_WORKERS,
        description=(
            "How many connections read a large table at the same time, in one snapshot, besides "
            "the one that holds the snapshot. Small tables and records take no more than that one."
        ),
    ),
    th.Property(
        "batch_config",
        th.ObjectType(
            th.Property(
                "encoding",
                th.ObjectType(
                    th.Property(
                        "format",
                        th.StringType,
                        required=True,
                        allowed_values=[batch_files.FORMAT],
                        description="Arrow IPC streams, which this project's targets read.",
                    ),
                    th.Property(
                        "compression",
                        th.StringType,
                        allowed_values=["lz4", "none"],
                        description="Compression of the columns. Left out: none.",
                    ),
                ),
                required=True,
            ),
            th.Property(
                "storage",
                th.ObjectType(
                    th.Property(
                        "root",
                        th.StringType,
                        required=True,
                        description="Directory, as a file:// URL, that the target sees too.",
                    ),
                ),
                required=True,
            ),
        ),
        description="Send rows as files of columns. Left out: as one RECORD message a row.",
    ),
    *masks.MASK_SETTINGS,
    *personal_data.PERSONAL_DATA_SETTINGS,
).to_dict()


@dataclass(frozen=True)
class BatchSettings:
    """Where batch files go and what they look like.

    Attributes:
        root: A `file://` URL or path.
        compression: As `batch_files.write_batch_files` takes it.
        rows_per_file: Most rows in one file.
    """

    root: str
    compression: str | None
    rows_per_file: int

    @property
    def encoding(self) -> dict[str, Any]:
        """The `encoding` of a BATCH message."""
        return {"format": batch_files.FORMAT, "compression": self.compression}


@dataclass(frozen=True)
class Settings:
    """All settings.

    Attributes:
        connection: The database.
        schemas: Schemas to read, None for all.
        replication_keys: Columns that become the replication key of a table that has one.
        lookback: How long a transaction that cannot be seen may stay open.
        max_workers: Connections that read a large table at the same time.
        batch: None to send RECORD messages.
        mask_rules: Which columns are masked.
        personal_data: Which others are about a person.
        backfill: What to read in place of what is new.
        reconcile: Read the keys that are there, and nothing else.
    """

    connection: PostgresConnection
    schemas: tuple[str, ...] | None
    replication_keys: tuple[str, ...]
    lookback: timedelta
    max_workers: int
    batch: BatchSettings | None
    mask_rules: tuple[masks.Rule, ...]
    personal_data: tuple[ColumnRule, ...]
    backfill: Backfill | None
    reconcile: bool

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Take the settings out of the tap's config.

        Args:
            config: As the SDK hands it over.

        Returns:
            The settings.

        Raises:
            UserError: A setting is missing or has a value that is not allowed.
        """
        schemas = config.get("filter_schemas")
        if schemas is not None and not schemas:
            message = (
                "the setting 'filter_schemas' is an empty list, so there is nothing to read; "
                "name a schema, or leave the setting out to read all"
            )
            raise UserError(message)
        connection = PostgresConnection.from_config(config)
        backfill = Backfill.from_config(config.get("backfill"))
        reconcile = bool(config.get("reconcile"))
        if backfill is not None and reconcile:
            message = "the settings 'backfill' and 'reconcile' exclude each other; set one of them"
            raise UserError(message)
        return cls(
            connection=replace(
                connection, session_settings=masks.session_settings(config.get("mask_salt"))
            ),
            schemas=tuple(schemas) if schemas else None,
            replication_keys=tuple(config.get("default_replication_keys") or ()),
            lookback=timedelta(seconds=config.get("lookback_seconds", DEFAULT_LOOKBACK_SECONDS)),
            max_workers=config.get("max_workers", DEFAULT_MAX_WORKERS),
            batch=_batch(config),
            mask_rules=masks.rules(config),
            personal_data=personal_data.rules(config),
            backfill=backfill,
            reconcile=reconcile,
        )


def _batch(config: Mapping[str, Any]) -> BatchSettings | None:
    batch_config = config.get("batch_config")
    if not batch_config:
        return None
    return BatchSettings(
        root=batch_config["storage"]["root"],
        compression=batch_files.check_encoding(batch_config["encoding"]),
        rows_per_file=config.get("batch_size_rows", batch_files.DEFAULT_ROWS_PER_FILE),
    )
