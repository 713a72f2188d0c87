"""Binds FROM: tables, subqueries, VALUES, UNNEST, LATERAL and joins.

https://trino.io/docs/current/sql/select.html#from-clause
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.coercion import row_part, unify
from orchestrate.local_athena.translate.expressions import Binder
from orchestrate.local_athena.translate.scope import (
    Field,
    Relation,
    Scope,
    held,
    place_of,
)
from orchestrate.local_athena.translate.terms import Term, duck, mismatch, not_supported
from orchestrate.local_athena.translate.types import BIGINT, parse_type


def quoted(name: str) -> exp.Identifier:
    """Make a quoted identifier."""
    return exp.to_identifier(name, quoted=True)


class RelationBinder(Binder):
    """Binds what stands in FROM."""

    def from_clause(self, node: exp.Select, made: exp.Select, scope: Scope) -> None:
        """Bind FROM with its joins, and note in `scope` what they bring."""
        source = node.args.get("from_")
        if source is not None:
            made.set("from_", exp.From(this=self._source(source.this, scope)))
        if node.args.get("laterals"):
            raise not_supported(f"{place_of(node)}LATERAL VIEW", "use CROSS JOIN UNNEST")
        made.set("joins", [self._join(join, scope) for join in node.args.get("joins") or []])

    def _join(self, join: exp.Join, scope: Scope) -> exp.Join:
        if join.args.get("method") or join.kind.upper() not in ("", "INNER", "CROSS", "OUTER"):
            kind = f"{join.args.get('method') or ''} {join.kind}".strip()
            raise not_supported(f"{place_of(join)}{kind} JOIN", "name the columns with ON")
        side, kind = join.side.upper(), join.kind.upper()
        has_condition = bool(join.args.get("using") or join.args.get("on"))
        if not (side or kind or has_condition):  # a comma, which binds less than any JOIN
            scope.first_joined = len(scope.relations)
        before = len(scope.relations)
        source = self._source(join.this, scope)
        made = exp.Join(this=source, side=side or None, kind=kind or None)
        if join.args.get("using"):
            made.set("on", self._using(join, scope, before))
        elif join.args.get("on") is not None:
            is_true = join.args["on"].sql().upper() == "TRUE"
            if not is_true and (
                isinstance(join.this, exp.Unnest) or (side and isinstance(source, exp.Lateral))
            ):
                raise not_supported(
                    f"{place_of(join)}{side or 'INNER'} JOIN UNNEST", "only ON TRUE is allowed"
                )
            made.set("on", self.condition(join.args["on"], scope, "JOIN ON clause"))
        elif side or kind in ("INNER", "OUTER"):
            raise QueryError("SYNTAX_ERROR", f"{place_of(join)}expected ON or USING after JOIN")
        else:
            made.set("kind", "CROSS")
        return made

    def _using(self, join: exp.Join, scope: Scope, before: int) -> exp.Expr:
        """The two columns become one, without a table's name, before those of both sides.

        https://github.com/trinodb/trino, `StatementAnalyzer.analyzeJoinUsing`
        """
        left, right = scope.relations[scope.first_joined : before], scope.relations[before:]
        side = join.side.upper()
        fields, nodes, conditions = [], {}, []
        for column in join.args["using"]:
            name = column.name.lower()
            ours, theirs = _only(left, name, column), _only(right, name, column)
            if ours.type.name in ("double", "real") or ours.type != theirs.type:
                raise not_supported(
                    f"{place_of(column)}USING of {ours.type} and {theirs.type}",
                    "join with ON and a cast",
                )
            conditions.append(exp.EQ(this=ours.node, expression=theirs.node))
            nodes[name] = (
                duck("coalesce(_1, _2)", ours, theirs)
                if side == "FULL"
                else (theirs if side == "RIGHT" else ours).node.copy()
            )
            fields.append(Field(name, ours.type))
        for relation in (*left, *right):
            relation.fields = [each for each in relation.fields if each.name not in nodes]
        scope.relations.insert(scope.first_joined, Relation("", fields, joined=nodes))
        return exp.and_(*conditions, copy=False)

    def _source(self, node: exp.Expr, scope: Scope) -> exp.Expr:
        if node.args.get("sample") or node.args.get("pivots"):
            raise not_supported(f"{place_of(node)}TABLESAMPLE or PIVOT", "leave it out")
        if isinstance(node, exp.Table):
            made = self._table(node, scope)
        elif isinstance(node, exp.Subquery):
            made = self._subquery_source(node, scope)
        elif isinstance(node, exp.Values):
            made = self._values_source(node, scope)
        elif isinstance(node, exp.Unnest):
            return self._unnest(node, scope)
        elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Subquery):
            query, fields = self.subquery(node.this.this, scope)
            return exp.Lateral(
                this=exp.Subquery(this=query), alias=self._aliased(node, fields, scope)
            )
        else:
            raise not_supported(f"{place_of(node)}{node.sql('trino')[:60]} in FROM", "use a query")
        joins = [self._join(join, scope) for join in node.args.get("joins") or []]
        if joins:
            made.set("joins", joins)
        return made

    def _aliased(self, node: exp.Expr, fields: list[Field], scope: Scope) -> exp.TableAlias:
        alias = node.args.get("alias")
        columns = alias.columns if alias is not None else []
        fields = held(renamed(fields, columns, place_of(node)))
        name = node.alias.lower() if node.alias else self.fresh("source")
        scope.relations.append(Relation(name, fields))
        return exp.TableAlias(this=quoted(name), columns=[quoted(f.held_as) for f in fields])

    def _subquery_source(self, node: exp.Subquery, scope: Scope) -> exp.Expr:
        if isinstance(node.this, exp.Table):  # (a JOIN b ON …)
            inner = self._source(node.this, scope)
            return exp.Paren(this=inner)
        query, fields = self.subquery(node.this, scope.outer())
        return exp.Subquery(this=query, alias=self._aliased(node, fields, scope))

    def values(self, node: exp.Values, scope: Scope) -> tuple[exp.Values, list[Field]]:
        """Bind VALUES: each column has the type that all its values turn into."""
        rows = [self._row(row, scope) for row in node.expressions]
        if len({len(row) for row in rows}) != 1:
            raise mismatch(f"{place_of(node)}Values rows have mismatched types: different lengths")
        columns = [
            unify(list(column), f"{place_of(node)}VALUES") for column in zip(*rows, strict=True)
        ]
        made = [
            exp.Tuple(expressions=[column[at].node for column in columns])
            for at in range(len(rows))
        ]
        return exp.Values(expressions=made), [Field(None, column[0].type) for column in columns]

    def _row(self, node: exp.Expr, scope: Scope) -> list[Term]:
        """Give the columns of a row of VALUES: the fields of one that is a row itself."""
        if isinstance(node, exp.Tuple) and len(node.expressions) == 1:
            node = node.expressions[0]
        if isinstance(node, exp.Tuple):
            return [self.term(value, scope) for value in node.expressions]
        found = self.term(node, scope)
        if found.type.name != "row":
            return [found]
        return [Term(row_part(found, at), item) for at, item in enumerate(found.type.items)]

    def _values_source(self, node: exp.Values, scope: Scope) -> exp.Expr:
        made, fields = self.values(node, scope.outer())
        made.set("alias", self._aliased(node, fields, scope))
        return made

    def _table(self, node: exp.Table, scope: Scope) -> exp.Expr:
        name = node.name.lower()
        if not isinstance(node.this, exp.Identifier):
            raise not_supported(
                f"{place_of(node)}table function {node.this.sql('trino')}", "use UNNEST"
            )
        fields = scope.cte(name) if not node.args.get("db") else None
        is_cte = fields is not None
        if fields is None:
            fields = self.table_fields(node)
        alias = node.args.get("alias")
        made = exp.Table(this=quoted(name), version=_copied(node.args.get("version")))
        if not is_cte and node.args.get("db"):
            made.set("db", quoted(node.text("db").lower()))
        fields = renamed(fields, alias.columns if alias is not None else [], place_of(node))
        fields = fields if is_cte and not (alias is not None and alias.columns) else held(fields)
        called = node.alias.lower() or name
        scope.relations.append(Relation(called, fields, hidden=not is_cte))
        columns = (
            [quoted(f.name or "") for f in fields] if alias is not None and alias.columns else []
        )
        made.set("alias", exp.TableAlias(this=quoted(called), columns=columns))
        return made

    def table_fields(self, node: exp.Table) -> list[Field]:
        """Give the columns of a table of the schema.

        Raises:
            QueryError: TABLE_NOT_FOUND.
        """
        database, name = node.text("db").lower(), node.name.lower()
        columns = self.schema.get(database, {}).get(name)
        if columns is None:
            full = f"awsdatacatalog.{database}.{name}"
            raise QueryError("TABLE_NOT_FOUND", f"{place_of(node)}Table '{full}' does not exist")
        return [Field(column.lower(), parse_type(type_)) for column, type_ in columns.items()]

    def _unnest(self, node: exp.Unnest, scope: Scope) -> exp.Expr:
        """Each array becomes a column, a map two, an array of rows one for each field.

        https://trino.io/docs/current/sql/select.html#unnest
        """
        items: list[exp.Expr] = []
        lengths: list[exp.Expr] = []
        fields: list[Field] = []
        for argument in node.expressions:
            term = self.term(argument, scope)
            for values, field in _spread(term, place_of(node)):
                items.append(duck("unnest(_1)", values))
                fields.append(field)
            lengths.append(duck("coalesce(len(_1), 0)", _first_list(term)))
        if node.args.get("offset"):
            longest = exp.Anonymous(this="greatest", expressions=lengths)
            items.append(duck("unnest(range(1, _1 + 1))", longest))
            fields.append(Field(None, BIGINT))
        alias = node.args.get("alias")
        columns = list(alias.columns) if alias is not None else []
        if isinstance(node.args.get("offset"), exp.Identifier):
            columns.append(node.args["offset"])
        named = exp.Unnest(
            alias=exp.TableAlias(this=alias.this if alias else None, columns=columns)
        )
        query = exp.Select(
            expressions=[
                exp.alias_(item, f"c{at}", quoted=True, copy=False) for at, item in enumerate(items)
            ]
        )
        return exp.Lateral(this=exp.Subquery(this=query), alias=self._aliased(named, fields, scope))

    def star(self, node: exp.Expr, scope: Scope) -> Iterator[tuple[Field, Term]]:
        """Give the columns `*` or `t.*` stands for."""
        table = node.args["table"].name.lower() if isinstance(node, exp.Column) else None
        star = node.this if isinstance(node, exp.Column) else node
        if any(star.args.values()):
            raise QueryError(
                "SYNTAX_ERROR", f"{place_of(node)}{star.sql()}: Trino knows a plain * only"
            )
        if not scope.relations:
            raise QueryError(
                "SYNTAX_ERROR",
                f"{place_of(node)}SELECT * not allowed in queries without FROM clause",  # noqa: S608
            )
        if table is not None and not any(r.alias == table for r in scope.relations):
            row = scope.column(table, None, place_of(node))
            if row is not None and row.type.name == "row":
                for at, (part, type_) in enumerate(
                    zip(row.type.fields, row.type.items, strict=True)
                ):
                    yield Field(part, type_), Term(row_part(row, at), type_)
                return
            raise QueryError(
                "TABLE_NOT_FOUND", f"{place_of(node)}Unable to resolve reference {table}"
            )
        for relation in scope.relations:
            if table in (None, relation.alias):
                for field in relation.fields:
                    yield field, Term(relation.node(field), field.type)


def _only(relations: list[Relation], name: str, place: exp.Expr) -> Term:
    """The one column of that name.

    Raises:
        QueryError: There is none, or more than one.
    """
    found = [(each, field) for each in relations for field in each.fields if field.name == name]
    if len(found) != 1:
        raise QueryError(
            "COLUMN_NOT_FOUND",
            f"{place_of(place)}Column '{name}' is missing from one side of join or ambiguous",
        )
    ((relation, field),) = found
    return Term(relation.node(field), field.type)


def _copied(node: exp.Expr | None) -> exp.Expr | None:
    return node.copy() if node is not None else None


def _first_list(term: Term) -> exp.Expr:
    return duck("map_keys(_1)", term) if term.type.name == "map" else term.node


def _spread(term: Term, place: str) -> Iterator[tuple[exp.Expr, Field]]:
    if term.type.name == "map":
        yield duck("map_keys(_1)", term), Field(None, term.type.items[0])
        yield duck("map_values(_1)", term), Field(None, term.type.items[1])
        return
    if term.type.name != "array":
        raise QueryError("TYPE_MISMATCH", f"{place}Cannot unnest type: {term.type}")
    item = term.type.items[0]
    if item.name != "row":
        yield term.node, Field(None, item)
        return
    for at, (name, type_) in enumerate(zip(item.fields, item.items, strict=True)):
        part = row_part(Term(exp.to_identifier("trino_item", quoted=True), item), at)
        yield (
            duck('list_transform(_1, lambda "trino_item": _2)', term.node, part),
            Field(name, type_),
        )


def renamed(fields: list[Field], columns: list[exp.Identifier], place: str) -> list[Field]:
    """Give columns the names of an alias `t(a, b)`.

    Raises:
        QueryError: There are more or fewer names.
    """
    if not columns:
        return fields
    if len(columns) != len(fields):
        raise QueryError(
            "MISMATCHED_COLUMN_ALIASES",
            f"{place}Column alias list has {len(columns)} entries but relation has {len(fields)} "
            f"columns",
        )
    return [
        Field(name.name.lower(), f.type, label=name.name)
        for name, f in zip(columns, fields, strict=True)
    ]
