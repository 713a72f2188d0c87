"""Odd names and every kind of relation: each row is read once, or the stream says why not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tap_postgres.tap import TapPostgres

if TYPE_CHECKING:
    from .conftest import Source

ODD_NAMES = [
    "Mixed Case",
    'with "quotes"',
    "it's",
    "per%cent %s %(x)s",
    "{braces} {}",
    "select",
    "emoji 🏌️‍♀️",
    "back\\slash",
    "tab\there",
    "line\nbreak",
    "ümläut",
    "a.b",
    "x" * 63,
    "€" * 21,
    "_sdc_like",
]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def reader(source: Source) -> Iterator[dict[str, Any]]:
    """A role that is no superuser, as the tap's settings."""
    name = f"Reader {uuid.uuid4().hex[:8]}"
    source.execute(
        f"create role {quoted(name)} login password 'none-{name}'",
        f"grant pg_read_all_data, pg_read_all_stats to {quoted(name)}",
    )
    yield {"user": name, "password": f"none-{name}"}
    source.execute(f"drop owned by {quoted(name)}", f"drop role {quoted(name)}")


@pytest.mark.parametrize("batches", [True, False], ids=["batches", "records"])
def test_odd_names_of_schemas_tables_and_columns_are_read(source: Source, batches: bool) -> None:
    columns = ", ".join(f"{quoted(name)} text default {n}" for n, name in enumerate(ODD_NAMES))
    for name in ODD_NAMES:
        source.execute(f"create table {quoted(name)} (id int primary key, {columns})")
        source.execute(f"insert into {quoted(name)} values (1)")
    source.execute(
        'create schema "Odd Schema %"', 'create table "Odd Schema %"."t-t" as select 1 as id'
    )
    run = source.run(**({} if batches else {"batch_config": None}))
    assert run.error is None
    expected = {"id": 1, **{name: str(n) for n, name in enumerate(ODD_NAMES)}}
    for name in ODD_NAMES:
        assert run.rows[f"public-{name}"] == [expected]
    assert run.rows["Odd Schema %-t-t"] == [{"id": 1}]


def test_an_odd_name_as_key_and_replication_key_is_read_by_its_position(source: Source) -> None:
    name = "per%cent %s {} \"'"
    source.execute(
        f"create table t ({quoted(name)} timestamptz primary key)",
        "insert into t values ('2024-01-01 12:00+00'), ('2024-01-02 12:00+00')",
    )
    metadata = {"public-t": {"replication-method": "INCREMENTAL", "replication-key": name}}
    first = source.run(metadata)
    assert len(first.rows["public-t"]) == 2
    source.execute("insert into t values ('2024-01-03 12:00+00')")
    second = source.run(metadata, first.state)
    assert [row[name].day for row in second.rows["public-t"]] == [3]


def test_1600_columns_are_read(source: Source) -> None:
    columns = ", ".join(f"c{n} int default {n}" for n in range(1599))
    source.execute(f"create table wide (id int primary key, {columns})")
    source.execute("insert into wide (id) values (7)")
    [row] = source.run().rows["public-wide"]
    assert row == {"id": 7, **{f"c{n}": n for n in range(1599)}}


def test_each_kind_of_relation_is_read(source: Source) -> None:
    source.execute(
        "create table plain (id int primary key)",
        "create unlogged table careless (id int)",
        "create table empty (id int)",
        "create table dropped (id int, gone int)",
        "alter table dropped drop column gone",
        "create table bare (gone int)",
        "alter table bare drop column gone",
        "insert into plain values (1), (2)",
        "insert into careless values (3)",
        "create view seen as select id * 10 as id from plain",
        "create materialized view stored as select id * 100 as id from plain",
    )
    run = source.run()
    assert run.error is None
    assert {name: sorted(row["id"] for row in rows) for name, rows in run.rows.items()} == {
        "public-plain": [1, 2],
        "public-careless": [3],
        "public-seen": [10, 20],
        "public-stored": [100, 200],
    }
    assert run.bookmark("public-empty")["rows_read"] == 0
    assert "public-bare" not in run.state["bookmarks"]


def test_a_materialized_view_that_is_not_filled_fails_alone(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.execute(
        "create table t (id int)", "create materialized view m as select * from t with no data"
    )
    run = source.run()
    assert str(run.error).startswith("1 of 2 selected streams failed: public-m;")
    assert 'materialized view "m" has not been populated' in caplog.text


def test_rows_of_partitions_are_read_once_through_their_parent(source: Source) -> None:
    source.execute(
        "create table events (id int, at int, primary key (id, at)) partition by range (at)",
        "create table one partition of events for values from (0) to (10)",
        "create table two partition of events for values from (10) to (20) partition by list (at)",
        "create table two_a partition of two for values in (11)",
        "create table two_b partition of two default",
        "insert into events select n, n from generate_series(0, 19) n",
    )
    first = source.run()
    assert set(first.rows) == {"public-events"}
    assert first.values("public-events", "id") == list(range(20))
    source.execute("alter table events detach partition one")
    second = source.run(state=first.state)
    assert second.values("public-events", "id") == list(range(10, 20))
    assert second.values("public-one", "id") == list(range(10))


def test_rows_of_a_child_by_inheritance_are_in_its_own_stream_and_no_other(source: Source) -> None:
    metadata = {"public-base": {"replication-method": "INCREMENTAL", "replication-key": "id"}}
    source.execute(
        "create table base (id int primary key)",
        "create table child (more text, primary key (id)) inherits (base)",
        # The key of a row of its parent: merged by key, one of the two would be lost.
        "insert into base values (1)",
        "insert into child values (1, 'x'), (2, 'y')",
    )
    first = source.run(metadata)
    assert first.rows["public-base"] == [{"id": 1}]
    assert first.values("public-child", "id") == [1, 2]
    assert first.bookmark("public-base")["position_to"] == "1"


def test_rows_that_a_policy_hides_fail_the_stream(
    source: Source, reader: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    source.execute(
        "create table secret (id int primary key, owner text)",
        "insert into secret values (1, 'me'), (2, 'you')",
        "alter table secret enable row level security",
        "create policy mine on secret using (owner = 'me')",
        "create table open (id int)",
        "insert into open values (3)",
        "create view through with (security_invoker) as select * from secret",
        "create view of_owner as select * from secret",
    )
    run = source.run(**reader)
    assert str(run.error).startswith(
        "2 of 4 selected streams failed: public-secret, public-through;"
    )
    assert f'hides rows from the role "{reader["user"]}"' in caplog.text
    assert f'ALTER ROLE "{reader["user"]}" BYPASSRLS' in caplog.text
    assert run.values("public-open", "id") == [3]
    assert run.values("public-of_owner", "id") == [1, 2]
    source.execute(f'alter role "{reader["user"]}" bypassrls')
    again = source.run(**reader)
    assert again.error is None
    assert again.values("public-secret", "id") == again.values("public-through", "id") == [1, 2]


def test_f35_a_thousand_tables_are_discovered_by_one_query(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.execute(
        "do $$ begin for n in 1..1000 loop execute format("
        "'create table t%s (id int primary key, a text, b numeric(10,2), c timestamptz)', n);"
        " end loop; end $$"
    )
    queries = []
    execute = psycopg.Cursor.execute

    def count(cursor: Any, query: Any, *args: Any, **options: Any) -> Any:
        queries.append(query)
        return execute(cursor, query, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", count)
    tap = TapPostgres(config=source.config)
    assert len(tap.streams) == 1000
    assert len(queries) == 2  # the session's settings, and the catalog


def test_a_view_of_a_table_truncated_while_the_tap_runs_fails_instead_of_looking_empty(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.execute(
        "create table kept as select 1 as id",
        "create table emptied as select 1 as id",
        "create view seen as select * from emptied",
    )
    run = source.run(after_snapshot=lambda: source.execute("truncate emptied"))
    assert "public.seen was truncated or rewritten" in caplog.text
    assert not run.bookmark("public-seen")
    assert run.bookmark("public-kept")
