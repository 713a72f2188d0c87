"""The job against the local Athena, which executes what it asks for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import BinaryType, LongType, NestedField

from orchestrate.lake_maintenance import __main__ as job
from orchestrate.lake_maintenance import left_overs
from orchestrate.lake_maintenance.athena import Answer, Athena, StatementError
from orchestrate.lake_maintenance.glue import IcebergTable, iceberg_tables, prune_versions
from orchestrate.lake_maintenance.settings import Settings, SettingsError
from orchestrate.lake_maintenance.upkeep import maintain
from orchestrate.local_stack.settings import StackSettings
from orchestrate.run.report import LAKE_MAINTENANCE, show_maintenance
from tests.lake_tables import data_files
from tests.servers import Lake

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def environment(session_stack: StackSettings, lake: Lake, tmp_path: Path) -> dict[str, str]:
    athena, key = session_stack.athena, session_stack.lake.owner_key
    variables = {
        "DATABASES": lake.settings["namespace"],
        "WORK_GROUP": athena.work_group,
        "ENDPOINT_URL": athena.endpoint,
        "REGION": athena.region,
        "ACCESS_KEY_ID": key.id,
        "SECRET_ACCESS_KEY": key.secret,
        "REPORT": str(tmp_path / LAKE_MAINTENANCE),
    }
    return {f"LAKE_MAINTENANCE_{name}": value for name, value in variables.items()}


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the job; gives its status, and the outcomes by table."""

    def run_job(**more: str) -> tuple[int, dict[str, Any]]:
        for name, value in (environment | more).items():
            monkeypatch.setenv(name, value)
        status = job.main()
        report = json.loads(Path(environment["LAKE_MAINTENANCE_REPORT"]).read_text())
        return status, {each["table"].split(".")[1]: each for each in report["tables"]}

    return run_job


@pytest.fixture
def make_table(lake: Lake) -> Callable[[str, int], Any]:
    """Makes a table of so many appends."""
    catalog = lake.catalog()
    catalog.create_namespace(lake.settings["namespace"])
    schema = pa.schema([("id", pa.int64())])

    def make(name: str, appends: int) -> Any:
        table = catalog.create_table(
            (lake.settings["namespace"], name),
            schema,
            properties={"optimize_rewrite_data_file_threshold": "2"},
        )
        for number in range(appends):
            table.append(pa.table({"id": [number]}, schema=schema))
        return table

    return make


def test_f34_tables_are_compacted_and_the_report_says_what_changed(
    run: Run,
    make_table: Callable[[str, int], Any],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    table = make_table("strokes", 6)
    make_table("quiet", 1)
    make_table("empty", 0)
    status, outcomes = run()
    assert status == 0
    before, after = outcomes["strokes"]["before"], outcomes["strokes"]["after"]
    assert (before["files"], after["files"]) == (6, 1)
    assert (before["snapshots"], after["snapshots"]) == (6, 7)
    assert after["bytes"] < before["bytes"]
    assert 0 < after["scanned_bytes"] < before["scanned_bytes"]
    assert len(data_files(table)) == 1
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == list(range(6))
    assert outcomes["quiet"]["after"] is outcomes["empty"]["after"] is None
    assert "quiet: nothing to do" in capsys.readouterr().out
    show_maintenance(tmp_path)
    shown = capsys.readouterr().out
    assert "6 → 1" in shown
    assert "6 → 7" in shown


def test_f34_small_files_count_against_their_own_partition(run: Run, lake: Lake) -> None:
    catalog = lake.catalog()
    catalog.create_namespace(lake.settings["namespace"])
    table = catalog.create_table(
        (lake.settings["namespace"], "strokes"),
        Schema(
            NestedField(1, "id", LongType(), required=False),
            NestedField(2, "v", BinaryType(), required=False),
        ),
        partition_spec=PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "id")),
        properties={
            "write.target-file-size-bytes": "1048576",
            "optimize_rewrite_data_file_threshold": "2",
        },
    )
    large, small = random.randbytes(1_100_000), b"x"
    table.append(pa.table({"id": [1, 2, 3, 4], "v": [large] * 4}))
    for _ in range(3):
        table.append(pa.table({"id": [5], "v": [small]}))
    status, outcomes = run(LAKE_MAINTENANCE_SMALL_FILE_MB="1")
    assert status == 0
    assert outcomes["strokes"]["before"]["files"] == 7
    assert outcomes["strokes"]["after"]["files"] == 5


def test_f25_a_table_that_fails_leaves_the_others(
    run: Run, make_table: Callable[[str, int], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    broken, whole = make_table("broken", 3), make_table("whole", 3)
    broken.io.delete(data_files(broken)[0]["file_path"])
    status, outcomes = run()
    assert status == 1
    assert outcomes["broken"]["error"]
    assert "error: " in capsys.readouterr().out
    assert outcomes["whole"]["error"] is None
    assert len(data_files(whole)) == 1


def test_a_database_that_is_not_there_yet_is_told(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    status, outcomes = run(LAKE_MAINTENANCE_DATABASES="not_there")
    assert (status, outcomes) == (0, {})
    assert "not_there: there is no such database yet" in capsys.readouterr().out


def test_what_a_killed_build_left_is_dropped_when_it_is_old(
    run: Run,
    make_table: Callable[[str, int], Any],
    lake: Lake,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = lake.settings["namespace"]
    temporary = {
        "strokes__dbt_tmp",
        "strokes__dbt_tmp_0b6e8b1e_36b5_4c0e_9d6a_1f0a5b0c2d3e",
        "strokes__dbt_tmp_0b6e8b1e_36b5_4c0e_9d6a_1f0a5b0c2d3e__tmp_not_partitioned",
        "strokes__tmp_not_partitioned",
        "strokes__ha",
        "strokes__bkp",
        "players__bkp",  # nothing took the name of the model that was set aside
    }
    for name in temporary | {"strokes", "bays__hall"}:
        make_table(name, 2)
    # Another's may have such names for good: only those of dbt's databases are left out or dropped.
    assert set(run(LAKE_MAINTENANCE_MODEL_DATABASES="")[1]) == temporary | {"strokes", "bays__hall"}
    models = {"LAKE_MAINTENANCE_MODEL_DATABASES": database}
    assert set(run(**models)[1]) == {"strokes", "bays__hall"}
    monkeypatch.setattr(left_overs, "KEPT", timedelta(0))
    status, outcomes = run(**models)
    assert status == 0
    dropped = {name for name, outcome in outcomes.items() if outcome["dropped"]}
    assert dropped == temporary - {"players__bkp"}
    assert f"{database}.strokes__ha: dropped" in capsys.readouterr().out
    left = {name for _, name in lake.catalog().list_tables(database)}
    assert left == {"strokes", "bays__hall", "players__bkp"}


@pytest.mark.parametrize("replaced", [False, True])
def test_a_table_that_is_gone_meanwhile_needs_nothing(
    run: Run,
    make_table: Callable[[str, int], Any],
    lake: Lake,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    replaced: bool,
) -> None:
    database = lake.settings["namespace"]
    make_table("marts", 2)
    ask = Athena.run

    def replace_first(athena: Athena, sql: str, database: str) -> Answer:
        if sql.startswith("OPTIMIZE"):
            lake.catalog().drop_table((database, "marts"))
            if replaced:
                make_table("marts__ha", 1)
                lake.catalog().rename_table((database, "marts__ha"), (database, "marts"))
                raise StatementError("a commit that found another table")
        return ask(athena, sql, database)

    monkeypatch.setattr(Athena, "run", replace_first)
    status, outcomes = run()
    assert (status, outcomes["marts"]["error"]) == (0, None)
    assert f"{database}.marts: nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASES", ""),
        ("MODEL_DATABASES", "marts;drop"),
        ("DATABASES", "raw;drop"),
        ("OUTPUT_LOCATION", "/tmp"),
        ("TABLE_VERSIONS", "0"),
    ],
)
def test_a_wrong_setting_is_told_in_a_line(name: str, value: str) -> None:
    environment = {"LAKE_MAINTENANCE_DATABASES": "raw", f"LAKE_MAINTENANCE_{name}": value}
    with pytest.raises(SettingsError, match=f"LAKE_MAINTENANCE_{name} is '{value}': give"):
        Settings.from_environment(environment)


class FakeAthena(Athena):
    """Athena as it is on AWS with a large table, which the local one does in one go."""

    def __init__(self, client: Any, refusals: list[str]) -> None:
        super().__init__(client, "trackman-lake", None)
        self.refusals = refusals

    def run(self, sql: str, database: str) -> Any:
        if not sql.startswith("SELECT") and self.refusals:
            raise StatementError(self.refusals.pop(0))
        return super().run(sql, database)


def test_what_athena_does_in_several_runs_is_asked_for_again(
    environment: dict[str, str], make_table: Callable[[str, int], Any], lake: Lake
) -> None:
    make_table("strokes", 3)
    settings = Settings.from_environment(environment)
    clients = [boto3.client(name, **settings.client_arguments) for name in ("athena", "glue")]
    refusals = [
        "ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED: run it again",
        "ICEBERG_COMMIT_ERROR: Failed to commit",
    ]
    (table,) = iceberg_tables(clients[1], lake.settings["namespace"])
    outcome = maintain(FakeAthena(clients[0], refusals), clients[1], table, settings)
    assert outcome.error is None
    assert outcome.after
    assert outcome.after.files == 1
    outcome = maintain(
        FakeAthena(clients[0], ["ICEBERG_BAD_DATA: no"]), clients[1], table, settings
    )
    assert outcome.error == "ICEBERG_BAD_DATA: no"


class FakeGlue:
    """Glue with a version of a table for each commit, of which the local one keeps few."""

    def __init__(self, versions: int) -> None:
        self.versions = list(range(versions))

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"TableVersions": [{"VersionId": str(each)} for each in self.versions]}]

    def batch_delete_table_version(self, **options: Any) -> dict[str, Any]:
        assert len(options["VersionIds"]) <= 100
        for each in options["VersionIds"]:
            self.versions.remove(int(each))
        return {}


def test_f28_only_the_newest_versions_of_a_table_stay() -> None:
    glue = FakeGlue(250)
    table = IcebergTable("raw", "strokes", "id", "s3://lake/strokes", datetime.now(UTC))
    assert prune_versions(glue, table, 10) == 240
    assert glue.versions == list(range(240, 250))
