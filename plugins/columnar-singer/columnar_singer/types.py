"""The one table of type mappings: PostgreSQL, Arrow and JSON Schema (docs/types.md shows it).

A tap puts the PostgreSQL type of a column into its SCHEMA property under `X_SQL_DATATYPE`; both
sides then agree on the column of a batch file without talking to each other. A property of a tap
that knows nothing of this is mapped by its plain JSON Schema.

A value that Arrow has no type for travels as the text that PostgreSQL prints for it, so that
nothing is rounded or cut on the way.

https://www.postgresql.org/docs/current/datatype.html

Arrow is imported where its types are asked for: most runs have nothing new, and a tap or target
that only compares schemas is there in half the time without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

X_SQL_DATATYPE = "x-sql-datatype"
"""Key of a SCHEMA property: the PostgreSQL type as `format_type` prints it."""

X_KEYS_ONLY = "x-keys-only"
"""Key of a SCHEMA's `schema`: true where the tap sends nothing but the keys that are there."""

MAX_DECIMAL_DIGITS = 38
"""What a decimal128 holds; Iceberg and Athena stop there too."""

_INT64_MAX = 2**63 - 1
_INT64_MIN = -(2**63)
_TYPE_MODIFIER = re.compile(r"\s*\((?P<arguments>[^)]*)\)")

JsonSchema = dict[str, Any]


@dataclass(frozen=True)
class ColumnType:
    """One type in its three forms.

    Attributes:
        postgres: As `format_type` prints it, always a built-in type.
        json_schema: The property of a SCHEMA message, without null and without `x-sql-datatype`.
    """

    postgres: str
    json_schema: JsonSchema

    @cached_property
    def arrow(self) -> pa.DataType:
        """The type of the column in a batch file."""
        import pyarrow as pa

        name = type_name(self.postgres)
        if name == "numeric" and (size := _decimal_size(self.postgres)):
            return pa.decimal128(*size)
        mapping = _BY_NAME.get(name)
        return mapping.arrow if mapping else pa.string()


@dataclass(frozen=True)
class TypeMapping:
    """A row of the table.

    Attributes:
        names: The PostgreSQL types, as `format_type` prints them without modifiers.
        arrow_name: The type of the column in a batch file, as Arrow prints it.
        json_schema: As `ColumnType` has it.
        beyond: Values that the lake cannot hold and puts into its quarantine, in words.
    """

    names: tuple[str, ...]
    arrow_name: str
    json_schema: JsonSchema
    beyond: str = ""

    @property
    def arrow(self) -> pa.DataType:
        """The type of the column in a batch file."""
        return _arrow_types()[self.arrow_name]


_TEXT: JsonSchema = {"type": "string"}
_NUMBER: JsonSchema = {"type": "number"}
_FAR_TIMES = "`infinity`, `-infinity`, years before 1 and after 9999"

MAPPINGS: tuple[TypeMapping, ...] = (
    TypeMapping(("boolean",), "bool", {"type": "boolean"}),
    TypeMapping(("smallint", "integer"), "int32", {"type": "integer"}),
    TypeMapping(("bigint",), "int64", {"type": "integer"}),
    # With at most 38 digits a decimal: see `ColumnType.arrow`.
    TypeMapping(("numeric",), "string", _NUMBER),
    TypeMapping(("real",), "float", _NUMBER),
    TypeMapping(("double precision",), "double", _NUMBER),
    # Base 16 of RFC 4648, what the SDK makes of bytes in a RECORD.
    TypeMapping(("bytea",), "binary", {**_TEXT, "contentEncoding": "base16"}),
    TypeMapping(("date",), "date32[day]", {**_TEXT, "format": "date"}, _FAR_TIMES),
    TypeMapping(
        ("timestamp without time zone",),
        "timestamp[us]",
        {**_TEXT, "format": "date-time"},
        _FAR_TIMES,
    ),
    TypeMapping(
        ("timestamp with time zone",),
        "timestamp[us, tz=UTC]",
        {**_TEXT, "format": "date-time"},
        _FAR_TIMES,
    ),
    # As text: 24:00:00 is a legal value that no other engine's time type holds, and Athena has
    # no time in Iceberg tables at all.
    TypeMapping(("time without time zone",), "string", {**_TEXT, "format": "time"}),
    TypeMapping(("uuid",), "string", {**_TEXT, "format": "uuid"}),
    *(
        TypeMapping(names, "string", _TEXT)
        for names in (
            ("text", "character varying", "character", "bpchar", '"char"', "name"),
            ("time with time zone", "interval"),
            ("json", "jsonb", "jsonpath"),
            ("bit", "bit varying"),
            ("inet", "cidr", "macaddr", "macaddr8"),
            ("point", "line", "lseg", "box", "path", "polygon", "circle"),
            ("tsvector", "tsquery"),
            ("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
            (
                "int4multirange",
                "int8multirange",
                "nummultirange",
                "datemultirange",
                "tsmultirange",
                "tstzmultirange",
            ),
            ("oid", "xid", "xid8", "cid", "tid", "int2vector", "oidvector", "refcursor"),
            ("pg_lsn", "pg_snapshot", "txid_snapshot"),
        )
    ),
)
"""All types that travel as themselves. Their arrays travel as text and are arrays again in
PostgreSQL; whatever is not here is read as text, or as the type that it is based on."""

CARRIED_TYPES = frozenset(name for mapping in MAPPINGS for name in mapping.names)
"""Names of the types that any PostgreSQL has and reads back from their text."""

_BY_NAME = {name: mapping for mapping in MAPPINGS for name in mapping.names}


def from_postgres(datatype: str) -> ColumnType:
    """Map a PostgreSQL type.

    Args:
        datatype: As `format_type` prints it: `numeric(12,2)`, `timestamp with time zone`,
            `text[]`. Enums, composites and domains must have been resolved by the caller.

    Returns:
        The type; an array travels as text, and so does what is not in `MAPPINGS`.
    """
    name = type_name(datatype)
    if name in {"character varying", "character"} and (length := _arguments(datatype)):
        return ColumnType(datatype, {**_TEXT, "maxLength": length[0]})
    mapping = _BY_NAME.get(name)
    return ColumnType(datatype, dict(mapping.json_schema if mapping else _TEXT))


def type_name(datatype: str) -> str:
    """Give the name of a PostgreSQL type without its modifiers.

    Args:
        datatype: As `format_type` prints it: `timestamp(3) with time zone`.

    Returns:
        The name: `timestamp with time zone`.
    """
    return _TYPE_MODIFIER.sub("", datatype)


def from_property(schema: Mapping[str, Any]) -> ColumnType:
    """Map a property of a SCHEMA message.

    Args:
        schema: The JSON Schema of one property, with or without `x-sql-datatype`.

    Returns:
        The type. Without `x-sql-datatype` it is the widest that holds every value the JSON Schema
        allows: any integer is a bigint, what may be an object or an array is jsonb, what may be
        several scalar types is text.
    """
    if datatype := schema.get(X_SQL_DATATYPE):
        return from_postgres(datatype)
    alternatives = [
        schema,
        *(option for word in ("anyOf", "oneOf", "allOf") for option in schema.get(word, ())),
    ]
    names = {name for option in alternatives for name in _json_types(option)} - {"null"}
    if not names or names & {"object", "array"}:
        return from_postgres("jsonb")
    if names == {"string"}:
        return from_postgres(_string_datatype(alternatives))
    if names == {"integer"}:
        return from_postgres(_integer_datatype(alternatives))
    if names <= {"integer", "number"}:
        exact = any("multipleOf" in option for option in alternatives)
        return from_postgres("numeric" if exact else "double precision")
    if names == {"boolean"}:
        return from_postgres("boolean")
    return from_postgres("text")


def arrow_schema(properties: Mapping[str, Mapping[str, Any]]) -> pa.Schema:
    """Give the Arrow schema of a stream's rows.

    Args:
        properties: `schema.properties` of the SCHEMA message.

    Returns:
        One nullable field per property, in order: whether a column may be NULL is the
        destination's own business, and a source may change its mind.
    """
    import pyarrow as pa

    return pa.schema(
        [pa.field(name, from_property(schema).arrow) for name, schema in properties.items()]
    )


@cache
def _arrow_types() -> dict[str, pa.DataType]:
    """The types that `MAPPINGS` names."""
    import pyarrow as pa

    types = (
        *(pa.bool_(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string()),
        *(pa.binary(), pa.date32(), pa.timestamp("us"), pa.timestamp("us", tz="UTC")),
    )
    return {str(each): each for each in types}


def _decimal_size(datatype: str) -> tuple[int, int] | None:
    """Give the digits and the scale of the decimal that holds a numeric, None if none does."""
    match _arguments(datatype):
        case [precision]:
            digits, scale = precision, 0
        case [precision, scale] if scale < 0:
            # numeric(3,-2) holds 99900: five digits and no fraction.
            digits, scale = precision - scale, 0
        case [precision, scale]:
            # numeric(2,5) holds 0.00099: PostgreSQL allows more fraction than digits.
            digits = max(precision, scale)
        case _:
            return None
    return (digits, scale) if digits <= MAX_DECIMAL_DIGITS else None


def _arguments(datatype: str) -> list[int]:
    found = _TYPE_MODIFIER.search(datatype)
    return [int(argument) for argument in found["arguments"].split(",")] if found else []


def _json_types(schema: Mapping[str, Any]) -> list[str]:
    declared = schema.get("type", [])
    return [declared] if isinstance(declared, str) else list(declared)


def _string_datatype(alternatives: list[Mapping[str, Any]]) -> str:
    # A date-time among the alternatives counts only if every string must be one.
    strings = [option for option in alternatives if "string" in _json_types(option)]
    forms = {(option.get("format"), option.get("contentEncoding")) for option in strings}
    if len(forms) != 1:
        return "text"
    match forms.pop():
        case ("date-time", _):
            return "timestamp with time zone"
        case ("date", _):
            return "date"
        case ("time", _):
            return "time without time zone"
        case ("uuid", _):
            return "uuid"
        case ("singer.decimal" | "x-singer.decimal", _):
            return _decimal_datatype(strings[0])
        case (_, "base16"):
            return "bytea"
        case _:
            return "text"


def _decimal_datatype(schema: Mapping[str, Any]) -> str:
    if "precision" in schema and "scale" in schema:
        return f"numeric({schema['precision']},{schema['scale']})"
    return "numeric"


def _integer_datatype(alternatives: list[Mapping[str, Any]]) -> str:
    fits = all(
        option.get("minimum", 0) >= _INT64_MIN and option.get("maximum", 0) <= _INT64_MAX
        for option in alternatives
    )
    return "bigint" if fits else "numeric"
