"""Trino's types: their names, what DuckDB stores them as, and which turns into which by itself.

https://trino.io/docs/current/language/types.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from orchestrate.local_athena.model import QueryError

INTEGERS = ("tinyint", "smallint", "integer", "bigint")
_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
MAX_PRECISION = 38
MAX_CHAR = 65536


@dataclass(frozen=True)
class Type:
    """A type of Trino.

    Attributes:
        name: As `varchar`, `decimal`, `timestamp with time zone`.
        params: Length, precision or scale.
        items: Of an array its element, of a map key and value, of a row its fields.
        fields: Names of a row's fields, None for one without a name.
        zone: Of a timestamp with time zone: the zone it is shown in. DuckDB stores the instant
            only, so the zone is carried here, where the text of the query tells it.
    """

    name: str
    params: tuple[int, ...] = ()
    items: tuple[Type, ...] = ()
    fields: tuple[str | None, ...] = ()
    zone: str = "UTC"

    def __str__(self) -> str:
        if self.name == "row":
            inner = ", ".join(
                f"{name} {item}" if name else str(item)
                for name, item in zip(self.fields, self.items, strict=True)
            )
            return f"row({inner})"
        if self.items:
            return f"{self.name}({', '.join(map(str, self.items))})"
        if not self.params:
            return self.name
        head, _, tail = self.name.partition(" ")
        return f"{head}({','.join(map(str, self.params))}){' ' + tail if tail else ''}"

    @property
    def is_integer(self) -> bool:
        """Whether it is one of the four integer types."""
        return self.name in INTEGERS

    @property
    def is_numeric(self) -> bool:
        """Whether it can be calculated with."""
        return self.is_integer or self.name in ("decimal", "real", "double")

    @property
    def is_text(self) -> bool:
        """Whether it is varchar or char."""
        return self.name in ("varchar", "char")

    @property
    def is_temporal(self) -> bool:
        """Whether it is a date or a timestamp."""
        return self.name in ("date", "timestamp", "timestamp with time zone")


BOOLEAN, INTEGER, BIGINT = Type("boolean"), Type("integer"), Type("bigint")
REAL, DOUBLE = Type("real"), Type("double")
VARCHAR, VARBINARY, JSON, DATE = Type("varchar"), Type("varbinary"), Type("json"), Type("date")
UNKNOWN, UUID = Type("unknown"), Type("uuid")
DAY_INTERVAL, MONTH_INTERVAL = Type("interval day to second"), Type("interval year to month")


def decimal(precision: int, scale: int) -> Type:
    """Make a decimal type, of 38 digits at most."""
    return Type("decimal", (min(precision, MAX_PRECISION), scale))


def timestamp(precision: int = 3) -> Type:
    """Make a timestamp type; DuckDB holds microseconds, so more digits are refused."""
    return Type("timestamp", (_precision(precision),))


def timestamp_tz(precision: int = 3, zone: str = "UTC") -> Type:
    """Make a timestamp with time zone, shown in `zone`."""
    return Type("timestamp with time zone", (_precision(precision),), zone=zone)


def with_milliseconds(moment: Type) -> Type:
    """Make the type of a moment to which milliseconds are added, of three digits at least."""
    if moment.name == "date":
        return moment
    return replace(moment, params=(max(3, *moment.params),))


def _precision(digits: int) -> int:
    if digits > 6:
        raise QueryError(
            "NOT_SUPPORTED",
            f"timestamp({digits}): the local Athena holds microseconds; use precision 6 or less",
        )
    return digits


def inside(type_: Type) -> Iterator[Type]:
    """Give a type and those it is made of."""
    yield type_
    for item in type_.items:
        yield from inside(item)


def array(item: Type) -> Type:
    """Make an array type."""
    return Type("array", items=(item,))


def map_of(key: Type, value: Type) -> Type:
    """Make a map type."""
    return Type("map", items=(key, value))


_SIMPLE = {
    "boolean": BOOLEAN, "tinyint": Type("tinyint"), "smallint": Type("smallint"),
    "int": INTEGER, "integer": INTEGER, "bigint": BIGINT, "float": REAL, "real": REAL,
    "double": DOUBLE, "string": VARCHAR, "varchar": VARCHAR, "varbinary": VARBINARY,
    "binary": VARBINARY, "json": JSON, "date": DATE, "uuid": UUID, "unknown": UNKNOWN,
    "interval day to second": DAY_INTERVAL, "interval year to month": MONTH_INTERVAL,
}  # fmt: skip


def parse_type(text: str) -> Type:
    """Read a type as Glue (`array<int>`) or Athena (`decimal(10,2)`, `row(a bigint)`) writes it.

    Raises:
        QueryError: TYPE_NOT_FOUND.
    """
    text = text.strip().lower()
    if text in _SIMPLE:
        return _SIMPLE[text]
    found = re.fullmatch(r"([a-z ]+?)\s*(?:[(<](.*)[)>][a-z ]*)?", text)
    head = found[1] if found else text
    inner = found[2] if found else None
    parts = _split(inner) if inner is not None else []
    if head == "array" and len(parts) == 1:
        return array(parse_type(parts[0]))
    if head == "map" and len(parts) == 2:
        return map_of(parse_type(parts[0]), parse_type(parts[1]))
    if head in ("struct", "row"):
        pairs = [re.fullmatch(r"\"?(\w+)\"?\s*[:\s]\s*(.*)", part) for part in parts]
        names = tuple(pair.group(1) if pair else None for pair in pairs)
        items = tuple(
            parse_type(pair.group(2) if pair else part)
            for pair, part in zip(pairs, parts, strict=True)
        )
        return Type("row", items=items, fields=names)
    numbers = [int(part) for part in parts if part.isdigit()]
    if head == "decimal":
        return decimal(*[*numbers, 0][:2]) if numbers else decimal(38, 0)
    if head in ("varchar", "char"):
        return Type(head, (numbers[0] if numbers else 1,)) if numbers or head == "char" else VARCHAR
    is_zoned = text.endswith("with time zone")
    if head.startswith("timestamp"):
        digits = numbers[0] if numbers else 3
        return timestamp_tz(digits) if is_zoned else timestamp(digits)
    if head == "time" and not is_zoned:
        return Type("time", (numbers[0] if numbers else 3,))
    raise QueryError("TYPE_NOT_FOUND", f"Unknown type: {text}")


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "(<") - (letter in ")>")
        if letter == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [part.strip() for part in [*parts, text[start:]]]


def of_node(node: exp.DataType) -> Type:
    """Read a type from a CAST of Trino's SQL.

    Raises:
        QueryError: TYPE_NOT_FOUND or NOT_SUPPORTED.
    """
    sizes = [int(p.name) for p in node.expressions if isinstance(p, exp.DataTypeParam)]
    kind = node.this.value if isinstance(node.this, exp.DType) else str(node.this)
    match kind:
        case "ARRAY" | "LIST" if node.expressions:
            return array(of_node(node.expressions[0]))
        case "MAP" if len(node.expressions) == 2:
            return map_of(of_node(node.expressions[0]), of_node(node.expressions[1]))
        case "STRUCT":
            return _row_of(node)
        case "VARCHAR" | "CHAR":
            name = kind.lower()
            return Type(name, tuple(sizes[:1]) or (() if name == "varchar" else (1,)))
        case "DECIMAL":
            return decimal(*[*sizes, 0][:2]) if sizes else decimal(38, 0)
        case "TIMESTAMP" | "TIMESTAMPNTZ":
            return timestamp(sizes[0] if sizes else 3)
        case "TIMESTAMPTZ":
            return timestamp_tz(sizes[0] if sizes else 3)
        case "TIME":
            return Type("time", (sizes[0] if sizes else 3,))
    names = {"INT": "integer", "FLOAT": "real", "TEXT": "", "STRING": ""}
    name = names.get(kind, kind.lower())
    if name in _SIMPLE and name not in ("string", "binary", "unknown", "float", "int"):
        return _SIMPLE[name]
    raise QueryError("TYPE_NOT_FOUND", f"Unknown type: {node.sql('trino').lower()}")


def _row_of(node: exp.DataType) -> Type:
    names: list[str | None] = []
    items: list[Type] = []
    for field in node.expressions:
        if isinstance(field, exp.ColumnDef):
            names.append(field.name.lower())
            items.append(of_node(field.args["kind"]))
        else:
            names.append(None)
            items.append(of_node(field))
    return Type("row", items=tuple(items), fields=tuple(names))


_DUCKDB = {
    "boolean": "BOOLEAN", "tinyint": "TINYINT", "smallint": "SMALLINT", "integer": "INTEGER",
    "bigint": "BIGINT", "real": "FLOAT", "double": "DOUBLE", "varchar": "VARCHAR",
    "char": "VARCHAR", "varbinary": "BLOB", "json": "JSON", "date": "DATE", "uuid": "UUID",
    "timestamp": "TIMESTAMP", "timestamp with time zone": "TIMESTAMPTZ", "time": "TIME",
    "interval day to second": "INTERVAL", "interval year to month": "INTERVAL",
    "unknown": "INTEGER",
}  # fmt: skip


def duckdb_name(type_: Type) -> str:
    """Name the DuckDB type that holds a Trino type's values."""
    if type_.name == "decimal":
        return f"DECIMAL({type_.params[0]},{type_.params[1]})"
    if type_.name == "array":
        return f"{duckdb_name(type_.items[0])}[]"
    if type_.name == "map":
        return f"MAP({duckdb_name(type_.items[0])}, {duckdb_name(type_.items[1])})"
    if type_.name == "row":
        if all(name is None for name in type_.fields):
            return f"STRUCT({', '.join(duckdb_name(item) for item in type_.items)})"
        names = [name or f"field{i}" for i, name in enumerate(type_.fields)]
        inner = ", ".join(
            f'"{n}" {duckdb_name(t)}' for n, t in zip(names, type_.items, strict=True)
        )
        return f"STRUCT({inner})"
    return _DUCKDB[type_.name]


def as_decimal(type_: Type) -> Type:
    """Give the decimal type that holds an integer type."""
    return type_ if type_.name == "decimal" else decimal(_DIGITS[type_.name], 0)


def common_type(left: Type, right: Type) -> Type | None:
    """Give the type both turn into by themselves, None if there is none."""
    if right in (left, UNKNOWN):
        return left
    if left == UNKNOWN:
        return right
    if left.is_numeric and right.is_numeric:
        return _common_number(left, right)
    if left.is_text and right.is_text:
        if left.name == right.name == "char":
            return Type("char", (max(left.params[0], right.params[0]),))
        if "char" in (left.name, right.name):  # nothing is cut off
            return Type("char", max(left.params or (MAX_CHAR,), right.params or (MAX_CHAR,)))
        sizes = (left.params, right.params)
        return Type("varchar", max(sizes)) if all(sizes) else VARCHAR
    if left.is_temporal and right.is_temporal:
        return _common_instant(left, right)
    if left.name != right.name:
        return None
    if left.name == "time":
        return Type("time", max(left.params, right.params))
    if len(left.items) != len(right.items):
        return None
    items = [common_type(a, b) for a, b in zip(left.items, right.items, strict=True)]
    if None in items:
        return None
    fields = tuple(a if a == b else None for a, b in zip(left.fields, right.fields, strict=True))
    return replace(left, items=tuple(i for i in items if i is not None), fields=fields)


def _common_number(left: Type, right: Type) -> Type:
    names = {left.name, right.name}
    if "double" in names:
        return DOUBLE
    if "real" in names:
        return REAL
    if "decimal" in names:
        a, b = as_decimal(left), as_decimal(right)
        scale = max(a.params[1], b.params[1])
        return decimal(max(a.params[0] - a.params[1], b.params[0] - b.params[1]) + scale, scale)
    return max(left, right, key=lambda found: INTEGERS.index(found.name))


def _common_instant(left: Type, right: Type) -> Type | None:
    digits = max((left.params or (0,))[0], (right.params or (0,))[0])
    zoned = [found for found in (left, right) if found.name == "timestamp with time zone"]
    if not zoned:
        return timestamp(digits)
    if len(zoned) == 2 and left.zone != right.zone:
        return timestamp_tz(digits, zone="")  # shown in a zone of each row: see `values.shown`
    return timestamp_tz(digits, zoned[0].zone)


def coerces(source: Type, target: Type) -> bool:
    """Say whether a value of `source` is taken where `target` is asked for."""
    if source in (target, UNKNOWN):
        return True
    if source.is_integer and target.is_integer:
        return INTEGERS.index(source.name) <= INTEGERS.index(target.name)
    if source.is_numeric and target.name in ("real", "double"):
        return source.name != "double" or target.name == "double"
    if source.is_integer and target.name == "decimal":
        return _DIGITS[source.name] <= target.params[0] - target.params[1]
    if source.is_text and target.name == "varchar":
        return True
    return common_type(source, target) == target
