"""Rows of a table with partitions, divided by partition on local disk."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pyarrow as pa
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.schema import sanitize_column_names

from target_s3.spill import PART_BYTES, KeySpill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.table import Table

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
"""What NULL is in a path and in Glue: https://cwiki.apache.org/confluence/display/Hive/LanguageManual+DML."""

_PARTS = 64
_PREFIX = "_partition_"
_NUMBER = "_number"


class HivePath(PartitionKey):
    """A partition whose path tells NULL from the text `null`, for readers who go by the path."""

    def to_path(self) -> str:
        """Give the path below the table's data."""
        parts = super().to_path().split("/")
        fields = self.partition_spec.fields
        for number, field in enumerate(fields):
            if self.partition[number] is None:
                parts[number] = f"{quote_plus(field.name, safe='')}={HIVE_NULL}"
        return "/".join(parts)


class Partitioner:
    """Takes rows as they come and gives them back partition by partition."""

    def __init__(self, table: Table) -> None:
        """Start empty.

        Args:
            table: Its current partition spec counts.
        """
        self._schema = table.schema()
        self._spec = table.spec()
        self._file_names = {
            column.field_id: column.name for column in sanitize_column_names(self._schema).fields
        }
        self._columns = [f"{_PREFIX}{number}" for number in range(len(self._spec.fields))]
        self._new_spill()

    def add(self, rows: pa.Table) -> None:
        """Take rows, with the columns' names in files."""
        for field, name in zip(self._spec.fields, self._columns, strict=True):
            source_type = self._schema.find_field(field.source_id).field_type
            source = rows[self._file_names[field.source_id]]
            if pa.types.is_decimal(source.type):
                # A copy: in a batch file decimals need not lie where pyiceberg-core wants them.
                source = source.take(pa.arange(0, len(source)))
            values = field.transform.pyarrow_transform(source_type)(source)
            rows = rows.append_column(name, values)
        self._spill.add(rows)

    def parts(self, max_bytes: int) -> Iterator[pa.Table]:
        """Give the rows back, once.

        Args:
            max_bytes: About the size of each table, as Arrow.

        Yields:
            Rows for `divide`. Those of a partition come in tables that follow each other, with
            few others between them.
        """
        spill = self._spill
        self._new_spill()
        try:
            yield from spill.tables(max_bytes)
        finally:
            spill.close()

    def divide(
        self, rows: pa.Table, sort_keys: list[tuple[str, str]]
    ) -> Iterator[tuple[PartitionKey, pa.Table]]:
        """Divide rows by partition.

        Args:
            rows: Of `parts`.
            sort_keys: Columns and directions by which the rows of a partition are sorted.

        Yields:
            Each partition and its rows.
        """
        numbers = pa.arange(0, rows.num_rows)
        ascending = [(name, "ascending") for name in self._columns]
        rows = rows.append_column(_NUMBER, numbers)
        rows = rows.sort_by([*ascending, *(sort_keys or [(_NUMBER, "ascending")])])
        rows = rows.set_column(rows.num_columns - 1, _NUMBER, numbers)
        found = rows.group_by(self._columns).aggregate([(_NUMBER, "min"), (_NUMBER, "count")])
        for each in found.to_pylist():
            values = [
                PartitionFieldValue(field, each[name])
                for field, name in zip(self._spec.fields, self._columns, strict=True)
            ]
            key = HivePath(values, self._spec, self._schema)
            of_partition = rows.slice(each[f"{_NUMBER}_min"], each[f"{_NUMBER}_count"])
            yield key, of_partition.drop_columns([*self._columns, _NUMBER])

    def close(self) -> None:
        """Forget the rows."""
        self._spill.close()

    def _new_spill(self) -> None:
        self._spill = KeySpill(self._columns, _PARTS * PART_BYTES)
