"""Large tables are read in parts, by several connections, once each row, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from columnar_singer import retry
from columnar_singer.unread_files import UnreadFiles
from tap_postgres import chunks, sending, tap, workers

if TYPE_CHECKING:
    from .conftest import Source

ROWS = 20_000
BY_ID = {"public-t": {"replication-method": "INCREMENTAL", "replication-key": "id"}}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 200_000)
    monkeypatch.setattr(workers, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.05)


@pytest.fixture
def table(source: Source) -> Source:
    source.execute(
        "create table t (id int primary key, note text)",
        f"insert into t select n, repeat('x', 100) from generate_series(1, {ROWS}) n",
        "vacuum analyze t",
    )
    return source


@pytest.fixture
def on_chunk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any, int], None]], list[int]]:
    """Calls a function with the connection and the number of each chunk before it is read."""

    def install(function: Callable[[Any, int], None]) -> list[int]:
        seen: list[int] = []
        lock = threading.Lock()
        batches = sending.Selection.batches

        def observed(
            self: Any, connection: Any, chunk: Any, check: Any = lambda: None
        ) -> Iterator[Any]:
            with lock:
                seen.append(connection.info.backend_pid)
                number = len(seen)
            for batch in batches(self, connection, chunk, check):
                function(connection, number)
                yield batch

        monkeypatch.setattr(sending.Selection, "batches", observed)
        return seen

    return install


def no_connection_is_left(source: Source) -> bool:
    # A backend ends a moment after its client.
    for _ in range(100):
        if not source.value(
            "select count(*) from pg_stat_activity"
            " where application_name = 'tap-postgres' and datname = current_database()"
        ):
            return True
        time.sleep(0.05)
    return False


def test_a_large_table_is_read_by_several_connections_and_a_small_one_by_one(
    table: Source, on_chunk: Any
) -> None:
    table.execute("create table small (id int primary key)", "insert into small values (1)")
    seen = on_chunk(lambda *_: time.sleep(0.02))
    run = table.run()
    assert run.error is None
    assert run.values("public-t", "id") == list(range(1, ROWS + 1))
    assert run.bookmark("public-t")["rows_read"] == ROWS
    assert run.values("public-small", "id") == [1]
    assert len(seen) > 5
    assert len(set(seen)) == 3
    assert no_connection_is_left(table)


@pytest.mark.parametrize(
    "definition",
    [
        "create table t (id int, note text)",
        """
        create table t (id int, note text) partition by range (id);
        create table t_1 partition of t for values from (0) to (7000);
        create table t_2 (note text, gone int, id int);
        alter table t_2 drop column gone;
        alter table t attach partition t_2 for values from (7000) to (9000);
        create table t_3 partition of t default partition by list (id);
        create table t_4 partition of t_3 default;
        """,
        """
        create table t (id int, note text);
        create table child (more int) inherits (t);
        create rule split as on insert to t where new.id % 2 = 0
            do instead insert into child values (new.id, new.note);
        """,
    ],
    ids=["plain", "partitioned", "inherited"],
)
def test_all_parts_are_read_in_one_snapshot_while_others_write(
    source: Source, on_chunk: Any, definition: str
) -> None:
    source.execute(
        *definition.split(";\n"),
        f"insert into t select n, repeat('x', 100) from generate_series(1, {ROWS}) n",
        "analyze t",
    )

    def write(_connection: Any, number: int) -> None:
        with psycopg.connect(source.url, autocommit=True) as other:
            other.execute(
                f"update t set note = 'moved' || repeat('y', 90) where id % 10 = {number % 10}"
            )
            other.execute(f"insert into t values ({ROWS + number}, 'new')")
            other.execute(f"delete from t where id = {number}")

    seen = on_chunk(write)
    run = source.run()
    assert run.error is None
    assert len(seen) > 5
    # A child by inheritance is a stream of its own.
    streams = run.rows.keys()
    assert sorted(id for stream in streams for id in run.values(stream, "id")) == list(
        range(1, ROWS + 1)
    )
    assert {note for stream in streams for note in run.values(stream, "note")} == {"x" * 100}


def test_f30_a_worker_that_is_lost_in_the_middle_of_a_chunk_is_replaced(
    table: Source, on_chunk: Any
) -> None:
    def kill(connection: Any, number: int) -> None:
        if number in {2, 5}:
            table.value(f"select pg_terminate_backend({connection.info.backend_pid}, 5000)")

    on_chunk(kill)
    run = table.run()
    assert run.error is None
    assert run.values("public-t", "id") == list(range(1, ROWS + 1))
    assert len(list(table.directory.glob("*/*.arrow"))) == len(run.of("BATCH"))


def test_f30_a_query_that_is_cancelled_is_read_again(table: Source, on_chunk: Any) -> None:
    def cancel(_connection: Any, number: int) -> None:
        if number == 3:
            raise psycopg.errors.QueryCanceled("canceling statement due to conflict with recovery")

    on_chunk(cancel)
    run = table.run()
    assert run.error is None
    assert run.values("public-t", "id") == list(range(1, ROWS + 1))


def test_a_lasting_error_ends_the_stream_at_once(
    table: Source, on_chunk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    has_failed = threading.Event()

    def fail(_connection: Any, number: int) -> None:
        if number == 3:
            has_failed.set()
            raise psycopg.errors.DataCorrupted("invalid page in block 7")
        if number > 3:  # however late the third comes
            has_failed.wait()

    seen = on_chunk(fail)
    table.execute("create table u (id int)")
    run = table.run()
    assert "Stream public-t failed: DataCorrupted: invalid page in block 7" in caplog.text
    assert not run.bookmark("public-t")
    assert run.bookmark("public-u")
    assert len(seen) < 12  # of 14
    # Nothing is left but what was named.
    assert len(list(table.directory.glob("*/*.arrow"))) == len(run.of("BATCH"))
    assert no_connection_is_left(table)


@pytest.mark.parametrize("method", ["INCREMENTAL", "FULL_TABLE"])
def test_f30_a_snapshot_that_is_lost_is_replaced_where_rows_are_merged(
    table: Source, on_chunk: Any, method: str
) -> None:
    def lose(_connection: Any, number: int) -> None:
        if number == 4:
            table.execute(
                "update t set note = 'moved' where id = 1",
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where application_name = 'tap-postgres' and datname = current_database()",
            )

    on_chunk(lose)
    table.execute("create table u (id int)", "insert into u values (1)")
    metadata = {"public-t": {**BY_ID["public-t"], "replication-method": method}}
    run = table.run(metadata)
    # The others are read in any case.
    assert run.bookmark("public-u")["rows_read"] == 1
    if method == "FULL_TABLE":
        assert run.error is not None
        assert not run.bookmark("public-t")
        return
    assert run.error is None
    rows = run.rows["public-t"]
    assert run.bookmark("public-t")["rows_read"] == len(rows)
    # As a target merges them: the last one of a key.
    assert {row["id"]: row["note"] for row in rows} == {
        **dict.fromkeys(range(1, ROWS + 1), "x" * 100),
        1: "moved",
    }


def test_workers_stand_aside_for_a_migration_that_waits(table: Source, on_chunk: Any) -> None:
    migrations: list[threading.Thread] = []

    def migrate() -> None:
        with psycopg.connect(table.url, autocommit=True) as other:
            other.execute("alter table t add column more int")

    real = workers.Workers.read

    def read(self: Any, *arguments: Any) -> Any:
        migrations.append(threading.Thread(target=migrate))
        migrations[0].start()
        while not table.value("select count(*) from pg_locks where not granted"):
            time.sleep(0.01)
        return real(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers.Workers, "read", read)
        run = table.run()
    migrations[0].join()
    assert run.error is None
    assert run.values("public-t", "id") == list(range(1, ROWS + 1))


def test_a_part_of_a_table_by_its_index_is_read_as_one(table: Source, on_chunk: Any) -> None:
    first = table.run(BY_ID)
    table.execute(
        f"insert into t select {ROWS} + n, 'new' from generate_series(1, 10) n", "analyze t"
    )
    seen = on_chunk(lambda *_: None)
    second = table.run(BY_ID, first.state)
    assert second.bookmark("public-t")["rows_read"] == 10
    assert len(seen) == 1


def test_a_role_that_may_read_the_parent_only_reads_it_as_one(source: Source) -> None:
    source.execute(
        "create table t (id int, note text) partition by range (id)",
        "create table t_1 partition of t for values from (0) to (10000)",
        "create table t_2 partition of t default",
        f"insert into t select n, repeat('x', 100) from generate_series(1, {ROWS}) n",
        "analyze t",
        "create role reads_parent login password 'r'",
        "grant select on t to reads_parent",
    )
    try:
        run = source.run(user="reads_parent", password="r")
        assert run.error is None
        assert run.values("public-t", "id") == list(range(1, ROWS + 1))
    finally:
        source.execute("drop owned by reads_parent", "drop role reads_parent")


def test_f05_a_container_stop_leaves_neither_connection_nor_state(
    table: Source, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(table.config))
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps(table.catalog()))
    code = """
import time
from tap_postgres import chunks, sending
from tap_postgres.__main__ import main

chunks.CHUNK_BYTES = 200_000
batches = sending.Selection.batches

def slow(*arguments):
    for batch in batches(*arguments):
        time.sleep(0.5)
        yield batch

sending.Selection.batches = slow
main()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, "--config", str(config), "--catalog", str(catalog)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while json.loads(process.stdout.readline())["type"] != "BATCH":
            pass
        process.send_signal(signal.SIGTERM)
        rest = [json.loads(line) for line in process.stdout]
    assert process.returncode == 128 + signal.SIGTERM
    assert {message["type"] for message in rest} <= {"BATCH"}
    assert no_connection_is_left(table)
    # What is there was named, but for the one that was being named just then.
    assert len(list(table.directory.glob("*/*.arrow"))) <= len(rest) + 2


def test_files_wait_for_a_target_that_is_slow(
    table: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = UnreadFiles(limit=100_000)
    _reader, writer = os.pipe()
    monkeypatch.setattr(unread, "_output", writer)
    most = 0
    total = table.value("select count(*) from t")

    def consume() -> None:
        nonlocal most
        while not done.is_set():
            files = sorted(table.directory.glob("*/*.arrow"), key=lambda path: path.stat().st_mtime)
            most = max(most, sum(path.stat().st_size for path in files))
            time.sleep(0.05)
            for path in files[:2]:
                path.unlink()

    done = threading.Event()
    consumer = threading.Thread(target=consume)
    consumer.start()
    monkeypatch.setattr(tap, "UnreadFiles", lambda: unread)
    try:
        run = table.run()
    finally:
        done.set()
        consumer.join()
    assert run.error is None
    assert run.bookmark("public-t")["rows_read"] == total
    # The bound, and what each worker had begun.
    assert most < 100_000 + 2 * 600_000


def test_a_partition_that_is_attached_while_the_tap_runs_is_read_with_the_others(
    source: Source,
) -> None:
    source.execute(
        "create table t (id int, note text) partition by range (id)",
        f"create table t_1 partition of t for values from (0) to ({ROWS})",
        f"insert into t select n, repeat('x', 100) from generate_series(1, {ROWS} - 1) n",
        "create table t_2 (id int, note text)",
        f"insert into t_2 values ({ROWS}, 'new')",
        "analyze t",
    )
    attach = f"alter table t attach partition t_2 for values from ({ROWS}) to ({2 * ROWS})"
    run = source.run(after_snapshot=lambda: source.execute(attach))
    # FULL_TABLE: what is not sent counts as deleted, and the next run finds nothing changed.
    assert run.values("public-t", "id") == list(range(1, ROWS + 1))


def test_a_server_without_a_connection_left_is_read_by_the_one_there_is(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    source.execute(
        "create table t (id int, note text)",
        f"insert into t select n, repeat('x', 100) from generate_series(1, {ROWS}) n",
        "analyze t",
        "create role has_one login password 'r' connection limit 1",
        "grant select on t to has_one",
    )
    try:
        run = source.run(user="has_one", password="r", connect_attempts=1)
        assert run.error is None
        assert run.values("public-t", "id") == list(range(1, ROWS + 1))
        assert "the server has no connection left" in caplog.text
    finally:
        source.execute("drop owned by has_one", "drop role has_one")
