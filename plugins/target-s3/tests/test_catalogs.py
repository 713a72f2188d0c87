"""The same tables through the other kinds of Iceberg catalog."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pyarrow.parquet as pq
import pytest
import requests
from moto.server import ThreadedMotoServer
from pyarrow.fs import FileSelector, S3FileSystem
from pyiceberg.catalog import load_catalog
from pyiceberg.partitioning import PartitionKey
from pyiceberg.table.update.snapshot import ExpireSnapshots
from target_s3 import partitions
from target_s3.glue import described
from target_s3.lake import Lake
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


def test_f27_old_leases_that_another_run_removes_meanwhile_are_no_fault(sqlite, monkeypatch):
    first, second = (Lake(LakeSettings.from_config(sqlite), name) for name in ("one", "two"))
    for number in range(3):
        first.leases.take(f"table_{number}")
    monkeypatch.setattr("target_s3.lease._MAX_SNAPSHOTS", 2)
    by_ids = ExpireSnapshots.by_ids

    def faster(self, ids):
        # The other run has come to the same point, and goes on first.
        monkeypatch.undo()
        table = second._open_lease_table()
        by_ids(table.maintenance.expire_snapshots(), ids).commit()
        return by_ids(self, ids)

    monkeypatch.setattr(ExpireSnapshots, "by_ids", faster)
    assert first.leases.take("players")
    first.leases.release()


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


PERSON = {
    "x-source": "backend.public.players (PostgreSQL, tap-postgres)",
    "x-owner": "backend_owner",
    "description": "People who play.",
}


def _described(players, columns=None, **table):
    """A SCHEMA as tap-postgres sends it: descriptions and marks of the table and its columns."""
    message = players.schema()
    message["schema"].update({**PERSON, **table})
    for name, words in (columns or {}).items():
        properties = message["schema"]["properties"]
        properties[name] = {**properties[name], **words}
    return message


def _load(players, rows, columns=None, **table):
    if not rows:  # a table that is followed by its replication key and has nothing new
        return [_described(players, columns, **table), players.state()]
    return [_described(players, columns, **table), *players.full_refresh(rows)[1:]]


@pytest.fixture(params=["iceberg", "parquet"])
def registered(glue, request):
    """Reads what Glue says of a table, of either format."""
    glue["table_format"] = request.param

    def read(name):
        return _glue_table(glue, name)[0]

    return read


def _comments(table):
    return {each["Name"]: each.get("Comment", "") for each in table["StorageDescriptor"]["Columns"]}


def test_glue_says_what_a_table_is_and_keeps_up(run, players, registered):
    name = {"description": "Full name. Masked.", "x-personal-data": True}
    assert run(_load(players, [ANN], {"name": name})).error is None
    table = registered("players")
    assert table["Description"] == "People who play."
    assert table["Owner"] == "backend_owner"
    assert table["Parameters"]["source"] == PERSON["x-source"]
    assert json.loads(table["Parameters"]["personal-data-columns"]) == ["name"]
    assert _comments(table)["name"] == "Full name. Masked."
    assert _comments(table)["_sdc_sequence"].startswith("Number of this version")
    assert registered("load_log")["Description"].startswith("One row for each commit")
    assert registered("load_log")["Parameters"]["source"] == "target-s3"

    # Nothing new, neither rows nor words: no version of the table more.
    before = registered("players")
    assert run(_load(players, [], {"name": name})).error is None
    after = registered("players")
    assert (after["VersionId"], after["Parameters"]) == (before["VersionId"], before["Parameters"])

    # Other words, and a new column with its own, without rows.
    players.schema(score="integer")
    words = {
        "id": {"description": "Number."},
        "name": {"x-personal-data": True},
        "score": {"description": "Points."},
    }
    assert run(_load(players, [], words, description="Players.")).error is None
    table = registered("players")
    assert [_comments(table)[each] for each in ("id", "name", "score")] == [
        "Number.",
        "",
        "Points.",
    ]
    assert table["Description"] == "Players."

    # What is no longer said, is no longer shown; and a commit of rows leaves the rest there.
    message = _load(players, [ANN, BOB], words)
    del message[0]["schema"]["description"]
    assert run(message).error is None
    table = registered("players")
    assert (table.get("Description", ""), table["Parameters"]["comment"]) == ("", "")
    assert (_comments(table)["id"], table["Owner"]) == ("Number.", "backend_owner")


def test_columns_of_persons_stay_marked_as_long_as_old_rows_have_values(run, players, registered):
    players.schema(email="integer", phone="text")
    marks = {each: {"x-personal-data": True} for each in ("name", "email", "phone")}
    rows = [{**ANN, "email": 1, "phone": "1"}]
    assert run(_load(players, rows, marks)).error is None
    players.schema(email="text")
    del players.properties["phone"], marks["phone"], marks["name"]
    rows = [{**ANN, "email": "a@b"}]
    assert run(_load(players, rows, marks)).error is None
    marked = registered("players")["Parameters"]["personal-data-columns"]
    assert json.loads(marked) == ["email", "email__v2", "phone"]


def test_a_tap_that_knows_nothing_of_descriptions_erases_none(run, players, registered):
    assert run(_load(players, [ANN], {"name": {"description": "Full name."}})).error is None
    assert run([players.schema(), players.state()]).error is None
    table = registered("players")
    assert (table["Description"], table["Owner"]) == ("People who play.", "backend_owner")
    assert _comments(table)["name"] == "Full name."
    assert table["Parameters"]["source"] == "public-players"


def test_settings_say_what_the_source_does_not(run, players, registered):
    properties = {"owner": "team golf", "personal-data-columns": '["name"]'}
    more = {"table_properties": {"public-*": properties}}
    assert run(players.full_refresh([ANN]), **more).error is None
    assert registered("players")["Owner"] == "team golf"
    before = registered("players")["VersionId"]
    assert run([players.schema(), players.state()], **more).error is None
    assert registered("players")["VersionId"] == before
    assert registered("players")["Parameters"]["personal-data-columns"] == '["name"]'


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("Two\nlines,\ttabbed \x01.", "Two lines, tabbed ."),
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 254 + "…"),
        ("😀" * 200, "😀" * 127 + "…"),
    ],
)
def test_what_glue_would_refuse_of_a_comment_is_cut_there_only(text, comment):
    parameters = {"comment": text * 20, "owner": "o" * 300}
    columns = [{"Name": "a", "Comment": text}, {"Name": "b"}]
    given = {"Parameters": parameters, "StorageDescriptor": {"Columns": columns}}
    found = described(given)
    assert found["StorageDescriptor"]["Columns"] == [{"Name": "a", "Comment": comment}, columns[1]]
    assert len(found["Description"].encode("utf-16-le")) // 2 <= 2048
    assert found["Owner"] == "o" * 254 + "…"
    assert found["Parameters"] == parameters


@pytest.fixture
def loader(glue):
    """An identity of moto's IAM that may do all but what it is denied."""
    options = {
        "endpoint_url": glue["catalog_uri"],
        "region_name": glue["aws_region"],
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    iam = boto3.client("iam", **options)
    name = f"loader-{glue['namespace']}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def deny(action):
        statements = [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": action, "Resource": "*"},
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
        requests.post(f"{glue['catalog_uri']}/moto-api/reset-auth", data=b"0", timeout=10)
        return {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }

    yield deny
    requests.post(f"{glue['catalog_uri']}/moto-api/reset-auth", data=b"inf", timeout=10)


@pytest.mark.parametrize("action", ["glue:UpdateTable", "glue:CreateTable", "glue:GetTable"])
def test_a_right_that_glue_misses_is_named(run, players, glue, loader, action):
    if action == "glue:UpdateTable":
        assert run(_load(players, [ANN])).error is None
        before = _glue_table(glue, "players")[0]
    outcome = run(_load(players, [BOB], description="Other."), **loader(action))
    told = str(outcome.error)
    assert action in told
    assert "grant it the action named" in told
    assert "\n" not in told
    assert outcome.states == []
    requests.post(f"{glue['catalog_uri']}/moto-api/reset-auth", data=b"inf", timeout=10)
    if action == "glue:UpdateTable":
        assert _glue_table(glue, "players")[0]["Parameters"] == before["Parameters"]
