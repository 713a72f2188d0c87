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


def run(destinations: Destinations, *arguments: str) -> None:
    """Run the models of both targets."""
    with ThreadPoolExecutor(2) as pool:
        for done in [
            pool.submit(destinations.dbt(target).succeed, "run", *arguments)
            for target in ("db", "lake")
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


def test_marts_hold_the_same_rows_after_a_first_run_a_trickle_and_a_full_refresh(
    destinations: Destinations,
) -> None:
    run(destinations)
    assert_same(destinations)
    changes = destinations.trickle()
    assert {kind for kind, _ in changes} == {"inserted", "updated", "soft_deleted", "hard_deleted"}
    destinations.move()
    run(destinations)
    assert_same(destinations)
    run(destinations, "--full-refresh")
    assert_same(destinations)


@pytest.mark.parametrize(
    "command",
    [
        "build --threads 8",
        "build --threads 1 --select +dim_bays bays_history",
        "test --select dim_players",
        "test --select test_type:unit --threads 4",
        "snapshot",
        "source freshness",
        "docs generate",
    ],
)
def test_commands_succeed(destinations: Destinations, command: str) -> None:
    destinations.dbt("lake").succeed(*command.split())


def test_a_run_whose_endpoint_dies_is_completed_by_the_next(destinations: Destinations) -> None:
    run(destinations)
    before = {
        name: len(destinations.rows("lake", "marts", name)[1]) for name in marts(destinations)
    }
    dbt = destinations.dbt("lake")
    log = dbt.target / "logs" / "dbt.log"
    made = log.read_text().count("OK created sql table model")
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(dbt.run, "run")
        while (
            log.read_text().count("OK created sql table model") < made + 4 and not building.done()
        ):
            time.sleep(0.05)
        process = destinations.stack.directory / "local-athena" / "process.json"
        os.kill(json.loads(process.read_text())["pid"], signal.SIGKILL)
        failed = building.result()
    assert failed.returncode != 0
    stack.up(destinations.stack, print, stop_with=os.getpid())
    for name, count in before.items():
        # Between the two renames of a replacement, and only there, the name is free.
        try:
            assert len(destinations.rows("lake", "marts", name)[1]) == count
        except NoSuchTableError:
            continue
    dbt.succeed("run")
    assert_same(destinations)
