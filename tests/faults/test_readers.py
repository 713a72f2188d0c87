"""The readers see half a commit if there is one: else that they find none would show nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from tests.faults.pipe import Claim, Pipe
from tests.faults.readers import (
    DatabaseReader,
    HalfVisibleError,
    LakeReader,
    expect_claimed,
    expect_committed,
)
from tests.faults.writers import PAIRS

EARLIER, AT, LATER = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))


@pytest.fixture
def database(postgres_url: str) -> psycopg.Connection:
    """A destination with one whole pair."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "create schema raw;"
            "create table raw.pairs (pair bigint, side text, version int, at timestamptz,"
            " _sdc_sequence bigint);"
            "create table raw.load_log (table_name text, rows_committed int,"
            " sequence_from bigint, sequence_to bigint, stream text, source_time timestamptz,"
            " rows_read int);"
            "insert into raw.pairs values (1, 'a', 0, 'epoch', 1), (1, 'b', 0, 'epoch', 2);"
            "insert into raw.load_log values"
            " ('pairs', 2, 1, 2, 'public-pairs', '2026-01-02 00:00Z', 2)"
        )
        yield connection


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("insert into raw.pairs values (2, 'a', 0, 'epoch', 2)", "torn"),
        ("update raw.pairs set version = 1 where side = 'a'", "torn"),
        ("delete from raw.pairs", "had 2 rows"),
        ("update raw.pairs set _sdc_sequence = _sdc_sequence + 2", "the load log says nothing"),
        ("insert into raw.load_log values ('pairs', 2, 3, 4)", "missing"),
    ],
)
def test_half_a_commit_of_the_database_is_seen(
    database: psycopg.Connection, postgres_url: str, statement: str, told: str
) -> None:
    reader = DatabaseReader(postgres_url, [PAIRS])
    reader.look()
    database.execute(statement)
    with pytest.raises(HalfVisibleError, match=told):
        reader.look()


def _rows(*rows: tuple[int, str, int, int]) -> pa.Table:
    names = ("pair", "side", "version", "_sdc_sequence")
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    return table.append_column("at", pa.repeat(pa.scalar(AT), table.num_rows))


def _log(sequence_from: int, sequence_to: int) -> pa.Table:
    rows = sequence_to - sequence_from + 1
    row = {
        "stream": PAIRS.stream,
        "table_name": "pairs",
        "source_time": AT,
        "rows_read": rows,
        "rows_committed": rows,
        "sequence_from": sequence_from,
        "sequence_to": sequence_to,
    }
    return pa.Table.from_pylist([row])


WHOLE = [(1, "a", 0, 1), (1, "b", 0, 2)]


@pytest.mark.parametrize(
    ("later", "log", "told"),
    [
        ([(1, "a", 1, 3)], (1, 2), "torn"),
        ([(2, "a", 0, 3)], (1, 2), "torn"),
        ([(1, "a", 1, 2), (1, "b", 1, 3)], (1, 2), "number 2 is twice"),
        ([(1, "a", 1, 3), (1, "b", 1, 4)], (3, 5), "2 rows are there"),
    ],
)
def test_half_a_commit_of_the_lake_is_seen_though_a_later_one_mends_it(
    lake, later: list, log: tuple[int, int], told: str
) -> None:
    catalog, namespace = lake.catalog(), lake.settings["namespace"]
    catalog.create_namespace(namespace)
    pairs = catalog.create_table((namespace, "pairs"), _rows(*WHOLE).schema)
    logged = catalog.create_table((namespace, "load_log"), _log(1, 2).schema)
    reader = LakeReader(catalog, namespace, [PAIRS])
    pairs.append(_rows(*WHOLE))
    logged.append(_log(1, 2))
    reader.look()
    pairs.append(_rows(*later))
    logged.append(_log(*log))
    pairs.append(_rows((1, "a", 9, 8), (1, "b", 9, 9), (2, "a", 9, 10), (2, "b", 9, 11)))
    with pytest.raises(HalfVisibleError, match=told):
        reader.look()


def test_rows_that_vanish_from_the_lake_are_missed(lake) -> None:
    catalog, namespace = lake.catalog(), lake.settings["namespace"]
    catalog.create_namespace(namespace)
    pairs = catalog.create_table((namespace, "pairs"), _rows(*WHOLE).schema)
    reader = LakeReader(catalog, namespace, [PAIRS])
    pairs.append(_rows(*WHOLE))
    reader.look()
    pairs.overwrite(_rows(*WHOLE))
    with pytest.raises(HalfVisibleError, match="are gone"):
        reader.look()


def test_a_file_that_was_appended_twice_is_seen(lake) -> None:
    catalog, namespace = lake.catalog(), lake.settings["namespace"]
    catalog.create_namespace(namespace)
    pairs = catalog.create_table((namespace, "pairs"), _rows(*WHOLE).schema)
    pairs.append(_rows(*WHOLE))
    [task] = pairs.scan().plan_files()
    with pairs.transaction() as again, again.update_snapshot().fast_append() as files:
        files.append_data_file(task.file)
    with pytest.raises(HalfVisibleError, match="a file is twice"):
        LakeReader(catalog, namespace, [PAIRS]).look()


def test_what_a_state_claims_is_compared_with_the_load_log(
    database: psycopg.Connection, postgres_url: str, lake
) -> None:
    catalog, namespace = lake.catalog(), lake.settings["namespace"]
    catalog.create_namespace(namespace)
    catalog.create_table((namespace, "load_log"), _log(1, 2).schema).append(_log(1, 2))
    pairs = catalog.create_table((namespace, "pairs"), _rows(*WHOLE).schema)
    pairs.append(_rows(*WHOLE))
    lake_reader = LakeReader(catalog, namespace, [PAIRS])
    lake_reader.look()
    for loads in (DatabaseReader(postgres_url, [PAIRS]).loads, lake_reader.loads):
        right, early, quiet = (
            [Claim(PAIRS.stream, time, has_rows)]
            for time, has_rows in ((AT, True), (LATER, True), (LATER, False))
        )
        for claims in (right, quiet, []):
            expect_committed(claims, loads, "place")
        with pytest.raises(HalfVisibleError, match="claims rows that are not in the place"):
            expect_committed(early, loads, "place")
        for claims in (right, quiet):
            expect_claimed(claims, loads, "place")
        for claims in ([], [Claim(PAIRS.stream, EARLIER, True)]):
            with pytest.raises(HalfVisibleError, match="lacks loads of the place"):
                expect_claimed(claims, loads, "place")


def test_a_state_claims_what_was_read(tmp_path: Path) -> None:
    pipe = Pipe("any", tmp_path, "target", {}, {})
    assert pipe.claims() == []
    read = {"rows_read": 3, "source_time": AT.isoformat()}
    quiet = {"rows_read": 0, "source_time": LATER.isoformat()}
    pipe.state_file.write_text(json.dumps({"bookmarks": {"a": read, "b": quiet}}))
    assert pipe.claims() == [Claim("a", AT, True), Claim("b", LATER, False)]
