"""Tables that dbt fills before they take a model's name, and that a killed build leaves."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from orchestrate.lake_maintenance.athena import Athena
from orchestrate.lake_maintenance.glue import IcebergTable
from orchestrate.lake_maintenance.upkeep import Outcome

KEPT = timedelta(days=1)
"""Longer than any build: what is younger may belong to one that is at work."""

_BACKUP = "__bkp"
_TEMPORARY = re.compile(r"\w+__(ha|bkp|tmp_not_partitioned|dbt_tmp\w*)")


def is_temporary(name: str) -> bool:
    """Whether a table of a database of models bears a name that dbt uses while it builds."""
    return _TEMPORARY.fullmatch(name) is not None


def is_left_over(table: IcebergTable, others: Collection[IcebergTable]) -> bool:
    """Whether a temporary table may be dropped.

    A model that was set aside stays while nothing has taken its name.

    Args:
        table: The table, `is_temporary`.
        others: The tables listed with it.
    """
    model = (table.database, table.name.removesuffix(_BACKUP))
    return datetime.now(UTC) - table.changed_at > KEPT and (
        not table.name.endswith(_BACKUP)
        or any((each.database, each.name) == model for each in others)
    )


def drop(athena: Athena, table: IcebergTable) -> Outcome:
    """Drop a table with its files; what fails is an outcome, so that the other tables go on."""
    try:
        athena.run(f"DROP TABLE IF EXISTS `{table.name}`", table.database)
    except Exception as error:
        return Outcome(table.full_name, error=" ".join(str(error).split()))
    return Outcome(table.full_name, dropped=True)
