"""The schema and the load on a real server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from extract.simulated_backend.connection import UserError, connect
from extract.simulated_backend.generate import generate
from extract.simulated_backend.load import load, schema_objects

UNTIL = datetime(2026, 1, 31, 15, 30, tzinfo=UTC)
SMALL: dict[str, Any] = {"scale": 0.005, "seed": 3, "until": UNTIL}


def names(connection: psycopg.Connection, query: str) -> list[Any]:
    return [row[0] for row in connection.execute(query.encode())]


def counts(connection: psycopg.Connection) -> dict[str, int]:
    return {
        table: names(connection, f"select count(*) from {table}")[0]
        for table in schema_objects()["table"]
    }


def test_every_table_and_column_has_a_comment(loaded: psycopg.Connection) -> None:
    columns = names(
        loaded,
        "select attrelid::regclass || '.' || attname from pg_attribute "
        "join pg_class c on c.oid = attrelid where relnamespace = 'public'::regnamespace "
        "and relkind = 'r' and attnum > 0 and col_description(c.oid, attnum) is null",
    )
    tables = names(
        loaded,
        "select relname from pg_class where relnamespace = 'public'::regnamespace "
        "and relkind = 'r' and obj_description(oid, 'pg_class') is null",
    )
    assert columns + tables == []


def test_every_table_is_filled_and_has_a_primary_key(loaded: psycopg.Connection) -> None:
    assert all(counts(loaded).values())
    keyed = names(
        loaded,
        "select conrelid::regclass::text from pg_constraint "
        "where contype = 'p' and connamespace = 'public'::regnamespace",
    )
    assert sorted(keyed) == sorted(schema_objects()["table"])


def test_every_updated_at_is_indexed_and_moved_by_any_update(loaded: psycopg.Connection) -> None:
    tables = names(
        loaded,
        "select table_name from information_schema.columns "
        "where table_schema = 'public' and column_name = 'updated_at' order by 1",
    )
    assert set(schema_objects()["table"]) - set(tables) == {"club_types", "device_events"}
    indexed = names(
        loaded, "select tablename from pg_indexes where indexdef like '%(updated_at)' order by 1"
    )
    assert indexed == tables
    for table in tables:
        moved = names(
            loaded,
            f"update {table} set created_at = created_at, updated_at = '2000-01-01' "
            f"where ctid = (select min(ctid) from {table}) returning updated_at = now()",
        )
        assert moved == [True], table


def test_only_bookings_and_what_never_changes_lack_soft_deletion(
    loaded: psycopg.Connection,
) -> None:
    soft = names(
        loaded,
        "select table_name from information_schema.columns "
        "where table_schema = 'public' and column_name = 'deleted_at'",
    )
    rest = set(schema_objects()["table"]) - set(soft)
    assert rest == {"club_types", "device_events", "bookings"}


def test_references_hold_where_no_foreign_key_keeps_them(loaded: psycopg.Connection) -> None:
    unvalidated = names(loaded, "select conname from pg_constraint where not convalidated")
    assert unvalidated == []
    referencing = names(
        loaded,
        "select distinct conrelid::regclass || '' from pg_constraint "
        "where contype = 'f' order by 1",
    )
    roots = {"facilities", "club_types", "courses"}
    assert set(referencing) == set(schema_objects()["table"]) - roots
    holes_off_course = names(
        loaded,
        "select count(*) from round_holes h join rounds r using (round_id) left join "
        "course_holes c on (c.course_id, c.hole_number) = (r.course_id, h.hole_number) "
        "where c.course_id is null",
    )
    assert holes_off_course == [0]


def test_no_player_carries_more_than_fourteen_clubs(loaded: psycopg.Connection) -> None:
    assert names(loaded, "select max(n) from (select count(*) n from clubs group by player_id) c")[
        0
    ] in range(6, 15)


def test_the_types_of_postgresql_are_well_used(loaded: psycopg.Connection) -> None:
    used = set(
        names(
            loaded,
            "select format_type(atttypid, null) from pg_attribute join pg_class c "
            "on c.oid = attrelid where relnamespace = 'public'::regnamespace "
            "and relkind = 'r' and attnum > 0",
        )
    )
    expected = """uuid;bigint;integer;smallint;numeric;real;double precision;boolean;text;
        character varying;character;jsonb;json;bytea;date;time without time zone;
        timestamp without time zone;timestamp with time zone;interval;int4range;daterange;tstzrange;
        inet;cidr;macaddr;point;bit;bit varying;text[];integer[];smallint[];real[];
        double precision[];session_type[];bay_status;handicap_index;email_address;
        postal_address"""
    assert {name.strip() for name in expected.split(";")} - used == set()


def test_the_server_holds_what_was_generated(postgres_url: str) -> None:
    with connect(postgres_url) as connection:
        result = load(connection, **SMALL)
        generated = {table.name: list(table.rows) for table in generate(0.005, 3, UNTIL)}
        assert result.loaded
        assert result.rows == counts(connection)
        assert result.rows == {name: len(rows) for name, rows in generated.items()}
        written = connection.execute(
            "select stroke_id::text, carry, strokes_gained::text, trajectory::text, comment, tags "
            "from strokes"
        ).fetchall()
    (strokes,) = (t for t in generate(0.005, 3, UNTIL) if t.name == "strokes")
    wanted = [
        strokes.columns.index(name)
        for name in ("stroke_id", "carry", "strokes_gained", "comment", "tags")
    ]
    assert sorted((row[0], row[1], row[2], row[4], row[5]) for row in written) == sorted(
        tuple(row[i] for i in wanted) for row in generated["strokes"]
    )


def test_keys_go_on_after_those_loaded(loaded: psycopg.Connection) -> None:
    row = loaded.execute(
        "insert into device_events (bay_id, severity, code, message, occurred_at) "
        "values (1, 'info', 'test', 'test', now()) returning event_id, "
        "(select max(event_id) from device_events)"
    ).fetchone()
    assert row is not None
    assert row[0] == row[1] + 1


def test_loading_again_leaves_what_is_there(loaded_url: str) -> None:
    with connect(loaded_url) as connection:
        before = counts(connection)
        result = load(connection, **SMALL)
        assert not result.loaded
        assert result.rows == before == counts(connection)


def test_replace_loads_anew(postgres_url: str) -> None:
    with connect(postgres_url) as connection:
        load(connection, **SMALL)
        connection.execute("alter table players add column extra text")
        connection.execute("create table feature_trials_1 (a int)")
        result = load(connection, **SMALL, replace=True)
        assert result.loaded
        assert result.rows == counts(connection)
        assert names(connection, "select to_regclass('feature_trials_1') is null") == [True]


def test_a_load_that_fails_leaves_nothing(postgres_url: str) -> None:
    class StopLoadingError(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith("round_holes"):
            raise StopLoadingError

    with connect(postgres_url) as connection:
        with pytest.raises(StopLoadingError):
            load(connection, **SMALL, progress=stop)
        query = "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        assert names(connection, query) == [0]
        assert load(connection, **SMALL).loaded


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("create table invoices (a int)", "table public.invoices"),
        ("create view players as select 1", "view public.players"),
        ("create schema other; create table other.players (a int)", "table other.players"),
        ("create type mood as enum ('good')", "type public.mood"),
        ("create function f() returns int language sql as 'select 1'", "function public.f"),
    ],
)
def test_databases_of_others_are_refused(postgres_url: str, statement: str, name: str) -> None:
    with connect(postgres_url) as connection:
        connection.execute(statement.encode())
        connection.commit()
        with pytest.raises(UserError) as refusal:
            load(connection, **SMALL, replace=True)
        assert name in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert names(connection, "select to_regclass('strokes') is null") == [True]


def test_a_part_of_the_schema_is_refused_unless_replaced(postgres_url: str) -> None:
    with connect(postgres_url) as connection:
        load(connection, **SMALL)
        connection.execute("drop table payments")
        connection.commit()
        with pytest.raises(UserError, match="payments"):
            load(connection, **SMALL)
        assert load(connection, **SMALL, replace=True).loaded
