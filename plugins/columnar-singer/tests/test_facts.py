from __future__ import annotations

from datetime import UTC, datetime

import pytest
from columnar_singer.facts import StreamFacts


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
    assert facts == StreamFacts(5, "1", "2", time, time)
    bookmark["backfilled_at"] = "2026-01-03T00:00:00+00:00"
    facts = StreamFacts.from_state({"bookmarks": {"a": bookmark}}, "a")
    assert facts == StreamFacts(5, "1", "2", time, datetime(2026, 1, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"bookmarks": {}},
        {"bookmarks": []},
        {"bookmarks": {"a": 7}},
        {"bookmarks": {"a": {"rows_read": "many", "source_time": "today"}}},
    ],
)
def test_a_foreign_tap_has_no_facts(state):
    assert StreamFacts.from_state(state, "a") == StreamFacts()
