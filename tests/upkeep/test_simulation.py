"""Loads of some days, few a day, must leave the tables small and every reader right."""

from __future__ import annotations

from tests.upkeep import simulation


def test_f34_days_of_loads_leave_small_tables_and_no_orphans(session_stack):
    run = simulation.start(session_stack.lake, "days", loads_a_day=3)
    run.run(7 * 3, print)
    assert run.failures() == []
    assert run.looks > 0
    files = {each.table: each.files for each in run.after}
    assert files["players"] == files["load_log"] == files["quarantine"] == 1
