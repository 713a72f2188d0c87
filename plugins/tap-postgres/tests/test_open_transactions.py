"""Rows of transactions that were open when a run read the source: rule 1 of FAILURES.md."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from columnar_singer.facts import StreamFacts
from tap_postgres import position

from .events import BY_ID, BY_TIME, STREAM, insert

if TYPE_CHECKING:
    from .conftest import Metadata, Source


@pytest.fixture
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves nothing but the list of open transactions between a late row and its loss."""
    monkeypatch.setattr(position, "START_REPORT_DELAY", timedelta(0))


@pytest.mark.usefixtures("_no_delay")
@pytest.mark.parametrize("metadata", [BY_TIME, BY_ID], ids=["time", "sequence"])
def test_f01_a_row_that_commits_late_is_read_by_the_next_run(
    events: Source, metadata: Metadata
) -> None:
    with events.session() as late:
        insert(late, "late")
        insert(events.connection, "newer")
        first = events.run(metadata)
        assert first.values(STREAM, "note") == ["newer"]
        late.commit()
    # A row that came while the late transaction was open may come twice, and no more than that.
    second = events.run(metadata, first.state)
    assert second.values(STREAM, "note") == ["late", "newer"]
    third = events.run(metadata, second.state)
    assert third.values(STREAM, "note") == []


@pytest.mark.usefixtures("_no_delay")
def test_f01_a_number_taken_before_the_snapshot_and_used_after_is_read(events: Source) -> None:
    with events.session() as late:
        # Neither a row nor a transaction id yet, only the number.
        taken = late.execute("select nextval('events_id_seq')").fetchone()
        assert taken is not None
        insert(events.connection, "newer")
        first = events.run(BY_ID)
        late.execute(f"insert into events (id, note) values ({taken[0]}, 'late')")
        late.commit()
    assert "late" in events.run(BY_ID, first.state).values(STREAM, "note")


def test_f01_a_transaction_that_begins_after_the_list_loses_nothing(events: Source) -> None:
    insert(events.connection, "old", "now() - interval '1 hour'")
    sessions = []

    def begin_late() -> None:
        late = events.session()
        insert(late, "late")
        insert(events.connection, "after the snapshot")
        sessions.append(late)

    first = events.run(BY_TIME, after_snapshot=begin_late)
    assert first.values(STREAM, "note") == ["old"]
    for late in sessions:
        late.commit()
        late.close()
    second = events.run(BY_TIME, first.state)
    assert second.values(STREAM, "note") == ["after the snapshot", "late"]


@pytest.mark.usefixtures("_no_delay")
def test_f01_rows_of_a_subtransaction_are_read_when_it_commits(events: Source) -> None:
    with events.session() as late:
        late.execute("savepoint one")
        insert(late, "kept", "null")
        late.execute("savepoint two")
        insert(late, "undone", "null")
        late.execute("rollback to savepoint two")
        insert(events.connection, "newer")
        first = events.run(BY_TIME)
        late.commit()
    second = events.run(BY_TIME, first.state)
    assert second.values(STREAM, "note") == ["kept", "newer"]
    assert events.run(BY_TIME, second.state).values(STREAM, "note") == []


@pytest.mark.usefixtures("_no_delay")
@pytest.mark.parametrize("metadata", [BY_TIME, BY_ID], ids=["time", "sequence"])
def test_f01_a_prepared_transaction_holds_the_bookmark(
    events: Source, metadata: Metadata, caplog: pytest.LogCaptureFixture
) -> None:
    insert(events.connection, "old", "now() - interval '1 hour'")
    first = events.run(metadata)
    name = uuid.uuid4().hex
    with events.session() as session:
        insert(session, "prepared")
        session.execute(f"prepare transaction '{name}'")
    try:
        insert(events.connection, "newer")
        second = events.run(metadata, first.state)
        assert second.values(STREAM, "note") == ["newer"]
        old, new = first.bookmark(STREAM), second.bookmark(STREAM)
        assert new["replication_key_value"] == old["replication_key_value"]
        assert "A transaction is prepared since" in caplog.text
    finally:
        events.execute(f"commit prepared '{name}'")
    third = events.run(metadata, second.state)
    assert third.values(STREAM, "note") == ["newer", "prepared"]
    assert events.run(metadata, third.state).values(STREAM, "note") == []


@pytest.mark.usefixtures("_no_delay")
def test_f01_a_transaction_that_rolls_back_leaves_no_trace(events: Source) -> None:
    with events.session() as session:
        insert(session, "undone")
        insert(events.connection, "newer")
        first = events.run(BY_TIME)
        session.rollback()
    second = events.run(BY_TIME, first.state)
    assert "undone" not in second.values(STREAM, "note")
    assert events.run(BY_TIME, second.state).values(STREAM, "note") == []


def test_f01_without_the_right_to_see_others_the_look_back_holds(
    events: Source, caplog: pytest.LogCaptureFixture
) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    events.execute(
        f"create role {role} login password 'secret-{role}'", f"grant select on events to {role}"
    )
    reader = {"user": role, "password": f"secret-{role}", "lookback_seconds": 600}
    try:
        insert(events.connection, "old", "now() - interval '1 hour'")
        insert(events.connection, "recent", "now() - interval '5 minutes'")
        first = events.run(BY_TIME, **reader)
        assert f"GRANT pg_read_all_stats TO {role}" in caplog.text
        bookmark = first.bookmark(STREAM)
        age = events.value(
            f"select timestamptz '{bookmark['source_time']}'"
            f" - timestamptz '{bookmark['replication_key_value']}'"
        )
        assert timedelta(seconds=600) <= age < timedelta(seconds=601)
        # Rows in the window are not sent again for all that.
        assert events.run(BY_TIME, first.state, **reader).values(STREAM, "note") == []
        events.execute(f"grant pg_read_all_stats to {role}")
        caplog.clear()
        third = events.run(BY_TIME, first.state, **reader)
        assert "GRANT" not in caplog.text
        recent = events.value("select max(updated_at) from events")
        assert (
            events.value(f"select timestamptz '{third.bookmark(STREAM)['replication_key_value']}'")
            == recent
        )
    finally:
        events.execute(f"drop owned by {role}", f"drop role {role}")


def test_a_read_before_a_late_commit_is_told_from_one_after_it(events: Source) -> None:
    """The transaction that ends last took its id first: no later id is out in the second read."""
    with events.session() as late:
        insert(late, "late")
        insert(events.connection, "newer")
        states = [events.run(BY_TIME).state]
        late.commit()
    states.append(events.run(BY_TIME).state)
    before, after = (StreamFacts.from_state(state, STREAM).read for state in states)
    assert before and after
    assert replace(before, at=after.at).is_before(after)
    assert not replace(after, at=before.at).is_before(before)
