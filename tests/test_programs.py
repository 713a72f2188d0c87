"""Programs say in one line what is missing when nothing runs that they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestrate import compare
from orchestrate.local_athena import __main__ as local_athena
from tests.servers import stack_environment
from transform.tests_python import versions

Program = Callable[[Sequence[str]], int]


@pytest.fixture(autouse=True)
def _nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack_environment(tmp_path / "stack").items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("program", "arguments", "told"),
    [
        (compare.main, [], "Connection refused"),
        (versions.main, [], "`make up`"),
        (local_athena.main, [], "directory"),
        (local_athena.main, ["{}"], "the lake does not answer"),
    ],
)
def test_one_line_when_nothing_runs(
    program: Program,
    arguments: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert program([each.format(tmp_path) for each in arguments]) == 1
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_one_line_when_the_settings_are_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_ATHENA_PORT", "many")
    for program, arguments in ((versions.main, []), (compare.main, []), (local_athena.main, ["x"])):
        assert program(arguments) == 1
        assert capsys.readouterr().err.startswith("LOCAL_ATHENA_PORT is 'many'")
