"""The data tests pass when what they promise holds and fail when it does not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from transform.tests_python.loader import Loader
from transform.tests_python.project import Dbt


@pytest.fixture(scope="module", autouse=True)
def built(loader: Loader, dbt: Dbt) -> None:
    dbt.succeed("build")


def stale(output: str) -> list[str]:
    """The streams that `dbt source freshness` names as stale or failed."""
    return [
        line.split("trackman_backend.")[1].split()[0]
        for line in output.splitlines()
        if ("ERROR" in line or "WARN" in line) and "freshness of" in line
    ]


def test_f36_a_quiet_table_is_fresh_as_long_as_runs_happen(loader: Loader, dbt: Dbt) -> None:
    loader.connection.execute("update raw.load_log set source_time = now() - interval '2 days', "
                              "committed_at = now() - interval '2 days'")  # fmt: skip
    loader.next_run()
    for table in loader.tables():
        loader.commit(table)
    dbt.succeed("source", "freshness")


def test_streams_that_are_late_or_never_ran_are_errors_and_the_others_are_not(
    loader: Loader, dbt: Dbt
) -> None:
    late = "update raw.load_log set source_time = source_time {} interval '31 minutes' "
    late += "where table_name = 'rounds'"
    never = "update raw.load_log set table_name = '{}' where table_name = '{}'"
    loader.connection.execute(late.format("-").encode())
    loader.connection.execute(never.format("elsewhere", "clubs").encode())
    done = dbt.run("source", "freshness")
    loader.connection.execute(late.format("+").encode())
    loader.connection.execute(never.format("clubs", "elsewhere").encode())
    assert done.returncode != 0
    assert sorted(stale(done.stdout)) == ["clubs", "rounds"]


def test_a_row_that_an_earlier_run_should_have_brought_is_late(loader: Loader, dbt: Dbt) -> None:
    loader.next_run()
    loader.commit("rounds", "update raw.rounds set updated_at = now() where round_id = 1")
    loader.next_run()
    loader.commit(
        "rounds",
        "update raw.rounds set updated_at = now() - interval '45 minutes' where round_id = 2",
    )
    late = dbt.run("build", "--select", "fct_loads")
    assert late.returncode != 0
    assert "FAIL 1 rows_arrived_in_time" in late.stdout
    loader.commit("rounds", "update raw.rounds set updated_at = now() where round_id = 2")
    assert "PASS rows_arrived_in_time" in dbt.succeed("build", "--select", "fct_loads")


def test_a_pause_of_the_loader_is_told_once_as_a_warning(loader: Loader, dbt: Dbt) -> None:
    loader.connection.execute(
        "update raw.load_log set committed_at = committed_at - interval '5 hours' "
        "where table_name = 'courses'"
    )
    loader.next_run()
    loader.commit(
        "courses",
        "update raw.courses set updated_at = now() - interval '4 hours' where course_id = 1",
    )
    output = dbt.succeed("build", "--select", "fct_loads")
    assert "PASS rows_arrived_in_time" in output
    assert re.search(r"WARN \d+ loader_made_no_pause", output)


def test_a_mart_that_is_behind_its_source_fails(loader: Loader, dbt: Dbt) -> None:
    changes = {
        "fct_strokes": ("strokes", "set carry = carry + 1 where stroke_number = 1"),
        "fct_sessions": ("sessions", "set deleted_at = now() where stroke_count > 20"),
        "fct_payments": ("payments", "set _sdc_deleted_at = now() where payment_id = 1"),
        "dim_players": ("players", "set handicap = 3 where player_id = 1"),
    }
    selected = ["--select", *(f"rules_of_{mart}" for mart in changes)]
    dbt.succeed("run")
    dbt.succeed("test", *selected)
    loader.next_run()
    for table, change in changes.values():
        loader.commit(table, f"update raw.{table} {change}", at="now() - interval '1 minute'")
    behind = dbt.run("test", *selected)
    assert behind.returncode != 0
    for mart in changes:
        assert f"Broken in rules_of_{mart}: not_behind" in behind.stdout


def test_a_row_that_names_nobody_fails_once_everybody_must_be_here(
    loader: Loader, dbt: Dbt
) -> None:
    selected = "rules_of_fct_bookings"
    loader.next_run()
    loader.commit("bookings", "update raw.bookings set player_id = 987654 where booking_id = 2")
    dbt.succeed("run", "--select", "fct_bookings")
    # The run has not come to the players yet.
    dbt.succeed("test", "--select", selected)
    loader.commit("players")
    nobody = dbt.run("test", "--select", selected)
    assert nobody.returncode != 0
    told = "Broken in rules_of_fct_bookings: refers_to player_id (rows: 1, one is 987654)"
    assert told in nobody.stdout


def test_the_promise_is_a_variable(loader: Loader, dbt: Dbt) -> None:
    # In a folder of its own: other variables would have dbt parse all files, now and once more.
    other = replace(dbt, target=dbt.target / "other-variables")
    change = "update raw.load_log set source_time = source_time {} interval '31 minutes'"
    loader.connection.execute(change.format("-").encode())
    try:
        other.succeed("source", "freshness", "--vars", "{promise_minutes: 60}")
    finally:
        loader.connection.execute(change.format("+").encode())


def test_a_failing_test_names_each_rule_that_is_broken(loader: Loader, dbt: Dbt) -> None:
    selected = ("--select", "rules_of_fct_payments", "rules_of_fct_round_holes")
    dbt.succeed("run")
    dbt.succeed("test", *selected)
    first, second, third, lost = loader.values(
        "select payment_id from marts.fct_payments order by payment_id limit 4"
    )
    (hole,) = loader.values("select min(round_id || ' ' || hole_number) from marts.fct_round_holes")
    for change in (
        "update marts.fct_payments set payment_method = 'barter', net_amount = net_amount + 1 "
        f"where payment_id = {first}",
        "update marts.fct_payments set payment_status = 'owed' "
        f"where payment_id in ({second}, {third})",
        f"update marts.fct_payments set payment_id = null where payment_id = {lost}",
        f"update marts.fct_round_holes set putts = 13 "
        f"where round_id || ' ' || hole_number = '{hole}'",
    ):
        loader.connection.execute(change.encode())
    failed = dbt.run("test", *selected)
    assert failed.returncode != 0
    assert sorted(re.findall(r"Broken in rules_of_(.*)", failed.stdout)) == [
        f"fct_payments: in_set payment_method, holds payments_add_up (rows: 1, one is {first})",
        f"fct_payments: in_set payment_status (rows: 2, one is {second})",
        f"fct_payments: not_behind (rows: 1, one is {lost})",
        "fct_payments: unique_key (rows: 1, one is NULL)",
        f"fct_round_holes: in_range putts (rows: 1, one is {hole})",
    ]
