"""Work groups, prepared statements, named queries, the data catalog."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrate.local_athena.tests.api.helpers import Server, run


def test_the_settings_limit_the_lakes_work_group(server: Server, athena: Any) -> None:
    found = athena.get_work_group(WorkGroup="trackman-lake")["WorkGroup"]
    limit = server.settings.athena.bytes_limit
    assert found["Configuration"]["BytesScannedCutoffPerQuery"] == limit
    run(athena, "select 1", WorkGroup="trackman-lake")
    assert server.engine.requests[-1].bytes_limit == limit
    run(athena, "select 1")
    assert server.engine.requests[-1].bytes_limit is None


def test_a_work_group_from_its_creation_to_its_end(server: Server, athena: Any) -> None:
    place = f"s3://{server.settings.lake.files_bucket}/group/"
    athena.create_work_group(
        Name="mine",
        Description="of mine",
        Configuration={
            "ResultConfiguration": {"OutputLocation": place},
            "BytesScannedCutoffPerQuery": 20_000_000,
        },
    )
    with pytest.raises(ClientError, match="already created"):
        athena.create_work_group(Name="mine")
    elsewhere = {"OutputLocation": f"s3://{server.settings.lake.files_bucket}/elsewhere/"}
    found = run(athena, "select 1", WorkGroup="mine", ResultConfiguration=elsewhere)
    assert found["ResultConfiguration"]["OutputLocation"].startswith(place)  # it insists
    assert server.engine.requests[-1].bytes_limit == 20_000_000
    athena.update_work_group(
        WorkGroup="mine",
        ConfigurationUpdates={
            "EnforceWorkGroupConfiguration": False,
            "RemoveBytesScannedCutoffPerQuery": True,
        },
    )
    found = run(athena, "select 1", WorkGroup="mine", ResultConfiguration=elsewhere)
    assert "/elsewhere/" in found["ResultConfiguration"]["OutputLocation"]
    assert server.engine.requests[-1].bytes_limit is None
    athena.update_work_group(WorkGroup="mine", State="DISABLED")
    with pytest.raises(ClientError, match="is disabled"):
        run(athena, "select 1", WorkGroup="mine")
    assert "mine" in [group["Name"] for group in athena.list_work_groups()["WorkGroups"]]
    athena.delete_work_group(WorkGroup="mine")
    with pytest.raises(athena.exceptions.InvalidRequestException, match="mine is not found"):
        athena.get_work_group(WorkGroup="mine")


def test_what_a_work_group_cannot_be(athena: Any) -> None:
    with pytest.raises(ClientError, match="ExecutionRole is not honoured"):
        athena.create_work_group(
            Name="y",
            Configuration={"ExecutionRole": "arn:aws:iam::123456789012:role/x"},
        )
    with pytest.raises(ClientError, match="primary cannot be deleted"):
        athena.delete_work_group(WorkGroup="primary")


def test_dbts_key_does_not_lift_its_limit(server: Server) -> None:
    athena = server.client("athena", server.settings.lake.dbt_key)
    with pytest.raises(ClientError) as raised:
        athena.update_work_group(
            WorkGroup="trackman-lake",
            ConfigurationUpdates={"RemoveBytesScannedCutoffPerQuery": True},
        )
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"


def test_prepared_statements(athena: Any) -> None:
    mine = {"StatementName": "one", "WorkGroup": "primary"}
    athena.create_prepared_statement(**mine, QueryStatement="select ?")
    with pytest.raises(ClientError, match="already exists"):
        athena.create_prepared_statement(**mine, QueryStatement="select ?")
    athena.update_prepared_statement(**mine, QueryStatement="select ? + 1", Description="d")
    found = athena.get_prepared_statement(**mine)["PreparedStatement"]
    assert (found["QueryStatement"], found["Description"]) == ("select ? + 1", "d")
    listed = athena.list_prepared_statements(WorkGroup="primary")["PreparedStatements"]
    assert [each["StatementName"] for each in listed] == ["one"]
    several = athena.batch_get_prepared_statement(
        WorkGroup="primary", PreparedStatementNames=["one", "none"]
    )
    assert [each["QueryStatement"] for each in several["PreparedStatements"]] == ["select ? + 1"]
    assert [each["StatementName"] for each in several["UnprocessedPreparedStatementNames"]] == [
        "none"
    ]
    athena.delete_prepared_statement(**mine)
    with pytest.raises(athena.exceptions.ResourceNotFoundException):
        athena.get_prepared_statement(**mine)


def test_named_queries(athena: Any) -> None:
    made = athena.create_named_query(Name="n", Database="marts", QueryString="select 1")
    identifier = made["NamedQueryId"]
    assert (
        athena.get_named_query(NamedQueryId=identifier)["NamedQuery"]["QueryString"] == "select 1"
    )
    assert athena.list_named_queries()["NamedQueryIds"] == [identifier]
    athena.update_named_query(NamedQueryId=identifier, Name="m", QueryString="select 2")
    several = athena.batch_get_named_query(NamedQueryIds=[identifier, "none"])
    assert [(each["Name"], each["QueryString"]) for each in several["NamedQueries"]] == [
        ("m", "select 2")
    ]
    assert [each["NamedQueryId"] for each in several["UnprocessedNamedQueryIds"]] == ["none"]
    athena.delete_named_query(NamedQueryId=identifier)
    assert athena.list_named_queries()["NamedQueryIds"] == []


def test_the_data_catalog(athena: Any, glue: Any) -> None:
    listed = athena.list_data_catalogs()["DataCatalogsSummary"]
    assert [each["CatalogName"] for each in listed] == ["AwsDataCatalog"]
    assert athena.get_data_catalog(Name="awsdatacatalog")["DataCatalog"]["Type"] == "GLUE"
    with pytest.raises(ClientError, match="other was not found"):
        athena.get_data_catalog(Name="other")
    glue.create_database(DatabaseInput={"Name": "seen", "Description": "by Athena"})
    glue.create_table(
        DatabaseName="seen",
        TableInput={
            "Name": "files",
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int", "Comment": "an a"}]},
            "PartitionKeys": [{"Name": "day", "Type": "date"}],
        },
    )
    of_the_catalog = {"CatalogName": "AwsDataCatalog"}
    names = [each["Name"] for each in athena.list_databases(**of_the_catalog)["DatabaseList"]]
    assert "seen" in names
    found = athena.get_database(**of_the_catalog, DatabaseName="seen")["Database"]
    assert found["Description"] == "by Athena"
    table = athena.get_table_metadata(**of_the_catalog, DatabaseName="seen", TableName="files")
    assert table["TableMetadata"]["Columns"] == [{"Name": "a", "Type": "int", "Comment": "an a"}]
    assert table["TableMetadata"]["PartitionKeys"] == [{"Name": "day", "Type": "date"}]
    listed = athena.list_table_metadata(**of_the_catalog, DatabaseName="seen", Expression="f.*")
    assert [each["Name"] for each in listed["TableMetadataList"]] == ["files"]
    with pytest.raises(athena.exceptions.MetadataException):
        athena.get_table_metadata(**of_the_catalog, DatabaseName="seen", TableName="none")
