"""Figures, goals and the shape of the result: the pure part."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench import report
from tests.bench.errors import BenchError
from tests.bench.processes import Sample
from tests.bench.rows import Figure, Medians, Part, Row, Sizes, allowed_memory, figures
from tests.bench.table import rows

SIZES = Sizes(rows=3000, tenth=300)


def medians(**seconds: float | list[float]) -> Medians:
    samples = {
        name.replace("_", "-"): [
            Sample(value) for value in (values if isinstance(values, list) else [values])
        ]
        for name, values in seconds.items()
    }
    return Medians(samples, SIZES)


def row(*parts: Part, goal: float | None = 1.0) -> Row:
    return Row("name", "{rows} rows", "{tenth} rows", goal, (), lambda _: parts)


def test_a_ratio_is_ours_divided_by_theirs_and_a_goal_is_the_greatest_allowed() -> None:
    (met,) = figures(row(Part(2.0, 4.0), goal=0.5), medians())
    assert (met.ratio, met.is_met) == (0.5, True)
    (missed,) = figures(row(Part(2.1, 4.0), goal=0.5), medians())
    assert missed.is_met is False
    (without,) = figures(row(Part(2.1, 4.0), goal=None), medians())
    assert without.is_met is None


def test_of_several_parts_the_worst_counts_and_each_is_shown_without_a_goal() -> None:
    found = figures(row(Part(1, 2, "a"), Part(3, 2, "b")), medians())
    assert [(f.about, f.ratio, f.goal) for f in found] == [
        ("b", 1.5, 1.0),
        ("a", 0.5, None),
        ("b", 1.5, None),
    ]


def test_an_object_has_exactly_the_promised_members() -> None:
    (figure,) = figures(row(Part(2.0, 4.0)), medians())
    assert figure.as_object() == {
        "work": "3,000 rows",
        "against": "300 rows",
        "ours": 2.0,
        "theirs": 4.0,
        "ratio": 0.5,
        "goal": 1.0,
        "unit": "s",
    }


def test_the_median_counts_and_an_empty_run_is_taken_off() -> None:
    found = medians(lake=[9.0, 5.0, 6.0], lake_empty=[1.0, 2.0, 9.0])
    assert found.net("lake", "lake-empty") == 4.0
    with pytest.raises(BenchError, match="use a larger --scale"):
        medians(lake=1.0, lake_empty=1.0).net("lake", "lake-empty")


def test_a_time_is_extrapolated_at_the_faster_speed_and_only_if_it_is_linear() -> None:
    sizes = (("small", 30), ("large", 300))
    assert medians(none=1.0, small=2.0, large=11.0).linear(3000, "none", *sizes) == 100.0
    assert medians(none=1.0, small=2.0, large=10.0).linear(3000, "none", *sizes) == 90.0
    with pytest.raises(BenchError, match="not linear"):
        medians(none=1.0, small=2.0, large=21.0).linear(3000, "none", *sizes)


def test_allowed_memory_is_the_limit_or_a_tenth_more_than_for_fewer_rows() -> None:
    assert allowed_memory(100) == pytest.approx(110)
    assert allowed_memory(390) == 400


# The table of the specification: one row each, in its order.
GOALS = [1.0, 1.6, 1 / 50, 1.5, 1 / 40, 1.5, 0.5, 10.5, 1.0, 1 / 5]


@pytest.mark.parametrize("full", [False, True])
def test_each_row_of_the_specification_gives_one_object_with_its_goal(full: bool) -> None:
    table = rows(full=full)
    assert [r.goal for r in table if r.goal is not None] == GOALS
    assert len({r.name for r in table}) == len(table)
    roles = {"tap-postgres": 100.0, "target-s3": 100.0, "target-postgres": 100.0}

    def seconds(name: str) -> float:
        speeds = {"-empty": 0, "-none": 0, "-hundredth": 1, "-tenth": 10, "-tenfold": 1000}
        return 1 + next((v for suffix, v in speeds.items() if name.endswith(suffix)), 100)

    sizes = Sizes(3000, 300, 30_000 if full else None)
    for each in table:
        samples = {name: [Sample(seconds(name), roles)] for name in each.needs}
        found = figures(each, Medians(samples, sizes))
        assert [f.goal for f in found if f.goal is not None] == (
            [] if each.goal is None else [each.goal]
        )
        assert all("{" not in f.work + f.against for f in found)


def test_the_files_hold_figures_and_what_is_behind_them(tmp_path: Path) -> None:
    found = figures(row(Part(2.0, 4.0)), medians())
    paths = report.write(
        tmp_path / "build", found, {"cores": 2}, {"lake": [Sample(2.0, {"tap": 80.0})]}
    )
    assert [path.name for path in paths] == ["bench.json", "bench-facts.json"]
    assert json.loads(paths[0].read_text()) == [found[0].as_object()]
    assert json.loads(paths[1].read_text()) == {
        "cores": 2,
        "samples": {"lake": [{"seconds": 2.0, "peak_mib": {"tap": 80.0}}]},
    }


def test_the_table_says_whether_a_goal_is_met() -> None:
    def line(ratio: float, goal: float | None) -> str:
        return report.goal_text(Figure("row", "", "work", "against", ratio, 1.0, ratio, goal, "s"))

    assert line(0.9, 1.0) == "≤ 1 met"
    assert line(1.1, 1.0) == "≤ 1 MISSED"
    assert line(0.01, 1 / 50) == "≤ 0.02 (1/50) met"
    assert line(0.9, None) == ""
    console = Console(file=io.StringIO(), record=True, width=100)
    report.show(figures(row(Part(3.0, 2.0)), medians()), console)
    assert "MISSED" in console.export_text()
