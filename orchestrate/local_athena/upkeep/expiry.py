"""Which snapshots `VACUUM` removes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import ancestors_of

from orchestrate.local_athena.upkeep.plan import read_number

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata


@dataclass(frozen=True)
class Retention:
    """Athena's table properties for `VACUUM`.

    https://docs.aws.amazon.com/athena/latest/ug/vacuum-statement.html

    Attributes:
        age: How old a snapshot, and a file that no snapshot names, must be to go.
        snapshots: So many of each branch stay however old they are.
        metadata_files: So many older versions of the table's metadata stay.
    """

    age: timedelta
    snapshots: int
    metadata_files: int

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> Retention:
        """Take them out of a table's properties.

        Raises:
            QueryError: One is no number.
        """
        return cls(
            timedelta(seconds=read_number(properties, "vacuum_max_snapshot_age_seconds", 432_000)),
            # The current one always stays.
            max(1, read_number(properties, "vacuum_min_snapshots_to_keep", 1)),
            read_number(properties, "vacuum_max_metadata_files_to_keep", 100),
        )


def expired_snapshots(metadata: TableMetadata, retention: Retention, now: datetime) -> set[int]:
    """Choose the snapshots that go.

    What a tag names stays, and of each branch the newest and all that are young enough.

    Args:
        metadata: The table.
        retention: How long they are kept.
        now: With time zone.
    """
    oldest = (now - retention.age).timestamp() * 1000
    kept = {each.snapshot_id for each in metadata.snapshots if each.timestamp_ms >= oldest}
    for ref in metadata.refs.values():
        kept.add(ref.snapshot_id)
        if ref.snapshot_ref_type == SnapshotRefType.BRANCH:
            line = ancestors_of(metadata.snapshot_by_id(ref.snapshot_id), metadata)
            kept |= {
                each.snapshot_id for _, each in zip(range(retention.snapshots), line, strict=False)
            }
    return {each.snapshot_id for each in metadata.snapshots} - kept
