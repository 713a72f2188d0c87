"""Runs go on as before after the lake's tables were compacted and their snapshots have expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from columnar_singer.errors import UserError
from target_s3.lake import Lake, summaries
from target_s3.settings import LakeSettings

from orchestrate.local_athena.model import Cancellation
from orchestrate.local_athena.upkeep.optimize import optimize
from orchestrate.local_athena.upkeep.vacuum import vacuum

ANN, BOB, CAT = ({"id": n, "name": name} for n, name in enumerate(("Ann", "Bob", "Cat"), 1))


@pytest.fixture
def maintain(reader):
    """Maintains every table of the namespace, a week from now."""

    def every_table():
        for _, name in reader.catalog.list_tables(reader.namespace):
            optimize(reader.table(name), Cancellation())
            vacuum(reader.table(name), datetime.now(tz=UTC) + timedelta(days=7), Cancellation())

    return every_table


def test_f13_sequence_grows_although_the_snapshots_that_tell_it_have_expired(
    run, reader, players, maintain, monkeypatch
):
    players.replication_key = "id"
    for row in (ANN, BOB):
        assert not run([players.schema(), players.batch([row]), players.state()]).error
    maintain()
    assert reader.snapshots("players") == reader.snapshots("load_log") == 1
    assert summaries(reader.table("players"), "sequence_to") == []
    # Not the clock, which may be set back, but the load log.
    monkeypatch.setattr("columnar_singer.metadata.time.time_ns", lambda: 0)
    assert not run([players.schema(), players.batch([CAT]), players.state()]).error
    sequences = [sequence for (sequence,) in reader.rows("players", "_sdc_sequence")]
    assert sequences == sorted(set(sequences))
    assert [name for (name,) in reader.rows("players", "name")] == ["Ann", "Bob", "Cat"]
    assert len(reader.load_log()) == 3


def test_f09_a_full_refresh_compares_with_what_was_compacted(run, reader, players, maintain):
    run(players.full_refresh([ANN, BOB]))
    run(players.full_refresh([ANN, BOB, CAT]))
    maintain()
    assert not run(players.full_refresh([ANN, CAT])).error
    assert [row["name"] for row in reader.current("players", "id")] == ["Ann", "Cat"]
    assert reader.table("players").current_snapshot().summary["added-records"] == "1"


def test_f27_a_lease_is_held_on(settings, reader, maintain):
    first, second = (Lake(LakeSettings.from_config(settings), run) for run in ("first", "second"))
    for _ in range(3):
        assert first.leases.take("players")
        first.leases.release()
    assert first.leases.take("players")
    maintain()
    assert reader.snapshots("load_leases") == 1
    assert not second.leases.take_if_free("players")
    first.leases._renew()
    with pytest.raises(UserError, match="is being loaded by run first"):
        _take_while_renewed(first, second)
    first.leases.release()
    assert second.leases.take_if_free("players")
    second.leases.release()


def _take_while_renewed(first: Lake, second: Lake) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("target_s3.lease.time.sleep", lambda _: first.leases._renew())
        second.leases.take("players")
