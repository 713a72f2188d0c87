"""Averages of tour players by club, as measured and published by TrackMan.

Source: "TrackMan average tour stats" (TrackMan A/S, blog.trackmangolf.com, PGA and LPGA Tour, all
shots measured on the tours; reprinted widely, for example in TrackMan's booklet "The Tour
Averages"). They were not normalised for weather and altitude, so a model of still air at sea level
cannot meet all of them exactly.
"""

from __future__ import annotations

from typing import NamedTuple

MPH = 0.44704
"""m/s in one mile per hour."""
YARD = 0.9144
"""m in one yard."""


class TourAverage(NamedTuple):
    """The average stroke of a tour with one club, in the units of the publication."""

    club: str
    club_speed: float
    """mph."""
    attack_angle: float
    """degrees."""
    ball_speed: float
    """mph."""
    launch_angle: float
    """degrees."""
    spin_rate: float
    """revolutions per minute."""
    max_height: float
    """yards."""
    landing_angle: float
    """degrees."""
    carry: float
    """yards."""


PGA_TOUR = (
    TourAverage("DR", 113, -1.3, 167, 10.9, 2686, 32, 38, 275),
    TourAverage("3W", 107, -2.9, 158, 9.2, 3655, 30, 43, 243),
    TourAverage("5W", 103, -3.3, 152, 9.4, 4350, 31, 47, 230),
    TourAverage("3H", 100, -3.5, 146, 10.2, 4437, 29, 47, 225),
    TourAverage("3I", 98, -3.1, 142, 10.4, 4630, 27, 46, 212),
    TourAverage("4I", 96, -3.4, 137, 11.0, 4836, 28, 48, 203),
    TourAverage("5I", 94, -3.7, 132, 12.1, 5361, 31, 49, 194),
    TourAverage("6I", 92, -4.1, 127, 14.1, 6231, 30, 50, 183),
    TourAverage("7I", 90, -4.3, 120, 16.3, 7097, 32, 50, 172),
    TourAverage("8I", 87, -4.5, 115, 18.1, 7998, 31, 50, 160),
    TourAverage("9I", 85, -4.7, 109, 20.4, 8647, 30, 51, 148),
    TourAverage("PW", 83, -5.0, 102, 24.2, 9304, 29, 52, 136),
)
LPGA_TOUR = (
    TourAverage("DR", 94, 3.0, 140, 13.2, 2611, 25, 37, 218),
    TourAverage("3W", 90, -0.9, 132, 11.2, 2704, 23, 39, 195),
    TourAverage("5W", 88, -1.8, 128, 12.1, 4501, 26, 43, 185),
    TourAverage("7W", 85, -3.0, 123, 12.7, 4693, 25, 46, 174),
    TourAverage("4I", 80, -1.7, 116, 14.3, 4801, 24, 43, 169),
    TourAverage("5I", 79, -1.9, 112, 14.8, 5081, 23, 45, 161),
    TourAverage("6I", 78, -2.3, 109, 17.1, 5943, 25, 46, 152),
    TourAverage("7I", 76, -2.3, 104, 19.0, 6699, 26, 47, 141),
    TourAverage("8I", 74, -3.1, 100, 20.8, 7494, 25, 47, 130),
    TourAverage("9I", 72, -3.1, 93, 23.9, 7589, 26, 47, 119),
    TourAverage("PW", 70, -2.8, 86, 25.6, 8403, 23, 48, 107),
)
