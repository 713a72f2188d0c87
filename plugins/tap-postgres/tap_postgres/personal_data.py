"""Columns that are about a person and are not masked: destinations are told which they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from singer_sdk import typing as th

from tap_postgres.column_rules import COLUMN_PROPERTIES, ColumnRule, misfits, stream_and_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_postgres.discovery import Table

PERSONAL_DATA_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "personal_data",
        th.ArrayType(th.ObjectType(*COLUMN_PROPERTIES)),
        description=(
            "Columns with personal data, beside those that `mask` names: a list of {stream, "
            "columns}. They are read as they are, and marked `x-personal-data` in the SCHEMA."
        ),
    ),
)
"""The setting, to be put into the tap's `PropertiesList`."""


def rules(config: Mapping[str, Any]) -> tuple[ColumnRule, ...]:
    """Read the setting.

    Args:
        config: The tap's.

    Raises:
        UserError: An entry is malformed.
    """
    return tuple(_rule(entry) for entry in config.get("personal_data") or ())


def _rule(entry: Any) -> ColumnRule:  # noqa: ANN401 (not validated for `--discover`)
    try:
        return ColumnRule(*stream_and_columns(entry))
    except (KeyError, TypeError) as error:
        message = (
            f"the setting 'personal_data' has the entry {entry!r}; give each as "
            "{stream: name, columns: [name, …]}"
        )
        raise UserError(message) from error


def mark(
    tables: Sequence[Table], wanted: Sequence[ColumnRule]
) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """Mark the columns of tables.

    Args:
        tables: All that were discovered.
        wanted: The rules.

    Returns:
        The tables with their marks, and what is wrong with the rules. No stream fails for it: its
        rows are those it would send anyway.
    """
    marked = tuple(
        replace(
            table,
            columns=tuple(
                replace(column, is_personal=any(rule.fits(table, column.name) for rule in wanted))
                for column in table.columns
            ),
        )
        for table in tables
    )
    wrong = misfits(tables, wanted, "personal_data", "as it stands, it marks nothing")
    return marked, tuple(misfit.message for misfit in wrong)
