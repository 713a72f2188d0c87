"""Binds whole statements: queries, and those that write."""

from __future__ import annotations

from sqlglot import exp

from orchestrate.local_athena.model import QueryError
from orchestrate.local_athena.translate.coercion import coerce
from orchestrate.local_athena.translate.queries import QueryBinder
from orchestrate.local_athena.translate.relations import quoted
from orchestrate.local_athena.translate.scope import Field, Relation, Scope, column_node, place_of
from orchestrate.local_athena.translate.terms import Term, mismatch, not_supported
from orchestrate.local_athena.translate.types import Type, coerces


def bind(binder: QueryBinder, tree: exp.Expr) -> tuple[exp.Expr, list[Field]]:
    """Bind a statement, which is taken apart; gives its columns too, none for one that writes.

    Raises:
        QueryError: It is wrong, or the local Athena cannot answer it as Athena does.
    """
    if isinstance(tree, exp.Query | exp.Values):
        return binder.subquery(tree, Scope())
    if isinstance(tree, exp.Insert):
        return _insert(binder, tree), []
    if isinstance(tree, exp.Update):
        return _update(binder, tree), []
    if isinstance(tree, exp.Delete):
        return _delete(binder, tree), []
    if isinstance(tree, exp.Merge):
        return _merge(binder, tree), []
    if isinstance(tree, exp.Create) and isinstance(tree.expression, exp.Query):
        query, fields = binder.subquery(tree.expression, Scope())
        tree.set("expression", query)
        return tree, fields
    raise not_supported(f"{place_of(tree)}{tree.sql('trino')[:60]}", "it is no query")


def _target(binder: QueryBinder, node: exp.Expr, scope: Scope) -> exp.Table:
    made = binder._source(node, scope)
    if not isinstance(made, exp.Table):
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}expected a table")
    return made


def _fitted(term: Term, wanted: Type, what: str) -> exp.Expr:
    """Convert a value to its column's type, where Trino stores it without a cast."""
    allowed = coerces(term.type, wanted) or (
        term.type.name == wanted.name
        and term.type.name
        in ("varchar", "char", "decimal", "timestamp", "timestamp with time zone")
    )
    if not allowed:
        raise mismatch(f"{what}: the column is {wanted}, the value {term.type}; cast the value")
    return coerce(term, wanted).node


def _insert(binder: QueryBinder, node: exp.Insert) -> exp.Insert:
    schema = node.this
    table = schema.this if isinstance(schema, exp.Schema) else schema
    fields = binder.table_fields(table)
    known = {field.name: field.type for field in fields}
    names = (
        [c.name.lower() for c in schema.expressions]
        if isinstance(schema, exp.Schema)
        else [field.name for field in fields if field.name]
    )
    for name in names:
        if name not in known:
            raise QueryError(
                "COLUMN_NOT_FOUND",
                f"{place_of(node)}Insert column name does not exist in target table: {name}",
            )
    query, given = binder.subquery(node.expression, Scope())
    if len(given) != len(names):
        raise mismatch(
            f"{place_of(node)}Insert query has {len(given)} expression(s) but expected "
            f"{len(names)} target column(s)"
        )
    source = binder.fresh("rows")
    items = []
    for at, (name, field) in enumerate(zip(names, given, strict=True)):
        value = Term(column_node(f"c{at}", source), field.type)
        items.append(
            exp.alias_(_fitted(value, known[name], f"column {name}"), name, quoted=True, copy=False)
        )
    alias = exp.TableAlias(
        this=quoted(source), columns=[quoted(f"c{i}") for i in range(len(given))]
    )
    select = exp.Select(expressions=items).from_(exp.Subquery(this=query, alias=alias), copy=False)
    made_table = table.copy()
    made_table.set("this", quoted(table.name.lower()))
    target = exp.Schema(this=made_table, expressions=[quoted(name) for name in names])
    return exp.Insert(this=target, expression=select)


def _update(binder: QueryBinder, node: exp.Update) -> exp.Update:
    if node.args.get("from_"):
        raise QueryError("SYNTAX_ERROR", f"{place_of(node)}UPDATE … FROM is not Trino's; use MERGE")
    scope = Scope()
    table = _target(binder, node.this, scope)
    sets = _assignments(binder, node.expressions, scope, scope.relations[0])
    where = node.args.get("where")
    made = exp.Update(this=table, expressions=sets)
    if where is not None:
        made.set("where", exp.Where(this=binder.condition(where.this, scope, "WHERE clause")))
    return made


def _assignments(
    binder: QueryBinder, sets: list[exp.Expr], scope: Scope, target: Relation
) -> list[exp.Expr]:
    known = {field.name: field.type for field in target.fields}
    made: list[exp.Expr] = []
    for pair in sets:
        name = pair.this.name.lower()
        if name not in known:
            raise QueryError(
                "COLUMN_NOT_FOUND",
                f"{place_of(pair)}The UPDATE SET target column {name} doesn't exist",
            )
        value = binder.term(pair.expression, scope)
        fitted = _fitted(value, known[name], f"{place_of(pair)}column {name}")
        made.append(exp.EQ(this=exp.Column(this=quoted(name)), expression=fitted))
    return made


def _delete(binder: QueryBinder, node: exp.Delete) -> exp.Delete:
    scope = Scope()
    table = _target(binder, node.this, scope)
    made = exp.Delete(this=table)
    where = node.args.get("where")
    if where is not None:
        made.set("where", exp.Where(this=binder.condition(where.this, scope, "WHERE clause")))
    return made


def _merge(binder: QueryBinder, node: exp.Merge) -> exp.Merge:
    target_scope = Scope()
    target = _target(binder, node.this, target_scope)
    source_scope = Scope()
    source = binder._source(node.args["using"], source_scope)
    both = Scope(relations=[*target_scope.relations, *source_scope.relations])
    on = binder.condition(node.args["on"], both, "MERGE ON clause")
    relation = target_scope.relations[0]
    whens = []
    for when in node.args["whens"].expressions:
        matched = bool(when.args.get("matched"))
        scope = both if matched else source_scope
        made = exp.When(matched=matched, source=when.args.get("source"))
        if when.args.get("condition") is not None:
            made.set(
                "condition", binder.condition(when.args["condition"], scope, "MERGE WHEN clause")
            )
        made.set("then", _action(binder, when.args["then"], scope, relation))
        whens.append(made)
    return exp.Merge(
        this=target, using=source, on=exp.Paren(this=on), whens=exp.Whens(expressions=whens)
    )


def _action(binder: QueryBinder, then: exp.Expr, scope: Scope, target: Relation) -> exp.Expr:
    if isinstance(then, exp.Update):
        sets = _assignments(binder, then.expressions, scope, target)
        return exp.Update(expressions=sets)
    if not isinstance(then, exp.Insert):
        return then.copy()  # DELETE
    known = {field.name: field.type for field in target.fields}
    names = [column.name.lower() for column in then.this.expressions] if then.this else list(known)
    values = then.expression.expressions
    if len(names) != len(values):
        raise mismatch(f"MERGE inserts {len(values)} values into {len(names)} columns")
    fitted = []
    for name, value in zip(names, values, strict=True):
        if name not in known:
            raise QueryError(
                "COLUMN_NOT_FOUND",
                f"{place_of(value)}Insert column name does not exist in target table: {name}",
            )
        fitted.append(_fitted(binder.term(value, scope), known[name], f"column {name}"))
    columns = exp.Tuple(expressions=[exp.column(quoted(str(name))) for name in names])
    return exp.Insert(this=columns, expression=exp.Tuple(expressions=fitted))
