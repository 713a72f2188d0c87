"""CAST as Trino does it: strict in what it reads, exact in what it writes.

https://trino.io/docs/current/functions/conversion.html, https://trino.io/docs/current/language/types.html,
https://trino.io/docs/current/functions/json.html#cast-to-json
"""

from __future__ import annotations

from sqlglot import exp

from orchestrate.local_athena.translate.coercion import (
    decimal_as_double,
    is_null_literal,
    local_timestamp,
    row_part,
    value_zone,
)
from orchestrate.local_athena.translate.terms import (
    Term,
    cast_node,
    duck,
    mismatch,
    not_supported,
)
from orchestrate.local_athena.translate.time_casts import to_date, to_time, to_timestamp, to_zoned
from orchestrate.local_athena.translate.types import (
    BOOLEAN,
    DATE,
    JSON,
    UNKNOWN,
    UUID,
    VARCHAR,
    Type,
    duckdb_name,
    inside,
)


def cast(term: Term, target: Type, place: str = "") -> Term:
    """Convert a value.

    Raises:
        QueryError: TYPE_MISMATCH where Trino has no such cast, NOT_SUPPORTED where it differs.
    """
    source = term.type
    if is_null_literal(term) or source == UNKNOWN:
        return Term(cast_node(term.node, target), target)
    if source == target and not isinstance(term.node, exp.Literal):
        return term
    made = _cast(term, target)
    if made is None:
        raise mismatch(f"{place}Cannot cast {source} to {target}")
    return made


def _cast(term: Term, target: Type) -> Term | None:
    if target.is_text:
        return _to_text(term, target)
    if target.items:
        return _to_nested(term, target)
    rules = {
        "boolean": _to_boolean,
        "decimal": _to_decimal,
        "real": _to_double,
        "double": _to_double,
        "date": to_date,
        "timestamp": to_timestamp,
        "timestamp with time zone": to_zoned,
        "time": to_time,
        "json": _to_json,
        "uuid": _to_uuid,
    }
    if target.is_integer:
        return _to_integer(term, target)
    rule = rules.get(target.name)
    return rule(term, target) if rule else None


def text_of(term: Term) -> exp.Expr | None:
    """Write a value as text, the way CAST(… AS varchar) does; None where Trino does not."""
    source = term.type
    if source.is_text:
        return term.node
    if source.name == "decimal" and source.params[0] == source.params[1]:  # `.05` to DuckDB
        return duck("regexp_replace(CAST(_1 AS VARCHAR), '^(-?)[.]', '\\10.')", term)
    if source.is_integer or source.name in ("boolean", "decimal", "uuid"):
        return duck("CAST(_1 AS VARCHAR)", term)
    if source == DATE:
        return duck("CAST(trino_year_of_four(_1) AS VARCHAR)", term)
    if source.name in ("double", "real"):
        return duck(f"trino_{source.name}_varchar(_1)", term)
    if source.name == "timestamp":
        return duck(f"trino_timestamp_text(trino_year_of_four(_1), {source.params[0]})", term)
    if source.name == "timestamp with time zone":
        local = local_timestamp(term, "the text of a timestamp with time zone")
        zone = value_zone(source, "the text of a timestamp with time zone")
        made = f"trino_timestamp_text(trino_year_of_four(_1), {source.params[0]}) || ' {zone}'"
        return duck(made, local)
    if source.name == "time":
        return duck(f"trino_time_text(_1, {source.params[0]})", term)
    if source.name == "json":
        return duck("trino_json_varchar(_1)", term)
    if source.name == "interval day to second":
        return duck("trino_day_interval_text(_1)", term)
    if source.name == "interval year to month":
        return duck("trino_month_interval_text(_1)", term)
    return None


def _to_text(term: Term, target: Type) -> Term | None:
    node = text_of(term)
    if node is None:
        return None
    if target.name == "char":
        if not term.type.is_text:
            node = duck(f"trino_fitting(_1, {target.params[0]}, 'char')", node)
        return Term(duck(f"rpad(_1, {target.params[0]}, ' ')", node), target)
    if target.params:
        size = target.params[0]
        if not term.type.is_text:  # texts are cut silently, the rest is an error
            return Term(duck(f"trino_fitting(_1, {size}, 'varchar')", node), target)
        if not term.type.params or term.type.params[0] > size:
            node = duck(f"left(_1, {size})", node)
    value = term.value if term.type.is_text and isinstance(term.value, str) else None
    if value is not None and target.params:
        value = value[: target.params[0]]
    return Term(node, target, value) if value is not None else Term(node, target)


def _to_integer(term: Term, target: Type) -> Term | None:
    name = duckdb_name(target)
    if term.type.is_text:
        return Term(duck(f"CAST(trino_integer(_1, '{target.name}') AS {name})", term), target)
    if term.type.name in ("double", "real"):  # DuckDB rounds half to even
        return Term(duck(f"CAST(round(_1) AS {name})", term), target)
    if term.type.is_integer or term.type.name in ("boolean", "decimal"):
        return Term(duck(f"CAST(_1 AS {name})", term), target)
    if term.type == JSON:
        return Term(duck(f"CAST(trino_json_number(_1, '{target.name}') AS {name})", term), target)
    return None


def _to_boolean(term: Term, target: Type) -> Term | None:
    if term.type.is_text:
        return Term(duck("trino_boolean(_1)", term), target)
    if term.type.is_numeric:
        return Term(duck("_1 <> 0", term), target)
    if term.type == JSON:
        return Term(duck("trino_json_boolean(_1)", term), target)
    return term if term.type == BOOLEAN else None


def _to_decimal(term: Term, target: Type) -> Term | None:
    name = duckdb_name(target)
    if term.type.is_text:
        return Term(duck(f"CAST(trino_numeral(_1, '{target}') AS {name})", term), target)
    if term.type.name in ("double", "real"):
        # Trino rounds the shortest decimal text of the double, not its binary value.
        return Term(duck(f"CAST(CAST(_1 AS VARCHAR) AS {name})", term), target)
    if term.type.is_numeric or term.type == BOOLEAN:
        return Term(duck(f"CAST(_1 AS {name})", term), target)
    return None


def _to_double(term: Term, target: Type) -> Term | None:
    name = duckdb_name(target)
    if term.type.is_text:
        return Term(duck(f"CAST(trino_double(_1, '{target.name}') AS {name})", term), target)
    if term.type.name == "decimal":
        return Term(decimal_as_double(term, target), target)
    if (term.type.name, target.name) == ("double", "real"):
        return Term(duck("trino_real(_1)", term), target)
    if term.type.is_numeric or term.type == BOOLEAN:
        return Term(duck(f"CAST(_1 AS {name})", term), target)
    if term.type == JSON:
        return Term(duck(f"CAST(trino_json_double(_1) AS {name})", term), target)
    return None


def _to_uuid(term: Term, target: Type) -> Term | None:
    if term.type.is_text:
        return Term(duck("trino_uuid(_1)", term), target)
    return term if term.type == UUID else None


_JSON_SOURCES = ("boolean", "varchar", "json", "date")


def _to_json(term: Term, target: Type) -> Term | None:
    _check_json_source(term.type)
    if term.type == JSON:
        return term
    if term.type.name == "date":
        return Term(duck("to_json(CAST(_1 AS VARCHAR))", term), target)
    return Term(duck("CAST(to_json(_1) AS JSON)", _in_order(term)), target)


def _in_order(term: Term) -> exp.Expr:
    """Put the keys of maps in the order in which Trino writes them."""
    if not any(inner.name == "map" for inner in inside(term.type)):
        return term.node
    item = exp.to_identifier("trino_item", quoted=True)
    if term.type.name == "array":
        part = _in_order(Term(item, term.type.items[0]))
        return duck('list_transform(_1, lambda "trino_item": _2)', term.node, part)
    if term.type.name == "row" or any(inner.items for inner in term.type.items):
        raise not_supported(f"cast of {term.type} to json", "cast the map alone")
    return duck("map_from_entries(list_sort(map_entries(_1)))", term)


def _check_json_source(type_: Type) -> None:
    if type_.is_integer or type_.name in _JSON_SOURCES:
        return
    if type_.name in ("array", "row", "map") and (type_.name != "map" or type_.items[0].is_text):
        if type_.name == "row" and None in type_.fields:
            raise not_supported(f"cast of {type_} to json", "name the fields of the row")
        for item in type_.items:
            if item.name == "date":
                raise not_supported("cast of dates inside to json", "cast them to varchar first")
            _check_json_source(item)
        return
    raise not_supported(f"cast of {type_} to json", "cast it to varchar or bigint first")


def _to_nested(term: Term, target: Type) -> Term | None:
    source = term.type
    if source == JSON:
        return _json_to_nested(term, target)
    if source.name != target.name or len(source.items) != len(target.items):
        return None
    if source.name == "array":
        item = exp.to_identifier("trino_item", quoted=True)
        inner = cast(Term(item, source.items[0]), target.items[0])
        node = duck('list_transform(_1, lambda "trino_item": _2)', term.node, inner.node)
        return Term(cast_node(node, target), target)
    if source.name == "row":
        fields = [name or f"field{i}" for i, name in enumerate(target.fields)]
        parts = []
        for place, (name, a, b) in enumerate(zip(fields, source.items, target.items, strict=True)):
            got = Term(row_part(term, place), a)
            parts.append(
                exp.PropertyEQ(
                    this=exp.to_identifier(name, quoted=True), expression=cast(got, b).node
                )
            )
        made = cast_node(exp.Struct(expressions=parts), target)
        return Term(duck("CASE WHEN _1 IS NOT NULL THEN _2 END", term.node, made), target)
    for a, b in zip(source.items, target.items, strict=True):  # a map
        is_same = a in (b, UNKNOWN) or _widens(a, b) or (a.is_text and b == VARCHAR)
        if not is_same:
            raise not_supported(f"cast of {source} to {target}", "use transform_values and map()")
    return Term(cast_node(term.node, target), target)


def _widens(source: Type, target: Type) -> bool:
    return (
        source.is_numeric
        and target.is_numeric
        and (source.name != "double" or target.name == "double")
    )


def _json_to_nested(term: Term, target: Type) -> Term | None:
    if target.name == "array" and not target.items[0].items:
        item = exp.to_identifier("trino_item", quoted=True)
        inner = cast(Term(item, JSON), target.items[0])
        node = duck(
            'list_transform(trino_json_items(_1), lambda "trino_item": _2)', term.node, inner.node
        )
        return Term(cast_node(node, target), target)
    if target.name == "map" and target.items[0] == VARCHAR and not target.items[1].items:
        item = exp.to_identifier("trino_item", quoted=True)
        inner = cast(Term(item, JSON), target.items[1])
        node = duck(
            'map_from_entries(list_transform(trino_json_entries(_1), lambda "trino_entry": '
            "{'k': trino_entry.k, 'v': (list_transform([trino_entry.v], "
            'lambda "trino_item": _2))[1]}))',
            term.node,
            inner.node,
        )
        return Term(cast_node(node, target), target)
    raise not_supported(f"cast of json to {target}", "take the parts with json_extract_scalar")
