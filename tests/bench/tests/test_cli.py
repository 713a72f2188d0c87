"""The command line, the rounds, and a small run of our own plugins."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench.cli import main
from tests.bench.errors import BenchError
from tests.bench.measures import take
from tests.bench.processes import Sample


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--only", "lake-duckdb,nonsense"],
            "no row is called 'nonsense'; choose from lake-duckdb",
        ),
        (["--only", ""], "no row is called ''"),
        (["--repeat", "0"], "'0' is not allowed: give a whole number from 1"),
        (["--scale", "-1"], "'-1' is not allowed: give a number above 0"),
        (["--scale", "nan"], "'nan' is not allowed"),
        (["--sclae", "1"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_are_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_help_names_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "meltano-run" in told
    assert "docs/benchmarks.md" in told


def test_a_second_run_in_the_same_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bench").mkdir()
    with (tmp_path / "bench" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main(["--folder", str(tmp_path)]) == 1
    assert "another `make bench` is under way" in capsys.readouterr().err


def test_measurements_are_made_in_turn_and_one_that_fails_stops_no_other() -> None:
    made: list[str] = []

    def measure(name: str) -> Callable[[], Sample]:
        def work() -> Sample:
            made.append(name)
            if name == "peer":
                raise BenchError("it is\n  broken")
            return Sample(1.0)

        return work

    available = {name: measure(name) for name in ("ours", "peer", "other", "unused")}
    lines: list[str] = []
    samples, failures = take(available, ["ours", "peer", "other"], 2, lines.append)
    assert made == ["ours", "peer", "other", "ours", "other"]
    assert {name: len(taken) for name, taken in samples.items()} == {"ours": 2, "other": 2}
    assert failures == {"peer": "it is broken"}
    assert any("FAILED: it is broken" in line for line in lines)


def test_our_plugins_are_measured_and_a_row_that_cannot_be_is_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the peers' environment: what needs it is told, the rest goes on.
    monkeypatch.setattr("tests.bench.peers.PEERS", tmp_path / "none")
    status = main(
        [
            *("--folder", str(tmp_path), "--scale", "0.001", "--repeat", "1"),
            *("--only", "memory,lake-duckdb"),
        ]
    )
    assert status == 1
    told: list[dict[str, Any]] = json.loads((tmp_path / "bench.json").read_text())
    assert [f["goal"] for f in told] == [1.0, None, None, None, None]
    assert all(f["ours"] > 20 and f["unit"] == "MiB" for f in told)
    facts = json.loads((tmp_path / "bench-facts.json").read_text())
    assert facts["rows"] == 6005
    assert list(facts["absent"]) == ["lake-duckdb"]
    assert "NOT MEASURED: lake-duckdb: duckdb failed" in capsys.readouterr().err
    for log in tmp_path.rglob("*"):
        assert log.suffix != ".json" or log.parent == tmp_path or "stack" in str(log), log
