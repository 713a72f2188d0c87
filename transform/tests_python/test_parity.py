"""The database and the lake tell the same: the marts of both, row by row and value by value."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

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
