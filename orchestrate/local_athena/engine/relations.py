"""What a query reads: views inlined, and each table as DuckDB reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from pyiceberg.table import Table
from sqlglot import exp

from orchestrate.local_athena.engine import (
    hive_files,
    information_schema,
    metadata_tables,
    time_travel,
)
from orchestrate.local_athena.engine.duck import CATALOG, quoted
from orchestrate.local_athena.metastore.catalog import HiveTable, Metastore
from orchestrate.local_athena.metastore.glue_shapes import View
from orchestrate.local_athena.model import Column, QueryError
from orchestrate.local_athena.names import TableName, base_tables, of_node
from orchestrate.local_athena.translate import parse, result_types, to_duckdb
from orchestrate.local_athena.types import athena_from_glue, athena_type

if TYPE_CHECKING:
    from orchestrate.local_athena.engine.duck import Cursor

_MAX_VIEW_DEPTH = 50
_PATH = "$path"
# DuckDB's name of the same; neither is among the columns of `*`.
_DUCKDB_PATH = "filename"


@dataclass
class Query:
    """A statement on its way from Trino's SQL to DuckDB's.

    Attributes:
        metastore: Where names are looked up.
        cursor: That will run it.
        database: Of names without one.
        tables: What the names stand for, as found.
    """

    metastore: Metastore
    cursor: Cursor
    database: str
    tables: dict[TableName, Table | HiveTable] = field(default_factory=dict)
    _schema: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def bind(self, tree: exp.Expr) -> tuple[exp.Expr, tuple[Column, ...]]:
        """A statement of Trino's, which is taken apart, as DuckDB's, and the columns it gives.

        Raises:
            QueryError: It names what is not there, or cannot be translated.
        """
        resolved = self._resolve(tree, self.database, ())
        translated, columns = to_duckdb(resolved, self._schema)
        nodes = list(translated.walk())
        references = [node for node in nodes if isinstance(node, exp.Column)]
        paths = [column for column in references if column.name == _PATH]
        for node in base_tables(nodes):
            node.replace(self._relation(node, paths))
        for column in references:
            column.set("db", None)
            column.set("catalog", None)
        return translated, tuple(columns)

    def _resolve(self, tree: exp.Expr, database: str, views: tuple[TableName, ...]) -> exp.Expr:
        """Name the database of every table, and put the text of every view in its place."""
        # A root that is a table would have no place for its replacement.
        for node in base_tables(tree.walk()):
            name = of_node(node, database)
            entry = None if _is_information(name) else self._entry(name)
            if entry is None:
                columns = information_schema.columns(name.name)
                self._schema.setdefault(name.database, {})[name.name] = columns
            if isinstance(entry, View):
                node.replace(self._inlined(node, name, entry, views))
                continue
            node.set("catalog", None)
            node.set("db", exp.to_identifier(name.database, quoted=True))
            node.set("this", exp.to_identifier(name.name, quoted=True))
        return tree

    def _inlined(
        self, node: exp.Table, name: TableName, view: View, views: tuple[TableName, ...]
    ) -> exp.Expr:
        if name in views:
            raise QueryError("VIEW_IS_RECURSIVE", f"View '{name}' is recursive")
        if len(views) > _MAX_VIEW_DEPTH:
            raise QueryError("NOT_SUPPORTED", f"view '{name}' stands on too many other views")
        if node.args.get("version"):
            raise QueryError("NOT_SUPPORTED", f"View '{name}' does not support time travel")
        inner = self._resolve(parse(view.sql), view.database, (*views, name))
        self._refuse_stale(name, view, inner)
        alias = node.args.get("alias") or exp.TableAlias(
            this=exp.to_identifier(name.name, quoted=True)
        )
        columns = alias.args.get("columns") or [
            exp.to_identifier(each.name, quoted=True) for each in view.columns
        ]
        alias = exp.TableAlias(this=alias.this.copy(), columns=[each.copy() for each in columns])
        subquery = exp.Subquery(this=inner, alias=alias)
        for key in ("joins", "laterals", "pivots", "sample"):
            if node.args.get(key):
                subquery.set(key, node.args[key])
        return subquery

    def _refuse_stale(self, name: TableName, view: View, inner: exp.Expr) -> None:
        """Refuse a view whose tables have changed so that its query gives other columns.

        https://docs.aws.amazon.com/athena/latest/ug/views-considerations.html
        """
        found = result_types(inner, self._schema)
        stale = f"View 'awsdatacatalog.{name}' is stale or in invalid state:"
        if len(found) != len(view.columns):
            raise QueryError(
                "VIEW_IS_STALE",
                f"{stale} its query gives {len(found)} columns, the view has "
                f"{len(view.columns)}; create it anew",
            )
        for position, (now, then) in enumerate(zip(found, view.columns, strict=True)):
            if now.name.lower() != then.name.lower() or _kind(now.type) != _kind(then.type):
                raise QueryError(
                    "VIEW_IS_STALE",
                    f"{stale} column [{now.name}] of type {now.type} projected from query view at "
                    f"position {position} is not column [{then.name}] of type {then.type} stored "
                    "in view definition; create it anew",
                )

    def _entry(self, name: TableName) -> Table | HiveTable | View:
        if name in self.tables:
            return self.tables[name]
        base, separator, kind = name.name.partition("$")
        entry = self.metastore.entry(name.database, base)
        if entry is None:
            if self.metastore.lake.namespace(name.database) is None:
                raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{name.database}' does not exist")
            raise QueryError("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{name}' does not exist")
        if isinstance(entry, View):
            if separator:
                raise QueryError("TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{name}' does not exist")
            return entry
        if not separator:
            columns = columns_of(entry)
        elif isinstance(entry, Table):
            columns = metadata_tables.columns(entry, kind, name)
        else:
            columns = hive_files.partition_columns(entry, kind, name)
        self.tables[name] = entry
        self._schema.setdefault(name.database, {})[name.name] = columns
        return entry

    def _information(self, node: exp.Table, name: TableName) -> exp.Table:
        """A table of `information_schema`, as its rows are now."""
        registered = f"information_{next(self._numbers)}_{name.name}"
        self.cursor.register(registered, information_schema.rows(name.name, self.metastore, node))
        return _as_table(quoted(registered), node)

    def _relation(self, node: exp.Table, paths: Sequence[exp.Column]) -> exp.Expr:
        """What DuckDB reads for a table; `paths` are the statement's columns `$path`."""
        name = of_node(node, self.database)
        if _is_information(name):
            return self._information(node, name)
        entry = self.tables[name]
        kind = name.name.partition("$")[2]
        version = node.args.get("version")
        is_iceberg = isinstance(entry, Table)
        if kind:
            registered = f"metadata_{len(self.tables)}_{name.name.replace('$', '_')}"
            rows = (
                metadata_tables.rows(entry, kind)
                if isinstance(entry, Table)
                else hive_files.partition_rows(entry, self.metastore)
            )
            self.cursor.register(registered, rows)
            text = quoted(registered)
        elif isinstance(entry, Table):
            text = quoted(CATALOG, name.database, name.name)
            if version is not None:
                snapshot = time_travel.snapshot_id(entry, version, self.cursor)
                text = f"(select * from {text} at (version => {snapshot}))"  # noqa: S608
            for column in paths:
                if column.name == _PATH and column.table in ("", node.alias_or_name):
                    if _DUCKDB_PATH in columns_of(entry):
                        raise QueryError(
                            "NOT_SUPPORTED", f'"$path" of {name}, which has a column {_DUCKDB_PATH}'
                        )
                    column.set("this", exp.to_identifier(_DUCKDB_PATH, quoted=True))
        else:
            with_path = any(column.name == _PATH for column in paths)
            text = hive_files.query(entry, self.metastore, self.cursor, with_path=with_path)
        if version is not None and (kind or not is_iceberg):
            raise QueryError("NOT_SUPPORTED", f"table {name} does not support time travel")
        return _as_table(text, node)


def _as_table(text: str, node: exp.Table) -> exp.Table:
    """What DuckDB reads, in the place of a table and under its name."""
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name, quoted=True))
    found = exp.Table(this=exp.Var(this=text), alias=alias)
    for key in ("joins", "laterals", "pivots", "sample"):
        if node.args.get(key):
            found.set(key, node.args[key])
    return found


def _is_information(name: TableName) -> bool:
    return name.database == information_schema.DATABASE


def columns_of(entry: Table | HiveTable) -> dict[str, str]:
    """Athena's types of a table's columns, partition keys last."""
    if isinstance(entry, Table):
        return {
            field.name.lower(): athena_type(field.field_type) for field in entry.schema().fields
        }
    definition = entry.definition
    return {
        each["Name"].lower(): athena_from_glue(each.get("Type", "string"))
        for each in (
            *definition.get("StorageDescriptor", {}).get("Columns", []),
            *definition.get("PartitionKeys", []),
        )
    }


def _kind(athena: str) -> str:
    """A type without its lengths and precisions, which catalogs write differently."""
    return re.sub(r"\([\d, ]*\)", "", athena.lower())
