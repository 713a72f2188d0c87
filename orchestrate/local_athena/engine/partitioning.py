"""Iceberg's partition transforms in Athena's words: `day(ts)`, `bucket(id, 4)`, `truncate(s, 3)`.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-creating-tables.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
    YearTransform,
)

from orchestrate.local_athena.engine.duck import quoted
from orchestrate.local_athena.engine.reader import Reader
from orchestrate.local_athena.model import QueryError

# https://docs.aws.amazon.com/athena/latest/ug/ctas-considerations-limitations.html
MAX_OPEN_PARTITIONS = 100
_TIMES: dict[str, Callable[[], Transform]] = {  # type: ignore[type-arg]
    "year": YearTransform,
    "month": MonthTransform,
    "day": DayTransform,
    "hour": HourTransform,
}


@dataclass(frozen=True)
class PartitionField:
    """A transform of a column; `width` is of `bucket` and `truncate` only."""

    transform: str
    column: str
    width: int = 0

    @property
    def duckdb_clause(self) -> str:
        """As DuckDB's PARTITIONED BY has it: the number comes first there."""
        if self.transform == "identity":
            return quoted(self.column)
        if self.width:
            return f"{self.transform}({self.width}, {quoted(self.column)})"
        return f"{self.transform}({quoted(self.column)})"

    @property
    def athena(self) -> str:
        """As Athena's PARTITIONED BY has it."""
        if self.transform == "identity":
            return f"`{self.column}`"
        width = f"{self.width}, " if self.width else ""
        return f"{self.transform}({width}`{self.column}`)"

    @property
    def duckdb_value(self) -> str:
        """An expression with one value for each partition."""
        column = quoted(self.column)
        match self.transform:
            case "identity":
                return column
            case "bucket" | "truncate":
                return f"iceberg_{self.transform}({self.width}, {column})"
        return f"date_trunc('{self.transform}', {column})"

    @property
    def iceberg(self) -> Transform:  # type: ignore[type-arg]
        """The transform of pyiceberg."""
        match self.transform:
            case "identity":
                return IdentityTransform()
            case "bucket":
                return BucketTransform(self.width)
            case "truncate":
                return TruncateTransform(self.width)
        return _TIMES[self.transform]()

    @property
    def name(self) -> str:
        """The partition field's name, as Trino gives it."""
        return self.column if self.transform == "identity" else f"{self.column}_{self.transform}"


def read_field(reader: Reader) -> PartitionField:
    """Pass a column or a transform of one; a width stands before or after the column.

    Raises:
        QueryError: There is no such transform.
    """
    name = reader.name()
    if not reader.accept("("):
        return PartitionField("identity", name)
    width = 0
    token = reader.peek()
    if token is not None and token.kind == "number":
        width = reader.integer()
        reader.expect(",")
    column = reader.name()
    if not width and reader.accept(","):
        width = reader.integer()
    reader.expect(")")
    name = name.removesuffix("s") if name.removesuffix("s") in _TIMES else name
    if name not in (*_TIMES, "bucket", "truncate", "identity"):
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"Unable to parse partitioning value: {name}: use year, month, day, hour, bucket or "
            "truncate",
        )
    if (name in ("bucket", "truncate")) != bool(width):
        raise QueryError(
            "INVALID_TABLE_PROPERTY", f"{name}({column}): a number is for bucket and truncate only"
        )
    return PartitionField(name, column, width)


def parse_field(text: str) -> PartitionField:
    """As `read_field`, of a text of its own."""
    reader = Reader(text)
    found = read_field(reader)
    reader.end()
    return found


def of_spec(transform: Transform, column: str) -> PartitionField:  # type: ignore[type-arg]
    """A field of a table that is there."""
    match transform:
        case BucketTransform():
            return PartitionField("bucket", column, transform.num_buckets)
        case TruncateTransform():
            return PartitionField("truncate", column, transform.width)
    return PartitionField(str(transform), column)
