"""The rules of the project, read off dbt's manifest and the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from transform.tests_python.project import PROJECT, Dbt

Node = dict[str, Any]
# Reads of what lies where: a layer and those it may build on.
MAY_READ = {
    "staging": {"source"},
    "intermediate": {"staging", "intermediate", "marts"},
    "marts": {"staging", "intermediate", "marts"},
}
# Rows of these have no key: they are parts of something, to be summed.
WITHOUT_KEY = {"int_bays__occupied_quarters", "int_facilities__open_quarters"}
# Personal data that an application needs.
PERSONAL = {("dim_players", "full_name")}
# A name that people use for data on a person.
PERSONAL_NAME = re.compile(r"(full_)?name$|e?mail|phone|birth|address|guest|avatar|notes|comment")
NAME_OF_A_THING = re.compile(r"(facility|course|hole|table|stream)_name$")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    dbt = Dbt("postgresql://nobody:nothing@127.0.0.1:1/nowhere", tmp_path_factory.mktemp("dbt"))
    output = dbt.succeed("parse", "--warn-error")
    assert "deprecat" not in output.lower()
    return dbt.manifest()


def models(manifest: dict[str, Any]) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(node: Node) -> str:
    return "source" if node["resource_type"] == "source" else str(node["fqn"][1])


def described(manifest: dict[str, Any]) -> Iterator[Node]:
    yield from models(manifest)
    yield from (node for node in manifest["nodes"].values() if node["resource_type"] == "snapshot")


def test_every_model_and_column_is_described(manifest: dict[str, Any]) -> None:
    missing = [node["name"] for node in described(manifest) if not node["description"].strip()]
    missing += [
        source["name"] for source in manifest["sources"].values() if not source["description"]
    ]
    missing += [
        f"{node['name']}.{column['name']}"
        for node in described(manifest)
        for column in node["columns"].values()
        if not column["description"].strip()
    ]
    assert missing == []


def test_every_column_of_a_staging_model_is_in_its_yaml(manifest: dict[str, Any]) -> None:
    # Marts have contracts, which dbt itself compares with the query.
    for node in models(manifest):
        if layer(node) != "staging":
            continue
        select = node["raw_code"].split("renamed as (")[1].split("from source")[0]
        lines = [line.strip().rstrip(",") for line in select.splitlines()[1:]]
        columns = [line.split()[-1] for line in lines if re.fullmatch(r"\w+|.* as \w+", line)]
        columns = [column for column in columns if column != "select"]
        assert columns == list(node["columns"]), node["name"]


def test_every_description_of_a_model_states_its_grain(manifest: dict[str, Any]) -> None:
    missing = [node["name"] for node in described(manifest) if "Grain: " not in node["description"]]
    assert missing == []


def test_every_model_is_tested_for_its_key(manifest: dict[str, Any]) -> None:
    tested = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in {"unique_key", "rules"}
    }
    missing = {node["name"] for node in described(manifest) if node["unique_id"] not in tested}
    assert missing == WITHOUT_KEY


def test_layers_read_only_what_they_may(manifest: dict[str, Any]) -> None:
    everything = manifest["nodes"] | manifest["sources"]
    for node in models(manifest):
        for read in node["depends_on"]["nodes"]:
            assert layer(everything[read]) in MAY_READ[layer(node)], (node["name"], read)


def test_each_source_table_has_one_staging_model(manifest: dict[str, Any]) -> None:
    staged = sorted(
        read
        for node in models(manifest)
        if layer(node) == "staging"
        for read in node["depends_on"]["nodes"]
    )
    assert staged == sorted(manifest["sources"])


def test_names_say_the_layer(manifest: dict[str, Any]) -> None:
    pattern = {"staging": r"stg_[a-z_]+__[a-z_]+", "intermediate": r"int_[a-z_]+__[a-z_]+"}
    for node in models(manifest):
        assert re.fullmatch(pattern.get(layer(node), r"(dim|fct)_[a-z_]+"), node["name"])


def test_every_mart_has_a_contract_and_a_key(manifest: dict[str, Any]) -> None:
    for node in models(manifest):
        if layer(node) == "marts":
            assert node["config"]["contract"]["enforced"], node["name"]
            assert node["config"]["unique_key"], node["name"]


def test_every_mart_is_used_or_stands_for_itself(manifest: dict[str, Any]) -> None:
    shown = {
        read
        for exposure in manifest["exposures"].values()
        for read in exposure["depends_on"]["nodes"]
    }
    marts = {node["unique_id"] for node in models(manifest) if layer(node) == "marts"}
    assert marts - shown == set()


def test_personal_data_is_marked_and_kept_out_of_marts(manifest: dict[str, Any]) -> None:
    for node in described(manifest):
        for name, column in node["columns"].items():
            marked = bool(column["config"].get("meta", {}).get("personal_data"))
            looks_so = bool(PERSONAL_NAME.search(name)) and not NAME_OF_A_THING.search(name)
            assert marked or not looks_so, f"{node['name']}.{name}"
            if node["resource_type"] == "snapshot" or layer(node) == "marts":
                assert marked == ((node["name"], name) in PERSONAL), f"{node['name']}.{name}"


def test_dialects_are_told_apart_in_one_folder() -> None:
    folder = PROJECT / "macros" / "cross_db"
    sql = [
        path for name in ("models", "macros", "tests") for path in (PROJECT / name).rglob("*.sql")
    ]
    assert sql
    for path in sql:
        if folder not in path.parents:
            assert not re.search(
                r"adapter\.dispatch|target\.type|::\w|\bpostgres__", path.read_text()
            ), path


def test_casts_to_times_keep_microseconds() -> None:
    # Athena's `timestamp` has milliseconds, which the local endpoint does not show.
    short = re.compile(r"cast\([^\n]* as timestamp( with time zone)?\)")
    models = [path for name in ("models", "tests") for path in (PROJECT / name).rglob("*.sql")]
    assert [path.name for path in models if short.search(path.read_text())] == []


def test_every_model_file_is_a_model(manifest: dict[str, Any]) -> None:
    files = {path.stem for path in Path(PROJECT, "models").rglob("*.sql")}
    of_the_lake = {
        node["name"]
        for (node,) in manifest["disabled"].values()
        if node["resource_type"] == "model"
    }
    assert files == {node["name"] for node in models(manifest)} | of_the_lake
