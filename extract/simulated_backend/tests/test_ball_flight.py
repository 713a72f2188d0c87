"""The flight model against published averages and against physics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.simulated_backend.ball_flight import (
    STANDARD_AIR_DENSITY,
    Flight,
    air_density,
    air_pressure,
    fly,
)
from extract.simulated_backend.tour_averages import (
    LPGA_TOUR,
    MPH,
    PGA_TOUR,
    YARD,
    TourAverage,
)

speeds = st.floats(15, 85)
angles = st.floats(2, 45)
spins = st.floats(500, 11000)


def one(**launch: Any) -> Flight:
    """Fly one stroke; what is not given is an ordinary straight 7 iron."""
    ordinary: dict[str, Any] = {
        "ball_speed": 50.0,
        "launch_angle": 17.0,
        "launch_direction": 0.0,
        "spin_rate": 6500.0,
        "spin_axis": 0.0,
        "density": STANDARD_AIR_DENSITY,
    }
    arrays: dict[str, Any] = {k: np.array([value]) for k, value in (ordinary | launch).items()}
    return fly(**arrays)


@pytest.mark.parametrize(
    "tour_average",
    [pytest.param(a, id=f"{tour}-{a.club}")
     for tour, table in (("PGA", PGA_TOUR), ("LPGA", LPGA_TOUR)) for a in table],
)  # fmt: skip
def test_tour_averages_are_met(tour_average: TourAverage) -> None:
    flight = one(
        ball_speed=tour_average.ball_speed * MPH,
        launch_angle=tour_average.launch_angle,
        spin_rate=tour_average.spin_rate,
    )
    assert flight.carry[0] / YARD == pytest.approx(tour_average.carry, rel=0.05)
    assert flight.max_height[0] / YARD == pytest.approx(tour_average.max_height, rel=0.135)
    assert flight.landing_angle[0] == pytest.approx(tour_average.landing_angle, abs=9.5)


@settings(deadline=None)
@given(speeds, angles, spins)
def test_without_tilt_of_the_spin_axis_the_ball_stays_on_line(
    speed: float, angle: float, spin: float
) -> None:
    flight = one(ball_speed=speed, launch_angle=angle, spin_rate=spin)
    assert abs(flight.carry_side[0]) < 1e-9
    assert abs(flight.curve[0]) < 1e-9
    assert np.abs(flight.trajectory[0, :, 2]).max() < 1e-9


@settings(deadline=None)
@given(speeds, angles, spins, st.floats(1, 40), st.floats(-20, 20))
def test_opposite_tilt_mirrors_the_flight(
    speed: float, angle: float, spin: float, tilt: float, direction: float
) -> None:
    launch = {"ball_speed": speed, "launch_angle": angle, "spin_rate": spin}
    right = one(**launch, spin_axis=tilt, launch_direction=direction)
    left = one(**launch, spin_axis=-tilt, launch_direction=-direction)
    assert right.curve[0] > 0
    assert left.carry[0] == pytest.approx(right.carry[0])
    assert left.carry_side[0] == pytest.approx(-right.carry_side[0])
    assert left.total_side[0] == pytest.approx(-right.total_side[0])


@settings(deadline=None)
@given(speeds, st.floats(0.5, 10), angles, spins)
def test_more_ball_speed_carries_farther(
    speed: float, more: float, angle: float, spin: float
) -> None:
    slow = one(ball_speed=speed, launch_angle=angle, spin_rate=spin)
    fast = one(ball_speed=speed + more, launch_angle=angle, spin_rate=spin)
    assert fast.carry[0] > slow.carry[0]
    assert fast.max_height[0] > slow.max_height[0]


@settings(deadline=None)
@given(speeds, angles, spins, st.floats(1.01, 3))
def test_more_drag_carries_less(speed: float, angle: float, spin: float, more: float) -> None:
    launch = {"ball_speed": speed, "launch_angle": angle, "spin_rate": spin}
    assert one(**launch, drag_factor=more).carry[0] < one(**launch).carry[0]


@settings(deadline=None)
@given(speeds, angles)
def test_in_a_vacuum_it_is_a_parabola(speed: float, angle: float) -> None:
    flight = one(ball_speed=speed, launch_angle=angle, density=0.0)
    radians = np.radians(angle)
    assert flight.carry[0] == pytest.approx(speed**2 * np.sin(2 * radians) / 9.80665, rel=1e-6)
    assert flight.max_height[0] == pytest.approx(
        (speed * np.sin(radians)) ** 2 / 2 / 9.80665, rel=1e-6
    )
    assert flight.landing_angle[0] == pytest.approx(angle, abs=1e-3)
    assert flight.landing_speed[0] == pytest.approx(speed, rel=1e-5)


@settings(deadline=None)
@given(speeds, angles, spins, st.floats(-30, 30), st.floats(0.01, 1.0))
def test_a_flight_hangs_together(
    speed: float, angle: float, spin: float, tilt: float, seen: float
) -> None:
    flight = one(
        ball_speed=speed, launch_angle=angle, spin_rate=spin, spin_axis=tilt, last_seen=seen
    )
    assert flight.landing_speed[0] < speed
    assert flight.total[0] >= flight.carry[0]
    path = flight.trajectory[0]
    assert path[0].tolist() == [0, 0, 0]
    assert path[-1].tolist() == pytest.approx([flight.carry[0], 0, flight.carry_side[0]], abs=1e-6)
    assert (np.diff(path[:, 0]) > 0).all()
    assert path[:, 1].max() <= flight.max_height[0] + 0.05
    assert 0 < flight.last_data[0, 0] <= flight.carry[0] + 1e-6


def test_strokes_fly_alone_as_they_do_together() -> None:
    rng = np.random.default_rng(1)
    count = 5000
    launch: dict[str, Any] = {
        "ball_speed": rng.uniform(20, 80, count),
        "launch_angle": rng.uniform(1, 40, count),
        "launch_direction": rng.normal(0, 5, count),
        "spin_rate": rng.uniform(1000, 10000, count),
        "spin_axis": rng.normal(0, 10, count),
        "density": np.full(count, 1.2),
    }
    together = fly(**launch)
    for i in (0, 4095, 4096, 4999):
        alone = fly(**{name: values[i : i + 1] for name, values in launch.items()})
        assert alone.carry[0] == pytest.approx(together.carry[i], rel=1e-12)
        assert alone.hang_time[0] == pytest.approx(together.hang_time[i], rel=1e-12)


def test_air_is_thinner_up_high_and_when_warm_and_moist() -> None:
    pressure = air_pressure(np.array([0.0, 1600.0]))
    assert pressure.tolist() == pytest.approx([1013.25, 835.2], abs=0.5)
    density = air_density(
        np.array([15.0, 15.0, 30.0, 30.0]),
        np.array([pressure[0], pressure[1], pressure[0], pressure[0]]),
        np.array([0.0, 0.0, 0.0, 100.0]),
    )
    assert density[0] == pytest.approx(1.225, abs=0.001)  # ICAO standard atmosphere
    assert density[0] > density[1]
    assert density[0] > density[2] > density[3]
    denver, sea = (one(density=float(value)).carry[0] for value in (density[1], density[0]))
    assert denver > sea
