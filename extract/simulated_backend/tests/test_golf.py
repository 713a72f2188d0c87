"""Skill shows in the strokes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from extract.simulated_backend.golf import (
    CLUB_TYPES,
    FLYING_CLUB_TYPE_IDS,
    TOUR_CLUB_SPEED,
    Delivery,
    Swing,
    deliver,
    swing_of,
)

COUNT = 4000
SEVEN_IRON = next(club for club in CLUB_TYPES if club.code == "7I")


def hit(swing: Swing, seed: int = 7) -> Delivery:
    return deliver(
        np.random.default_rng(seed),
        [swing],
        np.zeros(COUNT, dtype=np.int64),
        np.full(COUNT, SEVEN_IRON.club_type_id),
        np.full(COUNT, SEVEN_IRON.loft),
    )


def test_a_scratch_player_is_steadier_than_a_beginner() -> None:
    scratch, beginner = (hit(swing_of(5, handicap, 35, False)) for handicap in (0.0, 36.0))
    for name in ("face_angle", "attack_angle", "impact_offset", "launch_direction"):
        assert getattr(scratch, name).std() < getattr(beginner, name).std(), name
    assert np.median(scratch.ball_speed) > np.median(beginner.ball_speed)
    assert scratch.launch_angle.min() > 0
    assert beginner.launch_angle.min() > 0


def test_left_handed_players_are_the_mirror_of_right_handed_ones() -> None:
    swing = swing_of(5, 12.0, 35, False)
    right, left = hit(swing), hit(replace(swing, mirror=-1.0))
    for name in ("club_path", "face_angle", "launch_direction", "spin_axis", "swing_direction"):
        assert (getattr(left, name) == -getattr(right, name)).all(), name
    for name in ("ball_speed", "spin_rate", "launch_angle", "impact_offset"):
        assert (getattr(left, name) == getattr(right, name)).all(), name


def test_a_swing_is_the_same_whenever_asked_for() -> None:
    assert swing_of(5, 12.0, 35, False) == swing_of(5, 12.0, 35, False)
    assert swing_of(5, 12.0, 35, False) != swing_of(6, 12.0, 35, False)
    assert swing_of(5, None, 35, False) == swing_of(5, 36.0, 35, False)


def test_no_ball_leaves_faster_than_the_rules_of_golf_let_it() -> None:
    delivery = hit(swing_of(5, 0.0, 25, False))
    assert (delivery.ball_speed / delivery.club_speed).max() <= 1.525 + 1e-9


def test_every_club_but_the_putter_flies_and_longer_clubs_are_faster() -> None:
    assert {c.code for c in CLUB_TYPES if c.club_type_id not in FLYING_CLUB_TYPE_IDS} == {"PT"}
    irons = [TOUR_CLUB_SPEED[c.club_type_id] for c in CLUB_TYPES if c.category == "iron"]
    assert irons == sorted(irons, reverse=True)
