"""The lake: its catalog, its tables, appends to them, its load log and its quarantine."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from columnar_singer import load_log, quarantine
from columnar_singer.description import TableDescription
from columnar_singer.destination import CREATED_TABLE
from columnar_singer.drift import ALLOW, plan_drift
from columnar_singer.errors import UserError, one_line
from columnar_singer.facts import ReadMoment
from columnar_singer.retry import retry
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

from target_s3 import catalog
from target_s3.columns import LAKE, NOTHING_WIDENS, change_columns, lake_schema, types_of
from target_s3.description import description_properties, set_properties
from target_s3.errors import lake_errors, passes
from target_s3.layout import Layout
from target_s3.lease import TABLE_NAME as LEASE_TABLE_NAME
from target_s3.lease import TABLE_PROPERTIES as LEASE_TABLE_PROPERTIES
from target_s3.lease import Leases
from target_s3.orphans import sweep_orphans, swept_now
from target_s3.parquet import COMPRESSION
from target_s3.reading import scan
from target_s3.staging import StagedFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from columnar_singer.drift import Drift
    from columnar_singer.load_log import LoadLogRow
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.types import IcebergType

    from target_s3.settings import LakeSettings

TABLE_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": COMPRESSION,
    # A commit every few minutes would leave thousands of metadata files and manifests a month.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest-merge.enabled": "true",
}
"""Properties of a new table, https://iceberg.apache.org/docs/latest/configuration/."""

SUMMARY_PREFIX = "load_log."
"""Before the columns of the load log in a snapshot's summary."""

_READ = "read"
"""Beside them in the summary: when the source was read."""

_OWN = TableDescription(source="target-s3")
"""Of a table that the loader makes for itself."""

_LEASE_COLUMNS = {"unused": pa.string()}
"""A table must have one; the leases stand in its snapshots."""

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Wanted:
    """What a stream needs of its table.

    Attributes:
        columns: Arrow type of each column, in order, metadata included.
        description: What the table and its columns are.
        fixed: Columns of the key and of the metadata.
        layout: Partitions, order and properties.
        drift_mode: Setting `schema_drift`.
    """

    columns: Mapping[str, pa.DataType]
    description: TableDescription = _OWN
    fixed: Collection[str] = ()
    layout: Layout = field(default_factory=Layout)
    drift_mode: str = ALLOW


class Lake:
    """A namespace of a catalog.

    Attributes:
        settings: Where it is.
        leases: Who loads which table.
    """

    def __init__(self, settings: LakeSettings, run_id: str) -> None:
        """Connect to the catalog and open the load log.

        Args:
            settings: Where the lake is.
            run_id: Goes into names of files.

        Raises:
            UserError: It cannot be reached or refuses.
        """
        self.settings = settings
        self._run_id = run_id
        # Sinks may be drained in parallel; these tables are one for all of them.
        self._own_tables_lock = threading.Lock()
        where = settings.shown_catalog
        with lake_errors(settings, f"connect to the catalog {where}"):
            self._catalog = catalog.connect(settings)
        self._load_log, changes = self._open_own_table(
            load_log.TABLE_NAME,
            load_log.arrow_schema(),
            replace(_OWN, comment=load_log.TABLE_COMMENT, columns=load_log.COLUMN_COMMENTS),
        )
        if CREATED_TABLE in changes:
            # So that whoever reads it finds it, empty.
            _ = self.quarantine
        self.leases = Leases(self._open_lease_table, run_id, settings.lease_seconds)

    @cached_property
    def quarantine(self) -> Table:
        """The table of values that the lake cannot hold."""
        return self._open_own_table(
            quarantine.TABLE_NAME,
            quarantine.arrow_schema(),
            replace(_OWN, comment=quarantine.TABLE_COMMENT, columns=quarantine.COLUMN_COMMENTS),
        )[0]

    def full_name(self, table_name: str) -> str:
        """Name a table for a person: `raw.strokes`."""
        return f"{self.settings.namespace}.{table_name}"

    def find_table(self, table_name: str) -> Table | None:
        """Give a table of the namespace, None if it is not there."""
        with lake_errors(self.settings, f"open {self.full_name(table_name)}"):
            return self._load(table_name)

    def open_table(self, table_name: str, wanted: Wanted) -> tuple[Table, Drift[IcebergType]]:
        """Make a table or change it so that rows fit.

        Args:
            table_name: Name of the table in the namespace.
            wanted: What the rows need.

        Returns:
            The table, and which of its columns are written and what was changed.

        Raises:
            UserError: The catalog refuses, or the settings do not allow the change.
        """
        full_name = self.full_name(table_name)
        schema = lake_schema(wanted.columns, wanted.description.columns)

        def plan(table: Table | None) -> Drift[IcebergType]:
            return plan_drift(
                full_name,
                types_of(schema),
                types_of(table.schema()) if table else None,
                NOTHING_WIDENS if self.settings.is_hive else LAKE,
                mode=wanted.drift_mode,
                fixed=wanted.fixed,
            )

        with lake_errors(self.settings, f"open {full_name}"):
            table = self._load(table_name)
            drift = plan(table)
            properties = {
                **description_properties(
                    wanted.description, drift, table.properties if table else {}
                ),
                **wanted.layout.properties,
            }
            if table is None:
                all_properties = {**TABLE_PROPERTIES, **swept_now(), **properties}
                return self._create(table_name, wanted, drift, all_properties), drift
            plans = chain([drift], iter(lambda: plan(table.refresh()), None))

            def change() -> None:
                # An attempt before this one may have changed something: the plan is made anew.
                change_columns(table, next(plans), wanted.description.columns)
                drift.changes.extend(wanted.layout.apply(table, drift.written))
                set_properties(table, properties)

            self._ask(change)
            return table, drift

    def drop_if_unused(self, table: Table) -> None:
        """Drop a table that this run made, unless another run loads it or has loaded it.

        What fails is told and left.
        """
        name = table.name()[-1]
        try:
            if self.leases.take_if_free(name) and table.refresh().current_snapshot() is None:
                self._catalog.drop_table(table.name())
        except Exception as error:
            logger.warning("Table %s, made by this run, stays empty: %s", name, one_line(error))

    def append(
        self, table: Table, files: list[DataFile], row: LoadLogRow, read: ReadMoment | None
    ) -> None:
        """Make files visible, all at once. A concurrent commit is waited for and followed.

        But not one of another run: that run has taken the lease, which this one lost.

        Args:
            table: The table they were written for.
            files: Complete files, each in no snapshot yet.
            row: Goes into the snapshot's summary, so that the load log can be rebuilt.
            read: When the source was read, for `refuse_older_read`.

        Raises:
            UnknownOutcomeError: The files must not be deleted, they may be in the table.
            UserError: They are not in the table.
        """
        summary = {
            SUMMARY_PREFIX + name: value.isoformat() if hasattr(value, "isoformat") else str(value)
            for name, value in {**vars(row), _READ: read and read.as_text()}.items()
            if value is not None
        }
        other_runs = set(summaries(table, "run_id")) - {row.run_id}

        def check() -> None:
            _refuse_other_runs(table, row, other_runs)

        with lake_errors(self.settings, f"append to {'.'.join(table.name())}"):
            if self.settings.is_hive:
                self._catalog.register_partitions(table, files)  # type: ignore[attr-defined]
            catalog.append(table, files, summary, check)

    def append_to_quarantine(self, files: list[DataFile]) -> None:
        """Make rows of the quarantine visible; errors as for `append`."""
        with self._own_tables_lock, lake_errors(self.settings, "write the quarantine"):
            catalog.append(self.quarantine, files, {})

    def sweep_orphans(self, table: Table) -> None:
        """Delete files that killed runs left in a table's place; what fails is told and left."""
        try:
            deleted = sweep_orphans(table, timedelta(hours=self.settings.orphan_file_hours))
        except Exception as error:
            logger.warning("Orphan files of %s stay: %s", table.name()[-1], one_line(error))
            return
        if deleted:
            logger.info("%s: %d orphan files deleted", table.name()[-1], deleted)

    def write_load_log(self, rows: list[LoadLogRow]) -> None:
        """Append rows to the load log.

        Args:
            rows: The rows, complete.

        Raises:
            UserError: The catalog or S3 refuse.
        """
        with self._own_tables_lock, lake_errors(self.settings, "write the load log"):
            staged = StagedFiles(self._load_log, self._run_id)
            staged.write(load_log.to_arrow(rows))
            staged.close()
            catalog.append(self._load_log, staged.files, {})

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
        numbers = summaries(table, "sequence_to")
        if numbers:
            return max(int(number) for number in numbers)
        with self._own_tables_lock, lake_errors(self.settings, "read the load log"):
            self.refresh(self._load_log)
            rows = pa.concat_tables(scan(self._load_log, ["stream", "sequence_to"]))
        of_stream = rows.filter(pc.equal(rows["stream"], stream))
        greatest: int | None = pc.max(of_stream["sequence_to"]).as_py()
        return greatest

    def _open_own_table(
        self, name: str, schema: pa.Schema, description: TableDescription
    ) -> tuple[Table, list[str]]:
        columns = {each.name: each.type for each in schema}
        table, drift = self.open_table(name, Wanted(columns, description, fixed=list(columns)))
        return table, drift.changes

    def _open_lease_table(self) -> Table:
        with lake_errors(self.settings, f"open {self.full_name(LEASE_TABLE_NAME)}"):
            return self._load(LEASE_TABLE_NAME) or self._create(
                LEASE_TABLE_NAME, Wanted(_LEASE_COLUMNS), None, LEASE_TABLE_PROPERTIES
            )

    def _load(self, table_name: str) -> Table | None:
        try:
            return self._ask(
                lambda: self._catalog.load_table((self.settings.namespace, table_name))
            )
        except NoSuchTableError:
            return None

    def _create(
        self,
        table_name: str,
        wanted: Wanted,
        drift: Drift[IcebergType] | None,
        properties: Mapping[str, str],
    ) -> Table:
        identifier = (self.settings.namespace, table_name)
        schema = lake_schema(wanted.columns, wanted.description.columns)
        written = drift.written if drift else {}
        spec = wanted.layout.spec(schema, written)
        order = wanted.layout.sort_order(schema, written)

        def create() -> Table:
            return self._catalog.create_table_if_not_exists(
                identifier,
                schema,
                partition_spec=spec,
                sort_order=order,
                properties={
                    # For whoever compacts the table; the other names are Athena's.
                    "write.target-file-size-bytes": str(wanted.layout.file_bytes),
                    "write_target_data_file_size_bytes": str(wanted.layout.file_bytes),
                    # Which must be less than the target; so is Athena's default for its own target.
                    "optimize_rewrite_min_data_file_size_bytes": str(
                        wanted.layout.file_bytes * 3 // 4
                    ),
                    "optimize_rewrite_data_file_threshold": "2",
                    **properties,
                },
            )

        try:
            return self._ask(create)
        except NoSuchNamespaceError:
            # Only now: whoever may not make a namespace can still use one that is there.
            self._ask(lambda: self._catalog.create_namespace_if_not_exists(identifier[0]))
            return self._ask(create)

    def refresh(self, table: Table) -> None:
        """Read what others have committed to a table; a fault that passes is waited for."""
        self._ask(table.refresh)

    def _ask(self, action: Callable[[], Result]) -> Result:
        return retry(action, what="ask the catalog", passes=passes)


def summaries(table: Table, column: str) -> list[str]:
    """Give a column of the load log from the snapshots of a table, as far as these are there."""
    name = SUMMARY_PREFIX + column
    found = [each.summary.additional_properties for each in table.snapshots() if each.summary]
    return [properties[name] for properties in found if name in properties]


def refuse_older_read(table: Table, read: ReadMoment | None) -> None:
    """Refuse rows that were read from the source before rows that are committed already.

    A lease does not prevent it: a run may read the source, wait for another run to begin and end,
    and only then take the lease. Its old versions would count as the newest.

    Args:
        table: The stream's table, as it is now.
        read: When the source was read for the commit to be made, None if nobody knows.

    Raises:
        UserError: A later read has been committed.
    """
    if read is None:
        return
    for other in map(ReadMoment.from_text, summaries(table, _READ)):
        if read.is_before(other):
            message = (
                f"its rows were read from the source at {read.at.isoformat()}, and table "
                f"'{table.name()[-1]}' has rows read at {other.at.isoformat()} already, from "
                "another run; nothing is committed: run again. If the source's clock was set back, "
                "see 'A clock that was set back' in docs/operating.md"
            )
            raise UserError(message)


def _refuse_other_runs(table: Table, row: LoadLogRow, known: Collection[str]) -> None:
    """Refuse to follow a commit that another run has made since this one took the lease."""
    if others := set(summaries(table, "run_id")) - {row.run_id, *known}:
        message = (
            f"run {others.pop()} has loaded table '{row.table_name}' meanwhile, for the lease of "
            "this one expired while it stood still; nothing is committed: run again"
        )
        raise UserError(message)
