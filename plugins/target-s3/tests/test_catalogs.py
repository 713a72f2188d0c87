"""The same tables through the other kinds of Iceberg catalog."""

from __future__ import annotations

import json

import boto3
import pytest
import requests
from pyiceberg.catalog import load_catalog
from pyiceberg.table.update.snapshot import ExpireSnapshots
from target_s3.glue import described
from target_s3.lake import Lake
from target_s3.settings import LakeSettings

from .conftest import glue_table

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
        return glue_table(glue, name)[0]

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
        before = glue_table(glue, "players")[0]
    outcome = run(_load(players, [BOB], description="Other."), **loader(action))
    told = str(outcome.error)
    assert action in told
    assert "grant it the action named" in told
    assert "\n" not in told
    assert outcome.states == []
    requests.post(f"{glue['catalog_uri']}/moto-api/reset-auth", data=b"inf", timeout=10)
    if action == "glue:UpdateTable":
        assert glue_table(glue, "players")[0]["Parameters"] == before["Parameters"]
