from __future__ import annotations

from datetime import UTC, datetime

import pytest
from columnar_singer.facts import ReadMoment, StreamFacts


def test_facts_of_a_bookmark():
    bookmark = {
        "replication_key_value": "x",
        "rows_read": 5,
        "position_from": 1,
        "position_to": "2",
        "source_time": "2026-01-02T03:04:05.000006+00:00",
    }
    time = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    facts = StreamFacts.from_state({"bookmarks": {"a": bookmark}}, "a")
    assert facts == StreamFacts(5, "1", "2", time, ReadMoment(time))
    bookmark["backfilled_at"] = "2026-01-03T00:00:00+00:00"
    facts = StreamFacts.from_state({"bookmarks": {"a": bookmark}}, "a")
    later = datetime(2026, 1, 3, tzinfo=UTC)
    assert facts == StreamFacts(5, "1", "2", time, ReadMoment(later))
    bookmark["snapshot"] = {"server": "7/5/1", "xmax": 9, "running": 2}
    facts = StreamFacts.from_state({"bookmarks": {"a": bookmark}}, "a")
    assert facts.read == ReadMoment(later, "7/5/1", 9, 2)
    assert ReadMoment.from_text(facts.read.as_text()) == facts.read


def test_which_read_was_the_earlier_one():
    first, second = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
    read = ReadMoment(second, "a", 9, 2)
    assert read.is_before(ReadMoment(first, "a", 10, 5))
    # Of those that were running when id 8 was the last one, one more has ended.
    assert read.is_before(ReadMoment(first, "a", 9, 1))
    assert not ReadMoment(first, "a", 9, 1).is_before(read)
    # Both show the same.
    assert not ReadMoment(first, "a", 9, 2).is_before(read)
    assert not read.is_before(ReadMoment(first, "b", 10, 1))
    assert ReadMoment(first).is_before(read)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"bookmarks": {}},
        {"bookmarks": []},
        {"bookmarks": {"a": 7}},
        {"bookmarks": {"a": {"rows_read": "many", "source_time": "today"}}},
        {"bookmarks": {"a": {"snapshot": {"server": "x", "xmax": 1}}}},
    ],
)
def test_a_foreign_tap_has_no_facts(state):
    assert StreamFacts.from_state(state, "a") == StreamFacts()
