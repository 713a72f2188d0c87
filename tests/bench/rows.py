"""The rows of the result: which measurements each compares, and with which goal.

Pure: measurements in, figures out. A ratio is always ours divided by theirs, and a goal the
greatest ratio allowed, so that "at least 50 times faster" is a goal of 1/50.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from tests.bench.errors import BenchError
from tests.bench.processes import Sample

# One in so many rows of `lineitem_tenth` is sent as a RECORD, one in so many of `lineitem` changed:
# 100,000 of the 300,000 and of the 3.0 million that there are at the usual scale.
RECORDS_SHARE = 3
CHANGED_SHARE = 30

MEMORY_LIMIT_MIB = 400.0
MEMORY_GROWTH = 1.1
# How far the speeds at two sizes may lie apart for a time to count as linear in the rows.
LINEAR_WITHIN = 1.33


@dataclass(frozen=True)
class Figure:
    """One object of the result.

    Attributes:
        row: Name of the row it belongs to.
        about: What of the row it is about, where that has several parts.
        work: What was done.
        against: What it is compared with.
        ours: Our figure, in `unit`.
        theirs: The other figure, in `unit`.
        ratio: `ours` divided by `theirs`.
        goal: The greatest ratio allowed; None where there is no goal.
        unit: "s" or "MiB".
    """

    row: str
    about: str
    work: str
    against: str
    ours: float
    theirs: float
    ratio: float
    goal: float | None
    unit: str

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.ratio <= self.goal

    def as_object(self) -> dict[str, object]:
        """The object of `build/bench.json`."""
        return {name: value for name, value in asdict(self).items() if name not in {"row", "about"}}


@dataclass(frozen=True)
class Sizes:
    """Rows of the tables that are named in the result."""

    rows: int
    tenth: int
    tenfold: int | None = None
    strokes: int = 0


@dataclass(frozen=True)
class Part:
    """What a row compares: both figures, and what it is about if a row has several."""

    ours: float
    theirs: float
    about: str = ""


class Medians:
    """The medians of the measurements by name."""

    def __init__(self, samples: Mapping[str, Sequence[Sample]], sizes: Sizes) -> None:
        """Take the samples; a measurement without any is unknown."""
        self._samples = samples
        self.sizes = sizes

    def seconds(self, name: str) -> float:
        """Median time of a measurement."""
        return median(sample.seconds for sample in self._samples[name])

    def net(self, name: str, empty: str) -> float:
        """Median time of a measurement, less that of the same with no rows.

        Raises:
            BenchError: The work took no longer than no work: the rows are too few to tell.
        """
        difference = self.seconds(name) - self.seconds(empty)
        if difference <= 0:
            raise BenchError(f"{name} took no longer than {empty}: use a larger --scale")
        return difference

    def peak_mib(self, name: str, role: str) -> float:
        """Median of a process's greatest memory.

        Raises:
            BenchError: It was never seen.
        """
        peaks = [s.peak_mib[role] for s in self._samples[name] if role in s.peak_mib]
        if not peaks:
            raise BenchError(f"the memory of {role} was not seen in {name}")
        return median(peaks)

    def linear(self, rows: int, empty: str, *measured: tuple[str, int]) -> float:
        """The time that `rows` take, from two smaller sizes.

        The faster of both speeds counts.

        Args:
            rows: How many.
            empty: Measurement with no rows.
            measured: Measurements, and how many rows each was of.

        Raises:
            BenchError: The speeds differ, so that the time is not linear in the rows.
        """
        speeds = [count / self.net(name, empty) for name, count in measured]
        if max(speeds) > min(speeds) * LINEAR_WITHIN:
            shown = " and ".join(f"{speed:,.0f}" for speed in speeds)
            raise BenchError(
                f"its time is not linear in the rows ({shown} rows/s): use --full to measure all"
            )
        return rows / max(speeds)


@dataclass(frozen=True)
class Row:
    """A row of the result before anything is measured.

    Attributes:
        name: As `--only` takes it.
        work: Text; numbers of rows are put in for the names that `figures` knows.
        against: Text, likewise.
        goal: See `Figure`.
        needs: Names of measurements.
        compare: Gives the figures; of several the worst counts, and each is shown.
        unit: See `Figure`.
    """

    name: str
    work: str
    against: str
    goal: float | None
    needs: tuple[str, ...]
    compare: Callable[[Medians], Sequence[Part]]
    unit: str = "s"


def figures(row: Row, medians: Medians) -> list[Figure]:
    """Compute a row.

    Args:
        row: Which.
        medians: Of all its measurements.

    Returns:
        The row's figure, the worst if it has several parts, and then each part without a goal.

    Raises:
        BenchError: The measurements do not allow it.
    """
    sizes = medians.sizes
    large, small = sizes.tenfold or sizes.rows, sizes.rows if sizes.tenfold else sizes.tenth
    texts = {
        "rows": f"{sizes.rows:,}",
        "tenth": f"{sizes.tenth:,}",
        "records": f"{sizes.tenth // RECORDS_SHARE:,}",
        "changed": f"{sizes.rows // CHANGED_SHARE:,}",
        "strokes": f"{sizes.strokes:,}",
        "large": f"{large:,}",
        "small": f"{small:,}",
    }
    found = []
    for part in row.compare(medians):
        against = row.against.format(**texts)
        found.append(
            Figure(
                row=row.name,
                about=part.about,
                work=row.work.format(**texts),
                against=f"{against}: {part.about}" if part.about else against,
                ours=part.ours,
                theirs=part.theirs,
                ratio=part.ours / part.theirs,
                goal=None,
                unit=row.unit,
            )
        )
    worst = max(found, key=lambda figure: figure.ratio)
    total = Figure(**{**asdict(worst), "goal": row.goal})
    return [total, *found] if len(found) > 1 else [total]


def allowed_memory(small_mib: float) -> float:
    """The most a process may take for ten times the rows, MiB."""
    return min(MEMORY_LIMIT_MIB, small_mib * MEMORY_GROWTH)
