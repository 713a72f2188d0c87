"""How the columns of a query travel: as what they are sent, and how that is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from columnar_singer.types import from_postgres, type_name
from psycopg import sql

from tap_postgres import kernels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DECIMAL64_DIGITS = 18
"""What a decimal of 64 bits holds."""

# Sent in their binary form; all others as text. What theirs would save is not worth its code.
_KINDS = {
    "smallint": kernels.INT2,
    "integer": kernels.INT4,
    "bigint": kernels.INT8,
    "real": kernels.FLOAT4,
    "double precision": kernels.FLOAT8,
    "boolean": kernels.BOOL,
    "date": kernels.DATE,
    "timestamp without time zone": kernels.TIMESTAMP,
    "timestamp with time zone": kernels.TIMESTAMP,
    "text": kernels.TEXT,
    "character varying": kernels.TEXT,
    "character": kernels.TEXT,
    "bpchar": kernels.TEXT,
    "name": kernels.TEXT,
    "json": kernels.TEXT,
    "bytea": kernels.TEXT,
    "jsonb": kernels.JSONB,
    "uuid": kernels.UUID,
}

# The cast to text of these gives another text than PostgreSQL prints: of an address a netmask
# more, of a document a declaration more.
_PRINTED = {
    "inet": sql.SQL("textin(inet_out({}))"),
    "xml": sql.SQL("textin(xml_out({}))"),
}
_AS_TEXT = sql.SQL("{}::text")


@dataclass(frozen=True)
class WireColumn:
    """A column of the result of a query.

    Attributes:
        name: Its name in the query and in the record batch.
        datatype: The PostgreSQL type it is read as, as `format_type` prints it.
        arrow: Its type in the record batch.
        kind: One of the kinds of `kernels`.
        expression: What to select from a query `q` that has the column.
    """

    name: str
    datatype: str
    arrow: pa.DataType
    kind: int
    expression: sql.Composable

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
    kind = _numeric_kind(arrow) if known == "numeric" else _KINDS.get(known)
    column = sql.Identifier("q", name)
    if kind is None:
        printed = _PRINTED.get(known, _AS_TEXT).format(column)
        return WireColumn(name, datatype, arrow, kernels.TEXT, printed)
    # The cast costs nothing where the type is what is expected, and makes the server convert or
    # refuse where it is not any more.
    cast = sql.SQL("{}::{}").format(column, sql.SQL(datatype))
    return WireColumn(name, datatype, arrow, kind, cast)


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


def copy_statement(query: sql.Composable, columns: Sequence[WireColumn]) -> sql.Composed:
    """Give the statement that sends a query's rows in the form that `kernels` decodes.

    Args:
        query: A SELECT without parameters that has the columns, whatever their order.
        columns: To send.
    """
    return sql.SQL("copy (select {} from ({}) q) to stdout (format binary)").format(
        sql.SQL(", ").join(column.expression for column in columns), query
    )


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
