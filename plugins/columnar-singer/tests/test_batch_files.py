"""Files of a BATCH message, from the tap's hand to the target's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from columnar_singer import batch_files
from columnar_singer.errors import UserError
from columnar_singer.unread_files import UnreadFiles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SCHEMA = pa.schema([("id", pa.int64()), ("note", pa.string())])
NOW = datetime(2024, 1, 1, 12, tzinfo=UTC)


def batch(first: int, rows: int) -> pa.RecordBatch:
    ids = list(range(first, first + rows))
    return pa.record_batch([ids, ["x" * 10] * rows], schema=SCHEMA)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30
)
@given(
    sizes=st.lists(st.integers(0, 50), max_size=8),
    rows_per_file=st.integers(5, 40),
    compression=st.sampled_from(batch_files.COMPRESSIONS),
)
def test_rows_arrive_in_order_whatever_the_sizes(
    tmp_path: Path, sizes: list[int], rows_per_file: int, compression: str | None
) -> None:
    directory = batch_files.new_run_directory(tmp_path.as_uri())
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    files = list(
        batch_files.write_batch_files(
            (batch(start, size) for start, size in zip(starts, sizes, strict=True)),
            directory,
            SCHEMA,
            extracted_at=NOW,
            compression=compression,
            rows_per_file=rows_per_file,
        )
    )
    batch_files.close_run_directory(directory)
    assert all(0 < file.rows <= rows_per_file for file in files)
    read = [piece for file in files for piece in batch_files.read_batches(file.url)]
    assert [row["id"] for piece in read for row in piece.to_pylist()] == list(range(sum(sizes)))
    assert all(batch_files.extracted_at(piece) == NOW for piece in read)
    for file in files:
        batch_files.delete_batch_file(file.url)
        batch_files.delete_batch_file(file.url)
    assert not directory.exists()


def test_a_file_is_closed_when_it_is_full_of_bytes(tmp_path: Path) -> None:
    directory = batch_files.new_run_directory(str(tmp_path))
    batches = [batch(number * 10, 10) for number in range(6)]
    files = batch_files.write_batch_files(
        batches, directory, SCHEMA, extracted_at=NOW, bytes_per_file=2 * batches[0].nbytes
    )
    assert [file.rows for file in files] == [20, 20, 20]


def test_an_error_leaves_no_half_written_file(tmp_path: Path) -> None:
    directory = batch_files.new_run_directory(str(tmp_path))

    def failing() -> Iterator[pa.RecordBatch]:
        yield batch(0, 10)
        raise RuntimeError("the source has gone")

    files = batch_files.write_batch_files(
        failing(), directory, SCHEMA, extracted_at=NOW, rows_per_file=7
    )
    assert next(files).rows == 7
    with pytest.raises(RuntimeError, match="gone"):
        next(files)
    assert len(list(directory.glob("*.arrow"))) == 1


def test_a_directory_stays_while_its_tap_runs(tmp_path: Path) -> None:
    directory = batch_files.new_run_directory(str(tmp_path))
    [file] = batch_files.write_batch_files([batch(0, 1)], directory, SCHEMA, extracted_at=NOW)
    batch_files.delete_batch_file(file.url)
    assert directory.exists()
    batch_files.close_run_directory(directory)
    assert not directory.exists()


def test_only_the_owner_may_read_batch_files(tmp_path: Path) -> None:
    directory = batch_files.new_run_directory(str(tmp_path))
    [file] = batch_files.write_batch_files([batch(0, 1)], directory, SCHEMA, extracted_at=NOW)
    assert directory.stat().st_mode & 0o077 == 0
    assert batch_files.path_of(file.url).stat().st_mode & 0o077 == 0


def test_leftovers_of_dead_runs_are_swept_and_others_are_not(tmp_path: Path) -> None:
    dead = batch_files.new_run_directory(str(tmp_path))
    recent = batch_files.new_run_directory(str(tmp_path))
    foreign = tmp_path / "not-ours"
    foreign.mkdir()
    old = time.time() - batch_files.LEFTOVER_AGE_SECONDS - 1
    for directory in (dead, foreign):
        os.utime(directory, (old, old))
    batch_files.new_run_directory(str(tmp_path))
    assert not dead.exists()
    assert recent.exists()
    assert foreign.exists()


def test_odd_paths_survive_as_urls(tmp_path: Path) -> None:
    root = tmp_path / "a b%20#ø"
    directory = batch_files.new_run_directory(root.as_uri())
    [file] = batch_files.write_batch_files([batch(0, 1)], directory, SCHEMA, extracted_at=NOW)
    assert next(batch_files.read_batches(file.url)).num_rows == 1


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ({"format": "parquet"}, "'parquet' are not supported"),
        ({"format": "arrow", "compression": "gzip"}, "'gzip'"),
    ],
)
def test_another_encoding_is_refused(encoding: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        batch_files.check_encoding(encoding)
    assert batch_files.check_encoding({"format": "arrow", "compression": "none"}) is None


def test_storage_that_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="batch files cannot lie at 's3://bucket'"):
        batch_files.new_run_directory("s3://bucket")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match=r"batch_config\.storage\.root"):
        batch_files.new_run_directory(str(file / "below"))


def test_a_file_that_is_cut_or_gone_is_told(tmp_path: Path) -> None:
    directory = batch_files.new_run_directory(str(tmp_path))
    [file] = batch_files.write_batch_files([batch(0, 1000)], directory, SCHEMA, extracted_at=NOW)
    path = batch_files.path_of(file.url)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match="cannot read the batch file"):
        list(batch_files.read_batches(file.url))
    path.unlink()
    with pytest.raises(UserError, match="cannot read the batch file"):
        list(batch_files.read_batches(file.url))


def test_a_tap_waits_for_a_target_as_long_as_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = batch_files.new_run_directory(str(tmp_path))
    [file] = batch_files.write_batch_files([batch(0, 9)], directory, SCHEMA, extracted_at=NOW)
    reader, writer = os.pipe()
    with open(writer, "w") as output:  # noqa: PTH123 (a descriptor)
        monkeypatch.setattr("sys.stdout", output)
        unread = UnreadFiles(limit=file.bytes - 1)
        unread.wait_for_room()
        unread.add(file)

        def give_up() -> None:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            unread.wait_for_room(give_up)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            unread.wait_for_room()
        batch_files.delete_batch_file(file.url)
        unread.wait_for_room()


def test_a_tap_whose_messages_go_to_a_file_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = batch_files.new_run_directory(str(tmp_path))
    [file] = batch_files.write_batch_files([batch(0, 9)], directory, SCHEMA, extracted_at=NOW)
    with (tmp_path / "messages").open("w") as output:
        monkeypatch.setattr("sys.stdout", output)
        unread = UnreadFiles(limit=0)
        unread.add(file)
        unread.wait_for_room()
