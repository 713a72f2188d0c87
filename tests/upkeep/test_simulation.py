"""Two weeks of loads, few a day, must leave the tables small and every reader right."""

from __future__ import annotations

from tests.upkeep import simulation


def test_f34_two_weeks_of_loads(session_stack):
    run = simulation.start(session_stack.lake, "two_weeks", loads_a_day=4)
    run.run(14 * 4, print)
    assert run.failures() == []
    assert run.looks > 0
    files = {each.table: each.files for each in run.after}
    assert files["players"] == files["load_log"] == files["quarantine"] == 1
