"""Turns an expression of Trino into a term: DuckDB's expression with Trino's type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate import drawn, predicates, windows
from orchestrate.local_athena.translate.casts import cast
from orchestrate.local_athena.translate.coercion import coerce, row_part, unify
from orchestrate.local_athena.translate.intervals import interval
from orchestrate.local_athena.translate.operators import arithmetic, concatenated, negated
from orchestrate.local_athena.translate.registry import SPECIAL, call
from orchestrate.local_athena.translate.scope import Field, Scope, place_of
from orchestrate.local_athena.translate.terms import Term, duck, mismatch, not_supported
from orchestrate.local_athena.translate.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    UNKNOWN,
    VARBINARY,
    VARCHAR,
    Type,
    array,
    decimal,
    of_node,
)

Schema = Mapping[str, Mapping[str, Mapping[str, str]]]
_MAX = {"integer": 2**31, "bigint": 2**63}


class Binder:
    """Gives each expression its meaning in a scope."""

    def __init__(self, schema: Schema) -> None:
        """Make a binder for the tables of `schema`."""
        self.schema = schema
        self._numbers = count(1)

    def subquery(self, node: exp.Expr, scope: Scope) -> tuple[exp.Query, list[Field]]:
        """Bind a query inside; what binds queries gives it."""
        raise NotImplementedError

    def fresh(self, stem: str) -> str:
        """Give a name that no query has."""
        return f"trino_{stem}_{next(self._numbers)}"

    def term(self, node: exp.Expr, scope: Scope) -> Term:
        """Bind an expression.

        Raises:
            QueryError: It is wrong, or DuckDB cannot answer it as Athena would.
        """
        rule = _RULES.get(type(node))
        if rule is None:
            raise not_supported(f"{place_of(node)}{node.sql('trino')[:80]}", "write it otherwise")
        return rule(self, node, scope)

    def condition(self, node: exp.Expr, scope: Scope, clause: str) -> exp.Expr:
        """Bind what must be true or false."""
        found = self.term(node, scope)
        if found.type not in (BOOLEAN, UNKNOWN):
            raise mismatch(
                f"{place_of(node)}{clause} must evaluate to a boolean: actual type {found.type}"
            )
        return coerce(found, BOOLEAN).node


Rule = Callable[[Binder, exp.Expr, Scope], Term]


def _literal(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    text = node.name
    if node.args.get("is_string"):
        return Term(exp.Literal.string(text), Type("varchar", (len(text),)), text)
    if "e" in text.lower():
        return Term(duck(f"CAST('{text}' AS DOUBLE)"), DOUBLE, float(text))
    if "." in text:
        whole, _, part = text.partition(".")
        digits = len(whole.lstrip("0")) + len(part)
        type_ = decimal(max(digits, len(part), 1), len(part))
        return Term(duck(f"CAST('{text}' AS DECIMAL({type_.params[0]},{len(part)}))"), type_, text)
    value = int(text)
    if value >= _MAX["bigint"]:
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}Invalid numeric literal: {text}")
    type_ = INTEGER if value < _MAX["integer"] else BIGINT
    return Term(exp.Literal.number(value), type_, value)


def _column(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    """A name is a lambda's variable, a column, or a field of a row; `a.b.c` may be any of these."""
    parts = [
        part for part in (node.args.get(k) for k in ("catalog", "db", "table", "this")) if part
    ]
    names = [part.name.lower() for part in parts]
    if isinstance(node.this, exp.Star):
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}'*' is not an expression")
    place = place_of(node)
    return _resolved(names, scope, place)


def _resolved(names: list[str], scope: Scope, place: str) -> Term:
    found, rest = scope.variable(names[0]), names[1:]
    for at in range(len(names) - 1):  # catalog and database may stand before the table
        if found is None and scope.has_relation(names[at]):
            found, rest = scope.column(names[at + 1], names[at], place), names[at + 2 :]
    if found is None:
        found, rest = scope.column(names[0], None, place), names[1:]
    if found is None:
        raise QueryError(
            "COLUMN_NOT_FOUND", f"{place}Column '{'.'.join(names)}' cannot be resolved"
        )
    for name in rest:
        found = field_of(found, name, place)
    return found


def field_of(row: Term, name: str, place: str) -> Term:
    """Take a field of a row by its name."""
    if row.type.name != "row":
        raise mismatch(f"{place}Expression of type {row.type} is not of type ROW: .{name}")
    for at, field in enumerate(row.type.fields):
        if field == name.lower():
            return Term(row_part(row, at), row.type.items[at])
    raise QueryError("COLUMN_NOT_FOUND", f"{place}the row {row.type} has no field '{name}'")


def _identifier(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    return _resolved([node.name.lower()], scope, place_of(node))


def _dot(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    return field_of(binder.term(node.this, scope), node.expression.name, place_of(node))


def _paren(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    found = binder.term(node.this, scope)
    return Term(exp.Paren(this=found.node), found.type, found.value)


def _arithmetic(sign: str) -> Rule:
    def rule(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
        left, right = binder.term(node.this, scope), binder.term(node.expression, scope)
        return arithmetic(sign, left, right, place_of(node))

    return rule


def _negative(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    """The sign is a part of the literal: its least value is an integer, or a bigint, too."""
    inner = node.this
    for type_ in (INTEGER, BIGINT):
        least = -_MAX[type_.name]
        if isinstance(inner, exp.Literal) and inner.name == str(-least):
            return Term(duck(f"CAST('{least}' AS {type_.name.upper()})"), type_, least)
    return negated(binder.term(inner, scope), place_of(node))


def _concatenated(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    left, right = binder.term(node.this, scope), binder.term(node.expression, scope)
    return concatenated(left, right, place_of(node))


def _cast(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    target = of_node(node.args["to"])
    # DECIMAL '1.23' takes its digits' type; it is read as a cast without the parts of one.
    is_literal = "action" not in node.args and node.args["to"].this == exp.DType.DECIMAL
    if is_literal and not node.args["to"].expressions:
        text = node.this.name
        whole, _, part = text.lstrip("+-").partition(".")
        target = decimal(max(len(whole.lstrip("0")) + len(part), 1), len(part))
    if node.args.get("format"):
        raise not_supported("CAST … FORMAT", "use date_parse or date_format")
    return cast(binder.term(node.this, scope), target, place_of(node))


def _try_cast(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    found = _cast(binder, node, scope)
    return Term(duck("TRY(_1)", found), found.type)


def _case(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    operand = node.args.get("this")
    tests: list[exp.Expr] = []
    values: list[Term] = []
    for branch in node.args["ifs"]:
        if operand is None:
            tests.append(binder.condition(branch.this, scope, "CASE WHEN clause"))
        else:
            tests.append(binder.term(exp.EQ(this=operand, expression=branch.this), scope).node)
        values.append(binder.term(branch.args["true"], scope))
    default = node.args.get("default")
    if default is not None:
        values.append(binder.term(default, scope))
    values = unify(values, f"{place_of(node)}CASE")
    branches = [
        exp.If(this=test, true=value.node) for test, value in zip(tests, values, strict=False)
    ]
    last = values[-1].node if default is not None else None
    return Term(exp.Case(ifs=branches, default=last), values[0].type)


def _if(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    case = exp.Case(
        ifs=[exp.If(this=node.this, true=node.args["true"])], default=node.args.get("false")
    )
    return _case(binder, case, scope)


def _array(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    if not node.expressions:
        return Term(duck("CAST([] AS INTEGER[])"), array(UNKNOWN))
    items = unify([binder.term(item, scope) for item in node.expressions], "ARRAY")
    made = exp.Array(expressions=[item.node for item in items])
    return Term(made, array(items[0].type))


def _bracket(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    """Take an item; Trino fails where there is none, DuckDB gives NULL."""
    whole = binder.term(node.this, scope)
    if len(node.expressions) != 1:
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}expected one index in []")
    index = node.expressions[0]
    key = binder.term(index, scope)
    if whole.type.name == "array" and key.type.is_integer:
        return Term(
            duck("trino_subscript(_1, CAST(_2 AS BIGINT))", whole, key), whole.type.items[0]
        )
    if whole.type.name == "map":
        key = coerce(key, whole.type.items[0])
        if key.type.name in ("double", "real"):
            key = Term(duck("trino_not_nan(_1)", key), key.type)
        return Term(duck("trino_map_subscript(_1, _2)", whole, key), whole.type.items[1])
    if whole.type.name == "row" and isinstance(key.value, int):
        if not 1 <= key.value <= len(whole.type.items):
            raise QueryError(
                "INVALID_FUNCTION_ARGUMENT",
                f"{place_of(node)}ROW index out of bounds: {key.value} > {len(whole.type.items)}",
            )
        return Term(row_part(whole, key.value - 1), whole.type.items[key.value - 1])
    raise mismatch(f"{place_of(node)}Cannot use {key.type} for subscript of {whole.type}")


def row_of(items: list[Term]) -> Term:
    """Make a row without field names."""
    made = exp.Anonymous(this="row", expressions=[item.node for item in items])
    type_ = Type("row", items=tuple(i.type for i in items), fields=(None,) * len(items))
    return Term(made, type_)


def _tuple(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    return row_of([binder.term(item, scope) for item in node.expressions])


def _call(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    name = node.name.lower()
    if name in SPECIAL and isinstance(node, exp.Anonymous):
        return SPECIAL[name](binder, node, scope)
    if any(isinstance(item, exp.Lambda) for item in node.expressions):
        call(name, [], place_of(node))
    found = windows.applied(binder, node, scope)
    return drawn.marked(found, node) if name in drawn.NAMES else found


def _special(name: str, *keys: str) -> Rule:
    """A call with a grammar of its own, as POSITION(a IN b), is a plain call of `name`."""

    def rule(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
        args = [node.args[key] for key in keys if node.args.get(key) is not None]
        return call(name, [binder.term(arg, scope) for arg in args], place_of(node))

    return rule


def _extract(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    name = node.this.name.lower()
    names = {
        "day_of_month": "day",
        "dow": "day_of_week",
        "doy": "day_of_year",
        "yow": "year_of_week",
    }
    return call(names.get(name, name), [binder.term(node.expression, scope)], place_of(node))


def _trim(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    side = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position")), "trim")
    args = [node.this] + ([node.expression] if node.args.get("expression") else [])
    return call(side, [binder.term(arg, scope) for arg in args], place_of(node))


def _normalize(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    """The form is a word, not a text."""
    form = node.args.get("form")
    name = form.name.upper() if form else "NFC"
    if name not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}normalize to {name}: use NFC, NFD, …")
    args = [binder.term(node.this, scope)]
    if name != "NFC":
        args.append(Term(exp.Literal.string(name), VARCHAR))
    return call("normalize", args, place_of(node))


def _now(name: str) -> Rule:
    def rule(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
        precision = node.args.get("this")
        args = [binder.term(precision, scope)] if precision is not None else []
        return call(name, args, place_of(node))

    return rule


def _scalar_subquery(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    query, fields = binder.subquery(node.this, scope)
    if len(fields) != 1:
        raise QueryError(
            "SYNTAX_ERROR",
            f"{place_of(node)}Multiple columns returned by subquery are not yet supported",
        )
    return Term(exp.Subquery(this=query), fields[0].type)


def _interval(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    return interval(node)


def _at_time_zone(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    args = [binder.term(node.this, scope), binder.term(node.args["zone"], scope)]
    return call("at_timezone", args, place_of(node))


def _hex(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    digits = (
        f"{int(node.name):X}" if node.name.isdigit() and node.args.get("is_integer") else node.name
    )
    return Term(duck(f"unhex('{digits}')"), VARBINARY)


def _json(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    return call("json_parse", [binder.term(node.this, scope)], place_of(node))


def _null(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    return Term(exp.null(), UNKNOWN, None)


def _boolean(binder: Binder, node: exp.Expr, scope: Scope) -> Term:
    return Term(node.copy(), BOOLEAN, bool(node.this))


_RULES: dict[type[exp.Expr], Rule] = {
    exp.Literal: _literal,
    exp.Null: _null,
    exp.Boolean: _boolean,
    exp.Column: _column,
    exp.Identifier: _identifier,
    exp.Dot: _dot,
    exp.Paren: _paren,
    exp.Add: _arithmetic("+"),
    exp.Sub: _arithmetic("-"),
    exp.Mul: _arithmetic("*"),
    exp.Div: _arithmetic("/"),
    exp.Mod: _arithmetic("%"),
    exp.Neg: _negative,
    exp.DPipe: _concatenated,
    exp.Cast: _cast,
    exp.TryCast: _try_cast,
    exp.Case: _case,
    exp.If: _if,
    exp.Array: _array,
    exp.Bracket: _bracket,
    exp.Tuple: _tuple,
    exp.Anonymous: _call,
    exp.StrPosition: _special("strpos", "this", "substr"),
    exp.Substring: _special("substr", "this", "start", "length"),
    exp.Extract: _extract,
    exp.Normalize: _normalize,
    exp.Trim: _trim,
    exp.CurrentDate: _now("current_date"),
    exp.CurrentTimestamp: _now("current_timestamp"),
    exp.Localtimestamp: _now("localtimestamp"),
    exp.ParseJSON: _json,
    exp.Subquery: _scalar_subquery,
    exp.Interval: _interval,
    exp.AtTimeZone: _at_time_zone,
    exp.HexString: _hex,
    **predicates.RULES,
    **windows.RULES,
}
