"""The repository holds together: names declared, everything locked, workflows pinned."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

UV = Path(sys.executable).with_name("uv")
ROOT = Path(__file__).resolve().parent.parent


def meltano_files() -> dict[Path, dict[str, Any]]:
    files = [ROOT / "meltano.yml", *ROOT.glob("*/*.meltano.yml")]
    return {file: yaml.safe_load(file.read_text()) for file in files}


def declared(kind: str) -> list[dict[str, Any]]:
    return [
        item
        for content in meltano_files().values()
        for item in (content.get(kind) or content.get("plugins", {}).get(kind) or [])
    ]


def test_every_override_and_every_job_names_a_declared_plugin() -> None:
    plugins = {p["name"] for kind in ("extractors", "loaders", "utilities") for p in declared(kind)}
    commands = {f"{p['name']}:{c}" for p in declared("utilities") for c in p.get("commands", {})}
    for environment in declared("environments"):
        overrides = environment.get("config", {}).get("plugins", {})
        assert {p["name"] for listed in overrides.values() for p in listed} <= plugins
    for job in declared("jobs"):
        for task in job["tasks"]:
            assert set(task.split()) <= plugins | commands, job["name"]


def test_every_schedule_names_a_job_and_keeps_its_promise() -> None:
    jobs = {job["name"] for job in declared("jobs")}
    intervals = {s["job"]: s["interval"] for s in declared("schedules")}
    assert set(intervals) <= jobs
    assert intervals["backend-to-db"] == "*/10 * * * *"
    assert intervals["backend-to-lake"] == "*/20 * * * *"


def test_the_upkeep_of_the_lake_begins_minutes_away_from_builds_of_the_lake() -> None:
    intervals = {s["job"]: s["interval"] for s in declared("schedules")}
    assert intervals["transform-lake"] == "12-59/20 * * * *"
    minute = int(intervals["lake-maintenance"].split()[0])
    assert min(abs(minute - build) for build in range(12, 60, 20)) > 5


def test_the_upkeep_of_a_real_lake_runs_in_a_work_group_of_its_own() -> None:
    prod = next(each for each in declared("environments") if each["name"] == "prod")
    utilities = prod["config"]["plugins"]["utilities"]
    upkeep = next(each for each in utilities if each["name"] == "lake-maintenance")
    # That of analysts and dbt has a limit of bytes.
    assert upkeep["config"]["work_group"] not in ("", "trackman-lake")


@pytest.mark.parametrize("source", sorted((ROOT / "plugins/requirements").glob("*.in")), ids=str)
def test_every_dependency_is_locked_with_its_hash_and_without_an_index(source: Path) -> None:
    lock = source.with_suffix(".txt").read_text()
    requirements = re.split(r"\n(?=\S)", lock)
    for requirement in filter(lambda r: not r.startswith(("#", " ")), requirements):
        if requirement.strip():
            assert re.match(r"[\w.\[\]-]+==\S+", requirement), requirement
            assert "--hash=sha256:" in requirement, requirement
    assert "://" not in lock


def test_what_the_readme_promises_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text()):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


def test_f39_built_packages_hold_neither_keys_nor_tests(tmp_path: Path) -> None:
    constraint = f"--build-constraint={ROOT / 'plugins/requirements/build.txt'}"
    for package in sorted((ROOT / "plugins").glob("*/pyproject.toml")):
        name = tomllib.loads(package.read_text())["project"]["name"].replace("-", "_")
        subprocess.run(
            [
                UV,
                "build",
                "--wheel",
                "--quiet",
                f"--out-dir={tmp_path}",
                constraint,
                package.parent,
            ],
            check=True,
        )
        (wheel,) = tmp_path.glob(f"{name}-*.whl")
        listed = subprocess.run(
            ["python3", "-m", "zipfile", "-l", str(wheel)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()[1:]
        files = [line.split()[0] for line in listed]
        assert f"{name}/__init__.py" in files
        allowed = re.compile(rf"{name}/[\w/]+\.(py|typed)$|{name}-[\d.]+\.dist-info/")
        assert [file for file in files if not allowed.match(file)] == []


def test_no_workflow_has_rights_it_does_not_need_or_an_action_that_can_move() -> None:
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(file.read_text())
        assert workflow["permissions"] == {}, file.name
        for used in re.findall(r"uses: (\S+)", file.read_text()):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used), used


@pytest.mark.parametrize(
    "check",
    [
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows"],
        ["check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"],
        ["zizmor", "--offline", "--quiet", ".github"],
    ],
    ids=["workflows", "dependabot", "zizmor"],
)
def test_the_workflows_are_valid_and_safe(check: list[str]) -> None:
    program, *arguments = check
    if arguments[-1] == ".github/workflows":
        arguments[-1:] = sorted(str(file) for file in (ROOT / arguments[-1]).glob("*.yml"))
    checked = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
