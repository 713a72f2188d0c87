"""Names of types: Iceberg's, Glue's (Hive's), Athena's (Trino's) and DuckDB's.

https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)
from sqlglot import exp
from sqlglot.errors import SqlglotError

from orchestrate.local_athena.model import QueryError

# Iceberg's name: Athena's and Glue's.
_PRIMITIVES: dict[type[IcebergType], tuple[str, str]] = {
    BooleanType: ("boolean", "boolean"),
    IntegerType: ("integer", "int"),
    LongType: ("bigint", "bigint"),
    FloatType: ("real", "float"),
    DoubleType: ("double", "double"),
    DateType: ("date", "date"),
    TimeType: ("time(6)", "string"),
    TimestampType: ("timestamp(6)", "timestamp"),
    TimestamptzType: ("timestamp(6) with time zone", "timestamp"),
    StringType: ("varchar", "string"),
    UUIDType: ("uuid", "string"),
    BinaryType: ("varbinary", "binary"),
    FixedType: ("varbinary", "binary"),
}

_FROM_ATHENA: dict[str, IcebergType] = {
    "boolean": BooleanType(),
    "integer": IntegerType(),
    "int": IntegerType(),
    "bigint": LongType(),
    "real": FloatType(),
    "float": FloatType(),
    "double": DoubleType(),
    "date": DateType(),
    "time": TimeType(),
    "timestamp": TimestampType(),
    "timestamptz": TimestamptzType(),
    "string": StringType(),
    "varchar": StringType(),
    "uuid": UUIDType(),
    "binary": BinaryType(),
    "varbinary": BinaryType(),
}

# What DuckDB calls by names that sqlglot does not turn into Trino's.
_FROM_DUCKDB = {
    "HUGEINT": "bigint",  # of sum(bigint), which is bigint in Trino
    "UHUGEINT": "bigint",
    "UBIGINT": "bigint",
    "UINTEGER": "bigint",
    "USMALLINT": "integer",
    "UTINYINT": "integer",
    "FLOAT": "real",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "TIME": "time",
    "TIME WITH TIME ZONE": "time with time zone",
    "BLOB": "varbinary",
    "BIT": "varbinary",
    "INTERVAL": "interval day to second",
    '"NULL"': "unknown",
    "JSON": "json",
    "UUID": "uuid",
}
_INTEGERS = ("tinyint", "smallint", "integer", "bigint")
_NUMBER_RANKS = {name: rank for rank, name in enumerate((*_INTEGERS, "decimal", "real", "double"))}


def athena_type(iceberg: IcebergType) -> str:
    """Athena's name of an Iceberg type, as `array(row(a integer))`."""
    match iceberg:
        case DecimalType(precision=precision, scale=scale):
            return f"decimal({precision},{scale})"
        case ListType(element_type=element):
            return f"array({athena_type(element)})"
        case MapType(key_type=key, value_type=value):
            return f"map({athena_type(key)}, {athena_type(value)})"
        case StructType(fields=fields):
            return f"row({', '.join(f'{f.name} {athena_type(f.field_type)}' for f in fields)})"
    return _PRIMITIVES[type(iceberg)][0]


def glue_type(iceberg: IcebergType) -> str:
    """Glue's name of an Iceberg type, as `array<struct<a:int>>`."""
    match iceberg:
        case DecimalType(precision=precision, scale=scale):
            return f"decimal({precision},{scale})"
        case ListType(element_type=element):
            return f"array<{glue_type(element)}>"
        case MapType(key_type=key, value_type=value):
            return f"map<{glue_type(key)},{glue_type(value)}>"
        case StructType(fields=fields):
            return f"struct<{','.join(f'{f.name}:{glue_type(f.field_type)}' for f in fields)}>"
    return _PRIMITIVES[type(iceberg)][1]


def athena_from_glue(name: str) -> str:
    """Athena's name of a type that Glue calls `name`."""
    return _lower(_parsed(name, "hive").sql("trino"))


def glue_from_athena(name: str) -> str:
    """Glue's name of a type that Athena calls `name`; what Hive lacks is a string there."""
    if name in ("json", "uuid", "unknown") or name.startswith(("time(", "interval")):
        return "string"
    if name == "time":
        return "string"
    plain = re.sub(r"timestamp(\(\d+\))?( with time zone)?", "timestamp", name)
    text = _parsed(plain, "trino").sql("hive").lower()
    return re.sub(r"\s*([<>(),:])\s*", r"\1", text)


def duckdb_from_athena(name: str) -> str:
    """DuckDB's name of a type that Athena calls `name`."""
    plain = re.sub(r"(time|timestamp)\(\d+\)", r"\1", name)
    return _parsed(plain, "trino").sql("duckdb")


def athena_from_duckdb(name: str) -> str:
    """Athena's name of a type of DuckDB's, as results show it."""
    if name in _FROM_DUCKDB:
        return _FROM_DUCKDB[name]
    if name.startswith("ENUM("):
        return "varchar"
    return _lower(_nested(_parsed(name, "duckdb")).sql("trino"))


def _nested(found: exp.DataType) -> exp.DataType:
    """With wider numbers inside, too, as Trino knows them."""
    wider = {
        exp.DataType.Type.INT128: exp.DataType.Type.BIGINT,
        exp.DataType.Type.UBIGINT: exp.DataType.Type.BIGINT,
        exp.DataType.Type.UINT: exp.DataType.Type.BIGINT,
    }
    for part in found.find_all(exp.DataType):
        part.set("this", wider.get(part.this, part.this))
    return found


def iceberg_type(name: str, ids: Iterator[int] | None = None) -> IcebergType:
    """The Iceberg type that Athena's DDL calls `name`.

    Args:
        name: As `array<struct<a:int>>`.
        ids: The fields' inside; the catalog gives others.

    Raises:
        QueryError: Iceberg has no such type.
    """
    return _iceberg(_parsed(name.lower(), "hive"), name, ids or count(1))


def _iceberg(found: exp.DataType, whole: str, ids: Iterator[int]) -> IcebergType:
    kind = exp.DataType.Type
    match found.this:
        case kind.DECIMAL:
            sizes = [int(each.name) for each in found.expressions]
            precision, scale = (*sizes, *(10, 0)[len(sizes) :])
            return DecimalType(precision, scale)
        case kind.ARRAY | kind.LIST:
            element = _iceberg(found.expressions[0], whole, ids)
            return ListType(element_id=next(ids), element=element, element_required=False)
        case kind.MAP:
            key, value = (_iceberg(each, whole, ids) for each in found.expressions)
            return MapType(
                key_id=next(ids),
                key_type=key,
                value_id=next(ids),
                value_type=value,
                value_required=False,
            )
        case kind.STRUCT:
            from pyiceberg.types import NestedField

            return StructType(
                *(
                    NestedField(
                        next(ids),
                        each.name,
                        _iceberg(each.args["kind"], whole, ids),
                        required=False,
                    )
                    for each in found.expressions
                )
            )
    name = found.this.value.lower() if isinstance(found.this, kind) else str(found.this).lower()
    name = {"text": "string", "timestampntz": "timestamp"}.get(name, name)
    try:
        return _FROM_ATHENA[name]
    except KeyError:
        raise QueryError("NOT_SUPPORTED", f"Type not supported for Iceberg: {whole}") from None


def can_coerce(source: str, target: str) -> bool:
    """Whether Trino turns a `source` into a `target` by itself, as an INSERT needs.

    https://trino.io/docs/current/language/types.html
    """
    a, b = (re.sub(r"\(.*\)", "", name) for name in (source, target))
    if a in ("unknown", b):
        return True
    if a in _NUMBER_RANKS and b in _NUMBER_RANKS:
        return _NUMBER_RANKS[a] <= _NUMBER_RANKS[b]
    return (a, b) in {
        ("date", "timestamp"),
        ("date", "timestamp with time zone"),
        ("timestamp", "timestamp with time zone"),
        ("char", "varchar"),
        ("varchar", "char"),
        ("json", "varchar"),
    }


def _lower(text: str) -> str:
    return re.sub(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)", r"(\1,\2)", text.lower())


def _parsed(name: str, dialect: str) -> exp.DataType:
    try:
        return exp.DataType.build(name, dialect=dialect)
    except (SqlglotError, ValueError):
        raise QueryError("TYPE_NOT_FOUND", f"Unknown type: {name}") from None
