"""The Glue API through boto3, over the real metastore."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrate.local_athena.tests.api.helpers import Server


def table_input(name: str, **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": {
            "Columns": [{"Name": "a", "Type": "int"}],
            "Location": f"s3://trackman-lake-files/{name}/",
        },
        "PartitionKeys": [{"Name": "day", "Type": "date"}, {"Name": "kind", "Type": "string"}],
        **more,
    }


@pytest.fixture(scope="module")
def database(glue: Any) -> str:
    glue.create_database(DatabaseInput={"Name": "hive"})
    return "hive"


def test_databases(glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "Some", "Description": "d"})
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_database(DatabaseInput={"Name": "some"})
    assert glue.get_database(Name="some")["Database"]["Description"] == "d"
    changed = {"Name": "some", "Description": "new", "Parameters": {"a": "1", "b": "2"}}
    glue.update_database(Name="Some", DatabaseInput=changed)
    glue.update_database(Name="some", DatabaseInput={**changed, "Parameters": {"b": "3"}})
    listed = [each for each in glue.get_databases()["DatabaseList"] if each["Name"] == "some"]
    for found in (*listed, glue.get_database(Name="some")["Database"]):
        assert found["Description"] == "new"
        assert found["Parameters"] == {"b": "3", "comment": "new"}
    glue.update_database(Name="some", DatabaseInput={"Name": "some"})
    assert "Description" not in glue.get_database(Name="some")["Database"]
    for wrong in ({"Name": "other"}, {"Name": "some", "LocationUri": "s3://elsewhere/"}):
        with pytest.raises(glue.exceptions.InvalidInputException, match="cannot become"):
            glue.update_database(Name="some", DatabaseInput=wrong)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.update_database(Name="nowhere", DatabaseInput={"Name": "nowhere"})
    first = glue.get_databases(MaxResults=1)
    assert len(first["DatabaseList"]) == 1
    names = [
        each["Name"]
        for page in glue.get_paginator("get_databases").paginate(PaginationConfig={"PageSize": 1})
        for each in page["DatabaseList"]
    ]
    assert "some" in names
    assert names == sorted(names)
    glue.delete_database(Name="some")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_database(Name="some")


def test_tables(glue: Any, database: str) -> None:
    for name in ("b_one", "a_two", "a_one"):
        glue.create_table(DatabaseName=database, TableInput=table_input(name))
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_table(DatabaseName=database, TableInput=table_input("a_one"))
    found = glue.get_table(DatabaseName=database, Name="A_One")["Table"]
    assert found["StorageDescriptor"]["Columns"] == [{"Name": "a", "Type": "int"}]
    for expression, expected in (
        ("a_*", ["a_one", "a_two"]),
        ("a_.*", ["a_one", "a_two"]),
        ("*_one", ["a_one", "b_one"]),
        ("a_one|b_one", ["a_one", "b_one"]),
        ("a", []),
        ("*", ["a_one", "a_two", "b_one"]),
    ):
        listed = glue.get_tables(DatabaseName=database, Expression=expression)["TableList"]
        assert [each["Name"] for each in listed] == expected, expression
    pages = glue.get_paginator("get_tables").paginate(
        DatabaseName=database, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["TableList"]) for page in pages] == [2, 1]
    glue.delete_table(DatabaseName=database, Name="b_one")
    answer = glue.batch_delete_table(
        DatabaseName=database, TablesToDelete=["a_one", "gone", "a_two"]
    )
    assert [each["TableName"] for each in answer["Errors"]] == ["gone"]
    assert glue.get_tables(DatabaseName=database)["TableList"] == []
    for ask in (glue.get_table, glue.delete_table):
        with pytest.raises(glue.exceptions.EntityNotFoundException):
            ask(DatabaseName=database, Name="a_one")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_tables(DatabaseName="none")


def test_versions(glue: Any, database: str) -> None:
    table = {"DatabaseName": database, "TableName": "versioned"}
    glue.create_table(DatabaseName=database, TableInput=table_input("versioned"))
    for number in range(3):
        given = table_input("versioned", Description=f"version {number}")
        glue.update_table(DatabaseName=database, TableInput=given, SkipArchive=number == 2)
    versions = glue.get_table_versions(**table)["TableVersions"]
    descriptions = [each["Table"].get("Description") for each in versions]
    assert descriptions[0] == "version 2"
    assert "version 0" in descriptions
    now = versions[0]["VersionId"]
    assert glue.get_table_version(**table)["TableVersion"]["VersionId"] == now
    older = versions[-1]["VersionId"]
    assert glue.get_table_version(**table, VersionId=older)["TableVersion"]["VersionId"] == older
    stale = {"DatabaseName": database, "TableInput": table_input("versioned"), "VersionId": older}
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(**stale)
    glue.delete_table_version(**table, VersionId=older)
    answer = glue.batch_delete_table_version(**table, VersionIds=[older])
    assert [each["VersionId"] for each in answer["Errors"]] == [older]
    assert len(glue.get_table_versions(**table)["TableVersions"]) == len(versions) - 1


def test_partitions(glue: Any, database: str) -> None:
    table = {"DatabaseName": database, "TableName": "parted"}
    glue.create_table(DatabaseName=database, TableInput=table_input("parted"))
    days = ["2026-11-01", "2026-11-02", "2026-11-03"]
    given = [
        {"Values": [day, "x"], "StorageDescriptor": {"Location": f"s3://b/{day}", "Columns": []}}
        for day in days
    ]
    glue.create_partition(**table, PartitionInput=given[0])
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_partition(**table, PartitionInput=given[0])
    answer = glue.batch_create_partition(**table, PartitionInputList=given)
    assert [each["PartitionValues"] for each in answer["Errors"]] == [[days[0], "x"]]
    found = glue.get_partitions(**table, Expression="day > '2026-11-01' and kind = 'x'")
    assert [each["Values"][0] for each in found["Partitions"]] == days[1:]
    pages = glue.get_paginator("get_partitions").paginate(**table, PaginationConfig={"PageSize": 2})
    assert [len(page["Partitions"]) for page in pages] == [2, 1]
    changed = {"Values": [days[0], "x"], "Parameters": {"rows": "1"}}
    glue.update_partition(**table, PartitionValueList=[days[0], "x"], PartitionInput=changed)
    one = glue.get_partition(**table, PartitionValues=[days[0], "x"])["Partition"]
    assert one["Parameters"] == {"rows": "1"}
    entry = {"PartitionValueList": [days[1], "x"], "PartitionInput": {"Parameters": {"rows": "2"}}}
    nowhere = {"PartitionValueList": ["2020-01-01", "x"], "PartitionInput": {}}
    answer = glue.batch_update_partition(**table, Entries=[entry, nowhere])
    assert [each["PartitionValueList"][0] for each in answer["Errors"]] == ["2020-01-01"]
    one = glue.get_partition(**table, PartitionValues=[days[1], "x"])["Partition"]
    assert one["Parameters"] == {"rows": "2"}
    several = glue.batch_get_partition(
        **table, PartitionsToGet=[{"Values": [days[1], "x"]}, {"Values": ["2020-01-01", "x"]}]
    )
    assert [each["Values"][0] for each in several["Partitions"]] == [days[1]]
    glue.delete_partition(**table, PartitionValues=[days[0], "x"])
    for ask in (glue.get_partition, glue.delete_partition):
        with pytest.raises(glue.exceptions.EntityNotFoundException):
            ask(**table, PartitionValues=[days[0], "x"])
    answer = glue.batch_delete_partition(
        **table, PartitionsToDelete=[{"Values": [day, "x"]} for day in days]
    )
    assert [each["PartitionValues"][0] for each in answer["Errors"]] == [days[0]]
    assert glue.get_partitions(**table)["Partitions"] == []
    with pytest.raises(glue.exceptions.InvalidInputException):
        glue.create_partition(**table, PartitionInput={"Values": ["one"]})


def test_f14_dbts_key_reads_raw_data_and_does_not_change_them(server: Server, glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "raw"})
    glue.create_table(DatabaseName="raw", TableInput=table_input("t"))
    dbt = server.client("glue", server.settings.lake.dbt_key)
    assert dbt.get_table(DatabaseName="raw", Name="t")["Table"]["Name"] == "t"
    table = {"DatabaseName": "raw", "TableName": "t"}
    partition = {"Values": ["2026-11-01", "x"]}
    refused: list[Callable[[], Any]] = [
        lambda: dbt.create_table(DatabaseName="RAW", TableInput=table_input("u")),
        lambda: dbt.update_table(DatabaseName="raw", TableInput=table_input("t")),
        lambda: dbt.delete_table(DatabaseName="raw", Name="t"),
        lambda: dbt.batch_delete_table(DatabaseName="raw", TablesToDelete=["t"]),
        lambda: dbt.delete_database(Name="raw"),
        lambda: dbt.create_partition(**table, PartitionInput=partition),
        lambda: dbt.batch_create_partition(**table, PartitionInputList=[partition]),
        lambda: dbt.delete_partition(**table, PartitionValues=partition["Values"]),
        lambda: dbt.batch_delete_partition(**table, PartitionsToDelete=[partition]),
        lambda: dbt.delete_table_version(**table, VersionId="1"),
    ]
    for ask in refused:
        with pytest.raises(ClientError) as raised:
            ask()
        assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
    dbt.create_database(DatabaseInput={"Name": "of_dbt"})
    dbt.delete_database(Name="of_dbt")


def test_what_is_never_there(glue: Any, database: str) -> None:
    found = glue.get_user_defined_functions(DatabaseName=database, Pattern="*")
    assert found["UserDefinedFunctions"] == []
    glue.create_table(DatabaseName=database, TableInput=table_input("unindexed"))
    table = {"DatabaseName": database, "TableName": "unindexed"}
    assert glue.get_partition_indexes(**table)["PartitionIndexDescriptorList"] == []
    found = glue.search_tables(SearchText="UNINDEX")["TableList"]
    assert [(each["DatabaseName"], each["Name"]) for each in found] == [(database, "unindexed")]
    assert glue.get_catalog_import_status()["ImportStatus"]["ImportCompleted"]
