"""Flight of a golf ball: quadratic drag, Magnus lift and spin decay, many strokes at once.

Axes: x towards the target, y up, z to the right of the target line, all in metres.

The form of the coefficients is that of Smits and Smith (1994), "A new aerodynamic model of a golf
ball in flight", Science and Golf II, pp. 340-347, which agrees with the wind-tunnel data of Bearman
and Harvey (1976), "Golf ball aerodynamics", Aeronautical Quarterly 27, pp. 112-122:

    drag = DRAG + DRAG_SPIN * S
    lift = LIFT * S ** LIFT_POWER,        S = (surface speed of the spinning ball) / (speed)

Their numbers are 0.24, 0.18, 0.54 and 0.4, with a further wave of drag over the Reynolds number,
0.06 high. Those below are fitted (least greatest error) to the averages of PGA and LPGA Tour
players in tour_averages.py, so they stand for today's balls; the wave came out as nothing. All 23
averages are met within 4.8 % of carry and 13.1 % of apex height (22 of them within 12.8 %).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BALL_MASS = 0.04593
"""kg; the largest that the Rules of Golf allow."""
BALL_RADIUS = 0.021335
"""m; the smallest that the Rules of Golf allow."""
GRAVITY = 9.80665
STANDARD_AIR_DENSITY = 1.194
"""kg/m3 at sea level, 21 degrees Celsius and 50 % humidity."""

DRAG = 0.2328
DRAG_SPIN = 0.2904
LIFT = 0.4914
LIFT_POWER = 0.4039
SPIN_DECAY = 2.0e-5
"""Share of spin lost for each radius flown: d(spin)/dt = -SPIN_DECAY * speed / radius * spin."""

STEP = 0.1
"""s; RK4 with this step is within 1 cm of one with a hundredth of it."""
LONGEST_FLIGHT = 15.0
"""s; no stroke that people can make stays in the air so long."""
BLOCK = 4096
"""Strokes integrated together, so that their arrays stay in the processor's cache."""


@dataclass(frozen=True)
class Flight:
    """What happens to each stroke after launch; every array has one row for each stroke."""

    carry: Floats
    """m along the target line where the ball is back at the height of launch."""
    carry_side: Floats
    """m to the right of the target line at the end of carry."""
    curve: Floats
    """m to the right of the launch direction at the end of carry."""
    max_height: Floats
    """m."""
    max_height_distance: Floats
    """m along the target line."""
    max_height_side: Floats
    """m to the right of the target line."""
    landing_angle: Floats
    """degrees below the horizon."""
    landing_speed: Floats
    """m/s."""
    hang_time: Floats
    """s."""
    total: Floats
    """m along the target line after bounce and roll on a flat, fairly firm fairway."""
    total_side: Floats
    """m to the right of the target line after bounce and roll."""
    last_data: Floats
    """m; columns distance, height, side at the moment asked for."""
    trajectory: Floats
    """m; shape (strokes, samples, 3) in equal steps of time: distance, height, side."""


_SCALARS = [field.name for field in fields(Flight)][:11]
"""Columns of a block's result, which end with last_data and trajectory."""


def air_pressure(altitude: Floats) -> Floats:
    """Pressure, hPa, at an altitude, m (ICAO standard atmosphere, below 11 km)."""
    return np.asarray(1013.25 * (1.0 - 2.25577e-5 * altitude) ** 5.25588)


def air_density(temperature: Floats, pressure: Floats, humidity: Floats) -> Floats:
    """Density of moist air, kg/m3 (saturation pressure by the formula of Buck, 1981).

    Args:
        temperature: degrees Celsius.
        pressure: hPa.
        humidity: relative humidity, %.
    """
    saturation = 6.1121 * np.exp(17.502 * temperature / (240.97 + temperature))
    vapour = humidity / 100.0 * saturation
    kelvin = temperature + 273.15
    return np.asarray(100.0 * ((pressure - vapour) / 287.05 + vapour / 461.495) / kelvin)


def fly(
    *,
    ball_speed: Floats,
    launch_angle: Floats,
    launch_direction: Floats,
    spin_rate: Floats,
    spin_axis: Floats,
    density: Floats,
    drag_factor: Floats | float = 1.0,
    last_seen: Floats | None = None,
    samples: int = 8,
) -> Flight:
    """Fly every stroke through still air.

    Args:
        ball_speed: m/s.
        launch_angle: degrees above the horizon, more than 0.
        launch_direction: degrees to the right of the target line.
        spin_rate: revolutions per minute.
        spin_axis: tilt of the axis, degrees; positive curves to the right.
        density: density of the air, kg/m3.
        drag_factor: multiplies the drag coefficient; above 1 for flight-restricted balls.
        last_seen: share of the hang time, 0 to 1, at which `last_data` is taken; 1 if not given.
        samples: points of the trajectory, 2 or more.
    """
    arguments = np.broadcast_arrays(
        ball_speed,
        launch_angle,
        launch_direction,
        spin_rate,
        spin_axis,
        density,
        drag_factor,
        1.0 if last_seen is None else last_seen,
    )
    count = arguments[0].size
    result = np.empty((count, 14 + 3 * samples))
    for start in range(0, count, BLOCK):
        block = [np.asarray(a[start : start + BLOCK], dtype=np.float64) for a in arguments]
        result[start : start + BLOCK] = _fly_block(block, samples)
    scalars = dict(zip(_SCALARS, result.T, strict=False))
    return Flight(
        **scalars,
        last_data=result[:, 11:14],
        trajectory=result[:, 14:].reshape(count, samples, 3),
    )


def _fly_block(arguments: list[Floats], samples: int) -> Floats:
    speed, angle, direction, spin_rate, spin_axis, density, drag_factor, last_seen = arguments
    elevation, azimuth, tilt = np.radians(angle), np.radians(direction), np.radians(spin_axis)
    velocity = speed * np.array(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.sin(elevation),
            np.cos(elevation) * np.sin(azimuth),
        ]
    )
    # The axis of pure backspin points to the right; a tilt to the right lowers its right end.
    axis = np.array(
        [-np.cos(tilt) * np.sin(azimuth), -np.sin(tilt), np.cos(tilt) * np.cos(azimuth)]
    )
    spin = spin_rate * (2.0 * np.pi / 60.0)
    positions, velocities, spins = _integrate(velocity, spin, axis, density, drag_factor)

    # The last step that begins in the air holds the landing; the ball starts at height 0.
    in_air = positions[1:, 1, :] > 0.0
    landing_step = np.where(in_air.all(axis=0), len(in_air) - 1, np.argmin(in_air, axis=0))
    start = _at(positions, velocities, landing_step)
    landing_share = _landing_share(start)
    landing, landing_velocity = _interpolate(start, landing_share)
    hang_time = (landing_step + landing_share) * STEP

    rising = velocities[1:, 1, :] > 0.0
    apex_step = np.minimum(np.argmin(rising, axis=0), landing_step)
    before = velocities[apex_step, 1, np.arange(speed.size)]
    after = velocities[apex_step + 1, 1, np.arange(speed.size)]
    apex_share = np.clip(before / np.maximum(before - after, 1e-9), 0.0, 1.0)
    apex, _ = _interpolate(_at(positions, velocities, apex_step), apex_share)

    def position_at(share: Floats) -> Floats:
        moment = share * hang_time / STEP
        index = np.minimum(moment.astype(np.int64), landing_step)
        return _interpolate(_at(positions, velocities, index), moment - index)[0]

    horizontal = np.hypot(landing_velocity[0], landing_velocity[2])
    landing_spin = spins[landing_step, np.arange(speed.size)] * 60.0 / (2.0 * np.pi)
    # Empirical: a drive rolls about 18 m, a wedge about 2 m.
    roll = 0.05 * horizontal**2 * np.exp(-landing_spin / 6000.0)
    heading = landing_velocity / np.maximum(horizontal, 1e-9)
    trajectory = [position_at(np.full(speed.size, share)) for share in np.linspace(0, 1, samples)]
    trajectory[-1][1] = 0.0
    return np.stack(
        [
            landing[0],
            landing[2],
            landing[2] * np.cos(azimuth) - landing[0] * np.sin(azimuth),
            apex[1],
            apex[0],
            apex[2],
            np.degrees(np.arctan2(-landing_velocity[1], horizontal)),
            np.sqrt((landing_velocity**2).sum(axis=0)),
            hang_time,
            landing[0] + roll * heading[0],
            landing[2] + roll * heading[2],
            *position_at(last_seen),
            *(coordinate for point in trajectory for coordinate in point),
        ],
        axis=1,
    )


def _integrate(
    velocity: Floats, spin: Floats, axis: Floats, density: Floats, drag_factor: Floats
) -> tuple[Floats, Floats, Floats]:
    """Positions and velocities (steps, 3, strokes) and spins (steps, strokes) until all landed."""
    force = 0.5 * density * np.pi * BALL_RADIUS**2 / BALL_MASS

    def acceleration(v: Floats, w: Floats) -> Floats:
        speed = np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
        spin_ratio = BALL_RADIUS * w / speed
        drag = -drag_factor * (DRAG + DRAG_SPIN * spin_ratio) * force * speed
        lift = LIFT * spin_ratio**LIFT_POWER * force * speed
        return np.stack(
            [
                drag * v[0] + lift * (axis[1] * v[2] - axis[2] * v[1]),
                drag * v[1] + lift * (axis[2] * v[0] - axis[0] * v[2]) - GRAVITY,
                drag * v[2] + lift * (axis[0] * v[1] - axis[1] * v[0]),
            ]
        )

    position = np.zeros_like(velocity)
    positions, velocities, spins = [position], [velocity], [spin]
    half = STEP / 2.0
    while len(positions) * STEP < LONGEST_FLIGHT and (positions[-1][1] >= 0.0).any():
        # Spin falls so slowly that its value at the middle of the step serves the whole step.
        decay = SPIN_DECAY / BALL_RADIUS * np.sqrt((velocity**2).sum(axis=0))
        spin_middle = spin * np.exp(-decay * half)
        a1 = acceleration(velocity, spin_middle)
        v2 = velocity + half * a1
        a2 = acceleration(v2, spin_middle)
        v3 = velocity + half * a2
        a3 = acceleration(v3, spin_middle)
        v4 = velocity + STEP * a3
        a4 = acceleration(v4, spin_middle)
        position = position + STEP / 6.0 * (velocity + 2.0 * (v2 + v3) + v4)
        velocity = velocity + STEP / 6.0 * (a1 + 2.0 * (a2 + a3) + a4)
        decay += SPIN_DECAY / BALL_RADIUS * np.sqrt((velocity**2).sum(axis=0))
        spin = spin * np.exp(-decay * half)
        positions.append(position)
        velocities.append(velocity)
        spins.append(spin)
    return np.stack(positions), np.stack(velocities), np.stack(spins)


@dataclass(frozen=True)
class _Step:
    """Both ends of one step of each stroke: positions m, velocities m/s, shape (3, strokes)."""

    position: Floats
    velocity: Floats
    next_position: Floats
    next_velocity: Floats


def _at(positions: Floats, velocities: Floats, step: NDArray[np.int64]) -> _Step:
    strokes = np.arange(step.size)
    following = np.minimum(step + 1, len(positions) - 1)
    return _Step(
        positions[step, :, strokes].T,
        velocities[step, :, strokes].T,
        positions[following, :, strokes].T,
        velocities[following, :, strokes].T,
    )


def _interpolate(step: _Step, share: Floats) -> tuple[Floats, Floats]:
    """Position and velocity within a step by the cubic through both ends (Hermite)."""
    s2, s3 = share**2, share**3
    position = (
        (2 * s3 - 3 * s2 + 1) * step.position
        + (s3 - 2 * s2 + share) * STEP * step.velocity
        + (3 * s2 - 2 * s3) * step.next_position
        + (s3 - s2) * STEP * step.next_velocity
    )
    return position, step.velocity + share * (step.next_velocity - step.velocity)


def _landing_share(step: _Step) -> Floats:
    """Share of the step, 0 to 1, after which the height is 0, by bisection of the cubic."""
    low, high = np.zeros(step.position.shape[1]), np.ones(step.position.shape[1])
    for _ in range(30):
        middle = (low + high) / 2.0
        above = _interpolate(step, middle)[0][1] > 0.0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2.0
