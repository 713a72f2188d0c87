"""Whatever fails ends as one line and a status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from columnar_singer.errors import UserError, one_line

PLUGIN = """
import sys
from columnar_singer.errors import UserError, run_plugin
from singer_sdk import Tap
from singer_sdk import typing as th

class TapFailing(Tap):
    name = "tap-failing"
    config_jsonschema = th.PropertiesList(
        th.Property("port", th.IntegerType(maximum=10)),
        th.Property("password", th.StringType, secret=True),
        th.Property("failure", th.StringType),
        th.Property("tunnel", th.ObjectType(th.Property("key", th.StringType, secret=True))),
    ).to_dict()
    dynamic_catalog = True

    def discover_streams(self):
        failure = self.config.get("failure")
        if failure == "user":
            raise UserError("the setting is wrong;\\n  set another")
        if failure == "program":
            raise KeyError("x")
        if failure == "interrupt":
            raise KeyboardInterrupt
        return []

run_plugin(TapFailing)
"""


def run(tmp_path: Path, config: dict[str, object], level: str = "info") -> tuple[int, list[str]]:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, "-c", PLUGIN, "--config", str(path)],
        env={"LOGLEVEL": level},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [
        line for line in done.stderr.splitlines() if line and "INFO" not in line
    ]


def test_a_run_that_does_all_it_was_asked_ends_with_zero(tmp_path: Path) -> None:
    assert run(tmp_path, {}) == (0, [])


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"failure": "user"}, "the setting is wrong; set another"),
        ({"failure": "program"}, "KeyError: 'x'"),
        ({"port": 11}, "11 is greater than the maximum of 10 in config['port']"),
        ({"password": 12345}, "'password' is not valid (not shown: it is a secret)"),
        ({"tunnel": {"key": 12345}}, "'tunnel' is not valid (not shown: it is a secret)"),
        ({"tunnel": "key=12345"}, "'tunnel' is not valid (not shown: it is a secret)"),
    ],
)
def test_a_failure_is_one_line(tmp_path: Path, config: dict[str, object], told: str) -> None:
    status, lines = run(tmp_path, config)
    assert status == 1
    assert len(lines) == 1
    assert told in lines[0]
    assert "12345" not in lines[0]


def test_no_log_level_hides_a_failure(tmp_path: Path) -> None:
    _, lines = run(tmp_path, {"failure": "user"}, "critical")
    assert len(lines) == 1


def test_the_traceback_is_shown_when_debugging(tmp_path: Path) -> None:
    _, lines = run(tmp_path, {"failure": "program"}, "debug")
    assert any(line.startswith("Traceback") for line in lines)


def test_an_interrupt_is_no_traceback(tmp_path: Path) -> None:
    assert run(tmp_path, {"failure": "interrupt"}) == (130, [])


def test_an_error_without_text_is_named() -> None:
    assert one_line(ValueError()) == "ValueError"
    assert one_line(UserError("do this")) == "do this"
