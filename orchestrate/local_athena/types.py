"""Names of types: Iceberg's, Glue's (Hive's) and Athena's (Trino's).

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
from orchestrate.local_athena.translate.types import coerces, duckdb_name, parse_type

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

_SIZED = ("varchar", "char", "timestamp", "timestamp with time zone")


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
    """Athena's name of a type that Glue calls `name`.

    Raises:
        QueryError: There is no such type.
    """
    return str(parse_type(name))


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
    return duckdb_name(parse_type(name))


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


def is_storable(source: str, target: str) -> bool:
    """Whether a column of type `target` takes values of type `source` without a cast."""
    given, wanted = parse_type(source), parse_type(target)
    return coerces(given, wanted) or (given.name == wanted.name and given.name in _SIZED)


def _parsed(name: str, dialect: str) -> exp.DataType:
    try:
        return exp.DataType.build(name, dialect=dialect)
    except (SqlglotError, ValueError):
        raise QueryError("TYPE_NOT_FOUND", f"Unknown type: {name}") from None
