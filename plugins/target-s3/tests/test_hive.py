"""Plain Parquet tables, as Glue and engines that know Hive's tables see them."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from pyarrow.fs import FileSelector, S3FileSystem
from pyiceberg.partitioning import PartitionKey
from target_s3 import partitions

from .conftest import glue_table

ANN, BOB, CAT = ({"id": n, "name": name} for n, name in enumerate(("Ann", "Bob", "Cat"), 1))


@pytest.fixture
def hive(glue):
    """Settings of plain Parquet tables in Glue."""
    glue["table_format"] = "parquet"
    return glue


def _read_as_hive(settings, name):
    """Read a table as an engine does that knows nothing but what Glue says."""
    table, partitions = glue_table(settings, name)
    fs = S3FileSystem(
        endpoint_override=settings["s3_endpoint_url"],
        access_key="test",
        secret_key="test",
        region=settings["aws_region"],
    )
    places = [table, *partitions] if not table["PartitionKeys"] else partitions
    rows = []
    for place in places:
        location = place["StorageDescriptor"]["Location"].removeprefix("s3://")
        values = place.get("Values", [])
        keys = {k["Name"]: v for k, v in zip(table["PartitionKeys"], values, strict=True)}
        for file in fs.get_file_info(FileSelector(location)):
            found = pq.read_table(file.path, filesystem=fs, partitioning=None)
            rows += [{**row, **keys} for row in found.to_pylist()]
    return sorted(rows, key=lambda row: row.get("_sdc_sequence") or row["committed_at"].timestamp())


def test_plain_parquet_tables_are_hive_tables_in_glue(run, players, hive):
    more = {"partition_by": {"*": ["name"]}}
    assert run(players.full_refresh([ANN, BOB]), **more).error is None
    players.schema(score="integer")
    rows = [{**ANN, "score": 1}, {**CAT, "name": None, "score": 2}]
    assert run(players.full_refresh(rows), **more).error is None
    players.schema(score="bigint")
    assert run(players.full_refresh([{**rows[0], "score": 2**40}, rows[1]]), **more).error is None

    table, partitions = glue_table(hive, "players")
    assert table["Parameters"]["classification"] == "parquet"
    assert "table_type" not in table["Parameters"]
    columns = {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}
    assert [columns[name] for name in ("id", "name", "score", "score__v2", "_sdc_sequence")] == [
        "int",
        "string",
        "int",
        "bigint",
        "bigint",
    ]
    assert [each["Name"] for each in table["PartitionKeys"]] == ["name_partition"]
    names = {each["Values"][0] for each in partitions}
    assert names == {"Ann", "Bob", "__HIVE_DEFAULT_PARTITION__"}
    found = [(r["id"], r["name_partition"]) for r in _read_as_hive(hive, "players")]
    null = "__HIVE_DEFAULT_PARTITION__"
    assert found[:2] == [(1, "Ann"), (2, "Bob")]
    assert sorted(found[2:5]) == [(1, "Ann"), (2, null), (3, null)]
    assert sorted(found[5:]) == [(1, "Ann"), (3, null)]
    assert [row["rows_committed"] for row in _read_as_hive(hive, "load_log")] == [2, 2, 2]


def test_plain_parquet_tells_null_from_the_text_null(run, players, hive):
    rows = [{"id": 1, "name": None}, {"id": 2, "name": "null"}, {"id": 3, "name": "a/b c%"}]
    assert run(players.full_refresh(rows), partition_by={"*": ["name"]}).error is None
    found = [(r["id"], r["name"], r["name_partition"]) for r in _read_as_hive(hive, "players")]
    assert sorted(found) == [
        (1, None, "__HIVE_DEFAULT_PARTITION__"),
        (2, "null", "null"),
        (3, "a/b c%", "a/b c%"),
    ]


def test_plain_parquet_whose_null_partition_lies_where_nobody_writes_now(
    run, players, hive, monkeypatch
):
    """Whatever is written elsewhere, no engine would see."""
    more = {"partition_by": {"*": ["name"]}}
    with monkeypatch.context() as earlier:
        earlier.setattr(partitions, "HivePath", PartitionKey)
        assert run(players.full_refresh([ANN, {"id": 2, "name": None}]), **more).error is None
    rows = players.batch([{"id": 3, "name": None}])
    refused = run([players.schema(), rows, players.state()], **more)
    assert "name_partition=null', and new rows" in str(refused.error)
    assert [row["id"] for row in _read_as_hive(hive, "players")] == [1, 2]
    assert run([players.schema(), players.batch([BOB]), players.state()], **more).error is None


def test_plain_parquet_needs_glue_and_keeps_its_partitions(run, players, hive):
    refused = run(players.full_refresh([ANN]), catalog_type="rest")
    assert "table_format 'parquet' needs catalog_type 'glue'" in str(refused.error)
    run(players.full_refresh([ANN]))
    refused = run(players.full_refresh([BOB]), partition_by={"*": ["name"]})
    assert "cannot change its partitions" in str(refused.error)
    assert len(_read_as_hive(hive, "players")) == 1
