"""The trickle on a real server: every kind of change, and honest counts."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest
from psycopg import sql

from extract.simulated_backend import actions, trickle
from extract.simulated_backend.connection import UserError, connect
from extract.simulated_backend.drift import add_column, add_table, widen_type
from extract.simulated_backend.trickle import Ending, Summary, simulate

_TYPES = """
select attrelid::regclass::text, attname, format_type(atttypid, atttypmod)
from pg_attribute join pg_class c on c.oid = attrelid
where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0
"""


def run(url: str, **arguments: Any) -> Summary:
    summary = Summary()
    ordinary: dict[str, Any] = {
        "seconds": 2.0,
        "rate": 100_000,
        "seed": 1,
        "drifts": [],
        "stop": threading.Event(),
    }
    with connect(url) as connection, connect(url) as late:
        simulate(connection, late, summary, **(ordinary | arguments))
    return summary


def state(connection: psycopg.Connection) -> dict[str, tuple[int, int]]:
    """Rows and softly deleted rows of each table."""
    result = {}
    tables = connection.execute(
        "select relname, exists (select from pg_attribute where attrelid = c.oid "
        "and attname = 'deleted_at') from pg_class c "
        "where relnamespace = 'public'::regnamespace and relkind = 'r'"
    ).fetchall()
    for table, soft in tables:
        row = connection.execute(
            sql.SQL("select count(*), {} from {}").format(
                sql.SQL("count(deleted_at)" if soft else "0"), sql.Identifier(table)
            )
        ).fetchone()
        assert row is not None
        result[table] = (row[0], row[1])
    return result


def columns(connection: psycopg.Connection) -> dict[tuple[str, str], str]:
    return {(table, name): kind for table, name, kind in connection.execute(_TYPES)}


def test_every_kind_of_change_happens_and_is_counted(
    own_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trickle, "_LATE_SECONDS", (0.05, 0.2))
    with connect(own_url) as connection:
        before = state(connection)
        clock = connection.execute("select clock_timestamp()").fetchone()
        connection.commit()
        summary = run(own_url, seconds=5.0)  # enough for all kinds on a busy machine
        after = state(connection)
        changed = connection.execute(
            "select count(*) from players where updated_at > %s", clock
        ).fetchone()
    change = summary.changes
    inserted = {"sessions", "strokes", "rounds", "round_holes", "bookings", "payments"}
    for table in inserted | {"device_events"}:
        assert change["inserted", table] > 0, table
    for table in ("strokes", "players", "bays", "sessions", "bookings"):
        assert change["updated", table] > 0, table
    for table in ("strokes", "sessions", "clubs"):
        assert change["soft_deleted", table] > 0, table
    for table in ("bookings", "strokes", "rounds", "round_holes"):
        assert change["hard_deleted", table] > 0, table
    for table, (rows, gone) in after.items():
        grown = change["inserted", table] - change["hard_deleted", table]
        assert rows - before[table][0] == grown, table
        assert gone - before[table][1] == change["soft_deleted", table], table
    assert changed is not None
    assert 0 < changed[0] <= change["updated", "players"]
    assert all(summary.transactions[ending] > 0 for ending in Ending)


def test_rows_become_visible_out_of_order(own_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trickle, "_LATE_SECONDS", (0.2, 0.4))
    events = actions.insert_device_events
    monkeypatch.setattr(trickle, "_DEAL", ((events, Ending.COMMIT), (events, Ending.LATE)))
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(own_url,), kwargs={"stop": stop, "seconds": 60.0})
    query = "select max(received_at), count(*) filter (where received_at <= %s) from device_events"
    overtaken, newest, count = False, None, 0
    with connect(own_url) as connection:
        connection.autocommit = True
        thread.start()
        try:
            while not overtaken and thread.is_alive():
                row = connection.execute(query, [newest]).fetchone()
                assert row is not None
                # A row no newer than the newest seen before was not visible then.
                overtaken = newest is not None and row[1] > count
                newest = row[0]
                again = connection.execute(query, [newest]).fetchone()
                assert again is not None
                count = again[1]
                time.sleep(0.02)
        finally:
            stop.set()
            thread.join()
    assert overtaken


def test_it_keeps_to_its_rate_and_stops_when_told(own_url: str) -> None:
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    summary = run(own_url, seconds=0.0, rate=20.0, stop=stop)
    most_in_one_transaction = 66 + 1
    assert 0 < summary.rows() <= 20 * summary.seconds + 2 * most_in_one_transaction


def test_drifts_are_made_while_the_trickle_runs(own_url: str) -> None:
    with connect(own_url) as connection:
        before = columns(connection)
        connection.commit()
        summary = run(own_url, seconds=1.0, drifts=["add_column", "widen_type", "add_table"])
        after = columns(connection)
    assert len(summary.schema_changes) == 3
    assert after["strokes", "closure_rate"] == "real"
    assert before["strokes", "stroke_number"] == "smallint"
    assert after["strokes", "stroke_number"] == "integer"
    assert ("feature_trials_1", "trial_id") in after
    assert summary.changes["inserted", "strokes"] > 0


def test_a_locked_table_delays_a_drift_and_is_told(own_url: str) -> None:
    with connect(own_url) as reader:
        reader.execute("lock table strokes in access share mode")
        with pytest.raises(UserError, match="add_column"):
            run(own_url, seconds=3.0, drifts=["add_column"])
        assert ("strokes", "closure_rate") not in columns(reader)


def test_each_drift_can_be_repeated_for_ever(loaded: psycopg.Connection) -> None:
    known = columns(loaded)
    for _ in range(8):
        add_column(loaded)
        (new,) = columns(loaded).keys() - known.keys()
        known[new] = columns(loaded)[new]
        assert loaded.execute(
            sql.SQL("select count(*) > 0 from {} where {} is not null").format(
                sql.Identifier(new[0]), sql.Identifier(new[1])
            )
        ).fetchone() == (True,)
    for _ in range(12):
        widen_type(loaded)
        wider = columns(loaded)
        (changed,) = [name for name in wider if wider[name] != known[name]]
        known = wider
    assert changed == ("bookings", "price")
    names = [add_table(loaded)[0] for _ in range(3)]
    assert names == [f"added table feature_trials_{n}" for n in (1, 2, 3)]
    uncommented = loaded.execute(
        "select count(*) from pg_attribute join pg_class c on c.oid = attrelid "
        "where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 "
        "and col_description(c.oid, attnum) is null"
    ).fetchone()
    assert uncommented == (0,)


def test_new_rows_follow_a_changed_schema(own_url: str) -> None:
    with connect(own_url) as connection:
        for _ in range(6):
            add_column(connection)
            widen_type(connection)
        add_table(connection)
    assert run(own_url, seconds=1.0).changes["inserted", "strokes"] > 0


def test_a_database_without_the_schema_is_refused(postgres_url: str) -> None:
    with pytest.raises(UserError, match="load it first"):
        run(postgres_url)
