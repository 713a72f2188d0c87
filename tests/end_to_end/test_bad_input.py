"""What a user gets wrong is answered by one line that says what to do, and changes nothing."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import free_ports

if TYPE_CHECKING:
    from tests.end_to_end.project import Project

SECRET = "wr0ng-s3cret"


def fingerprint(project: Project) -> Any:
    """What must stay as it is: the load log, the states, the rows of one table."""
    with project.database() as database:
        logged = database.execute("select count(*), max(committed_at) from raw.load_log").fetchone()
        strokes = database.execute(
            "select count(*), max(_sdc_sequence) from raw.strokes"
        ).fetchone()
    return logged, strokes, project.states()


@contextmanager
def nothing_changes(project: Project) -> Iterator[None]:
    before = fingerprint(project)
    yield
    assert fingerprint(project) == before


def assert_one_line(output: str, *words: str) -> None:
    """One line of the output tells all, having every one of `words`, and there is no other."""
    telling = [line for line in output.splitlines() if not _IS_PROGRESS.search(line)]
    assert len(telling) == 1, output[-3000:]
    assert [word for word in words if word not in telling[0]] == [], telling[0]
    assert SECRET not in output


# What is said about any run, and what make adds to a failed command.
_IS_PROGRESS = re.compile(
    r"│ (started|FAILED, see|done in|public-\S+: [\d,]+ rows)|"
    r"│ error: \d+ of \d+ selected streams failed: |"
    r"^make(\[\d\])?: |^\s+(create|install) "
)


_PLUGINS = ("TAP_TRACKMAN_BACKEND", "TARGET_DATAENGINEERING_DB")
CONNECTIONS = [
    ("backend-to-db", "TRACKMAN_BACKEND"),
    ("backend-to-db", "DATAENGINEERING_DB"),
]


@pytest.mark.parametrize(("job", "prefix"), CONNECTIONS)
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PASSWORD", SECRET, ["password", "refused"]),
        ("PORT", "closed", ["no PostgreSQL server listens", "127.0.0.1", "'port'"]),
        ("DATABASE", "no_such_db", ["no_such_db", "no such database", "'database'"]),
        ("PORT", "abc", ["PORT", "abc", "65535"]),
    ],
    ids=["wrong password", "host down", "unknown database", "malformed port"],
)
def test_a_wrong_connection_setting(
    project: Project, job: str, prefix: str, variable: str, value: str, words: list[str]
) -> None:
    value = str(free_ports(1)) if value == "closed" else value
    with nothing_changes(project):
        attempts = {f"{plugin}_CONNECT_ATTEMPTS": "2" for plugin in _PLUGINS}
        run = project.job(job, **{f"{prefix}_{variable}": value}, **attempts)
        assert run.returncode != 0
        assert_one_line(run.stdout, *words)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TRACKMAN_LAKE_BUCKET": "no-such-bucket"}, ["no-such-bucket"]),
        ({"TRACKMAN_LAKE_SECRET_ACCESS_KEY": SECRET}, ["credential"]),
        ({"TRACKMAN_LAKE_CATALOG_PORT": "closed"}, ["catalog", "127.0.0.1"]),
    ],
    ids=["bucket missing", "wrong credential", "catalog down"],
)
def test_a_wrong_lake_setting(
    project: Project, variables: dict[str, str], words: list[str]
) -> None:
    filled = {k: str(free_ports(1)) if v == "closed" else v for k, v in variables.items()}
    with nothing_changes(project):
        run = project.job("backend-to-lake", **filled)
        assert run.returncode != 0
        assert_one_line(run.stdout, *words)


def test_a_variable_that_is_not_set_is_named(project: Project) -> None:
    run = project.meltano("--environment=prod", "run", "backend-to-db")
    assert run.returncode != 0
    assert "'TRACKMAN_BACKEND_CERTIFICATE_AUTHORITY' referenced but not set" in run.stdout


def test_no_write_permission_in_the_database(project: Project) -> None:
    with project.database() as database:
        database.execute("create role onlooker login password 'onlooker'")
    try:
        with nothing_changes(project):
            run = project.job(
                "backend-to-db",
                DATAENGINEERING_DB_USER="onlooker",
                DATAENGINEERING_DB_PASSWORD="onlooker",
            )
            assert run.returncode != 0
            assert_one_line(run.stdout, "grant", "onlooker")
    finally:
        with project.database() as database:
            database.execute("drop role onlooker")


def test_a_selected_table_that_is_gone(project: Project) -> None:
    states = project.states()
    with project.source() as source:
        source.execute("alter table club_types rename to club_kinds")
    try:
        run = project.job("backend-to-db")
        assert run.returncode != 0
        assert_one_line(run.stdout, "public-club_types", "no such table", "remove its bookmark")
    finally:
        with project.source() as source:
            source.execute("alter table club_kinds rename to club_types")
        with project.database() as database:
            database.execute("drop table if exists raw.club_kinds")
        project.set_states(states)  # the renamed table was a stream of its own for a moment


def test_a_replication_key_that_is_missing(project: Project) -> None:
    states = project.states()
    metadata = {"replication-method": "INCREMENTAL", "replication-key": "changed_at"}
    try:
        run = project.job(
            "backend-to-db",
            TAP_TRACKMAN_BACKEND__METADATA=json.dumps({"public-strokes": metadata}),
        )
        assert run.returncode != 0
        assert_one_line(run.stdout, "public-strokes", "'changed_at'", "does not exist")
    finally:
        project.set_states(states)  # other streams were followed in another way for a moment


def test_a_taken_port_is_named_with_its_variable(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        up = project.run(
            "make",
            "up",
            TRACKMAN_BACKEND_PORT=port,
            LOCAL_STACK_DIR=str(project.root / ".local-other"),
        )
    assert up.returncode != 0
    assert_one_line(up.stdout, port, "TRACKMAN_BACKEND_PORT")


def test_malformed_settings_of_the_stack(project: Project) -> None:
    for value in ("abc", "0", "70000"):
        up = project.run("make", "up", TRACKMAN_LAKE_S3_PORT=value)
        assert up.returncode != 0
        assert_one_line(up.stdout, "TRACKMAN_LAKE_S3_PORT", value)


def test_an_old_python_is_refused(project: Project) -> None:
    # No old Python can be had here: this one says that it is old.
    claims = project.root / "old-python"
    claims.write_text(
        f"#!{sys.executable}\nimport runpy, sys\nsys.version_info = (3, 9, 18, 'final', 0)\n"
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    claims.chmod(0o755)
    run = project.run("make", "run", f"PYTHON={claims}")
    claims.unlink()
    assert run.returncode != 0
    assert_one_line(run.stdout, "Python 3.9", "3.11", "PYTHON=")
