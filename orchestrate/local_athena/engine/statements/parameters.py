"""Values for the `?` of a statement.

https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
"""

from __future__ import annotations

from sqlglot import exp

from orchestrate.local_athena.engine.reader import Reader
from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate import parse

_CONSTANTS = (exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.Cast, exp.DataType,
              exp.DataTypeParam, exp.Interval, exp.Var, exp.Array, exp.HexString)  # fmt: skip


def filled_in(sql: str, values: tuple[str, ...]) -> str:
    """A statement with a value in place of each `?`.

    Args:
        sql: The statement.
        values: Constants of SQL, as `'a'`, `1` or `DATE '2026-11-01'`.

    Raises:
        QueryError: There are more or fewer values than `?`, or one is no constant.
    """
    marks = [each for each in Reader(sql).tokens if each.kind == "other" and each.text == "?"]
    if len(marks) != len(values):
        raise QueryError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(marks)} but found {len(values)}",
        )
    parts, position = [], 0
    for mark, value in zip(marks, values, strict=True):
        _refuse_expression(value)
        parts += [sql[position : mark.start], value]
        position = mark.end
    return "".join([*parts, sql[position:]])


def _refuse_expression(value: str) -> None:
    """Let nothing but constants in: a value is data, whatever is written in it."""
    try:
        tree = parse(f"select {value}")
    except QueryError:
        tree = None
    if (
        not isinstance(tree, exp.Select)
        or any(part for key, part in tree.args.items() if part and key != "expressions")
        or len(tree.expressions) != 1
        or not all(isinstance(each, _CONSTANTS) for each in tree.expressions[0].walk())
    ):
        raise QueryError(
            "INVALID_PARAMETER_USAGE", f"the parameter {value[:100]} is no constant of SQL"
        )
