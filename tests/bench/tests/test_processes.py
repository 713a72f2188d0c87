"""Programs joined by pipes, with real programs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.errors import BenchError
from tests.bench.processes import Program, run, run_script, secret_file

PYTHON = sys.executable


def python(role: str, code: str) -> Program:
    return Program(role, (PYTHON, "-c", code))


def test_output_flows_through_all_programs(tmp_path: Path) -> None:
    sample = run(
        python("first", "print('a'); print('b')"),
        python("second", "import sys; print(sys.stdin.read().upper())"),
        log=tmp_path / "log",
    )
    assert sample.output.split() == ["A", "B"]
    assert sample.seconds > 0


def test_input_and_output_may_be_files(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("text")
    program = python("copy", "import sys; sys.stdout.write(sys.stdin.read())")
    sample = run(program, log=tmp_path / "log", stdin=tmp_path / "in", stdout=tmp_path / "out")
    assert ((tmp_path / "out").read_text(), sample.output) == ("text", "")


def test_the_peak_memory_of_a_program_counts_what_it_started(tmp_path: Path) -> None:
    hold = "import time; held = b'x' * (200 << 20); time.sleep(0.5)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    sample = run(python("large", child), log=tmp_path / "log")
    assert 200 < sample.peak_mib["large"] < 300


def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"second ended with status 3: it went wrong \("):
        run(
            python("first", "import sys\nfor i in range(10**6): print(i)"),
            python("second", "import sys; sys.stderr.write('it went wrong\\n'); sys.exit(3)"),
            log=tmp_path / "log",
        )


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="ghost cannot be started"):
        run(python("first", "pass"), Program("ghost", ("./ghost",)), log=tmp_path / "log")


def test_a_script_reports_its_own_seconds_and_its_settings_are_gone(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import json, pathlib, sys, stat\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "assert stat.S_IMODE(path.stat().st_mode) == 0o600\n"
        "rows = json.loads(path.read_text())['n']\n"
        "print('noise'); print(json.dumps({'seconds': 1.5, 'rows': rows}))"
    )
    sample = run_script("peer", Path(PYTHON), script, {"n": 7}, log=tmp_path / "logs" / "peer")
    assert (sample.seconds, sample.output) == (1.5, '{"seconds": 1.5, "rows": 7}')
    assert not list((tmp_path / "logs").glob("*.json"))
    script.write_text("print('nothing of use')")
    with pytest.raises(BenchError, match="peer printed no result"):
        run_script("peer", Path(PYTHON), script, {}, log=tmp_path / "logs" / "peer")


def test_a_secret_file_is_the_owners_only_from_its_first_moment(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("old")
    with secret_file(tmp_path / "secret", {"password": "x"}) as path:
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()
