"""A running stack: what it offers, what it shows, how it mends itself."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError

from orchestrate.local_stack import stack
from orchestrate.local_stack.processes import ProcessRecord
from orchestrate.local_stack.settings import AccessKey
from orchestrate.local_stack.tests.helpers import (
    PARTS,
    StackUnderTest,
    ask_athena,
    assert_written_everywhere,
    query,
    query_lake,
    taken,
    write_everywhere,
)

SERVERS = PARTS[:2]


def test_status_tells_people_and_machines(running: StackUnderTest) -> None:
    assert running.states() == dict.fromkeys(PARTS, "running")
    assert all(part["data_bytes"] > 0 for part in running.status().values())
    result = running.run("status")
    assert result.returncode == 0
    for name, pid in running.pids().items():
        assert name in result.stdout
        assert str(pid) in result.stdout


def test_up_leaves_alone_what_runs(running: StackUnderTest) -> None:
    before = running.pids()
    running.up()
    assert running.pids() == before


def test_up_starts_an_endpoint_of_other_code_anew(
    running: StackUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, before = running.settings, running.pids()
    arguments = settings.athena.client_arguments(settings.lake.owner_key)
    athena = boto3.client("athena", **arguments)
    thousand = "unnest(sequence(1, 10000))"
    long = f"select count(*) from {thousand} as a(x), {thousand} as b(x), {thousand} as c(x)"
    started = athena.start_query_execution(QueryString=long)["QueryExecutionId"]
    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("orchestrate.local_athena.version.of_code", lambda: "what was pulled")
        stack.up(settings, lambda part, state, *_: told.append(f"{part}: {state}"))
    assert "local-athena: restarted (new code; queries failed: 1)" in told
    changed = {part for part, pid in running.pids().items() if pid != before[part]}
    assert changed == {"local-athena"}
    status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
    assert status["State"] == "FAILED"
    assert "the endpoint was stopped" in status["StateChangeReason"]


@pytest.mark.parametrize("part", SERVERS)
def test_server_settings_the_pipeline_counts_on(running: StackUnderTest, part: str) -> None:
    assert query(running, part, "SHOW server_version").startswith("18.")
    assert query(running, part, "SHOW wal_level") == "logical"
    assert query(running, part, "SHOW TimeZone") == "Europe/Copenhagen"
    assert query(running, part, "SHOW password_encryption") == "scram-sha-256"
    assert int(query(running, part, "SHOW max_prepared_transactions")) > 0
    assert query(
        running, part, "SELECT pg_encoding_to_char(encoding) FROM pg_database LIMIT 1"
    ) == ("UTF8")


@pytest.mark.parametrize("part", SERVERS)
def test_the_owner_sees_every_session_and_is_no_superuser(
    running: StackUnderTest, part: str
) -> None:
    assert query(running, part, "SELECT pg_has_role('pg_read_all_stats', 'USAGE')")
    assert query(running, part, "SHOW is_superuser") == "off"
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert query(running, part, owner) == query(running, part, "SELECT current_user")
    # The background writer's line shows its state only to whom may see all statistics.
    hidden = "SELECT count(*) FROM pg_stat_activity WHERE query = '<insufficient privilege>'"
    assert query(running, part, hidden) == 0


def test_every_socket_listens_on_loopback_only(running: StackUnderTest) -> None:
    wanted = {port.number for _, port in running.settings.ports()}
    addresses = {
        (connection.laddr.ip, connection.laddr.port)
        for process in running.processes()
        for connection in process.net_connections("inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    }
    assert addresses == {("127.0.0.1", number) for number in wanted}


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_is_seen_and_mended_and_keeps_its_data(
    running: StackUnderTest, part: str
) -> None:
    write_everywhere(running, f"killed {part}")
    before = running.pids()
    psutil.Process(before[part]).kill()
    assert running.states() == {**dict.fromkeys(PARTS, "running"), part: "crashed"}
    assert running.run("status").returncode == 1
    running.up()
    after = running.pids()
    assert {name for name in PARTS if before[name] != after[name]} == {part}
    assert_written_everywhere(running, f"killed {part}")
    # The endpoint finds its way back to a lake that was restarted.
    assert ask_athena(running, "SELECT count(*) FROM raw.kept") == query_lake(running, "raw.kept")


def test_a_stale_lock_file_that_names_a_living_process_is_mended(running: StackUnderTest) -> None:
    data = running.directory / "trackman-backend" / "data"
    lock_file = (data / "postmaster.pid").read_text()
    psutil.Process(running.pids()["trackman-backend"]).kill()
    _, rest = lock_file.split("\n", 1)
    (data / "postmaster.pid").write_text(f"{os.getppid()}\n{rest}")
    running.up()
    assert query(running, "trackman-backend", "SELECT 1") == 1


def test_a_lost_record_is_found_again(running: StackUnderTest) -> None:
    before = running.pids()
    records = [running.directory / part / "process.json" for part in PARTS]
    for record in records:
        record.unlink()
    running.up()
    assert running.pids() == before
    assert all(record.exists() for record in records)


def test_a_process_that_got_the_number_of_a_dead_part_is_left_alone(
    running: StackUnderTest,
) -> None:
    psutil.Process(running.pids()["trackman-lake"]).kill()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        file = running.directory / "trackman-lake" / "process.json"
        record = ProcessRecord.load(file)
        assert record is not None
        started = psutil.Process(bystander.pid).create_time()
        ProcessRecord(bystander.pid, started, record.address, record.ports, record.leftovers).save(
            file
        )
        assert running.states()["trackman-lake"] == "crashed"
        running.up()
        assert bystander.poll() is None
        bystander.communicate(b"\n")


def test_new_passwords_take_effect_and_appear_nowhere(running: StackUnderTest) -> None:
    secrets = {
        "TRACKMAN_BACKEND_PASSWORD": 'hush-ba\'ck\\end "1"',
        "DATAENGINEERING_DB_PASSWORD": "hush-engineering-2",
        "TRACKMAN_LAKE_SECRET_ACCESS_KEY": "hush-lake-3",
        "TRACKMAN_LAKE_DBT_SECRET_ACCESS_KEY": "hush-dbt-4",
    }
    running.variables |= secrets
    running.up()
    assert all(query(running, part, "SELECT 1") == 1 for part in SERVERS)
    load_catalog("lake", **running.settings.lake.catalog_properties()).list_namespaces()
    lake = running.settings.lake
    for key in (lake.owner_key, lake.dbt_key):
        boto3.client("s3", **_s3(running, key)).head_bucket(Bucket=lake.bucket)
        found = ask_athena(running, "SELECT count(*) FROM raw.kept", key)
        assert found == query_lake(running, "raw.kept")
    for process in running.processes():
        assert "hush" not in " ".join(process.cmdline())
    holders = {
        path.relative_to(running.directory)
        for path in running.directory.rglob("*")
        if path.is_file() and b"hush" in path.read_bytes()
    }
    assert holders == {Path("trackman-lake/s3.json")}
    mode = (running.directory / "trackman-lake/s3.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_dbts_key_writes_everything_but_raw_data(running: StackUnderTest) -> None:
    write_everywhere(running, "for dbt")
    lake = running.settings.lake
    s3 = boto3.client("s3", **_s3(running, lake.dbt_key))
    raw = s3.list_objects_v2(Bucket=lake.bucket, Prefix="raw/")["Contents"][0]["Key"]
    body = s3.get_object(Bucket=lake.bucket, Key=raw)["Body"].read()
    s3.put_object(Bucket=lake.bucket, Key="marts/t/data/x.parquet", Body=body)
    s3.put_object(Bucket=lake.files_bucket, Key="seeds/x.csv", Body=body)
    s3.delete_object(Bucket=lake.bucket, Key="marts/t/data/x.parquet")
    of_raw = {"Bucket": lake.bucket, "Key": "raw/kept/data/x.parquet"}
    source = {"Bucket": lake.files_bucket, "Key": "seeds/x.csv"}
    refused: list[Callable[[], Any]] = [
        lambda: s3.put_object(**of_raw, Body=body),
        lambda: s3.copy_object(**of_raw, CopySource=source),
        lambda: s3.create_multipart_upload(**of_raw),
        lambda: s3.delete_object(Bucket=lake.bucket, Key=raw),
        lambda: s3.put_bucket_policy(Bucket=lake.bucket, Policy="{}"),
        lambda: s3.create_bucket(Bucket="of-dbt"),
    ]
    for ask in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            ask()
    answer = s3.delete_objects(Bucket=lake.bucket, Delete={"Objects": [{"Key": raw}]})
    assert [each["Code"] for each in answer["Errors"]] == ["AccessDenied"]
    with pytest.raises(NoSuchNamespaceError):  # the catalog knows the owner only
        properties = lake.catalog_properties() | {
            "credential": f"{lake.dbt_key.id}:{lake.dbt_key.secret}"
        }
        load_catalog("dbt", **properties).list_namespaces()


def test_another_limit_of_bytes_takes_effect(running: StackUnderTest) -> None:
    before = running.pids()
    running.variables["LOCAL_ATHENA_BYTES_LIMIT"] = "20000000"
    running.up()
    after = running.pids()
    assert {name for name in PARTS if before[name] != after[name]} == {"local-athena"}
    athena = running.settings.athena
    client = boto3.client("athena", **athena.client_arguments(running.settings.lake.owner_key))
    found = client.get_work_group(WorkGroup=athena.work_group)["WorkGroup"]["Configuration"]
    assert found["BytesScannedCutoffPerQuery"] == 20_000_000


def _s3(stack: StackUnderTest, key: AccessKey) -> dict[str, str]:
    arguments = stack.settings.athena.client_arguments(key)
    return arguments | {"endpoint_url": stack.settings.lake.s3_endpoint}


def test_the_port_of_a_crashed_part_taken_meanwhile_is_named(running: StackUnderTest) -> None:
    psutil.Process(running.pids()["dataengineering-db"]).kill()
    with taken(running.settings.dataengineering.port.number):
        result = running.run("up")
    assert result.returncode == 1
    assert "DATAENGINEERING_DB_PORT" in result.stderr
    assert running.states()["trackman-backend"] == "running"
    running.up()
