"""The list `WITH (…)` of CREATE TABLE AS and UNLOAD, and `TBLPROPERTIES (…)`."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrate.local_athena.engine.reader import Reader
from orchestrate.local_athena.model import QueryError

Value = str | int | bool | list[str]


def read_with(reader: Reader) -> dict[str, Value]:
    """Pass `(name = value, …)`; names lower-cased."""
    found: dict[str, Value] = {}

    def item() -> None:
        name = reader.name()
        reader.expect("=")
        found[name] = _value(reader)

    reader.listed(item)
    return found


def read_tblproperties(reader: Reader) -> dict[str, str]:
    """Pass `('name' = 'value', …)`."""
    found: dict[str, str] = {}

    def item() -> None:
        name = reader.string()
        reader.expect("=")
        found[name] = reader.string()

    reader.listed(item)
    return found


def refuse_unknown(properties: Mapping[str, Value], known: frozenset[str], kind: str) -> None:
    """Refuse properties that a kind of table, `Iceberg` or `Hive`, has not.

    Raises:
        QueryError: There is one.
    """
    if unknown := sorted(properties.keys() - known):
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"Unsupported table property for {kind}: {', '.join(unknown)}; allowed are "
            + ", ".join(sorted(known)),
        )


def text_of(properties: Mapping[str, Value], name: str) -> str | None:
    """A property that is a text.

    Raises:
        QueryError: It is something else.
    """
    value = properties.get(name)
    if value is not None and not isinstance(value, str):
        raise QueryError("INVALID_TABLE_PROPERTY", f"{name} is {value!r}: give a string in quotes")
    return value


def list_of(properties: Mapping[str, Value], name: str) -> list[str]:
    """A property that is an array of texts, empty without.

    Raises:
        QueryError: It is something else.
    """
    value = properties.get(name, [])
    if not isinstance(value, list):
        raise QueryError("INVALID_TABLE_PROPERTY", f"{name} is {value!r}: give ARRAY['…']")
    return value


def _value(reader: Reader) -> Value:
    if reader.accept("TRUE"):
        return True
    if reader.accept("FALSE"):
        return False
    if reader.accept("ARRAY"):
        found: list[str] = []
        reader.expect("[")
        while not reader.accept("]"):
            found.append(reader.string())
            reader.accept(",")
        return found
    token = reader.peek()
    if token is not None and token.kind == "number":
        return reader.integer()
    return reader.string()
