"""Columns whose plain values never leave PostgreSQL: they are masked in the query that reads them.

Three kinds:

- `sha256`: HMAC-SHA256 of the value's text in UTF-8 with the secret salt as its key, as 64 digits
  of base 16. Equal values have equal masks, so that the column still joins and counts; without
  the salt no mask can be computed from a guessed value
  (https://www.rfc-editor.org/rfc/rfc2104). What one has to know to check it, in Python:
  `hmac.new(salt.encode(), text.encode(), "sha256").hexdigest()`. The text is what PostgreSQL
  prints for `value::text`, times in UTC.
- `redact`: the text `***`.
- `null`: NULL, in the column's own type.

NULL stays NULL. With `sha256` and `redact` the column becomes text.

PostgreSQL has `sha256()` built in, but `hmac()` only in an extension. An HMAC is two digests,
`H(outer || H(inner || text))`, whose 64-byte paddings `inner` and `outer` follow from the key; so
the tap computes the paddings and the server the digests.

The paddings are as secret as the salt. They travel as settings of the session in the connection's
startup message, and queries name them with `current_setting()`. The text of a query is seen in
`pg_stat_activity`, and so are its parameters in the server's log under `log_statement = 'all'`;
the startup message is in neither.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from psycopg import sql
from singer_sdk import typing as th

from tap_postgres.column_rules import COLUMN_PROPERTIES, ColumnRule, misfits, stream_and_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_postgres.discovery import Column, Table

SHORTEST_SALT = 16
"""Characters; a shorter one could be found by trying."""

REDACTED = "***"

_BLOCK_BYTES = 64
_INNER_SETTING = "tap_postgres.mask_inner"
_OUTER_SETTING = "tap_postgres.mask_outer"

# Each padding in a subquery of its own, which is evaluated once a query instead of once a value.
_HMAC = sql.SQL(
    "encode(sha256("
    "(select decode(current_setting({outer}), 'hex'))"
    " || sha256((select decode(current_setting({inner}), 'hex'))"
    " || convert_to(({value})::text, 'UTF8'))), 'hex')"
)


class Kind(StrEnum):
    """What becomes of a value."""

    SHA256 = "sha256"
    REDACT = "redact"
    NULL = "null"


_DESCRIPTIONS = {
    Kind.SHA256: "Masked: HMAC-SHA256 with a secret salt.",
    Kind.REDACT: f"Masked: {REDACTED} for any value.",
    Kind.NULL: "Masked: always NULL.",
}

MASK_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "mask",
        th.ArrayType(
            th.ObjectType(
                *COLUMN_PROPERTIES,
                th.Property(
                    "kind",
                    # YAML reads an unquoted null as no value at all.
                    th.CustomType({"enum": [*Kind, None]}),
                    required=True,
                    description="sha256, redact or null.",
                ),
            )
        ),
        description=(
            "Columns to mask inside PostgreSQL, so that their values never leave it: a list of "
            "{stream, columns, kind}."
        ),
    ),
    th.Property(
        "mask_salt",
        th.StringType,
        secret=True,
        description=(
            f"Key of the kind sha256, {SHORTEST_SALT} characters or more. With another salt all "
            "masks are others."
        ),
    ),
)
"""The settings of masks, to be put into the tap's `PropertiesList`."""


@dataclass(frozen=True)
class Rule(ColumnRule):
    """An entry of the setting `mask`.

    Attributes:
        kind: How the columns are masked.
    """

    kind: Kind

    @classmethod
    def from_config(cls, entry: Any) -> Rule:  # noqa: ANN401 (not validated for `--discover`)
        """Read an entry.

        Raises:
            UserError: It is not of the form `{stream, columns, kind}`.
        """
        try:
            kind = entry["kind"]
            return cls(*stream_and_columns(entry), Kind.NULL if kind is None else Kind(kind))
        except (KeyError, TypeError, ValueError) as error:
            message = (
                f"the setting 'mask' has the entry {entry!r}; give each as "
                f"{{stream: name, columns: [name, …], kind: {' | '.join(Kind)}}}"
            )
            raise UserError(message) from error


@dataclass(frozen=True)
class Mask:
    """How a column is masked.

    Attributes:
        kind: What becomes of its values.
        datatype: The built-in type it would be read as without.
    """

    kind: Kind
    datatype: str

    @property
    def description(self) -> str:
        """Tells a reader of the data what was done."""
        return _DESCRIPTIONS[self.kind]

    @property
    def keeps_values_apart(self) -> bool:
        """Whether different values have different masks, so that the column may be a key."""
        return self.kind is Kind.SHA256

    def expression(self, value: sql.Composable) -> sql.Composed:
        """Give the SQL expression of the masked column.

        Args:
            value: Expression of the plain value, of the type `datatype`.
        """
        match self.kind:
            case Kind.SHA256:
                return _HMAC.format(
                    value=value,
                    inner=sql.Literal(_INNER_SETTING),
                    outer=sql.Literal(_OUTER_SETTING),
                )
            case Kind.REDACT:
                return sql.SQL("case when {} is not null then {} end").format(
                    value, sql.Literal(REDACTED)
                )
            case Kind.NULL:
                return sql.SQL("null::{}").format(sql.SQL(self.datatype))


def rules(config: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Read the settings of masks.

    Args:
        config: The tap's.

    Returns:
        The rules.

    Raises:
        UserError: A rule is malformed, or the salt is missing or too short.
    """
    found = tuple(Rule.from_config(entry) for entry in config.get("mask") or ())
    if any(rule.kind is Kind.SHA256 for rule in found):
        salt = config.get("mask_salt") or ""
        if len(salt) < SHORTEST_SALT:
            message = (
                f"the setting 'mask_salt' has {len(salt)} characters, and the kind sha256 of the "
                f"setting 'mask' needs a secret of {SHORTEST_SALT} or more; make one with "
                "`openssl rand -hex 32` and keep it: with another salt all masks are others"
            )
            raise UserError(message)
    return found


def session_settings(salt: str | None) -> dict[str, str]:
    """Give the settings that a session needs to evaluate `Mask.expression`.

    Args:
        salt: The secret; None if there is none.

    Returns:
        Values by name, as secret as the salt is.
    """
    if not salt:
        return {}
    key = salt.encode()
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    key = key.ljust(_BLOCK_BYTES, b"\0")
    return {
        _INNER_SETTING: bytes(byte ^ 0x36 for byte in key).hex(),
        _OUTER_SETTING: bytes(byte ^ 0x5C for byte in key).hex(),
    }


def apply(
    tables: Sequence[Table], wanted: Sequence[Rule]
) -> tuple[tuple[Table, ...], dict[str, str]]:
    """Mask the columns of tables.

    A rule that fits nothing is an error and not a warning: were it a slip of the pen, personal data
    would be sent as they are. A table that lacks a column fails alone, for the column may have
    been renamed.

    Args:
        tables: All that were discovered.
        wanted: The rules.

    Returns:
        The tables with their masks, and by stream what is wrong with one.

    Raises:
        UserError: No stream fits a rule.
    """
    faults: dict[str, str] = {}
    for misfit in misfits(tables, wanted, "mask", "nothing is sent that might have to be masked"):
        if not misfit.streams:
            raise UserError(misfit.message)
        faults |= dict.fromkeys(misfit.streams, misfit.message)
    masked = tuple(
        replace(
            table, columns=tuple(_mask(column, table, wanted, faults) for column in table.columns)
        )
        for table in tables
    )
    return masked, faults


def _mask(column: Column, table: Table, wanted: Sequence[Rule], faults: dict[str, str]) -> Column:
    kinds = {rule.kind for rule in wanted if rule.fits(table, column.name)}
    if not kinds:
        return column
    if len(kinds) > 1:
        faults[table.stream_name] = (
            f"the setting 'mask' gives column {column.name!r} of {table.stream_name} the kinds "
            f"{' and '.join(sorted(kinds))}; give it one"
        )
    kind = min(kinds)
    return replace(
        column,
        datatype=column.datatype if kind is Kind.NULL else "text",
        is_not_null=column.is_not_null and kind is not Kind.NULL,
        mask=Mask(kind, column.datatype),
    )
