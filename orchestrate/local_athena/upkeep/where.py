"""The condition of `OPTIMIZE … WHERE`, in Trino's SQL, as Iceberg's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyiceberg.expressions
from pyiceberg.types import DateType, TimestampType, TimestamptzType
from sqlglot import exp

from orchestrate.local_athena.model import QueryError

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

ice: Any = pyiceberg.expressions  # its constructors have pydantic's types, not those they take

_COMPARISONS: dict[type[exp.Binary], Callable[[str, Any], BooleanExpression]] = {
    exp.EQ: ice.EqualTo,
    exp.NEQ: ice.NotEqualTo,
    exp.LT: ice.LessThan,
    exp.LTE: ice.LessThanOrEqual,
    exp.GT: ice.GreaterThan,
    exp.GTE: ice.GreaterThanOrEqual,
}


def partition_condition(condition: exp.Expr, table: Table) -> BooleanExpression:
    """Read a condition.

    Args:
        condition: What stands after WHERE; comparisons of a column with a literal, `IN`,
            `BETWEEN` and `IS NULL`, put together by `AND`, `OR` and `NOT`.
        table: The table; only columns that its partitions are made of may be named.

    Raises:
        QueryError: It is another kind of condition, or names another column.
    """
    ids = {each.source_id for each in table.spec().fields}
    schema = table.schema()
    return _read(condition, schema, {each.name for each in schema.fields if each.field_id in ids})


def _read(node: exp.Expr, schema: Schema, columns: set[str]) -> BooleanExpression:
    def column(of: exp.Expr) -> str:
        if not isinstance(of, exp.Column):
            raise _refused(of)
        name = of.name.lower()
        if name not in columns:
            raise QueryError(
                "NOT_SUPPORTED",
                f"WHERE of OPTIMIZE names '{name}'; only columns of the table's partitions may "
                f"stand there: {sorted(columns)}",
            )
        return name

    def both(make: Callable[..., BooleanExpression]) -> BooleanExpression:
        return make(_read(node.this, schema, columns), _read(node.expression, schema, columns))

    found: BooleanExpression
    match node:
        case exp.Paren():
            return _read(node.this, schema, columns)
        case exp.And():
            return both(ice.And)
        case exp.Or():
            return both(ice.Or)
        case exp.Not():
            found = ice.Not(_read(node.this, schema, columns))
        case exp.Is() if isinstance(node.expression, exp.Null):
            found = ice.IsNull(column(node.this))
        case exp.Between():
            name = column(node.this)
            low, high = (_value(node.args[each], schema, name) for each in ("low", "high"))
            found = ice.And(ice.GreaterThanOrEqual(name, low), ice.LessThanOrEqual(name, high))
        case exp.In() if node.expressions:
            name = column(node.this)
            found = ice.In(name, [_value(each, schema, name) for each in node.expressions])
        case exp.Binary() if type(node) in _COMPARISONS:
            name = column(node.this)
            return _COMPARISONS[type(node)](name, _value(node.expression, schema, name))
        case _:
            raise _refused(node)
    return found


def _value(node: exp.Expr, schema: Schema, column: str) -> Any:  # noqa: ANN401
    """Give a literal as a value of a column's type."""
    literal = node.this if isinstance(node, exp.Cast) else node
    if isinstance(literal, exp.Boolean):
        return literal.this
    if isinstance(literal, exp.Neg) and isinstance(literal.this, exp.Literal):
        number: Any = literal.this.to_py()
        return -number
    if not isinstance(literal, exp.Literal):
        raise _refused(node)
    value: Any = literal.to_py()
    kind = schema.find_type(column)
    try:
        if isinstance(kind, DateType):
            return date.fromisoformat(value)
        if isinstance(kind, TimestampType):
            return datetime.fromisoformat(value)
        if isinstance(kind, TimestamptzType):
            moment = datetime.fromisoformat(value.removesuffix(" UTC"))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError):
        message = f"{node.sql('trino')} is no value of column '{column}', which is {kind}"
        raise QueryError("TYPE_MISMATCH", message) from None
    return value


def _refused(node: exp.Expr) -> QueryError:
    return QueryError(
        "NOT_SUPPORTED",
        f"{node.sql('trino')} cannot stand in WHERE of OPTIMIZE; compare a column of the "
        "partitions with a literal",
    )
