"""How a table's files lie: in which partitions, in which order, how large."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    YearTransform,
)
from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.transforms import Transform

DEFAULT_FILE_SIZE_MB = 128
_MB = 1024 * 1024
DEFAULT_FILE_BYTES = DEFAULT_FILE_SIZE_MB * _MB

_PATTERNS = "by stream name or pattern (`public-*`), the first that matches counts"
LAYOUT_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "partition_by",
        th.ObjectType(additional_properties=th.ArrayType(th.StringType)),
        description=f"Partitions of tables, {_PATTERNS}: a list of columns, plain or in a "
        "transform: `year(c)`, `month(c)`, `day(c)`, `hour(c)`, `bucket(16, c)`, "
        "`truncate(10, c)`. A table that has other partitions has these from the next file on.",
    ),
    th.Property(
        "sort_by",
        th.ObjectType(additional_properties=th.ArrayType(th.StringType)),
        description=f"Order of the rows in each row group, {_PATTERNS}: a list of columns, each "
        "may be followed by ` desc`.",
    ),
    th.Property(
        "target_file_size_mb",
        th.ObjectType(additional_properties=th.IntegerType(minimum=1)),
        description=f"Size at which a data file is closed, in MiB, {_PATTERNS}. "
        f"Default: {DEFAULT_FILE_SIZE_MB}.",
    ),
    th.Property(
        "table_properties",
        th.ObjectType(additional_properties=th.ObjectType(additional_properties=th.StringType)),
        description=f"Further Iceberg table properties, {_PATTERNS}: names and values.",
    ),
)
"""Settings of the tables' layout, to be put into the target's `PropertiesList`."""

_CALL = re.compile(r"(?P<name>\w+)\(\s*(?:(?P<number>\d+)\s*,\s*)?(?P<column>.+?)\s*\)")
_DESCENDING = re.compile(r"(?P<column>.+?)\s+(?P<direction>asc|desc)", re.IGNORECASE)
# Name, transform, and what is appended to the column's name: as other Iceberg writers do.
_TIME_TRANSFORMS: dict[str, Callable[[], Transform[Any, Any]]] = {
    "year": YearTransform,
    "month": MonthTransform,
    "day": DayTransform,
    "hour": HourTransform,
}
_NUMBER_TRANSFORMS: dict[str, tuple[Callable[[int], Transform[Any, Any]], str]] = {
    "bucket": (BucketTransform, "bucket"),
    "truncate": (TruncateTransform, "trunc"),
}


@dataclass(frozen=True)
class Partition:
    """One field of a partition spec.

    Attributes:
        column: Name of the stream's column.
        transform: Iceberg's transform of it.
        suffix: What the field's name has after the column's.
    """

    column: str
    transform: Transform[Any, Any]
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> Partition:
        """Read one entry of the setting `partition_by`.

        Raises:
            UserError: It calls no transform that there is.
        """
        call = _CALL.fullmatch(text)
        if call is None:
            return cls(text, IdentityTransform())
        name, number, column = call["name"], call["number"], call["column"]
        if name in _TIME_TRANSFORMS and number is None:
            return cls(column, _TIME_TRANSFORMS[name](), f"_{name}")
        if name in _NUMBER_TRANSFORMS and number is not None:
            transform, suffix = _NUMBER_TRANSFORMS[name]
            return cls(column, transform(int(number)), f"_{suffix}_{number}")
        if name == "identity" and number is None:
            return cls(column, IdentityTransform())
        message = (
            f"'{text}' in the setting 'partition_by' is no partition; write a column, year(c), "
            "month(c), day(c), hour(c), bucket(16, c) or truncate(10, c)"
        )
        raise UserError(message)


@dataclass(frozen=True)
class Sorting:
    """One column of a sort order."""

    column: str
    descending: bool = False

    @classmethod
    def parse(cls, text: str) -> Sorting:
        """Read one entry of the setting `sort_by`."""
        found = _DESCENDING.fullmatch(text)
        if found is None:
            return cls(text)
        return cls(found["column"], found["direction"].lower() == "desc")


@dataclass(frozen=True)
class Layout:
    """What the settings say about one stream's table.

    Attributes:
        partition_by: None where no setting names the stream: the table stays as it is.
        sort_by: The same.
        file_bytes: Size at which a data file is closed.
        properties: Table properties, beside those that every table gets.
        is_hive: The table is one of plain Parquet: partitions have names of their own, and stay.
    """

    partition_by: tuple[Partition, ...] | None = None
    sort_by: tuple[Sorting, ...] | None = None
    file_bytes: int = DEFAULT_FILE_BYTES
    properties: Mapping[str, str] = field(default_factory=dict)
    is_hive: bool = False

    @classmethod
    def of_stream(cls, config: Mapping[str, Any], stream: str) -> Layout:
        """Take a stream's layout out of the target's settings.

        Raises:
            UserError: A setting cannot be read.
        """
        partitions = _setting(config, "partition_by", stream)
        sorting = _setting(config, "sort_by", stream)
        megabytes = _setting(config, "target_file_size_mb", stream) or DEFAULT_FILE_SIZE_MB
        return cls(
            None if partitions is None else tuple(Partition.parse(each) for each in partitions),
            None if sorting is None else tuple(Sorting.parse(each) for each in sorting),
            megabytes * _MB,
            _setting(config, "table_properties", stream) or {},
            is_hive=config.get("table_format") == "parquet",
        )

    def spec(self, schema: Schema, written: Mapping[str, str]) -> PartitionSpec:
        """Give the partition spec of a new table.

        Args:
            schema: Of the table.
            written: The table's column for each column of the stream.

        Raises:
            UserError: A column is not there, or its type has no such partitions.
        """
        fields: list[PartitionField] = []
        for number, partition in enumerate(self.partition_by or (), PARTITION_FIELD_ID_START):
            column = _column(schema, written, partition.column, "partition_by")
            if not partition.transform.can_transform(column.field_type):
                message = (
                    f"the setting 'partition_by' has {partition.transform} of column "
                    f"'{partition.column}', which is {column.field_type}; choose another column "
                    "or transform"
                )
                raise UserError(message)
            if any(each.source_id == column.field_id for each in fields):
                message = (
                    f"the setting 'partition_by' names column '{partition.column}' twice; a "
                    "column can make one partition only"
                )
                raise UserError(message)
            # A column that is in the files cannot be one of the path as well.
            suffix = partition.suffix or ("_partition" if self.is_hive else "")
            name = f"{column.name}{suffix}"
            fields.append(PartitionField(column.field_id, number, partition.transform, name))
        return PartitionSpec(*fields)

    def sort_order(self, schema: Schema, written: Mapping[str, str]) -> SortOrder:
        """Give the sort order of a new table; arguments and errors as for `spec`."""
        return SortOrder(
            *(
                SortField(
                    _column(schema, written, each.column, "sort_by").field_id,
                    IdentityTransform(),
                    SortDirection.DESC if each.descending else SortDirection.ASC,
                    NullOrder.NULLS_LAST,
                )
                for each in self.sort_by or ()
            )
        )

    def apply(self, table: Table, written: Mapping[str, str]) -> list[str]:
        """Change a table that is there; its files stay as they are.

        Args:
            table: The table.
            written: The table's column for each column of the stream.

        Returns:
            What was changed, in words.

        Raises:
            UserError: As for `spec`.
        """
        schema, changes = table.schema(), []
        if self.is_hive and self.partition_by is not None:
            self._refuse_other_partitions(table, self.spec(schema, written))
        elif self.partition_by is not None and (
            change := _change_spec(table, self.spec(schema, written))
        ):
            changes.append(change)
        if self.sort_by is not None:
            wanted = self.sort_order(schema, written)
            if wanted.fields != table.sort_order().fields:
                with table.update_sort_order() as update:
                    for each, column in zip(self.sort_by, wanted.fields, strict=True):
                        name = schema.find_field(column.source_id).name
                        add = update.desc if each.descending else update.asc
                        add(name, column.transform, NullOrder.NULLS_LAST)
                changes.append(f"sorted by {', '.join(each.column for each in self.sort_by)}")
        return changes

    def _refuse_other_partitions(self, table: Table, wanted: PartitionSpec) -> None:
        if _has_other_partitions(table, wanted):
            message = (
                f"the setting 'partition_by' asks for {[each.name for each in wanted.fields]}, the "
                f"table has {[each.name for each in table.spec().fields]}, and a table of plain "
                "Parquet cannot change its partitions; correct the setting, or drop the table and "
                "load it anew"
            )
            raise UserError(message)


def _has_other_partitions(table: Table, wanted: PartitionSpec) -> bool:
    def transforms(spec: PartitionSpec) -> list[tuple[int, str]]:
        return [(each.source_id, str(each.transform)) for each in spec.fields]

    return transforms(table.spec()) != transforms(wanted)


def _change_spec(table: Table, wanted: PartitionSpec) -> str | None:
    def identity(each: PartitionField) -> tuple[int, str]:
        return each.source_id, str(each.transform)

    found = table.spec()
    if not _has_other_partitions(table, wanted):
        return None
    keep = {identity(each) for each in found.fields} & {identity(each) for each in wanted.fields}
    with table.update_spec() as update:
        for each in found.fields:
            if identity(each) not in keep:
                update.remove_field(each.name)
        for each in wanted.fields:
            if identity(each) not in keep:
                column = table.schema().find_field(each.source_id).name
                update.add_field(column, each.transform, each.name)
    return f"partitioned by {', '.join(each.name for each in wanted.fields) or 'nothing'}"


def _setting(config: Mapping[str, Any], name: str, stream: str) -> Any:  # noqa: ANN401
    patterns = config.get(name) or {}
    for pattern, value in patterns.items():
        if fnmatch.fnmatchcase(stream, pattern):
            return value
    return None


def _column(schema: Schema, written: Mapping[str, str], name: str, setting: str) -> Any:  # noqa: ANN401
    if name not in written:
        message = (
            f"the setting '{setting}' names column '{name}', which the stream does not have; it "
            f"has {sorted(written)}"
        )
        raise UserError(message)
    return next(each for each in schema.fields if each.name == written[name])
