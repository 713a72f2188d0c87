"""Stacks coming up, going down, in each other's way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from orchestrate.local_stack import processes
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import PROJECT_ROOT
from orchestrate.local_stack.tests.helpers import (
    PARTS,
    StackUnderTest,
    assert_written_everywhere,
    query,
    taken,
    wait_for,
    write_everywhere,
)
from tests.servers import stack_ports


def test_down_leaves_nothing_and_data_come_back_on_other_ports(stack: StackUnderTest) -> None:
    stack.up()
    write_everywhere(stack, "before")
    internal = stack.settings.lake.internal_ports
    stack.down()
    assert stack.processes() == []
    assert stack.states() == dict.fromkeys(PARTS, "stopped")
    assert stack.run("status").returncode == 1
    sockets = [path for path in stack.directory.rglob("*") if path.is_socket()]
    assert sockets == []
    stale = {"postmaster.pid", "process.json", "watcher.json"}
    assert not stale & {path.name for path in stack.directory.rglob("*")}
    for port in internal.values():
        assert list(Path("/tmp").glob(f"seaweedfs-*-{port.number}.sock")) == []
    again = stack.run("down")
    assert (again.returncode, again.stderr) == (0, "")

    stack.variables |= stack_ports()
    stack.up()
    assert_written_everywhere(stack, "before")
    write_everywhere(stack, "after")
    assert_written_everywhere(stack, "after")


def test_down_of_a_stack_that_never_was(stack: StackUnderTest) -> None:
    result = stack.run("down")
    assert (result.returncode, result.stderr) == (0, "")
    assert not stack.directory.exists()


@pytest.mark.parametrize(
    ("part", "variable", "offset"),
    [
        ("trackman-backend", "TRACKMAN_BACKEND_PORT", 0),
        ("dataengineering-db", "DATAENGINEERING_DB_PORT", 0),
        ("trackman-lake", "TRACKMAN_LAKE_S3_PORT", 0),
        ("trackman-lake", "TRACKMAN_LAKE_CATALOG_PORT", 0),
        ("trackman-lake", "TRACKMAN_LAKE_INTERNAL_PORT", 5),
        ("local-athena", "LOCAL_ATHENA_PORT", 0),
    ],
)
def test_a_taken_port_is_named_before_anything_starts(
    stack: StackUnderTest, part: str, variable: str, offset: int
) -> None:
    number = int(stack.variables[variable]) + offset
    with taken(number):
        result = stack.run("up")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    for told in (str(number), part, variable, str(os.getpid())):
        assert told in result.stderr
    assert stack.processes() == []


def test_a_malformed_setting_is_one_line_on_the_command_line(stack: StackUnderTest) -> None:
    stack.variables["TRACKMAN_LAKE_S3_PORT"] = "abc"
    result = stack.run("up")
    stack.variables |= stack_ports()
    assert result.returncode == 1
    assert result.stderr.startswith("TRACKMAN_LAKE_S3_PORT is 'abc'")
    assert result.stderr.count("\n") == 1


def test_two_stacks_side_by_side_and_each_ends_with_its_process(
    tmp_path: Path, stack: StackUnderTest
) -> None:
    other = StackUnderTest(tmp_path / "other")
    # As the tests do, with settings that are not among the variables of its process: those name
    # the first stack, which must live on.
    program = (
        "import json, os, sys\n"
        "from orchestrate.local_stack import stack\n"
        "from orchestrate.local_stack.settings import StackSettings\n"
        "settings = StackSettings.from_environment(json.loads(sys.argv[1]))\n"
        "stack.up(settings, lambda *_: None, stop_with=os.getpid())\n"
        "print('up', flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(dict(other.settings.variables))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROJECT_ROOT,
        env=stack.environment,
    ) as parent:
        try:
            stack.up()
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"up\n"
            identifier = "SELECT system_identifier FROM pg_control_system()"
            found = {query(s, part, identifier) for s in (stack, other) for part in PARTS[:2]}
            assert len(found) == 4
        finally:
            parent.kill()
    wait_for(lambda: other.processes() == [])
    assert other.states() == dict.fromkeys(PARTS, "stopped")
    assert stack.states() == dict.fromkeys(PARTS, "running")


def test_two_ups_at_once_start_one_stack(stack: StackUnderTest) -> None:
    commands = [stack.start("up", f"--stop-with={os.getpid()}") for _ in range(2)]
    for command in commands:
        assert command.wait(timeout=60) == 0, command.communicate()
    servers = [p for p in stack.processes() if str(stack.directory) in " ".join(p.cmdline())]
    leaders = {
        p.pid
        for p in servers
        if p.name() in ("postgres", "weed") or "orchestrate.local_athena" in p.cmdline()
    }
    assert leaders == set(stack.pids().values())


def test_up_killed_while_it_initialises_is_made_good_by_the_next(stack: StackUnderTest) -> None:
    first = stack.start("up")
    wait_for(lambda: list(stack.directory.glob("*/data.initialising-*/PG_VERSION")))
    children = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    for process in children:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    first.communicate()
    stack.up()
    assert stack.states() == dict.fromkeys(PARTS, "running")
    assert list(stack.directory.glob("*/data.initialising-*")) == []


def test_data_of_another_major_version_are_refused_untouched(stack: StackUnderTest) -> None:
    data = stack.directory / "trackman-backend" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    result = stack.run("up", f"--stop-with={os.getpid()}")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "PostgreSQL 17" in result.stderr
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
    assert stack.states()["trackman-backend"] == "stopped"


def test_a_part_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); signal.pause()"
    child = processes.spawn(
        [sys.executable, "-u", "-c", deaf],
        directory=tmp_path,
        environment=dict(os.environ),
        log=tmp_path / "log",
    )
    wait_for((tmp_path / "log").read_text)
    processes.stop(psutil.Process(child.pid), signal.SIGTERM, timeout_seconds=0.2)
    assert child.wait() == -signal.SIGKILL


def test_stop_with_a_process_that_is_not_there(stack: StackUnderTest) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    result = stack.run("up", f"--stop-with={gone.pid}")
    assert result.returncode == 1
    assert result.stderr == f"--stop-with {gone.pid}: there is no such process\n"
    assert stack.processes() == []


def test_root_without_user_namespaces_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _: None)
    processes._unshare.cache_clear()
    with pytest.raises(StackError, match="run as an ordinary user"):
        processes.as_ordinary_user(["postgres"])
    processes._unshare.cache_clear()
