"""Every type that may order a stream: what is read first, what the bookmark is, what comes next."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tap_postgres import position

if TYPE_CHECKING:
    from .conftest import Metadata, Source

STREAM = "public-t"
BY_KEY: Metadata = {STREAM: {"replication-method": "INCREMENTAL", "replication-key": "key"}}

# Type of the key: keys of the first run, of the second, the bookmark between, and what the second
# sends again, as it is not sure of it.
CASES: dict[str, tuple[list[str | None], list[str | None], object]] = {
    "timestamp with time zone": (
        ["0001-01-02 00:00:00+00", "2024-01-01 00:00:00.000001+00", None],
        ["2024-01-01 00:00:00.000001+00", "2024-01-02 00:00:00+00", "2024-06-01 00:00+00"],
        "2024-01-01 00:00:00.000001+00",
    ),
    "timestamp without time zone": (
        ["2023-12-31 23:59:59", "2024-01-01 00:00:00"],
        ["2024-01-01 00:00:00", "2024-06-01 00:00"],
        "2024-01-01 00:00:00",
    ),
    "timestamp(3) with time zone": (
        ["2024-01-01 00:00:00.123+00"],
        ["2024-01-01 00:00:00.123+00", "2024-01-01 00:00:00.124+00"],
        "2024-01-01 00:00:00.123+00",
    ),
    "date": (["2023-12-31", "2024-01-01"], ["2024-01-01", "2024-06-01"], "2024-01-01"),
    "smallint": (["-32768", "7"], ["7", "32767"], 7),
    "integer": (["-5", "-3", None], ["-3", "2147483647", None], -3),
    "bigint": (["9007199254740993"], ["9007199254740993", "9223372036854775807"], 9007199254740993),
    "numeric": (
        ["-1", "123456789012345678901234567890.000000000000001"],
        ["123456789012345678901234567890.000000000000001", "1e40"],
        "123456789012345678901234567890.000000000000001",
    ),
    "numeric(20,3)": (["10.5", "9.125"], ["10.500", "11"], "10.500"),
    "uuid": (
        ["018cc251-f400-7000-8000-000000000001", "018cc251-f400-7000-8000-0000000000ff"],
        ["018cc251-f400-7000-8000-0000000000ff", "018cc251-f401-7000-8000-000000000000"],
        "018cc251-f400-7000-8000-0000000000ff",
    ),
    "text": (["", "a'b", "ab"], ["ab", "b 🏌", "é"], "ab"),
    "character varying(5)": (["a", "b"], ["b", "c"], "b"),
    "character(5)": (["a", "b"], ["b", "c"], "b"),
}


def insert(source: Source, keys: list[str | None], run: int) -> None:
    for key in keys:
        source.connection.execute("insert into t (key, run) values (%s, %s)", (key, run))


@pytest.mark.parametrize("datatype", CASES)
def test_f02_each_type_of_replication_key_orders_a_stream(source: Source, datatype: str) -> None:
    first_keys, second_keys, bookmark = CASES[datatype]
    source.execute(
        f"create table t (id int generated always as identity primary key, key {datatype}, run int)"
    )
    insert(source, first_keys, 1)
    first = source.run(BY_KEY)
    assert first.values(STREAM, "run") == [1] * len(first_keys)
    assert first.bookmark(STREAM)["replication_key_value"] == bookmark
    # Another session writes in a server whose settings have changed in between.
    database = source.value("select current_database()")
    source.execute(
        f"alter database {database} set timezone = 'Pacific/Kiritimati'",
        f"alter database {database} set datestyle = 'German, DMY'",
    )
    insert(source, second_keys, 2)
    second = source.run(BY_KEY, first.state)
    assert second.error is None
    assert second.values(STREAM, "run") == [2] * len(second_keys)
    assert source.run(BY_KEY, second.state).values(STREAM, "run") == []


@pytest.mark.parametrize("datatype", ["timestamp with time zone", "date"])
def test_an_infinite_key_does_not_hide_the_rows_that_follow(source: Source, datatype: str) -> None:
    source.execute(f"create table t (key {datatype}, run int)")
    insert(source, ["-infinity", "2024-01-01", "infinity"], 1)
    first = source.run(BY_KEY)
    assert first.bookmark(STREAM)["replication_key_value"] < "9999"
    source.execute("insert into t values (now(), 2)")
    second = source.run(BY_KEY, first.state)
    assert second.values(STREAM, "run") == [2]


def test_only_infinite_keys_of_the_past_are_a_position_too(source: Source) -> None:
    source.execute("create table t (key timestamp, run int)")
    insert(source, ["-infinity"], 1)
    first = source.run(BY_KEY)
    assert first.bookmark(STREAM)["replication_key_value"] == "-infinity"
    insert(source, ["0044-03-15 BC", "-infinity"], 2)
    # Python has no such times, so the rows are counted.
    assert source.run(BY_KEY, first.state).bookmark(STREAM)["rows_read"] == 2


def test_a_key_that_is_no_number_does_not_hide_the_rows_that_follow(source: Source) -> None:
    source.execute("create table t (key numeric, run int)")
    insert(source, ["1", "NaN", "Infinity"], 1)
    first = source.run(BY_KEY)
    insert(source, ["2", "Infinity"], 2)
    second = source.run(BY_KEY, first.state)
    assert second.values(STREAM, "run") == [2, 2]


@pytest.mark.parametrize("collation", ["und-x-icu", "C", "de-x-icu"])
def test_a_text_key_is_ordered_by_its_own_collation(source: Source, collation: str) -> None:
    if not source.value(f"select count(*) from pg_collation where collname = '{collation}'"):
        pytest.skip(f"the server has no collation {collation}")
    source.execute(f'create table t (key text collate "{collation}", run int)')
    # In bytes: 'B' < 'a' < 'z' < 'ä'; in a language: a < ä < B < z.
    insert(source, ["a", "B"], 1)
    first = source.run(BY_KEY)
    greatest = source.value("select key from t order by key desc limit 1")
    assert first.bookmark(STREAM)["replication_key_value"] == greatest
    insert(source, ["z", "zz"], 2)
    assert source.run(BY_KEY, first.state).values(STREAM, "run") == [2, 2]


@pytest.mark.parametrize("datatype", ["timestamp", "timestamptz", "date"])
def test_f16_a_server_whose_time_zone_changes_between_runs_loses_nothing(
    source: Source, datatype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(position, "START_REPORT_DELAY", timedelta(0))
    database = source.value("select current_database()")
    source.execute(f"create table t (key {datatype} default now(), run int)")
    state = None
    # From the first clock on Earth to the last, and back.
    for number, zone in enumerate(["Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"]):
        source.execute(f"alter database {database} set timezone = '{zone}'")
        with source.session() as writer:
            writer.execute(f"insert into t (run) values ({number})")
        run = source.run(BY_KEY, state)
        assert number in run.values(STREAM, "run")
        state = run.state
