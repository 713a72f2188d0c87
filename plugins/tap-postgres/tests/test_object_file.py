"""The machine code of the decoder is made once and kept, whatever happens to the file."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest
from tap_postgres.object_file import kept_or_made

NAME = "kernels.o"


def refuse() -> bytes:
    raise AssertionError("made again")


def test_what_was_made_is_kept(tmp_path: Path) -> None:
    assert kept_or_made(NAME, lambda: b"code", [tmp_path / "new"]) == b"code"
    assert kept_or_made(NAME, refuse, [tmp_path / "elsewhere", tmp_path / "new"]) == b"code"
    assert [path.name for path in (tmp_path / "new").iterdir()] == [NAME]


@pytest.mark.parametrize("left", [0, 10, 35])
def test_what_is_damaged_is_made_again(tmp_path: Path, left: int) -> None:
    kept_or_made(NAME, lambda: b"code", [tmp_path])
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:left])
    assert kept_or_made(NAME, lambda: b"other", [tmp_path]) == b"other"
    assert kept_or_made(NAME, refuse, [tmp_path]) == b"other"


def test_where_nothing_can_be_written_the_next_place_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    places = [tmp_path / "file" / "below", tmp_path]
    assert kept_or_made(NAME, lambda: b"code", places) == b"code"
    assert kept_or_made(NAME, refuse, places) == b"code"
    with caplog.at_level(logging.WARNING):
        assert kept_or_made(NAME, lambda: b"code", places[:1]) == b"code"
    assert "set NUMBA_CACHE_DIR" in caplog.text


def test_two_may_make_it_at_once(tmp_path: Path) -> None:
    both_make = Barrier(2)

    def make() -> bytes:
        both_make.wait(10)
        return b"code" * 10_000

    def keep() -> None:
        contents.append(kept_or_made(NAME, make, [tmp_path]))

    contents: list[bytes] = []
    threads = [Thread(target=keep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents == [b"code" * 10_000] * 2
    assert kept_or_made(NAME, refuse, [tmp_path]) == contents[0]
    assert len(list(tmp_path.iterdir())) == 1


def test_numba_is_not_imported_where_the_object_is_there() -> None:
    script = "import sys, tap_postgres.compiled; print('numba' in sys.modules)"
    for _ in range(2):
        output = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True
        ).stdout
    assert output.strip() == "False"
