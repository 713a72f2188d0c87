"""What fails for a reason that passes is tried again, and nothing else."""

from __future__ import annotations

import logging

import pytest
from columnar_singer import retry as module
from columnar_singer.retry import retry


class Action:
    """Fails with the errors given, one each time, and then gives 'done'."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def pauses(monkeypatch):
    seconds = []
    monkeypatch.setattr(module.time, "sleep", seconds.append)
    return seconds


def is_reset(error):
    return isinstance(error, ConnectionResetError)


def test_passing_fault_is_tried_again_with_one_line_each(pauses, caplog):
    caplog.set_level(logging.WARNING, module.__name__)
    action = Action(ConnectionResetError("gone\nmore"), ConnectionResetError("gone"))
    assert retry(action, what="connect to db", passes=is_reset) == "done"
    assert action.calls == 3
    assert len(pauses) == len(caplog.messages) == 2
    assert caplog.messages[0].startswith("Attempt 1 of 6 to connect to db failed, the next is in")
    assert caplog.messages[0].endswith("s: ConnectionResetError: gone")


def test_lasting_fault_fails_at_once(pauses):
    action = Action(PermissionError("no"))
    with pytest.raises(PermissionError):
        retry(action, what="connect", passes=is_reset)
    assert (action.calls, pauses) == (1, [])


def test_last_attempt_tells_its_own_error(pauses):
    action = Action(*(ConnectionResetError(str(number)) for number in range(9)))
    with pytest.raises(ConnectionResetError, match="3"):
        retry(action, what="connect", passes=is_reset, attempts=4)
    assert action.calls == 4


def test_single_attempt_is_not_repeated(pauses):
    with pytest.raises(ConnectionResetError):
        retry(Action(ConnectionResetError()), what="connect", passes=is_reset, attempts=1)
    assert pauses == []


def test_pauses_double_up_to_a_bound_and_vary(pauses):
    action = Action(*[ConnectionResetError()] * 9)
    retry(action, what="connect", passes=is_reset, attempts=10)
    full = [min(0.5 * 2**number, module.LONGEST_PAUSE_SECONDS) for number in range(9)]
    assert all(each / 2 <= pause <= each for pause, each in zip(pauses, full, strict=True))
    assert pauses != full


def test_interrupt_is_never_held_back(pauses):
    with pytest.raises(KeyboardInterrupt):
        retry(Action(KeyboardInterrupt()), what="connect", passes=lambda _: True)
    assert pauses == []
