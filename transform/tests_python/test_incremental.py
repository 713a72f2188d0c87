"""Whatever happens to the source: marts built step by step equal marts built anew."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from transform.tests_python.loader import Loader
from transform.tests_python.project import Dbt


@dataclass(frozen=True)
class Changes:
    """Keys of what the changes between two builds were made to."""

    corrected: str
    deleted: str
    purged: str
    session_deleted: str
    session_moved: str
    session_late: str
    player: int
    booking_purged: int


@pytest.fixture(scope="module")
def changes(loader: Loader, dbt: Dbt) -> Changes:
    """Build, change the source in every way, and build once more."""
    sessions = loader.values(
        "select session_id::text from raw.sessions where deleted_at is null "
        "and ended_at is not null order by session_id limit 4"
    )
    strokes = loader.values(
        "select stroke_id::text from raw.strokes where deleted_at is null "
        f"and session_id = '{sessions[0]}' order by stroke_number limit 3"
    )
    players = loader.values("select max(player_id) from raw.players where deleted_at is null")
    bookings = loader.values("select min(booking_id) from raw.payments")
    made = Changes(
        corrected=strokes[0],
        deleted=strokes[1],
        purged=strokes[2],
        session_deleted=sessions[1],
        session_moved=sessions[2],
        session_late=sessions[3],
        player=players[0],
        booking_purged=bookings[0],
    )
    # Streams are committed one by one: strokes may be here before their session is.
    loader.connection.execute(
        "create table late as select * from raw.sessions where session_id::text = %s",
        [made.session_late],
    )
    loader.commit("sessions", f"delete from raw.sessions where session_id = '{made.session_late}'")
    dbt.succeed("build", "--exclude", "rules_of_fct_sessions")
    assert count(loader, "fct_strokes", "session_id", made.session_late) == 0

    loader.next_run()
    loader.commit(
        "strokes",
        # It bears an old time, as a correction that was committed late does.
        "update raw.strokes set carry = 123.5, updated_at = created_at - interval '9 days' "
        f"where stroke_id = '{made.corrected}'",
        f"update raw.strokes set deleted_at = now() where stroke_id = '{made.deleted}'",
        f"update raw.strokes set _sdc_deleted_at = now() where stroke_id = '{made.purged}'",
    )
    loader.commit(
        "sessions",
        "insert into raw.sessions select * from late",
        f"update raw.sessions set deleted_at = now() where session_id = '{made.session_deleted}'",
        f"update raw.sessions set player_id = {made.player} "
        f"where session_id = '{made.session_moved}'",
    )
    loader.commit(
        "bookings",
        f"update raw.bookings set _sdc_deleted_at = now() where booking_id = {made.booking_purged}",
    )
    loader.commit(
        "players",
        "update raw.players set handicap = 1.5, membership = null, deleted_at = null, "
        f"updated_at = now() where player_id = {made.player}",
    )
    return made


@pytest.fixture(scope="module", autouse=True)
def rebuilt(changes: Changes, dbt: Dbt) -> None:
    """The second build, and a build from nothing beside it."""
    dbt.succeed("build", "--exclude", "rows_arrived_in_time")
    dbt.succeed("run", "--full-refresh", DBT_SCHEMA_PREFIX="anew")


def count(loader: Loader, mart: str, column: str, key: object) -> int:
    found = loader.values(f"select count(*) from marts.{mart} where {column} = '{key}'")[0]
    assert isinstance(found, int)
    return found


def test_a_late_correction_arrives(loader: Loader, changes: Changes) -> None:
    query = f"select carry from marts.fct_strokes where stroke_id = '{changes.corrected}'"
    assert loader.values(query) == [123.5]


def test_deleted_and_purged_strokes_leave(loader: Loader, changes: Changes) -> None:
    assert count(loader, "fct_strokes", "stroke_id", changes.deleted) == 0
    assert count(loader, "fct_strokes", "stroke_id", changes.purged) == 0


def test_no_row_is_left_that_is_marked_deleted(loader: Loader) -> None:
    assert loader.values("select count(*) from marts.fct_strokes where is_deleted") == [0]


def test_the_strokes_of_a_deleted_session_leave(loader: Loader, changes: Changes) -> None:
    assert count(loader, "fct_sessions", "session_id", changes.session_deleted) == 0
    assert count(loader, "fct_strokes", "session_id", changes.session_deleted) == 0


def test_strokes_follow_a_change_of_their_session(loader: Loader, changes: Changes) -> None:
    query = (
        "select distinct player_id from marts.fct_strokes "
        f"where session_id = '{changes.session_moved}'"
    )
    assert loader.values(query) == [changes.player]


def test_strokes_that_came_before_their_session_are_taken_up(
    loader: Loader, changes: Changes
) -> None:
    held = count(loader, "fct_strokes", "session_id", changes.session_late)
    live = loader.values(
        "select count(*) from raw.strokes where deleted_at is null "
        f"and session_id = '{changes.session_late}'"
    )
    assert [held] == live != [0]


def test_a_purged_booking_leaves_and_its_payments_stay(loader: Loader, changes: Changes) -> None:
    assert count(loader, "fct_bookings", "booking_id", changes.booking_purged) == 0
    query = (
        "select distinct is_booking_purged from marts.fct_payments "
        f"where booking_id = {changes.booking_purged}"
    )
    assert loader.values(query) == [True]


def test_the_history_of_a_player_has_both_versions(loader: Loader, changes: Changes) -> None:
    query = (
        "select handicap::text from snapshots.players_history "
        f"where player_id = {changes.player} order by dbt_valid_from"
    )
    versions = loader.values(query)
    assert len(versions) == 2
    assert versions[1] == "1.5"


def test_step_by_step_equals_anew(loader: Loader) -> None:
    marts = loader.values("select table_name from information_schema.tables "
                          "where table_schema = 'anew_marts' order by 1")  # fmt: skip
    assert "fct_strokes" in marts
    for mart in marts:
        # Sums of floats depend on the order in which they are made.
        columns = ", ".join(
            loader.values(
                "select case data_type when 'double precision' "
                "then format('round(%I::numeric, 6)', column_name) "
                "else quote_ident(column_name) end from information_schema.columns "
                f"where table_schema = 'anew_marts' and table_name = '{mart}' order by 1"
            )
        )
        here, anew = (
            f"select {columns} from marts.{mart}",
            f"select {columns} from anew_marts.{mart}",
        )
        differing = loader.values(
            f"select count(*) from (({here} except all {anew}) union all "
            f"({anew} except all {here})) as differing"
        )
        assert differing == [0], mart
        assert loader.values(f"select count(*) > 0 from marts.{mart}") == [True], mart
