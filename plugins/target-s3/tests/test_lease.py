"""One run at a time loads a table."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from columnar_singer.errors import UserError
from target_s3 import catalog
from target_s3.lake import Lake
from target_s3.lease import Leases
from target_s3.settings import LakeSettings

ANN, BOB = {"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}


@pytest.fixture
def new_leases(settings, monkeypatch):
    """Leases of another run each time, as if from another machine."""
    monkeypatch.setattr("target_s3.lease._is_dead", lambda _: False)
    lake = Lake(LakeSettings.from_config(settings), "run")
    made = []

    def new(run_id, seconds=60.0):
        leases = Leases(lake._open_lease_table, run_id, seconds)
        leases._process = run_id
        made.append(leases)
        return leases

    yield new
    for leases in made:
        leases.release()


def test_f27_a_lease_that_is_renewed_keeps_a_second_run_out(new_leases):
    first = new_leases("first", seconds=3)
    assert first.take("players")
    assert not first.take("players")
    second = new_leases("second")
    with pytest.raises(UserError) as raised:
        second.take("players")
    line = str(raised.value)
    for word in ("'players'", "run first", "since 20", "until 20"):
        assert word in line
    assert "\n" not in line
    assert second.take("clubs"), "another table"
    first.release()
    assert second.take("players")


def test_f27_a_lease_that_is_not_renewed_expires(new_leases, monkeypatch):
    first = new_leases("first", seconds=2)
    monkeypatch.setattr(Leases, "_start_renewing", lambda self: None)
    first.take("players")
    start = time.monotonic()
    assert new_leases("second").take("players")
    assert time.monotonic() - start > 1
    with pytest.raises(UserError, match="expired at"):
        first.check("players")


def test_f27_only_one_of_many_gets_a_lease_at_the_same_time(new_leases):
    runs = [new_leases(f"run {number}") for number in range(4)]
    with ThreadPoolExecutor(len(runs)) as threads:
        found = list(threads.map(lambda each: each._try_to_take("players"), runs))
    assert found.count(None) == 1
    holder = runs[found.index(None)]._run_id
    assert {each.run_id for each in found if each} == {holder}


def test_f27_a_killed_run_of_this_machine_is_known_to_be_dead(new_leases, monkeypatch):
    monkeypatch.undo()
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    from target_s3 import lease

    here = lease._this_process().split()
    process = " ".join([*here[:2], str(sleeper.pid), lease._start_of(sleeper.pid)])
    assert not lease._is_dead(process)
    sleeper.send_signal(signal.SIGKILL)
    time.sleep(0.2)
    assert lease._is_dead(process), "it ended, though nobody waited for it"
    sleeper.wait()
    assert lease._is_dead(process)
    assert not lease._is_dead("")
    assert not lease._is_dead("other-boot pid:[1] 1 1")


def test_f27_a_second_run_fails_the_stream_that_is_leased(run, reader, players, new_leases):
    other = replace(players, stream="public-clubs", properties=dict(players.properties))
    new_leases("first", seconds=3).take("players")
    both = {"public-players": {"at": 1}, "public-clubs": {"at": 1}}
    outcome = run(
        [
            players.schema(),
            players.batch([ANN]),
            other.schema(),
            other.batch([BOB]),
            players.states(both),
        ]
    )
    assert "is being loaded by run first" in str(outcome.error)
    assert outcome.states[-1]["bookmarks"] == {"public-clubs": {"at": 1}}
    assert reader.rows("clubs", "name") == [("Bob",)]


def test_f27_a_run_gives_its_leases_back(run, reader, players):
    for rows in ([ANN], [BOB]):
        assert run([players.schema(), players.batch(rows), players.state()]).error is None
    summary = reader.table("load_leases").current_snapshot().summary
    assert not [name for name in summary.additional_properties if name.startswith("lease.")]


@pytest.mark.parametrize("older_is_backfill", [True, False])
@pytest.mark.parametrize("newer_is_backfill", [True, False])
def test_rows_read_before_those_committed_are_refused(
    run, reader, players, older_is_backfill, newer_is_backfill
):
    """A run that waited while another one came and went has old versions of the rows."""

    def send(name, read_at, is_backfill):
        # A back-fill of a range leaves the time of the run before.
        times = {"source_time": "2025-12-31T00:00:00+00:00", "backfilled_at": read_at}
        state = players.state(**times if is_backfill else {"source_time": read_at})
        return run([players.schema(), players.batch([{"id": 1, "name": name}]), state])

    send("new", "2026-01-02T00:00:00+00:00", newer_is_backfill)
    refused = send("old", "2026-01-01T00:00:00+00:00", older_is_backfill)
    assert "read at 2026-01-02" in str(refused.error)
    assert send("newer", "2026-01-02T00:00:00+00:00", older_is_backfill).error is None
    assert reader.rows("players", "name") == [("new",), ("newer",)]


def test_a_clock_that_was_set_back_refuses_no_run(run, reader, players):
    """Transaction ids say which read was the later one, as long as the server is the same."""

    def send(name, day, server, xmax, running=0):
        state = players.state(
            source_time=f"2026-01-0{day}T00:00:00+00:00",
            snapshot={"server": server, "xmax": xmax, "running": running},
        )
        return run([players.schema(), players.batch([{"id": 1, "name": name}]), state])

    assert send("before", 5, "a", 10).error is None
    assert send("after", 2, "a", 11).error is None
    for xmax, running in ((10, 0), (11, 1)):
        refused = send("older", 6, "a", xmax, running)
        assert "from another run" in str(refused.error)
    # Nothing but the clock is common to two servers.
    refused = send("elsewhere", 4, "b", 12)
    assert "docs/operating.md" in str(refused.error)
    assert send("later elsewhere", 6, "b", 1).error is None
    assert reader.rows("players", "name") == [("before",), ("after",), ("later elsewhere",)]


def test_f27_a_new_table_that_another_run_loads_is_not_dropped(run, reader, players, new_leases):
    """The run that made it fails, as the other one was first to have rows for it."""
    new_leases("first", seconds=3).take("players")
    outcome = run([players.schema(), players.batch([ANN]), players.state()])
    assert "is being loaded by run first" in str(outcome.error)
    assert reader.rows("players") == []


def test_f27_a_run_that_was_stalled_until_its_lease_went_to_another_commits_nothing(
    run, reader, players, monkeypatch
):
    append = catalog.append

    def send(name, day):
        state = players.state(source_time=f"2026-01-0{day}T00:00:00+00:00")
        return run([players.schema(), players.batch([{"id": 1, "name": name}]), state])

    def stall(table, *more):
        monkeypatch.setattr("target_s3.catalog.append", append)
        # It read the source before, but has waited for the lease.
        assert send("other", 2).error is None
        append(table, *more)

    send("first", 1)
    monkeypatch.setattr("target_s3.lease.Lease.is_over", lambda *_: True)
    monkeypatch.setattr("target_s3.catalog.append", stall)
    outcome = send("stalled", 3)
    assert "has loaded table 'players' meanwhile" in str(outcome.error)
    assert "\n" not in str(outcome.error)
    assert outcome.states == []
    assert reader.rows("players", "name") == [("first",), ("other",)]


def test_f13_f27_numbers_are_greater_than_those_of_the_run_before_whatever_its_clock(
    run, reader, players, monkeypatch
):
    """A table is opened while another run, whose clock is ahead, still loads it."""
    take, now = Leases.take, time.time_ns

    def send(name):
        return run([players.schema(), players.batch([{"id": 1, "name": name}]), players.state()])

    def wait(leases, table_name):
        monkeypatch.setattr(Leases, "take", take)
        with monkeypatch.context() as clock:
            clock.setattr("columnar_singer.metadata.time.time_ns", lambda: now() + 3600 * 10**9)
            assert send("before").error is None
        return take(leases, table_name)

    monkeypatch.setattr(Leases, "take", wait)
    assert send("after").error is None
    assert reader.rows("players", "name") == [("before",), ("after",)]
