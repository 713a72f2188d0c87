"""The command line: one clear line for bad input, clean ends, no secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

SECRET = "hush-5f1c"


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TRACKMAN_BACKEND_")}
    return subprocess.Popen(
        [sys.executable, "-m", "extract.simulated_backend", *arguments],
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["load", "--scale", "0"], "'0'"),
        (["load", "--scale", "-1"], "'-1'"),
        (["load", "--scale", "many"], "'many'"),
        (["load", "--scale", "inf"], "'inf'"),
        (["load", "--until", "yesterday"], "'yesterday'"),
        (["load", "--until", "0001-01-01"], "'0001-01-01'"),
        (["load", "--seed", "1.5"], "'1.5'"),
        (["simulate", "--seconds", "-3"], "'-3'"),
        (["simulate", "--rate", "0"], "'0'"),
        (["simulate", "--explode"], "--explode"),
        (["fill"], "'fill'"),
        ([], "command"),
    ],
)
def test_bad_arguments_give_one_line_and_status_2(arguments: list[str], part: str) -> None:
    status, out, err = finish(start(*arguments))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert part in err


@pytest.mark.parametrize("command", ["load", "simulate"])
@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("postgresql://someone@127.0.0.1:1/nowhere", "127.0.0.1:1/nowhere"),
        ("postgresql://someone@host.invalid/nowhere", "host.invalid"),
        (f"mysql://someone:{SECRET}@127.0.0.1/x", "postgresql://"),
        (f"postgresql://someone:{SECRET}@127.0.0.1:port/x", "port"),
    ],
)
def test_unreachable_servers_give_one_line(command: str, url: str, part: str) -> None:
    status, out, err = finish(
        start(command, TRACKMAN_BACKEND_URL=url, TRACKMAN_BACKEND_PASSWORD=SECRET)
    )
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert part in err
    assert SECRET not in err


def test_a_wrong_password_gives_one_line(postgres_url: str) -> None:
    part = {key: str(value) for key, value in conninfo_to_dict(postgres_url).items()}
    status, out, err = finish(
        start(
            "load",
            TRACKMAN_BACKEND_HOST=part["host"],
            TRACKMAN_BACKEND_PORT=part["port"],
            TRACKMAN_BACKEND_DATABASE=part["dbname"],
            TRACKMAN_BACKEND_USER="no_such_role",
            TRACKMAN_BACKEND_PASSWORD=SECRET,
        )
    )
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "no_such_role" in err
    assert SECRET not in err


def test_missing_rights_give_one_line_and_change_nothing(postgres_url: str) -> None:
    role = f"reader_{time.time_ns()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create role {role} login password '{SECRET}'".encode())
        part = conninfo_to_dict(postgres_url)
        url = f"postgresql://{role}@{part['host']}:{part['port']}/{part['dbname']}"
        status, out, err = finish(start("load", "--url", url, TRACKMAN_BACKEND_PASSWORD=SECRET))
        assert (status, out) == (1, "")
        assert err.count("\n") == 1
        assert "permission denied" in err
        tables = connection.execute("select count(*) from pg_class where relname = 'strokes'")
        assert tables.fetchone() == (0,)
        connection.execute(f"drop role {role}".encode())


def test_an_interrupted_load_leaves_nothing(postgres_url: str) -> None:
    process = start("load", TRACKMAN_BACKEND_URL=postgres_url)
    assert process.stderr is not None
    assert "facilities" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert (status, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: interrupted")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("select to_regclass('strokes') is null").fetchone() == (True,)


def test_load_twice_then_simulate_until_terminated(postgres_url: str) -> None:
    until = ["--scale", "0.005", "--until", "2026-01-31T12:00:00+01:00"]
    status, out, err = finish(start("load", *until, "--json", TRACKMAN_BACKEND_URL=postgres_url))
    first = json.loads(out)
    assert (status, first["loaded"]) == (0, True)
    assert "strokes" in err
    status, out, _ = finish(start("load", "--json", TRACKMAN_BACKEND_URL=postgres_url))
    again = json.loads(out)
    assert (status, again["loaded"], again["rows"]) == (0, False, first["rows"])
    status, out, _ = finish(start("load", TRACKMAN_BACKEND_URL=postgres_url))
    assert status == 0
    assert "already" in out

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for number in (signal.SIGTERM, signal.SIGINT):
            before = connection.execute("select count(*) from device_events").fetchone()
            process = start(
                "simulate", "--seconds", "0", "--rate", "500", "--json",
                TRACKMAN_BACKEND_URL=postgres_url,
            )  # fmt: skip
            while connection.execute("select count(*) from device_events").fetchone() == before:
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(number)
            status, out, err = finish(process)
            assert status == 0, err
            report = json.loads(out)
            assert before is not None
            after = connection.execute("select count(*) from device_events").fetchone()
            assert after == (before[0] + report["inserted"]["device_events"],)


def test_the_summary_is_for_people_too(own_url: str) -> None:
    status, out, err = finish(
        start("simulate", "--seconds", "1", "--rate", "1000", "--add-column",
              TRACKMAN_BACKEND_URL=own_url)
    )  # fmt: skip
    assert status == 0, err
    assert "added column strokes.closure_rate" in out
    assert "hard-deleted in" in out.splitlines()[-1]
