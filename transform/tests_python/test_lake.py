"""The lake tells what the database tells, by every command, after any kill."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyiceberg.exceptions import NoSuchTableError

from orchestrate.local_stack import stack
from transform.tests_python.destinations import Destinations, is_same

# What each loader did is its own.
NOT_SHARED = {"fct_loads"}
# Columns of a snapshot in which two versions of a row differ.
_OF_A_VERSION = {
    "is_deleted", "updated_at", "dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"
}  # fmt: skip


def marts(destinations: Destinations) -> list[str]:
    """The marts that both targets build."""
    names = [
        {
            node["name"]
            for node in json.loads((destinations.directory / target / "manifest.json").read_text())[
                "nodes"
            ].values()
            if node["resource_type"] == "model" and node["fqn"][1] == "marts"
        }
        for target in ("db", "lake")
    ]
    return sorted(set.intersection(*names) - NOT_SHARED)


def run_both(destinations: Destinations, **commands: str) -> None:
    """Run a command of dbt's on each target, at the same time."""
    with ThreadPoolExecutor(2) as pool:
        for done in [
            pool.submit(destinations.dbt(target).succeed, *command.split())
            for target, command in commands.items()
        ]:
            done.result()


def assert_same(destinations: Destinations) -> None:
    for mart in marts(destinations):
        columns, expected = destinations.rows("db", "marts", mart)
        lake_columns, found = destinations.rows("lake", "marts", mart)
        assert columns == lake_columns, mart
        assert len(expected) == len(found) > 0, mart
        differing = [pair for pair in zip(expected, found, strict=True) if not is_same(*pair)]
        assert differing[:2] == [], (mart, columns)


@pytest.fixture(scope="module")
def built(destinations: Destinations) -> Destinations:
    """Both targets are built from nothing, and hold the same; each test leaves them so."""
    run_both(destinations, db="run", lake="build --threads 8")
    return destinations


def test_marts_hold_the_same_rows_after_a_first_build_a_trickle_and_a_full_refresh(
    built: Destinations,
) -> None:
    assert_same(built)
    changes = built.trickle()
    assert {kind for kind, _ in changes} == {"inserted", "updated", "soft_deleted", "hard_deleted"}
    built.move()
    run_both(built, db="run", lake="run")
    assert_same(built)
    run_both(built, db="run --full-refresh", lake="run --full-refresh")
    assert_same(built)


def test_snapshots_end_the_version_of_a_row_that_is_deleted_for_good(built: Destinations) -> None:
    build = "build --resource-type model --resource-type snapshot"
    keys = dict(
        zip(("bays_history", "players_history"), built.add_a_bay_and_a_player(), strict=True)
    )
    built.move()
    run_both(built, db=build, lake=build)
    built.purge_them()
    built.move()
    run_both(built, db=build, lake=build)
    run_both(built, db="snapshot", lake="snapshot")
    for target in ("db", "lake"):
        for snapshot, key in keys.items():
            columns, rows = built.rows(target, "snapshots", snapshot)
            versions = [dict(zip(columns, row, strict=True)) for row in rows if key in row]
            old, gone = sorted(versions, key=lambda version: version["dbt_valid_from"])
            assert (old["is_deleted"], gone["is_deleted"]) == (False, True), (target, snapshot)
            assert old["dbt_valid_from"] < old["dbt_valid_to"] == gone["dbt_valid_from"]
            assert gone["dbt_valid_to"] is None
            assert old["dbt_scd_id"] != gone["dbt_scd_id"]
            # Its values stay.
            assert gone == gone | {name: old[name] for name in columns if name not in _OF_A_VERSION}
    assert_same(built)


@pytest.mark.parametrize(
    "command",
    [
        "build --threads 1 --select +dim_bays bays_history",
        "test --select dim_players",
        "test --select test_type:unit --threads 4",
        "snapshot",
        "source freshness",
        "docs generate",
    ],
)
def test_commands_succeed(built: Destinations, command: str) -> None:
    built.dbt("lake").succeed(*command.split())


def test_a_run_whose_endpoint_dies_is_completed_by_the_next(built: Destinations) -> None:
    before = {name: len(built.rows("lake", "marts", name)[1]) for name in marts(built)}
    dbt = built.dbt("lake")
    log = dbt.target / "logs" / "dbt.log"
    made = log.read_text().count("OK created sql table model")
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(dbt.run, "run")
        while (
            log.read_text().count("OK created sql table model") < made + 4 and not building.done()
        ):
            time.sleep(0.05)
        process = built.stack.directory / "local-athena" / "process.json"
        os.kill(json.loads(process.read_text())["pid"], signal.SIGKILL)
        failed = building.result()
    assert failed.returncode != 0
    stack.up(built.stack, print, stop_with=os.getpid())
    for name, count in before.items():
        # Between the two renames of a replacement, and only there, the name is free.
        try:
            assert len(built.rows("lake", "marts", name)[1]) == count
        except NoSuchTableError:
            continue
    dbt.succeed("run")
    assert_same(built)
