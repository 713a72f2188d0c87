"""The same tables through the other kinds of Iceberg catalog."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pyarrow.fs import FileSelector, S3FileSystem
from pyiceberg.catalog import load_catalog
from target_s3.settings import LakeSettings

ANN, BOB, CAT = ({"id": n, "name": name} for n, name in enumerate(("Ann", "Bob", "Cat"), 1))
SECRET = "s3cret-that-nobody-may-see"


@pytest.fixture
def sqlite(settings, tmp_path):
    """Settings of a catalog in SQLite, its files on the real object store."""
    settings.update(catalog_type="sql", catalog_uri=f"sqlite:///{tmp_path}/catalog.db")
    del settings["catalog_credential"]
    return settings


@pytest.fixture
def postgres(settings, postgres_url):
    """The same in PostgreSQL."""
    uri = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    settings.update(catalog_type="sql", catalog_uri=uri)
    del settings["catalog_credential"]
    return settings


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """A stand-in for AWS: Glue and S3 of moto, which can run here."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(
        Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    yield url
    server.stop()


@pytest.fixture
def glue(settings, moto_url):
    """Settings of a Glue catalog and an S3 that speak the APIs of AWS."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    settings.update(
        keys,
        catalog_type="glue",
        catalog_uri=moto_url,
        s3_endpoint_url=moto_url,
        warehouse="s3://lake/prefix",
        aws_region="eu-central-1",
    )
    del settings["catalog_credential"]
    return settings


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "glue"])
def test_other_catalogs_hold_the_same_tables(run, make_reader, players, request, kind):
    settings = request.getfixturevalue(kind)
    more = {"partition_by": {"*": ["bucket(2, id)"]}, "sort_by": {"*": ["name"]}}
    assert run(players.full_refresh([ANN, BOB]), **more).error is None
    players.schema(score="integer")
    rows = [{**ANN, "score": 1}, {**CAT, "score": None}]
    assert run(players.full_refresh(rows), **more).error is None

    catalog = load_catalog("lake", **LakeSettings.from_config(settings).catalog_properties())
    reader = make_reader(catalog, settings["namespace"])
    assert [row["id"] for row in reader.current("players", "id")] == [1, 3]
    assert len(reader.rows("players")) == 5
    assert [row["rows_committed"] for row in reader.load_log()] == [2, 2]
    assert reader.rows("quarantine") == []
    location = reader.table("players").location()
    assert location.startswith(settings["warehouse"])


def test_f38_the_password_of_a_catalog_is_not_told(run, players, postgres, caplog):
    user, _, rest = postgres["catalog_uri"].partition("@")
    wrong = f"{user.rpartition(':')[0]}:{SECRET}@127.0.0.1:1/{rest.rpartition('/')[2]}"
    outcome = run(players.full_refresh([ANN]), catalog_uri=wrong)
    assert "127.0.0.1:1" in str(outcome.error)
    assert "\n" not in str(outcome.error)
    assert SECRET not in str(outcome.error) + caplog.text


@pytest.fixture
def hive(glue):
    """Settings of plain Parquet tables in Glue."""
    glue["table_format"] = "parquet"
    return glue


def _glue_table(settings, name):
    client = boto3.client(
        "glue",
        endpoint_url=settings["catalog_uri"],
        region_name=settings["aws_region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    where = {"DatabaseName": settings["namespace"]}
    table = client.get_table(**where, Name=name)["Table"]
    return table, client.get_partitions(**where, TableName=name)["Partitions"]


def _read_as_hive(settings, name):
    """Read a table as an engine does that knows nothing but what Glue says."""
    table, partitions = _glue_table(settings, name)
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

    table, partitions = _glue_table(hive, "players")
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


def test_plain_parquet_needs_glue_and_keeps_its_partitions(run, players, hive):
    refused = run(players.full_refresh([ANN]), catalog_type="rest")
    assert "table_format 'parquet' needs catalog_type 'glue'" in str(refused.error)
    run(players.full_refresh([ANN]))
    refused = run(players.full_refresh([BOB]), partition_by={"*": ["name"]})
    assert "cannot change its partitions" in str(refused.error)
    assert len(_read_as_hive(hive, "players")) == 1
