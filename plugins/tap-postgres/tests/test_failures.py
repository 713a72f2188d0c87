"""What goes wrong is told in one line, and harms nothing but itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.helpers._state import StateWriter

if TYPE_CHECKING:
    from .conftest import Source

INCREMENTAL = {"replication-method": "INCREMENTAL"}


def command(tmp_path: Path, config: dict[str, Any], *arguments: str) -> list[str]:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    code = "from tap_postgres.__main__ import main; main()"
    return [sys.executable, "-c", code, "--config", str(path), *arguments]


def run_command(
    tmp_path: Path, config: dict[str, Any], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(tmp_path, config, *arguments), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"password": "s3cret-wrong"}, "refused the password"),
        ({"user": "nobody_here", "password": "s3cret-wrong"}, "'nobody_here'"),
        ({"database": "not_there"}, "no such database"),
        ({"port": 1, "connect_attempts": 1}, "no PostgreSQL server listens"),
        ({"host": "not-there.invalid"}, "correct the setting 'host'"),
        ({"port": 70000}, "'port' is 70000; give a number from 1 to 65535"),
        ({"port": "abc"}, "'port' is 'abc'; give a number from 1 to 65535"),
        ({"password": ["s3cret-wrong"]}, "the value of 'password' is not valid"),
        ({"filter_schemas": []}, "empty list"),
        (
            {"batch_config": {"encoding": {"format": "csv"}, "storage": {"root": "/x"}}},
            "'csv' is not one of ['arrow']",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_wrong_setting_is_told_in_one_line_without_the_password(
    source: Source, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    done = run_command(tmp_path, {**source.config, **change})
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if "INFO" not in line]
    assert len(lines) == 1
    assert told in lines[0]
    assert "Traceback" not in done.stderr
    for secret in ("s3cret-wrong", source.config["password"] + "@"):
        assert secret not in done.stderr


def test_a_missing_setting_is_named_at_discovery_too(tmp_path: Path) -> None:
    done = run_command(tmp_path, {"host": "127.0.0.1"}, "--discover")
    assert done.returncode == 1
    assert "'user'" in done.stderr
    assert "'database'" in done.stderr
    assert "Traceback" not in done.stderr


def test_f25_a_stream_that_fails_leaves_the_others(
    source: Source, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source.execute(
        "create table a (id int)",
        "create table c (id int)",
        "create view b as select 1 / (10 - id) as id from generate_series(1, 20) id",
        "insert into a values (1)",
        "insert into c values (3)",
    )
    run = source.run(state={"bookmarks": {"public-b": {"source_time": "before"}}})
    assert run.values("public-a", "id") == [1]
    assert run.values("public-c", "id") == [3]
    assert run.bookmark("public-b") == {"source_time": "before"}
    assert "fingerprint" in run.bookmark("public-c")
    assert str(run.error).startswith("1 of 3 selected streams failed: public-b;")
    [line] = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert line == "Stream public-b failed: DivisionByZero: division by zero"


def test_a_failing_run_ends_with_a_status_that_is_not_zero(source: Source, tmp_path: Path) -> None:
    source.execute("create view b as select 1 / (id - id) as x from generate_series(1, 2) id")
    done = run_command(tmp_path, source.config)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "public-b" in done.stderr


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({**INCREMENTAL, "replication-key": "gone"}, "the replication-key column 'gone'"),
        ({**INCREMENTAL, "replication-key": "tags"}, "column 'tags' of type text[] cannot be"),
        (INCREMENTAL, "needs a replication-key; set one of id"),
        ({"replication-method": "LOG_BASED"}, "'LOG_BASED' is not supported"),
        ({"table-key-properties": ["gone"]}, "the key column 'gone' does not exist"),
    ],
)
def test_f03_a_stream_that_cannot_be_read_as_asked_is_refused_with_the_column_named(
    source: Source, caplog: pytest.LogCaptureFixture, metadata: dict[str, Any], told: str
) -> None:
    source.execute("create table t (id int, tags text[])")
    run = source.run({"public-t": metadata})
    assert run.error is not None
    assert told in caplog.text
    assert not run.messages


def test_a_selected_table_that_is_not_there_is_named(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.execute("create table gone (id int)", "create table t (id int)")
    catalog = source.catalog()
    source.execute("drop table gone")
    run = source.run(catalog=catalog)
    assert "public-gone" in str(run.error)
    assert "Stream public-gone failed: there is no such table" in caplog.text
    assert run.bookmark("public-t")


def test_a_table_that_may_not_be_read_fails_instead_of_being_left_out(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.execute(
        "create table t (id int)", "create role nobody_reads login password 'none' superuser"
    )
    try:
        source.execute("alter role nobody_reads nosuperuser")
        run = source.run(user="nobody_reads", password="none")
        assert "permission denied for table t" in caplog.text
        assert run.error is not None
    finally:
        source.execute("drop role nobody_reads")


def test_f05_f06_a_container_stop_leaves_no_state_that_claims_unread_rows(
    source: Source, tmp_path: Path
) -> None:
    source.execute(
        "create table a (id int)",
        "insert into a values (1)",
        "create view slow as select pg_sleep(60)::text as x",
    )
    with subprocess.Popen(
        command(tmp_path, source.config), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        messages = []
        while not messages or messages[-1].get("stream") != "public-slow":
            messages.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGTERM)
        messages += [json.loads(line) for line in process.stdout]
    assert process.returncode == 128 + signal.SIGTERM
    [state] = [message for message in messages if message["type"] == "STATE"]
    assert list(state["value"]["bookmarks"]) == ["public-a"]
    assert messages[-1] == {**messages[-1], "type": "SCHEMA", "stream": "public-slow"}


def test_a_target_that_has_ended_ends_the_tap(source: Source, tmp_path: Path) -> None:
    source.execute("create table t as select repeat('x', 1000) as x from generate_series(1, 1000)")
    config = {**source.config, "batch_config": None}
    del config["batch_config"]
    with subprocess.Popen(
        command(tmp_path, config), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert "what reads the output has ended" in errors
    assert "Exception ignored" not in errors


def test_the_lock_on_a_table_ends_with_its_stream(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.execute("create table a (id int)", "create table b (id int)")
    locks = []
    write_state = StateWriter.write_state

    def look(writer: StateWriter, state: Any) -> None:
        locks.append(
            source.value(
                "select count(*) from pg_locks where relation in"
                " (select oid from pg_class where relname in ('a', 'b') and relkind = 'r')"
            )
        )
        write_state(writer, state)

    monkeypatch.setattr(StateWriter, "write_state", look)
    assert source.run().error is None
    assert locks == [0, 0]


def test_a_stream_that_was_read_before_and_is_gone_is_named(source: Source) -> None:
    source.execute(
        "create table kept (id int primary key)", "create table renamed (id int primary key)"
    )
    first = source.run()
    source.execute("alter table renamed rename to newcomer")
    second = source.run(state=first.state)
    assert "public-renamed" in str(second.error)
    assert "public-kept" not in str(second.error)
    # The rest of the run is as any other, the table's new name included.
    assert second.bookmark("public-newcomer")
    assert second.bookmark("public-renamed") == first.bookmark("public-renamed")


def test_a_server_that_is_gone_in_the_middle_ends_the_run(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.execute(
        *(f"create table t{number} (id int)" for number in range(3)),
        "create role cut_off login password 'r'",
        "grant select on t0, t1, t2 to cut_off",
    )

    def cut_off() -> None:
        # A new connection is refused for what may pass.
        source.execute(
            "alter role cut_off connection limit 0",
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename = 'cut_off'",
        )

    try:
        run = source.run(user="cut_off", password="r", connect_attempts=2, after_snapshot=cut_off)
        assert str(run.error).startswith("the server has no connection left")
        # It was tried as often as the setting says, and not for each stream again.
        assert caplog.text.count("Attempt 1 of 2 to connect to") == 1
    finally:
        source.execute("drop owned by cut_off", "drop role cut_off")
