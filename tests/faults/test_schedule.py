"""The plans hold what they promise: from a seed, always the same, with all that is to be tested."""

from __future__ import annotations

from itertools import islice

from tests.faults.schedule import Ending, Victim, Write, rounds, transactions

PIPES = ["database", "lake"]
PARTS = ["a", "b", "c"]


def test_a_seed_gives_one_plan():
    def plan(seed: str):
        return list(transactions(seed, 11, 60, 6)), list(islice(rounds(seed, PIPES, PARTS), 20))

    assert plan("1") == plan("1")
    assert plan("1") != plan("2")


def test_transactions_are_of_every_kind_and_overlap():
    plans = [list(transactions(f"1/{number}", 11, 18, 6)) for number in range(8)]
    every = [transaction for plan in plans for transaction in plan]
    assert {each.ending for each in every} == set(Ending)
    assert {each.write for one in every for each in one.statements} == set(Write)
    assert any(each.in_savepoint for one in every for each in one.statements)
    assert max(each.duration for each in every) > 4
    assert min(each.duration for each in every) < 0.1
    for one in every:
        assert one.statements[0].at == 0
        assert all(each.at <= one.duration for each in one.statements)


def test_rounds_kill_everything_at_every_moment():
    planned = list(islice(rounds("1", PIPES, PARTS), 100))
    kills = [kill for each in planned for kill in each.kills]
    assert all(each.kills for each in planned)
    assert {(kill.pipe, kill.victim, kill.signal) for kill in kills} == {
        (pipe, victim, name) for pipe in PIPES for victim in Victim for name in ("KILL", "TERM")
    }
    for at_state, last in ((False, 0.95), (True, 0.75)):
        parts = [kill.moment.part for kill in kills if kill.moment.at_state is at_state]
        assert min(parts) < 0.05
        assert max(parts) > last
    assert {each.restart.part for each in planned if each.restart} == set(PARTS)
