"""The lake: its catalog, its tables, appends to them and its load log."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from columnar_singer import load_log
from columnar_singer.destination import CREATED_TABLE
from columnar_singer.errors import UserError
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchNamespaceError,
    NoSuchTableError,
    ValidationException,
)

from target_s3.columns import lake_schema, plan_changes
from target_s3.errors import lake_errors
from target_s3.reading import scan
from target_s3.staging import COMPRESSION, TARGET_FILE_BYTES, StagedFiles

if TYPE_CHECKING:
    from columnar_singer.load_log import LoadLogRow
    from pyiceberg.catalog import Catalog
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

    from target_s3.settings import LakeSettings

TABLE_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": COMPRESSION,
    "write.target-file-size-bytes": str(TARGET_FILE_BYTES),
    # A commit every few minutes would leave thousands of metadata files and manifests a month.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest-merge.enabled": "true",
    # About half a minute in all, for a compaction that commits at the same time.
    "commit.retry.num-retries": "10",
    "commit.retry.max-wait-ms": "5000",
}
"""Properties of a new table, https://iceberg.apache.org/docs/latest/configuration/."""

SUMMARY_PREFIX = "load_log."
"""Before the columns of the load log in a snapshot's summary."""


class UnknownOutcomeError(UserError):
    """The catalog gave no answer to a commit, which may or may not be in the table."""


class Lake:
    """A namespace of a catalog.

    Attributes:
        settings: Where it is.
    """

    def __init__(self, settings: LakeSettings) -> None:
        """Connect to the catalog and open the load log.

        Args:
            settings: Where the lake is.

        Raises:
            UserError: It cannot be reached or refuses.
        """
        self.settings = settings
        # Sinks may be drained in parallel; the load log is one table for all of them.
        self._load_log_lock = threading.Lock()
        where = settings.catalog_uri or settings.catalog_type
        with lake_errors(settings, f"connect to the catalog {where}"):
            self._catalog: Catalog = load_catalog("lake", **settings.catalog_properties())
        columns = {field.name: field.type for field in load_log.ARROW_SCHEMA}
        schema = lake_schema(columns, load_log.COLUMN_COMMENTS)
        self._load_log, _ = self.open_table(load_log.TABLE_NAME, schema)

    def full_name(self, table_name: str) -> str:
        """Name a table for a person: `raw.strokes`."""
        return f"{self.settings.namespace}.{table_name}"

    def open_table(self, table_name: str, schema: Schema) -> tuple[Table, list[str]]:
        """Make a table or change it so that rows of a schema fit.

        Args:
            table_name: Name of the table in the namespace.
            schema: What the rows need.

        Returns:
            The table, and what was done to it, in words.

        Raises:
            UserError: The catalog refuses, or a column changed its type beyond widening.
        """
        with lake_errors(self.settings, f"open {self.full_name(table_name)}"):
            identifier = (self.settings.namespace, table_name)
            try:
                table = self._catalog.load_table(identifier)
            except NoSuchTableError:
                return self._create_table(identifier, schema), [CREATED_TABLE]
            if not table.spec().is_unpartitioned():
                message = (
                    f"{self.full_name(table_name)} is partitioned by {table.spec()}; target-s3 "
                    "writes tables without partitions only: load into another namespace"
                )
                raise UserError(message)
            changes = plan_changes(self.full_name(table_name), table.schema(), schema)
            if changes:
                with table.update_schema() as update:
                    for change in changes:
                        change.apply(update)
            return table, [str(change) for change in changes]

    def drop(self, table: Table) -> None:
        """Drop a table that this run made and nobody has written to."""
        with lake_errors(self.settings, f"drop {'.'.join(table.name())}"):
            self._catalog.drop_table(table.name())

    def append(self, table: Table, files: list[DataFile], row: LoadLogRow) -> None:
        """Make files visible, all at once. A concurrent commit is waited for and followed.

        Args:
            table: The table they were written for.
            files: Complete files, each in no snapshot yet.
            row: Goes into the snapshot's summary, so that the load log can be rebuilt.

        Raises:
            UnknownOutcomeError: The files must not be deleted, they may be in the table.
            UserError: They are not in the table.
        """
        summary = {
            SUMMARY_PREFIX + name: value.isoformat() if hasattr(value, "isoformat") else str(value)
            for name, value in vars(row).items()
            if value is not None
        }
        with lake_errors(self.settings, f"append to {'.'.join(table.name())}"):
            _append(table, files, summary)

    def write_load_log(self, rows: list[LoadLogRow], run_id: str) -> None:
        """Append rows to the load log.

        Args:
            rows: The rows, complete.
            run_id: For the name of the file.

        Raises:
            UserError: The catalog or S3 refuse.
        """
        with self._load_log_lock, lake_errors(self.settings, "write the load log"):
            staged = StagedFiles(self._load_log, run_id)
            staged.write(load_log.to_arrow(rows))
            staged.close()
            _append(self._load_log, staged.files, {})

    def last_sequence(self, table: Table, stream: str) -> int | None:
        """Give the greatest `_sdc_sequence` in a table.

        Args:
            table: The stream's table.
            stream: Name of the stream.

        Returns:
            The number, None for a table without rows. It comes from the snapshots, and from
            the load log only where these have expired.
        """
        if table.current_snapshot() is None:
            return None
        summaries = [snapshot.summary for snapshot in table.snapshots() if snapshot.summary]
        name = f"{SUMMARY_PREFIX}sequence_to"
        numbers = [
            int(summary.additional_properties[name])
            for summary in summaries
            if name in summary.additional_properties
        ]
        if numbers:
            return max(numbers)
        with self._load_log_lock, lake_errors(self.settings, "read the load log"):
            self._load_log.refresh()
            rows = pa.concat_tables(scan(self._load_log, ["stream", "sequence_to"]))
        of_stream = rows.filter(pc.equal(rows["stream"], stream))
        greatest: int | None = pc.max(of_stream["sequence_to"]).as_py()
        return greatest

    def _create_table(self, identifier: tuple[str, str], schema: Schema) -> Table:
        try:
            return self._catalog.create_table_if_not_exists(
                identifier, schema, properties=TABLE_PROPERTIES
            )
        except NoSuchNamespaceError:
            # Only now: whoever may not make a namespace can still use one that is there.
            self._catalog.create_namespace_if_not_exists(identifier[0])
            return self._catalog.create_table_if_not_exists(
                identifier, schema, properties=TABLE_PROPERTIES
            )


def _append(table: Table, files: list[DataFile], summary: dict[str, str]) -> None:
    transaction = table.transaction()
    append = transaction.update_snapshot(snapshot_properties=summary).merge_append()
    for file in files:
        append.append_data_file(file)
    append.commit()
    try:
        # Follows a concurrent commit by itself, as often as the table's properties say.
        transaction.commit_transaction()
    except (CommitFailedException, ValidationException):
        raise
    except Exception as error:
        if not _has_snapshot(table, append.snapshot_id):
            message = (
                f"the catalog gave no clear answer to a commit to {'.'.join(table.name())} "
                f"({type(error).__name__}), which may or may not have been made; run again: rows "
                "that come twice do no harm"
            )
            raise UnknownOutcomeError(message) from error


def _has_snapshot(table: Table, snapshot_id: int) -> bool:
    try:
        table.refresh()
    # The first error is the one to tell.
    except Exception:
        return False
    return table.snapshot_by_id(snapshot_id) is not None
