"""UPDATE, DELETE and MERGE on Iceberg tables.

https://docs.aws.amazon.com/athena/latest/ug/merge-into-statement.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
from pyiceberg.table import Table
from sqlglot import exp

from orchestrate.local_athena.engine.duck import quoted
from orchestrate.local_athena.model import QueryError, QueryResult, StatementKind
from orchestrate.local_athena.names import of_node
from orchestrate.local_athena.translate import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrate.local_athena.engine.reader import Reader
    from orchestrate.local_athena.engine.statements.session import Session

_STAGE = "merge_stage"
_FILE, _ROW, _CLAUSE = "__file", "__row", "__clause"
_KINDS = {exp.Update: "UPDATE", exp.Delete: "DELETE", exp.Merge: "MERGE"}


def run(session: Session, reader: Reader) -> QueryResult:
    """Change rows; all of it takes effect in one commit, or none."""
    tree = parse(reader.sql)
    kind = next((name for each, name in _KINDS.items() if isinstance(tree, each)), None)
    if kind is None or not isinstance(tree.this, exp.Table):
        raise reader.error("UPDATE, DELETE FROM or MERGE INTO with the name of a table")
    name = of_node(tree.this, session.database)
    session.check_may_write(name.database)
    if not isinstance(session.table(name), Table):
        raise QueryError(
            "NOT_SUPPORTED", f"{kind} is for Iceberg tables, and {name} is a Hive table"
        )
    bound, _ = session.query.bind(tree)
    sql = bound.sql(dialect="duckdb")
    merge = bound if isinstance(bound, exp.Merge) else None
    # A target that is planned away, for a condition that never holds, ends DuckDB's whole process.
    is_simple = merge is None or _is_simple(merge)
    reads_target = is_simple and not session.cursor.plans_without_table(sql)
    if merge is not None and not reads_target:
        count = _merge_by_stage(session, merge)
    elif not reads_target and not _touches_rows(session, bound):
        count = 0
    else:
        try:
            (count,) = session.cursor.transaction([sql])
        except duckdb.NotImplementedException as error:
            if "same row was updated multiple times" in str(error):
                raise _several_matches() from None
            raise
    return QueryResult(StatementKind.DML, kind, update_count=count)


def _touches_rows(session: Session, change: exp.Expr) -> bool:
    rows = exp.select("1").from_(change.this).limit(1)
    if where := change.args.get("where"):
        rows.set("where", where.copy())
    found: int = session.cursor.run(rows.sql(dialect="duckdb")).num_rows
    return found > 0


def _is_simple(merge: exp.Merge) -> bool:
    """Whether DuckDB does it as it is: one UPDATE of matched rows at most, then an INSERT."""
    whens = merge.args["whens"].expressions
    matched = [each for each in whens if each.args["matched"]]
    return (
        len(matched) <= 1
        and len(whens) - len(matched) <= 1
        and all(isinstance(each.args["then"], exp.Update) for each in matched)
    )


def _merge_by_stage(session: Session, merge: exp.Merge) -> int:
    """Decide the clause of every pair of rows first, then do each clause by itself.

    DuckDB takes one UPDATE or DELETE only in a MERGE of an Iceberg table. A target row is told by
    its file and its place therein, which stay as they are within the transaction.
    """
    target, source = merge.this, merge.args["using"]
    target_alias = quoted(target.alias_or_name)
    source_alias = quoted(source.alias_or_name)
    whens = merge.args["whens"].expressions
    cases = []
    for position, when in enumerate(whens):
        is_null = "is not null" if when.args["matched"] else "is null"
        condition = when.args.get("condition")
        cases.append(
            f"when {target_alias}.filename {is_null}"
            + (f" and ({condition.sql(dialect='duckdb')})" if condition else "")
            + f" then {position}"
        )
    statements = [
        f"create or replace temp table {_STAGE} as select {source_alias}.*, "  # noqa: S608
        f"{target_alias}.filename as {_FILE}, {target_alias}.file_row_number as {_ROW}, "
        f"case {' '.join(cases)} end as {_CLAUSE} "
        f"from {source.sql(dialect='duckdb')} left join {target.sql(dialect='duckdb')} "
        f"on {merge.args['on'].sql(dialect='duckdb')}",
        f"select case when count(*) > 0 then error('{_SEVERAL}') end from "  # noqa: S608
        f"(select 1 from {_STAGE} where {_FILE} is not null and {_CLAUSE} is not null "
        f"group by {_FILE}, {_ROW} having count(*) > 1)",
    ]
    # First what leaves rows where they are; an INSERT reads the source alone.
    order = sorted(range(len(whens)), key=lambda each: not whens[each].args["matched"])

    def clauses() -> Iterator[str]:
        yield from statements
        counts = session.cursor.run(f"select distinct {_CLAUSE} from {_STAGE}")  # noqa: S608
        with_rows = set(counts.column(0).to_pylist())
        for each in order:
            if each in with_rows:
                yield _clause(merge, whens[each], each, target_alias, source_alias)

    try:
        results = session.cursor.transaction(clauses())
    except duckdb.Error as error:
        if _SEVERAL in str(error):
            raise _several_matches() from None
        raise
    return sum(results[len(statements) :])


def _clause(
    merge: exp.Merge, when: exp.Expr, position: int, target_alias: str, source_alias: str
) -> str:
    target = merge.this.sql(dialect="duckdb")
    rows = f"(select * from {_STAGE} where {_CLAUSE} = {position}) as {source_alias}"  # noqa: S608
    same = (
        f"{target_alias}.filename = {source_alias}.{_FILE} "
        f"and {target_alias}.file_row_number = {source_alias}.{_ROW}"
    )
    then = when.args["then"]
    if isinstance(then, exp.Update):
        assignments = ", ".join(each.sql(dialect="duckdb") for each in then.expressions)
        return (
            f"merge into {target} using {rows} on {same} when matched then update set {assignments}"
        )
    if isinstance(then, exp.Insert):
        table = merge.this.this.sql(dialect="duckdb")
        columns = f" {then.this.sql(dialect='duckdb')}" if then.this else ""
        values = ", ".join(each.sql(dialect="duckdb") for each in then.expression.expressions)
        return f"insert into {table}{columns} select {values} from {rows}"  # noqa: S608
    return f"delete from {target} using {rows} where {same}"  # noqa: S608


_SEVERAL = "One MERGE target table row matched more than one source row"


def _several_matches() -> QueryError:
    return QueryError("MERGE_TARGET_ROW_MULTIPLE_MATCHES", _SEVERAL)
