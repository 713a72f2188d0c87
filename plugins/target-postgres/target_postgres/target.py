"""The target's class."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from columnar_singer.target import ColumnarTarget

from target_postgres.database import Database
from target_postgres.settings import SETTINGS, Settings
from target_postgres.sink import PostgresSink

if TYPE_CHECKING:
    from columnar_singer.load_log import LoadLogRow


class TargetPostgres(ColumnarTarget):
    """Loads streams into tables of one schema, one row for each primary key."""

    name = "target-postgres"
    config_jsonschema: ClassVar[dict[str, Any]] = SETTINGS.to_dict()
    default_sink_class = PostgresSink

    @cached_property
    def database(self) -> Database:
        """The connection that all streams share, opened when it is first needed."""
        return Database(Settings.from_config(self.config))

    def write_quiet(self, rows: list[LoadLogRow]) -> None:
        """Write the load log rows of the streams that had no rows."""
        self.database.write_log(rows)

    def close(self) -> None:
        """Close the connection; what is staged and not committed is gone with it."""
        if "database" in vars(self):
            self.database.close()
