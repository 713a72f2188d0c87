"""The same tables through the other kinds of Iceberg catalog."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer
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
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def glue(settings, moto_url):
    """Settings of a Glue catalog and an S3 that speak the APIs of AWS."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("s3", endpoint_url=moto_url, region_name="eu-central-1", **keys)
    client.create_bucket(
        Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
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


def test_38_the_password_of_a_catalog_is_not_told(run, players, postgres, caplog):
    user, _, rest = postgres["catalog_uri"].partition("@")
    wrong = f"{user.rpartition(':')[0]}:{SECRET}@127.0.0.1:1/{rest.rpartition('/')[2]}"
    outcome = run(players.full_refresh([ANN]), catalog_uri=wrong)
    assert "127.0.0.1:1" in str(outcome.error)
    assert "\n" not in str(outcome.error)
    assert SECRET not in str(outcome.error) + caplog.text
