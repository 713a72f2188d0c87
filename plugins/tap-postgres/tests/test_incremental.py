"""What an incremental stream sends from run to run, against a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from tap_postgres import queries

from .events import BY_TIME, STREAM, insert

if TYPE_CHECKING:
    from .conftest import Source


# 2: rows that share the boundary value


def test_f02_rows_with_the_boundary_value_are_neither_lost_nor_sent_twice(events: Source) -> None:
    boundary = "'2024-01-01 00:00:00+00'"
    insert(events.connection, "one", boundary)
    first = events.run(BY_TIME)
    assert first.bookmark(STREAM)["replication_key_value"] == "2024-01-01 00:00:00+00"
    insert(events.connection, "two", boundary)
    second = events.run(BY_TIME, first.state)
    assert second.values(STREAM, "note") == ["two"]


def test_f02_a_second_run_sends_exactly_what_has_changed(events: Source) -> None:
    for number in range(20):
        insert(events.connection, str(number), "'2024-01-01'")
    first = events.run(BY_TIME)
    events.execute("update events set note = 'changed', updated_at = now() where note = '7'")
    second = events.run(BY_TIME, first.state)
    assert second.values(STREAM, "note") == ["changed"]
    assert second.bookmark(STREAM)["rows_read"] == 1


def test_a_run_with_nothing_new_sends_no_rows_but_the_state(events: Source) -> None:
    insert(events.connection, "one")
    first = events.run(BY_TIME)
    second = events.run(BY_TIME, first.state)
    assert not second.of("BATCH")
    assert second.of("SCHEMA", STREAM)
    bookmark = second.bookmark(STREAM)
    assert bookmark["rows_read"] == 0
    assert bookmark["position_from"] == first.bookmark(STREAM)["position_to"]
    assert bookmark["source_time"] > first.bookmark(STREAM)["source_time"]


def test_an_empty_table_has_a_position_without_a_value(events: Source) -> None:
    first = events.run(BY_TIME)
    assert "replication_key_value" not in first.bookmark(STREAM)
    insert(events.connection, "one", "'2001-01-01'")
    assert events.run(BY_TIME, first.state).values(STREAM, "note") == ["one"]


# 3: rows with a NULL replication key


def test_f03_rows_with_a_null_key_are_read_each_time_they_change(events: Source) -> None:
    insert(events.connection, "one", "null")
    insert(events.connection, "dated")
    first = events.run(BY_TIME)
    assert first.values(STREAM, "note") == ["dated", "one"]
    insert(events.connection, "two", "null")
    second = events.run(BY_TIME, first.state)
    assert second.values(STREAM, "note") == ["two"]
    events.execute("update events set note = 'one, changed' where note = 'one'")
    assert events.run(BY_TIME, second.state).values(STREAM, "note") == ["one, changed"]


# What must not be left out, although its xmin is old


def test_an_edited_bookmark_reads_again_from_where_it_says(events: Source) -> None:
    insert(events.connection, "one", "'2024-01-01'")
    state = events.run(BY_TIME).state
    state["bookmarks"][STREAM]["replication_key_value"] = "2023-01-01"
    assert events.run(BY_TIME, state).values(STREAM, "note") == ["one"]


def test_a_clock_that_was_set_back_is_told(
    events: Source, caplog: pytest.LogCaptureFixture
) -> None:
    insert(events.connection, "one")
    state = events.run(BY_TIME).state
    events.run(BY_TIME, state)
    assert "clock" not in caplog.text
    state["bookmarks"][STREAM]["replication_key_value"] = "2300-01-01 00:00:00+00"
    events.run(BY_TIME, state)
    assert "public-events is read from 2300-01-01 00:00:00+00 on" in caplog.text
    assert "the source's clock shows" in caplog.text


def test_a_table_that_takes_the_place_of_another_is_read(events: Source) -> None:
    insert(events.connection, "one", "'2024-01-01'")
    events.execute("create table other as select id, 'swapped in' as note, updated_at from events")
    first = events.run(BY_TIME)
    events.execute("alter table events rename to old", "alter table other rename to events")
    second = events.run(BY_TIME, first.state)
    assert second.values(STREAM, "note") == ["swapped in"]


def test_the_rows_of_a_partition_that_is_attached_are_read_however_old_they_are(
    source: Source,
) -> None:
    source.execute(
        "create table events (note text, updated_at timestamptz) partition by list (note)",
        "create table one partition of events for values in ('one', 'new')",
        "create table two (note text, updated_at timestamptz)",
        "insert into events values ('one', '2024-01-01'), ('one', '2024-02-01')",
        "insert into two values ('two', '2023-01-01'), ('two', '2024-02-01')",
    )
    first = source.run(BY_TIME)
    assert first.values(STREAM, "note") == ["one", "one"]
    assert source.run(BY_TIME, first.state).values(STREAM, "note") == []
    source.execute("alter table events attach partition two for values in ('two')")
    # The row at the bookmark comes once more.
    second = source.run(BY_TIME, first.state)
    assert second.values(STREAM, "note") == ["one", "two", "two"]
    source.execute(
        "alter table events detach partition two", "insert into events values ('new', now())"
    )
    third = source.run(BY_TIME, second.state)
    assert set(third.values(STREAM, "note")) == {"one", "new"}
    assert source.run(BY_TIME, third.state).values(STREAM, "note") == []


def test_a_view_that_is_made_anew_is_read_whole(events: Source) -> None:
    insert(events.connection, "one", "'2024-01-01'")
    insert(events.connection, "two", "'2024-02-01'")
    events.execute("create view seen as select id, note, updated_at from events")
    metadata = {"public-seen": BY_TIME[STREAM], **BY_TIME}
    first = events.run(metadata)
    events.execute(
        "drop view seen", "create view seen as select id, upper(note) note, updated_at from events"
    )
    second = events.run(metadata, first.state)
    assert second.values("public-seen", "note") == ["ONE", "TWO"]
    assert second.values(STREAM, "note") == []


def test_another_server_or_timeline_reads_the_window_again(events: Source) -> None:
    insert(events.connection, "one", "'2024-01-01'")
    state = events.run(BY_TIME).state
    # A replica that took over may give out transaction ids that the lost primary had used.
    state["bookmarks"][STREAM]["settled"]["server"] += "0"
    assert events.run(BY_TIME, state).values(STREAM, "note") == ["one"]


def test_a_transaction_id_ahead_of_the_snapshot_reads_the_window_again(events: Source) -> None:
    insert(events.connection, "one", "'2024-01-01'")
    state = events.run(BY_TIME).state
    state["bookmarks"][STREAM]["settled"]["xid"] += 2**32
    assert events.run(BY_TIME, state).values(STREAM, "note") == ["one"]


def test_a_view_sends_the_rows_at_the_boundary_again(events: Source) -> None:
    insert(events.connection, "one", "'2024-01-01'")
    insert(events.connection, "two", "'2024-02-01'")
    events.execute("create view seen as select * from events")
    metadata = {"public-seen": BY_TIME[STREAM], **BY_TIME}
    first = events.run(metadata)
    second = events.run(metadata, first.state)
    assert second.values("public-seen", "note") == ["two"]
    assert second.values(STREAM, "note") == []


@settings(deadline=None)
@given(
    xmax=st.integers(3, 2**40),
    ages=st.lists(st.integers(1, 2**34), min_size=1, max_size=20),
    settled_age=st.integers(0, 2**34),
)
def test_no_row_of_an_unsettled_transaction_is_left_out(
    shared_connection: psycopg.Connection[Any], xmax: int, ages: list[int], settled_age: int
) -> None:
    settled = max(xmax - settled_age, 3)
    xids = [max(xmax - age, 3) for age in ages]
    condition = queries.unless_settled(settled, xmax)
    rows = shared_connection.execute(
        sql.SQL("select t.id, {} from unnest(%s::bigint[], %s::text[]::xid[]) t (id, xmin)").format(
            condition
        ),
        (xids, [str(xid % 2**32) for xid in xids]),
    ).fetchall()
    for xid, is_sent in rows:
        if xid >= settled:
            assert is_sent
        elif xmax - xid < 2**32:
            assert not is_sent


def test_a_row_of_an_id_not_yet_given_out_is_sent(
    shared_connection: psycopg.Connection[Any],
) -> None:
    # Transaction ids have been set back (pg_resetwal); nobody knows how old the row is.
    condition = queries.unless_settled(50, 100)
    query = sql.SQL("select {} from (select '200'::xid as xmin) t").format(condition)
    assert shared_connection.execute(query).fetchone() == (True,)


@pytest.fixture(scope="module")
def shared_connection(make_database: Callable[[], str]) -> Any:
    with psycopg.connect(make_database(), autocommit=True) as connection:
        yield connection


# The source changes shape


def test_f35_a_column_that_is_new_since_the_catalog_is_read(events: Source) -> None:
    catalog = events.catalog(BY_TIME)
    insert(events.connection, "one")
    events.execute("alter table events add column more int default 7")
    run = events.run(catalog=catalog)
    assert run.error is None
    assert run.values(STREAM, "more") == [7]
    assert "more" in run.of("SCHEMA", STREAM)[0]["schema"]["properties"]


def test_f35_a_column_that_is_gone_since_the_catalog_does_not_break_the_stream(
    events: Source,
) -> None:
    catalog = events.catalog(BY_TIME)
    insert(events.connection, "one")
    events.execute("alter table events drop column note")
    run = events.run(catalog=catalog)
    assert run.error is None
    assert [set(row) for row in run.rows[STREAM]] == [{"id", "updated_at"}]


@pytest.mark.parametrize("rewrite", ["truncate events", "alter table events alter note type name"])
def test_a_table_truncated_while_the_tap_runs_fails_instead_of_looking_empty(
    events: Source, caplog: pytest.LogCaptureFixture, rewrite: str
) -> None:
    insert(events.connection, "one")
    run = events.run(BY_TIME, after_snapshot=lambda: events.execute(rewrite))
    assert run.error is not None
    assert "truncated or rewritten" in caplog.text
    assert not run.of("STATE")


def test_a_deselected_column_is_not_read_but_keys_are(events: Source) -> None:
    insert(events.connection, "one")
    catalog = events.catalog(BY_TIME)
    for item in catalog["streams"][0]["metadata"]:
        if item["breadcrumb"]:
            item["metadata"] = {"inclusion": "available", "selected": False}
    run = events.run(catalog=catalog)
    assert [set(row) for row in run.rows[STREAM]] == [{"id", "updated_at"}]


def test_a_default_replication_key_makes_the_tables_that_have_it_incremental(
    source: Source,
) -> None:
    source.execute(
        "create table timed (id int primary key, updated_at timestamptz not null default now())",
        "create table untimed (id int primary key)",
        "create table overruled (id int primary key, updated_at timestamptz)",
        "create table unordered (id int primary key, updated_at json)",
        "insert into timed values (1); insert into untimed values (1); insert into overruled"
        " values (1); insert into unordered values (1)",
    )
    run = source.run(
        {"public-overruled": {"replication-method": "FULL_TABLE"}},
        default_replication_keys=["changed_at", "updated_at"],
    )
    assert run.error is None
    assert set(run.rows) == {
        "public-timed",
        "public-untimed",
        "public-overruled",
        "public-unordered",
    }
    assert run.bookmark("public-timed")["replication_key"] == "updated_at"
    for name in ("public-untimed", "public-overruled", "public-unordered"):
        assert "fingerprint" in run.bookmark(name)
