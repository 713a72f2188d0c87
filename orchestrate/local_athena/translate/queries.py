"""Turns a query of Trino into DuckDB's: what each name means, what each column's type is."""

from __future__ import annotations

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.coercion import coerce
from orchestrate.local_athena.translate.expressions import Binder
from orchestrate.local_athena.translate.recursion import (
    first_step,
    refuse_other_types,
    written_out,
)
from orchestrate.local_athena.translate.relations import RelationBinder, quoted, renamed
from orchestrate.local_athena.translate.scope import Field, Scope, column_node, held, place_of
from orchestrate.local_athena.translate.terms import (
    Term,
    check_distinct,
    check_orderable,
    mismatch,
    not_supported,
)
from orchestrate.local_athena.translate.types import common_type
from orchestrate.local_athena.translate.windows import order_key

_REFUSED = {
    "match": "MATCH_RECOGNIZE",
    "pivots": "PIVOT",
    "qualify": "QUALIFY",
    "sample": "TABLESAMPLE",
    "cluster": "CLUSTER BY",
    "sort": "SORT BY",
    "distribute": "DISTRIBUTE BY",
    "connect": "CONNECT BY",
    "into": "SELECT INTO",
    "hint": "hints",
    "locks": "FOR UPDATE",
}
_GROUPINGS = {"grouping_sets": exp.GroupingSets, "cube": exp.Cube, "rollup": exp.Rollup}


class QueryBinder(RelationBinder, Binder):
    """Binds SELECT, VALUES and the set operations.

    https://trino.io/docs/current/sql/select.html
    """

    def subquery(self, node: exp.Expr, scope: Scope) -> tuple[exp.Query, list[Field]]:
        """Bind a query that sees the names of `scope`; gives its columns too."""
        scope = Scope(parent=scope)
        with_ = self._with(node, scope)
        if isinstance(node, exp.Subquery):
            made, fields = self._wrapped(node, scope)
        elif isinstance(node, exp.Select):
            made, fields = self._select(node, scope)
        elif isinstance(node, exp.SetOperation):
            made, fields = self._set_operation(node, scope)
        elif isinstance(node, exp.Values):
            made, fields = self._values_query(node, scope)
        elif isinstance(node, exp.Table):
            star = exp.Select(expressions=[exp.Star()]).from_(node.copy(), copy=False)
            made, fields = self._select(star, scope)
        else:
            raise not_supported(f"{place_of(node)}{type(node).__name__}", "write a SELECT")
        if with_ is not None:
            made.set("with_", with_)
        return made, fields

    def _with(self, node: exp.Expr, scope: Scope) -> exp.With | None:
        clause = node.args.get("with_")
        if clause is None:
            return None
        if clause.args.get("recursive"):
            clause = written_out(clause)
        made = []
        for cte in clause.expressions:
            if not isinstance(cte, exp.CTE):
                raise not_supported("inline functions in WITH", "write their expression")
            query, fields = self.subquery(cte.this, scope)
            fields = held(renamed(fields, cte.args["alias"].columns, place_of(cte)))
            name = cte.alias.lower()
            first = scope.ctes.get(first_step(name))
            if first is not None:
                refuse_other_types(fields, first)
                query, fields = self._as_types(query, fields, first), first
            scope.ctes[name] = fields
            alias = exp.TableAlias(this=quoted(name), columns=[quoted(f.held_as) for f in fields])
            made.append(exp.CTE(this=query, alias=alias))
        return exp.With(expressions=made)

    def _wrapped(self, node: exp.Subquery, scope: Scope) -> tuple[exp.Query, list[Field]]:
        query, fields = self.subquery(node.this, scope)
        tail = ("order", "limit", "offset")
        if not any(node.args.get(key) for key in tail):
            return query, fields
        outer = exp.Select(expressions=[exp.Star()]).from_(
            exp.Subquery(this=query, alias=exp.TableAlias(this=quoted(self.fresh("query")))),
            copy=False,
        )
        self._tail(node, outer, fields, scope, None)
        return outer, fields

    def _values_query(self, node: exp.Values, scope: Scope) -> tuple[exp.Query, list[Field]]:
        values, fields = self.values(node, scope)
        name = self.fresh("values")
        alias = exp.TableAlias(
            this=quoted(name), columns=[quoted(f"c{i}") for i in range(len(fields))]
        )
        source = exp.Values(expressions=values.expressions, alias=alias)
        items = [
            exp.alias_(column_node(f"c{i}", name), f"_col{i}", quoted=True, copy=False)
            for i in range(len(fields))
        ]
        made = exp.Select(expressions=items).from_(source, copy=False)
        self._tail(node, made, fields, scope, None)
        return made, fields

    def _set_operation(self, node: exp.SetOperation, scope: Scope) -> tuple[exp.Query, list[Field]]:
        if any(node.args.get(key) for key in ("by_name", "side", "kind", "on")):
            raise QueryError(
                "SYNTAX_ERROR", f"{place_of(node)}set operations BY NAME are not Trino's"
            )
        left, ours = self.subquery(node.this, scope)
        right, theirs = self.subquery(node.expression, scope)
        name = type(node).__name__.upper()
        if len(ours) != len(theirs):
            raise mismatch(
                f"{place_of(node)}{name} query has different number of fields: "
                f"{len(ours)}, {len(theirs)}"
            )
        fields = []
        for at, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            joined = common_type(a.type, b.type)
            if joined is None:
                raise mismatch(
                    f"{place_of(node)}column {at + 1} in {name} query has incompatible types: "
                    f"{a.type}, {b.type}"
                )
            fields.append(Field(a.name, joined, label=a.label))
        distinct = node.args.get("distinct") is not False
        if distinct or not isinstance(node, exp.Union):
            for field in fields:
                check_distinct(field.type)
        sides = [self._as_types(left, ours, fields), self._as_types(right, theirs, fields)]
        made = type(node)(this=sides[0], expression=sides[1], distinct=distinct)
        self._tail(node, made, fields, scope, None)
        return made, fields

    def _as_types(self, query: exp.Query, given: list[Field], wanted: list[Field]) -> exp.Query:
        """Convert the columns of a query, and shield its ORDER BY and LIMIT."""
        name = self.fresh("side")
        items = []
        for at, (a, b) in enumerate(zip(given, wanted, strict=True)):
            node = coerce(Term(column_node(f"c{at}", name), a.type), b.type).node
            items.append(exp.alias_(node, b.name or f"_col{at}", quoted=True, copy=False))
        alias = exp.TableAlias(
            this=quoted(name), columns=[quoted(f"c{at}") for at in range(len(given))]
        )
        return exp.Select(expressions=items).from_(
            exp.Subquery(this=query, alias=alias), copy=False
        )

    def _select(self, node: exp.Select, scope: Scope) -> tuple[exp.Query, list[Field]]:
        for key, what in _REFUSED.items():
            if node.args.get(key):
                raise not_supported(f"{place_of(node)}{what}", "write it otherwise")
        made = exp.Select()
        self.from_clause(node, made, scope)
        for window in node.args.get("windows") or []:
            scope.windows[window.name.lower()] = window
        if node.args.get("where"):
            made.set(
                "where",
                exp.Where(this=self.condition(node.args["where"].this, scope, "WHERE clause")),
            )
        items, fields = self._projections(node, scope)
        if node.args.get("group"):
            made.set("group", self._group(node.args["group"], scope, fields))
        if node.args.get("having"):
            made.set(
                "having",
                exp.Having(this=self.condition(node.args["having"].this, scope, "HAVING clause")),
            )
        made.set("expressions", items)
        if node.args.get("distinct"):
            if node.args["distinct"].args.get("on"):
                raise QueryError("SYNTAX_ERROR", f"{place_of(node)}DISTINCT ON is not Trino's")
            for field in fields:
                check_distinct(field.type)
            made.set("distinct", exp.Distinct())
        self._tail(node, made, fields, scope, items)
        return made, fields

    def _projections(self, node: exp.Select, scope: Scope) -> tuple[list[exp.Expr], list[Field]]:
        items: list[exp.Expr] = []
        fields: list[Field] = []
        for item in node.expressions:
            if isinstance(item, exp.Star) or (
                isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
            ):
                for field, term in self.star(item, scope):
                    name = field.name or f"_col{len(items)}"
                    items.append(exp.alias_(term.node, name, quoted=True, copy=False))
                    fields.append(Field(field.name, term.type, label=field.label))
                continue
            inner = item.this if isinstance(item, exp.Alias) else item
            term = self.term(inner, scope)
            label = item.alias if isinstance(item, exp.Alias) else _own_name(inner)
            name = label.lower() or f"_col{len(items)}"
            items.append(exp.alias_(term.node, name, quoted=True, copy=False))
            fields.append(Field(label.lower() or None, term.type, label=label))
        return items, fields

    def _group(self, group: exp.Group, scope: Scope, fields: list[Field]) -> exp.Group:
        if group.args.get("all") is not None and not group.expressions:
            raise not_supported("GROUP BY ALL", "name the columns")
        made = exp.Group(expressions=[self._group_key(k, scope, fields) for k in group.expressions])
        for key, kind in _GROUPINGS.items():
            found = group.args.get(key)
            if found:
                made.set(
                    key,
                    [
                        kind(expressions=[self._set_key(k, scope) for k in part.expressions])
                        for part in found
                    ],
                )
        return made

    def _set_key(self, key: exp.Expr, scope: Scope) -> exp.Expr:
        """A key of several grouping sets, which are of columns only."""
        if isinstance(key, exp.Tuple | exp.GroupingSets | exp.Cube | exp.Rollup):
            return type(key)(expressions=[self._set_key(k, scope) for k in key.expressions])
        if isinstance(key, exp.Paren):
            return exp.Paren(this=self._set_key(key.this, scope))
        if not isinstance(key, exp.Column):
            raise QueryError(
                "SYNTAX_ERROR",
                f"{place_of(key)}GROUP BY expression must be a column reference: "
                f"{key.sql('trino')}",
            )
        return self._key_node(key, scope)

    def _group_key(self, key: exp.Expr, scope: Scope, fields: list[Field]) -> exp.Expr:
        if isinstance(key, exp.GroupingSets | exp.Cube | exp.Rollup):
            return self._set_key(key, scope)
        if isinstance(key, exp.Tuple):
            keys = [self._group_key(each, scope, fields) for each in key.expressions]
            return exp.Tuple(expressions=keys)
        if isinstance(key, exp.Paren):
            return exp.Paren(this=self._group_key(key.this, scope, fields))
        if isinstance(key, exp.Literal):
            if key.args.get("is_string") or not 1 <= int(key.name) <= len(fields):
                raise QueryError(
                    "INVALID_COLUMN_REFERENCE",
                    f"{place_of(key)}GROUP BY position {key.name} is not in select list",
                )
            check_distinct(fields[int(key.name) - 1].type)
            return key.copy()
        return self._key_node(key, scope)

    def _key_node(self, key: exp.Expr, scope: Scope) -> exp.Expr:
        found = self.term(key, scope)
        check_distinct(found.type)
        return found.node

    def _tail(
        self,
        node: exp.Expr,
        made: exp.Query,
        fields: list[Field],
        scope: Scope,
        items: list[exp.Expr] | None,
    ) -> None:
        """Add ORDER BY, OFFSET and LIMIT."""
        order = node.args.get("order")
        if order is not None:
            keys = [self._order_key(key, fields, scope, items) for key in order.expressions]
            if node.args.get("distinct") and items is not None:
                _refuse_hidden_keys(keys, items)
            made.set("order", exp.Order(expressions=keys))
        limit = node.args.get("limit")
        if isinstance(limit, exp.Fetch):
            options = limit.args.get("limit_options")
            if options is not None and options.args.get("with_ties"):
                raise not_supported("FETCH FIRST … WITH TIES", "use rank() in a query around")
            if options is not None and options.args.get("percent"):
                raise QueryError("SYNTAX_ERROR", "FETCH FIRST … PERCENT is not Trino's")
            made.set(
                "limit", exp.Limit(expression=limit.args.get("count") or exp.Literal.number(1))
            )
        elif limit is not None and limit.expression.name.upper() != "ALL":
            if limit.expressions:
                raise QueryError("SYNTAX_ERROR", "LIMIT … BY is not Trino's")
            made.set("limit", exp.Limit(expression=self._count(limit.expression, scope)))
        offset = node.args.get("offset")
        if offset is not None:
            made.set("offset", exp.Offset(expression=self._count(offset.expression, scope)))

    def _count(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        if not (isinstance(node, exp.Literal) and node.name.isdigit()):
            raise QueryError(
                "SYNTAX_ERROR", f"{place_of(node)}expected a whole number, got {node.sql('trino')}"
            )
        return node.copy()

    def _order_key(
        self,
        key: exp.Expr,
        fields: list[Field],
        scope: Scope,
        items: list[exp.Expr] | None,
    ) -> exp.Ordered:
        """A key is a position, a name of the output, or an expression over the input."""
        inner = key.this
        is_down = bool(key.args.get("desc"))
        if (
            isinstance(inner, exp.Literal)
            and inner.name.isdigit()
            and not inner.args.get("is_string")
        ):
            if not 1 <= int(inner.name) <= len(fields):
                raise QueryError(
                    "INVALID_COLUMN_REFERENCE",
                    f"{place_of(inner)}ORDER BY position {inner.name} is not in select list",
                )
            check_orderable(fields[int(inner.name) - 1].type)
            return order_key(inner.copy(), key, is_down)
        if isinstance(inner, exp.Column) and not inner.args.get("table"):
            places = [at for at, field in enumerate(fields) if field.name == inner.name.lower()]
            if len(places) > 1 and items is not None and len({items[at].this for at in places}) > 1:
                raise QueryError(
                    "AMBIGUOUS_NAME", f"{place_of(inner)}Column '{inner.name}' is ambiguous"
                )
            if places:
                check_orderable(fields[places[0]].type)
                return order_key(exp.Literal.number(places[0] + 1), key, is_down)
        if items is None:
            raise QueryError(
                "COLUMN_NOT_FOUND",
                f"{place_of(inner)}ORDER BY takes columns of the result here: {inner.sql('trino')}",
            )
        named = {
            field.name: Term(item.this, field.type)
            for field, item in zip(fields, items, strict=True)
            if field.name
        }
        inner_scope = Scope(parent=scope, variables=named, windows=scope.windows)
        found = self.term(inner, inner_scope)
        check_orderable(found.type)
        return order_key(found.node, key, is_down)


def _refuse_hidden_keys(keys: list[exp.Ordered], items: list[exp.Expr]) -> None:
    """Refuse to order distinct rows by what is not in them."""
    for key in keys:
        is_position = isinstance(key.this, exp.Literal) and not key.this.args.get("is_string")
        if not is_position and key.this not in [item.this for item in items]:
            raise QueryError(
                "EXPRESSION_NOT_IN_DISTINCT",
                "For SELECT DISTINCT, ORDER BY expressions must appear in select list",
            )


def _own_name(node: exp.Expr) -> str:
    """Give the name a column has without AS: its own, or the field's; empty for none."""
    if isinstance(node, exp.Column | exp.Dot):
        return node.name if isinstance(node, exp.Column) else node.expression.name
    return ""
