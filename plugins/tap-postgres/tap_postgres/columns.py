"""How the columns of a query are decoded; as what they are sent, `copy_out` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from columnar_singer.types import from_postgres, type_name

from tap_postgres import kernels
from tap_postgres.copy_out import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DECIMAL64_DIGITS = 18
"""What a decimal of 64 bits holds."""


@dataclass(frozen=True)
class WireColumn:
    """A column of the result of a query.

    Attributes:
        name: Its name in the query and in the record batch.
        datatype: The PostgreSQL type it is read as, as `format_type` prints it.
        arrow: Its type in the record batch.
        kind: One of the kinds of `kernels`.
    """

    name: str
    datatype: str
    arrow: pa.DataType
    kind: int

    @property
    def is_text(self) -> bool:
        """Whether its values have no fixed length."""
        return self.kind >= kernels.TEXT

    @property
    def is_wide(self) -> bool:
        """Whether a value takes 128 bits."""
        return self.kind == kernels.WIDE_DECIMAL

    @property
    def is_decimal(self) -> bool:
        """Whether it is a decimal with a scale."""
        return self.kind in {kernels.DECIMAL, kernels.WIDE_DECIMAL}


def wire_column(name: str, datatype: str) -> WireColumn:
    """Give the column of a type.

    Args:
        name: Its name in the query.
        datatype: As `format_type` prints it.
    """
    arrow = from_postgres(datatype).arrow
    known = type_name(datatype)
    if known == "numeric":
        return WireColumn(name, datatype, arrow, _numeric_kind(arrow))
    return WireColumn(name, datatype, arrow, getattr(kernels, KINDS.get(known, "TEXT")))


def _numeric_kind(arrow: pa.DataType) -> int:
    if not pa.types.is_decimal(arrow):
        return kernels.NUMERIC_TEXT
    return kernels.DECIMAL if arrow.precision <= DECIMAL64_DIGITS else kernels.WIDE_DECIMAL


def wire_columns(datatypes: Mapping[str, str]) -> list[WireColumn]:
    """Give the columns of a query.

    Args:
        datatypes: The PostgreSQL type of each column, by name and in order.
    """
    return [wire_column(name, datatype) for name, datatype in datatypes.items()]


def plan(columns: Sequence[WireColumn]) -> kernels.Plan:
    """Describe columns to the kernels.

    Args:
        columns: As they are sent.
    """
    counts = [0, 0, 0]
    slots = []
    for column in columns:
        storage = 2 * column.is_text + column.is_wide
        slots.append(counts[storage])
        counts[storage] += 1
    digits = [
        min(column.arrow.precision, DECIMAL64_DIGITS) if column.is_decimal else 0
        for column in columns
    ]
    return kernels.Plan(
        kinds=np.array([column.kind for column in columns], np.int64),
        slots=np.array(slots, np.int64),
        scales=np.array(
            [column.arrow.scale if column.is_decimal else 0 for column in columns], np.int64
        ),
        limits=np.array([10**each - 1 for each in digits], np.int64),
    )
