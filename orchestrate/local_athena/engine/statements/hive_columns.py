"""What the columns of a new Hive table, or of UNLOAD, may be.

https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html
"""

from __future__ import annotations

from orchestrate.local_athena.engine import json_files, text_files
from orchestrate.local_athena.engine.statements.table_properties import Value, list_of
from orchestrate.local_athena.model import Column, QueryError
from orchestrate.local_athena.translate.types import inside, parse_type

_NOT_IN_HIVE = (
    "timestamp with time zone", "time", "json", "uuid", "unknown", "interval day to second",
    "interval year to month",
)  # fmt: skip


def refuse_types(columns: tuple[Column, ...], file_format: str) -> None:
    """Refuse columns that files of a format do not hold.

    Raises:
        QueryError: There is one.
    """
    for column in columns:
        for kind in inside(parse_type(column.type)):
            if kind.name in _NOT_IN_HIVE:
                raise QueryError(
                    "NOT_SUPPORTED", f"Unsupported Hive type: {kind}; column name: {column.name}"
                )
            if kind.name == "timestamp" and kind.params != (3,):
                raise QueryError(
                    "NOT_SUPPORTED",
                    f"Incorrect timestamp precision for {kind}; the configured precision is "
                    f"MILLISECONDS; column name: {column.name}",
                )
            if None in kind.fields:
                raise QueryError(
                    "NOT_SUPPORTED",
                    "Anonymous row type is not supported in Hive. Please give each field a name: "
                    f"{kind}; column name: {column.name}",
                )
    refuse_in_lines(columns, file_format)


def refuse_in_lines(columns: tuple[Column, ...], file_format: str) -> None:
    """Refuse columns that files of text or JSON hold in a way of Hive's own.

    Raises:
        QueryError: There is one.
    """
    kinds = {each.name: parse_type(each.type) for each in columns}
    if file_format == "TEXTFILE":
        text_files.refuse_types(kinds)
    if file_format == "JSON":
        json_files.refuse_types(kinds)


def check_buckets(
    properties: dict[str, Value], columns: tuple[Column, ...], keys: list[str]
) -> None:
    """Check what files are to be bucketed by; they are not, which no query can tell.

    Args:
        properties: Of the table.
        columns: All of them.
        keys: Those that are partition keys.

    Raises:
        QueryError: The properties do not go together, or tell a column that there is not.
    """
    by, count = list_of(properties, "bucketed_by"), properties.get("bucket_count")
    if bool(by) != (count is not None):
        raise QueryError(
            "INVALID_TABLE_PROPERTY", "bucketed_by and bucket_count must be specified together"
        )
    if count is not None and (isinstance(count, bool | str | list) or count < 1):
        raise QueryError(
            "INVALID_TABLE_PROPERTY", f"bucket_count must be greater than zero, and is {count!r}"
        )
    names = {each.name for each in columns} - set(keys)
    if unknown := [each for each in by if each.lower() not in names]:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"Bucketing columns {unknown} not present in schema, or partition keys",
        )
