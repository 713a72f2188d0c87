"""Rows before they reach a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from extract.simulated_backend.generate import HISTORY_DAYS, generate
from extract.simulated_backend.generate.table import microseconds, uuid7

UNTIL = datetime(2026, 1, 31, 15, 30, tzinfo=UTC)
Rows = dict[str, list[dict[str, Any]]]


def rows_of(seed: int = 1, scale: float = 0.02, until: datetime = UNTIL) -> Rows:
    return {
        table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        for table in generate(scale, seed, until)
    }


@pytest.fixture(scope="module")
def rows() -> Rows:
    return rows_of()


def test_the_same_seed_gives_the_same_rows(rows: Rows) -> None:
    assert rows_of() == rows


def test_another_seed_or_moment_gives_other_rows(rows: Rows) -> None:
    for other in (rows_of(seed=2), rows_of(until=UNTIL + timedelta(days=1))):
        assert set(other) == set(rows)
        same = [name for name in rows if other[name] == rows[name]]
        assert same == ["club_types"]


def test_counts_grow_with_the_scale(rows: Rows) -> None:
    larger = rows_of(scale=0.06)
    for name in ("players", "sessions", "strokes", "rounds", "bookings", "device_events"):
        assert 2.5 < len(larger[name]) / len(rows[name]) < 3.5, name


def test_a_tiny_scale_still_fills_every_table() -> None:
    assert all(rows_of(scale=1e-6).values())


def test_nothing_has_happened_after_the_present(rows: Rows) -> None:
    first, last = (
        moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00")
        for moment in (UNTIL - timedelta(days=HISTORY_DAYS + 1), UNTIL)
    )
    for name, table in rows.items():
        for row in table:
            for column in row.keys() & {"created_at", "updated_at", "deleted_at", "received_at"}:
                assert row[column] is None or row[column] <= last, (name, column)
            if "updated_at" in row:
                assert row["created_at"] <= row["updated_at"], name
            if row.get("deleted_at"):
                assert row["deleted_at"] == row["updated_at"], name
    assert first < min(row["hit_at"] for row in rows["strokes"])


def test_strokes_belong_to_their_session_and_to_its_player(rows: Rows) -> None:
    sessions = {row["session_id"]: row for row in rows["sessions"]}
    owner = {row["club_id"]: row["player_id"] for row in rows["clubs"]}
    players = {row["player_id"]: row for row in rows["players"]}
    for stroke in rows["strokes"]:
        session = sessions[stroke["session_id"]]
        assert owner[stroke["club_id"]] == session["player_id"]
        assert session["started_at"] < stroke["hit_at"]
        assert session["ended_at"] is None or stroke["hit_at"] < session["ended_at"]
    late = [
        row for row in rows["sessions"]
        if row["started_at"] < players[row["player_id"]]["created_at"]
    ]  # fmt: skip
    assert not late


def test_rounds_add_up(rows: Rows) -> None:
    holes: dict[int, list[dict[str, Any]]] = {}
    for hole in rows["round_holes"]:
        holes.setdefault(hole["round_id"], []).append(hole)
    for row in rows["rounds"]:
        played = holes.get(row["round_id"], [])
        assert row["total_strokes"] == sum(hole["strokes"] or 0 for hole in played)
        assert row["strokes_by_hole"] == [hole["strokes"] for hole in played]
        assert (row["status"] == "finished") == (len(played) == 18)
    assert all(h["strokes"] is None or h["putts"] < h["strokes"] for h in rows["round_holes"])


def test_odd_but_legal_values_appear(rows: Rows) -> None:
    comments = {row["comment"] for row in rows["strokes"]} | {r["notes"] for r in rows["players"]}
    texts = {text for text in comments if text is not None}
    assert None in comments
    assert "" in texts
    for part in ("\n", "\r", "\t", '"', "'", ",", "\\", "\\N", "NULL", "ナ", "⛳"):
        assert any(part in text for text in texts), part
    more = rows_of(scale=0.2)
    for name, column in (("players", "tags"), ("bays", "calibration"), ("bookings", "guests")):
        assert any(None in (row[column] or []) for row in more[name]), column
    assert any(row["tags"] == [] for row in rows["strokes"])
    assert any(row["tags"] is None for row in rows["strokes"])


def test_keys_are_version_7_and_follow_time() -> None:
    start = microseconds(UNTIL)
    moments = start + np.arange(5000) * 137
    keys = uuid7(np.random.default_rng(1), moments)
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    for key, moment in zip(keys, moments.tolist(), strict=True):
        value = UUID(key)
        assert (value.version, value.variant) == (7, "specified in RFC 4122")
        assert value.int >> 80 == moment // 1000
