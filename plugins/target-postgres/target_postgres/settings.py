"""The target's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from columnar_singer.connection import CONNECTION_SETTINGS, PostgresConnection
from columnar_singer.target import TARGET_SETTINGS
from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_TARGET_SCHEMA = "raw"

SETTINGS = th.PropertiesList(
    *CONNECTION_SETTINGS,
    th.Property(
        "default_target_schema",
        th.StringType(min_length=1),
        default=DEFAULT_TARGET_SCHEMA,
        description="Schema of the tables and of the load log; created if it is not there.",
    ),
    *TARGET_SETTINGS,
)
"""JSON Schema of the settings."""


@dataclass(frozen=True)
class Settings:
    """What the target's own code needs to know; the rest is for `columnar_singer.target`."""

    connection: PostgresConnection
    schema: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Take the settings out of the validated config.

        Raises:
            UserError: A setting of the connection is missing.
        """
        schema = config.get("default_target_schema") or DEFAULT_TARGET_SCHEMA
        return cls(PostgresConnection.from_config(config), schema)
