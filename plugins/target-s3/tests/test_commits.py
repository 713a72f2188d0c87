"""What is visible when: after a commit, before one, and after a run that broke off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from columnar_singer.batch_files import path_of
from columnar_singer.load_log import LoadLogRow
from pyarrow.fs import FileSelector
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import CommitStateUnknownException, ForbiddenError, NoSuchTableError
from target_s3 import catalog
from target_s3.lake import Lake
from target_s3.settings import LakeSettings
from target_s3.staging import StagedFiles

ANN, BOB, CAT = ({"id": n, "name": name} for n, name in enumerate(("Ann", "Bob", "Cat"), 1))
SOURCE_TIME = "2026-01-02T03:04:05.678901+00:00"


@pytest.fixture
def start(settings, tmp_path):
    """Starts the target as a process of its own, stdin and stdout being pipes."""
    config = tmp_path / "config.json"
    started = []

    def start_target(**more):
        config.write_text(json.dumps({**settings, **more}))
        process = subprocess.Popen(
            [sys.executable, "-m", "target_s3", "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start_target
    for process in started:
        process.kill()
        process.wait()


def _send(process, *messages):
    process.stdin.write("".join(f"{json.dumps(message)}\n" for message in messages))
    process.stdin.flush()


def _wait_for_log(process, text):
    lines = []
    while (line := process.stderr.readline()) and text not in line:
        lines.append(line)
    assert line, f"the target ended before it logged {text!r}: {''.join(lines)}"


def _data_files(table):
    fs, path = table.io.fs_by_scheme("s3", None), table.location().removeprefix("s3://")
    found = fs.get_file_info(FileSelector(f"{path}/data", allow_not_found=True, recursive=True))
    return [info.path for info in found if info.is_file]


def test_f05_state_goes_out_only_after_the_commit(start, reader, players):
    process = start()
    _send(process, players.schema(), players.batch([ANN]))
    _wait_for_log(process, "1 rows staged")
    assert reader.rows("players") == []
    _send(process, players.state(at=1))
    assert json.loads(process.stdout.readline())["bookmarks"] == {"public-players": {"at": 1}}
    assert reader.rows("players", "name") == [("Ann",)]
    assert [row["rows_committed"] for row in reader.load_log()] == [1]
    process.stdin.close()
    assert process.wait() == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_f05_f08_a_run_stopped_before_its_commit_leaves_nothing_visible(
    start, run, reader, players, monkeypatch, how
):
    process = start(batch_size_rows=1)
    _send(process, players.schema(), players.batch([ANN, BOB]))
    _wait_for_log(process, "2 rows staged")
    os.kill(process.pid, how)
    out, _ = process.communicate()
    assert out == ""
    if how == signal.SIGTERM:
        with pytest.raises(NoSuchTableError):  # a table of this run, so it goes with it
            reader.table("players")
    else:
        assert reader.rows("players") == []

    assert run(players.full_refresh([ANN, BOB])).error is None
    assert reader.rows("players", "id", "name") == [(1, "Ann"), (2, "Bob")]


def test_rows_arrive_in_bounded_memory_as_several_files_of_one_commit(
    run, reader, players, monkeypatch
):
    monkeypatch.setattr("target_s3.staging.ROW_GROUP_BYTES", 1)
    monkeypatch.setattr("target_s3.layout._MB", 0)
    monkeypatch.setattr("target_s3.spill.PART_BYTES", 1)
    rows = [{"id": number, "name": f"player {number}"} for number in range(10)]
    batch = players.batch(rows, rows_per_file=2)
    run([players.schema(), batch, players.activate(), players.state(rows_read=10)])
    table = reader.table("players")
    assert len(table.snapshots()) == 1
    assert len(table.inspect.files()) == 5
    (log,) = reader.load_log()
    assert (log["files"], log["rows_committed"]) == (5, 10)
    assert log["bytes"] == sum(table.inspect.files()["file_size_in_bytes"].to_pylist())

    rows = [{**row, "name": "odd"} if row["id"] % 2 else row for row in rows]
    batch = players.batch(rows, rows_per_file=3)
    run([players.schema(), batch, players.activate(), players.state(rows_read=10)])
    assert [number for (number,) in reader.rows("players", "id")[10:]] == [1, 3, 5, 7, 9]
    assert len(_data_files(reader.table("players"))) == len(
        reader.table("players").inspect.files()
    ), "what was staged and not needed is deleted"


def test_f37_the_load_log_tells_a_run(run, reader, players):
    bookmark = {
        "rows_read": 2,
        "position_from": "1",
        "position_to": "2",
        "source_time": SOURCE_TIME,
    }
    run([players.schema(), players.batch([CAT]), players.state(position_to="1")], run_id="run-0")
    run([players.schema(), players.batch([ANN, BOB]), players.state(**bookmark)], run_id="run-1")
    (row,) = [row for row in reader.load_log() if row["run_id"] == "run-1"]
    snapshot = reader.table("players").current_snapshot().summary.additional_properties
    expected = {
        "run_id": "run-1",
        "stream": "public-players",
        "table_name": "players",
        "rows_read": 2,
        "rows_committed": 2,
        "rows_rejected": 0,
        "files": 1,
        "position_from": "1",
        "position_to": "2",
        "source_time": datetime.fromisoformat(SOURCE_TIME),
        "schema_changes": "[]",
    }
    assert {name: row[name] for name in expected} == expected
    assert row["started_at"] <= row["committed_at"] <= datetime.now(tz=UTC)
    told = {name: value for name, value in row.items() if value is not None}
    as_text = {
        f"load_log.{name}": value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in told.items()
    }
    assert as_text.items() <= snapshot.items(), "the load log can be rebuilt from the snapshots"


def test_f36_quiet_streams_are_in_the_load_log_in_one_commit(run, reader, players):
    other = replace(players, stream="sales-orders", properties=dict(players.properties))
    both = [players.schema(), other.schema()]
    run([*both, players.states({"public-players": {}, "sales-orders": {}})])
    before = reader.snapshots("load_log")
    facts = {"rows_read": 0, "source_time": SOURCE_TIME}
    outcome = run(
        [*both, players.states({"public-players": facts, "sales-orders": facts})], run_id="quiet"
    )
    assert outcome.states == [{"bookmarks": {"public-players": facts, "sales-orders": facts}}]
    quiet = [row for row in reader.load_log() if row["run_id"] == "quiet"]
    assert sorted(row["table_name"] for row in quiet) == ["players", "sales_orders"]
    assert {row["source_time"].isoformat() for row in quiet} == {SOURCE_TIME}
    assert {(row["rows_committed"], row["sequence_to"]) for row in quiet} == {(0, None)}
    assert reader.snapshots("load_log") == before + 1
    assert reader.snapshots("players") == 0


def test_f25_a_stream_that_fails_leaves_the_others_committed(run, reader, players):
    other = replace(players, stream="public-clubs", properties=dict(players.properties))
    other.schema(value="text")
    run([other.schema(), players.states({"public-clubs": {"at": 1}})])
    other.schema(id="date")
    outcome = run(
        [
            players.states({"public-players": {"at": 1}, "public-clubs": {"at": 1}}),
            other.schema(),
            other.batch([{"id": None, "name": None, "value": None}]),
            players.schema(),
            players.batch([ANN]),
            players.states({"public-players": {"at": 2}, "public-clubs": {"at": 2}}),
        ]
    )
    assert "stream 'public-clubs'" in str(outcome.error)
    assert "\n" not in str(outcome.error)
    assert outcome.states[-1]["bookmarks"] == {
        "public-players": {"at": 2},
        "public-clubs": {"at": 1},
    }
    assert reader.rows("players", "name") == [("Ann",)]
    assert reader.rows("clubs") == []


def test_f25_a_commit_that_fails_leaves_neither_rows_nor_files(run, reader, players, monkeypatch):
    run([players.schema(), players.state()])

    def refuse(*_):
        raise OSError(
            "When initiating multiple part upload for key 'k' in bucket 'b': AWS Error "
            "ACCESS_DENIED during PutObject operation: Access Denied."
        )

    with monkeypatch.context() as patch:
        patch.setattr("target_s3.catalog.append", refuse)
        outcome = run([players.schema(), players.batch([ANN]), players.state(at=1)])
    assert "s3:PutObject" in str(outcome.error)
    assert outcome.states == []
    assert reader.rows("players") == []
    assert _data_files(reader.table("players")) == []


def test_a_failing_load_log_does_not_delete_committed_files(run, reader, players, monkeypatch):
    run([players.schema(), players.state()])

    def refuse(*_):
        raise OSError("AWS Error ACCESS_DENIED during PutObject operation: Access Denied.")

    with monkeypatch.context() as patch:
        patch.setattr("target_s3.lake.Lake.write_load_log", refuse)
        outcome = run([players.schema(), players.batch([ANN]), players.state(at=1)])
    assert outcome.error is not None
    assert outcome.states == [], "the next run reads the rows again"
    assert reader.rows("players", "name") == [("Ann",)]


@pytest.mark.parametrize("is_made", [True, False])
def test_a_commit_without_an_answer_is_looked_up(run, reader, players, monkeypatch, is_made):
    run([players.schema(), players.batch([ANN]), players.state()])
    commit_table = RestCatalog.commit_table

    def lose_answer(self, table, *args):
        if "players" not in table.name():
            return commit_table(self, table, *args)
        if is_made:
            commit_table(self, table, *args)
        raise CommitStateUnknownException("gateway timeout")

    files_before = len(_data_files(reader.table("players")))
    with monkeypatch.context() as patch:
        patch.setattr("columnar_singer.retry.time.sleep", lambda _: None)
        patch.setattr(RestCatalog, "commit_table", lose_answer)
        outcome = run([players.schema(), players.batch([BOB]), players.state(at=1)])
    assert len(_data_files(reader.table("players"))) == files_before + 1, "never deleted"
    if is_made:
        assert outcome.error is None
        assert outcome.states[-1]["bookmarks"] == {"public-players": {"at": 1}}
        assert reader.rows("players", "name") == [("Ann",), ("Bob",)]
    else:
        assert "may or may not have been made" in str(outcome.error)
        assert outcome.states == []
        assert reader.rows("players", "name") == [("Ann",)]


def test_a_commit_that_is_forbidden_is_told_as_such(run, reader, players, monkeypatch):
    run([players.schema(), players.batch([ANN]), players.state()])
    commit_table = RestCatalog.commit_table

    def forbid(self, table, *args):
        if "players" in table.name():
            raise ForbiddenError("no right to commit")
        return commit_table(self, table, *args)

    files_before = _data_files(reader.table("players"))
    with monkeypatch.context() as patch:
        patch.setattr(RestCatalog, "commit_table", forbid)
        outcome = run([players.schema(), players.batch([BOB]), players.state(at=1)])
    assert "forbids it (no right to commit); grant it on namespace" in str(outcome.error)
    assert _data_files(reader.table("players")) == files_before


def test_f28_a_commit_follows_a_concurrent_one(run, reader, players):
    run([players.schema(), players.batch([ANN]), players.state()])
    mine, theirs = reader.table("players"), reader.table("players")
    rows = theirs.scan().to_arrow()

    staged = StagedFiles(mine, "run")
    staged.write(rows)
    files = staged.close()
    theirs.append(rows)
    catalog.append(mine, files, {})
    assert len(reader.rows("players")) == 3


def test_f28_streams_may_be_committed_in_parallel(run, settings, players, reader):
    run([players.schema(), players.state()])
    lakes = [Lake(LakeSettings.from_config(settings), "run") for _ in range(2)]
    row = LoadLogRow(**reader.load_log()[0])
    threads = [
        threading.Thread(target=lake.write_load_log, args=([row],))
        for lake in lakes
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reader.load_log()) == 1 + len(threads)


def test_batch_files_are_deleted_after_the_commit(run, players):
    batch = players.batch([ANN])
    run([players.schema(), batch, players.state()])
    assert not any(path_of(url).exists() for url in batch["manifest"])


def test_a_table_that_is_gone_is_not_begun_in_the_middle(run, reader, players):
    """The state of a lake that was replaced: what is before the position would be missing."""

    def go_on():  # a batch file is deleted with the run that failed
        return run([players.schema(), players.batch([BOB]), players.state(position_from="1")])

    for _ in range(2):  # the first must leave nothing that lets the second through
        assert "'players' is not there" in str(go_on().error)
    run([players.schema(), players.batch([ANN, BOB]), players.state(position_to="2")])
    assert go_on().error is None
    assert len(reader.rows("players", "id")) == 3


def test_a_table_that_a_killed_run_has_made_is_not_begun_in_the_middle(run, reader, players):
    run([players.schema()])  # as a run leaves it that is killed before its first commit
    assert reader.rows("players") == []
    refused = run([players.schema(), players.batch([BOB]), players.state(position_from="1")])
    assert "'players' is not there" in str(refused.error)
    assert run([players.schema(), players.batch([BOB]), players.state()]).error is None


def test_f08_orphan_files_are_swept_once_a_day_and_only_old_ones_of_ours(
    run, start, reader, players
):
    run([players.schema(), players.batch([ANN]), players.state()])
    process = start(batch_size_rows=1)
    _send(process, players.schema(), players.batch([BOB]))
    _wait_for_log(process, "1 rows staged")
    table = reader.table("players")
    old, foreign = (f"{table.location()}/data/{name}.parquet" for name in ("x", "y"))
    orphan = old.replace("x.parquet", "run-0123456789ab-00000.parquet")
    for path in (orphan, foreign):
        with table.io.new_output(path).create() as stream:
            stream.write(b"left by a killed run")
    process.kill()
    process.wait()

    def left():
        return {path.rpartition("/")[2] for path in _data_files(reader.table("players"))}

    run([players.schema(), players.batch([CAT]), players.state()], orphan_file_hours=0)
    assert "run-0123456789ab-00000.parquet" in left(), "the table was looked through today"
    with table.transaction() as transaction:
        transaction.set_properties({"target-s3.orphans-swept-at": "2026-01-01T00:00:00+00:00"})
    run([players.schema(), players.batch([CAT]), players.state()])
    assert "run-0123456789ab-00000.parquet" in left(), "it is young"
    with table.refresh().transaction() as transaction:
        transaction.set_properties({"target-s3.orphans-swept-at": "2026-01-01T00:00:00+00:00"})
    run([players.schema(), players.batch([BOB]), players.state()], orphan_file_hours=0)
    assert left() == {"y.parquet"} | {
        path.rpartition("/")[2]
        for path in reader.table("players").inspect.files()["file_path"].to_pylist()
    }
    assert reader.rows("players", "name") == [("Ann",), ("Cat",), ("Cat",), ("Bob",)]
    swept_at = reader.table("players").properties["target-s3.orphans-swept-at"]
    assert swept_at > "2026-01-02"
