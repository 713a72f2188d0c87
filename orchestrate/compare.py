"""Compares the source, dataengineering-db and the lake, row by row: `make compare`.

For every table of the source: the count of rows and an order-independent checksum of all values.
Both are computed by PostgreSQL itself over the text of each value, so that no code of the
pipeline takes part. The lake's change log is copied into a temporary table of dataengineering-db
and reduced there to its current state: the newest version of each key, unless it is deleted.
Where the lake holds masks, it is compared to masks of the source that are computed here.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from orchestrate import environment, masked
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import LakeSettings, StackSettings

# Values must print alike on both servers, whatever their defaults.
_SESSION = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=1 "
    "-c work_mem=256MB"
)

_TABLES = """
    select c.relname,
           array_agg(a.attname::text order by a.attnum),
           array_agg(a.attname::text order by array_position(k.conkey, a.attnum))
               filter (where a.attnum = any (k.conkey))
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    group by c.relname order by c.relname
"""


@dataclass(frozen=True)
class SourceTable:
    """A table of the source with its columns, in order, and its primary key."""

    name: str
    columns: Sequence[str]
    key: Sequence[str]


@dataclass(frozen=True)
class Content:
    """What a table holds: rows, and the sum of the rows' digests. `checksum` is None if empty."""

    rows: int
    checksum: str | None


@dataclass(frozen=True)
class Comparison:
    """One table in all three places; None where it is missing.

    `masked_source` is the source with the masks that the lake must have.
    """

    table: str
    source: Content
    masked_source: Content
    database: Content | None
    lake: Content | None

    @property
    def equal(self) -> bool:
        """Whether all three hold the same rows."""
        return self.source == self.database and self.masked_source == self.lake


def compare(settings: StackSettings) -> Iterator[Comparison]:
    """Compare every table of the source's schema `public`, one after another.

    Args:
        settings: Where the three are.

    Raises:
        psycopg.Error: one of the databases cannot be read.
        pyiceberg.exceptions.RESTError: the lake's catalog cannot be read.
    """
    with (
        psycopg.connect(settings.backend.url, options=_SESSION) as source,
        psycopg.connect(settings.dataengineering.url, options=_SESSION) as database,
    ):
        tables = [SourceTable(*row) for row in source.execute(_TABLES)]
        for table in tables:
            kinds = masked.masks(table.name, table.columns)
            relation = sql.Identifier("public", table.name)
            expected = masked.expected(source, table.name, table.columns, kinds)
            plain = content(source, relation, _names(table.columns))
            yield Comparison(
                table.name,
                plain,
                content(source, relation, expected) if kinds else plain,
                _database_content(database, table),
                _lake_content(database, settings.lake, table, kinds),
            )


def content(
    connection: psycopg.Connection, relation: sql.Composable, columns: Sequence[sql.Composable]
) -> Content:
    """Count and checksum of a relation's rows.

    The checksum is the sum of each row's digest (64 bits of its MD5), so the order of the rows
    does not matter, and a row that stands twice counts twice.

    Args:
        connection: Where to ask.
        relation: A table's name, or a query in parentheses with an alias.
        columns: Names or expressions of the columns that count, in this order.
    """
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(column) for column in columns)
    query = sql.SQL(
        "select count(*), "
        "sum(('x' || left(md5(row({texts})::text), 16))::bit(64)::bigint::numeric)::text "
        "from {relation}"
    ).format(texts=texts, relation=relation)
    rows, checksum = connection.execute(query).fetchone() or (0, None)
    return Content(rows, checksum)


def _names(columns: Sequence[str]) -> list[sql.Composable]:
    return [sql.Identifier(column) for column in columns]


def _database_content(connection: psycopg.Connection, table: SourceTable) -> Content | None:
    name = sql.Identifier("raw", table.name)
    found = connection.execute("select to_regclass(%s)", (f'raw."{table.name}"',)).fetchone()
    if found == (None,):
        return None
    alive = sql.SQL("(select * from {} where _sdc_deleted_at is null) alive").format(name)
    return content(connection, alive, _names(table.columns))


def _lake_content(
    connection: psycopg.Connection,
    settings: LakeSettings,
    table: SourceTable,
    kinds: Mapping[str, str],
) -> Content | None:
    """Content of the current state that the lake's change log describes."""
    versions = _lake_versions(settings, table)
    if versions is None:
        return None
    columns = [*table.columns, "_sdc_sequence", "_sdc_deleted_at"]
    names = sql.SQL(", ").join(_names(columns))
    # A digest and *** are text, whatever the column's type is.
    typed = sql.SQL(", ").join(
        sql.SQL("null::text as {}").format(sql.Identifier(column))
        if kinds.get(column) in {"sha256", "redact"}
        else sql.Identifier(column)
        for column in columns
    )
    connection.execute(
        sql.SQL("create temp table lake_versions as select {} from {} limit 0").format(
            typed, sql.Identifier("raw", table.name)
        )
    )
    statement = sql.SQL("copy lake_versions ({}) from stdin (format csv)").format(names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in versions:
            copy.write(part)
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    newest = sql.SQL(
        "(select * from (select distinct on ({key}) * from lake_versions "
        "order by {key}, _sdc_sequence desc) newest where _sdc_deleted_at is null) alive"
    ).format(key=key)
    found = content(connection, newest, _names(table.columns))
    connection.execute("drop table lake_versions")
    return found


def _lake_versions(settings: LakeSettings, table: SourceTable) -> Iterator[bytes] | None:
    """All versions of a table's rows in the lake as CSV; None if there is no such table."""
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import NoSuchTableError

    catalog = load_catalog("lake", **settings.catalog_properties())
    try:
        lake_table = catalog.load_table(("raw", table.name))
    except NoSuchTableError:
        return None
    columns = (*table.columns, "_sdc_sequence", "_sdc_deleted_at")
    # The scan returns the columns in the order of the table, whatever was asked for.
    batches = lake_table.scan(selected_fields=columns).to_arrow_batch_reader()
    return (_as_csv(batch.select(list(columns))) for batch in batches)


def _as_csv(batch: object) -> bytes:
    """An Arrow record batch in the CSV that COPY reads: NULL is an empty field, bytes are hex."""
    import pyarrow as pa
    from pyarrow import csv

    assert isinstance(batch, pa.RecordBatch)  # noqa: S101 - for the type checker
    columns = [
        pa.array([None if v is None else "\\x" + v.hex() for v in column.to_pylist()])
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
        else column
        for column in batch.columns
    ]
    sink = io.BytesIO()
    table = pa.table(dict(zip(batch.schema.names, columns, strict=True)))
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False))
    return sink.getvalue()


def main(arguments: Sequence[str]) -> int:
    """Print a line a table (`--json`: one object a line); 0 only if all three agree everywhere."""
    environment.load()
    differing = 0
    try:
        for one in compare(StackSettings.from_environment()):
            differing += not one.equal
            if "--json" in arguments:
                print(json.dumps({"table": one.table, "equal": one.equal, **_counts(one)}))
            else:
                counts = "  ".join(f"{place} {rows}" for place, rows in _counts(one).items())
                print(f"{'equal  ' if one.equal else 'DIFFERS'}  {one.table:<16}  {counts}")
    except (StackError, psycopg.OperationalError, OSError) as error:  # the lake's is an OSError
        print(str(error).splitlines()[0], file=sys.stderr)
        return 1
    return 1 if differing else 0


def _counts(one: Comparison) -> dict[str, int | None]:
    places = {"source": one.source, "database": one.database, "lake": one.lake}
    return {place: found.rows if found else None for place, found in places.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
