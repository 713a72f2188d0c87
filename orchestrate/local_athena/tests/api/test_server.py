"""Who may ask what, and how refusals look."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from orchestrate.local_athena.tests.api.helpers import Server
from orchestrate.local_stack.settings import AccessKey


def send(
    server: Server,
    headers: dict[str, str],
    body: bytes = b"{}",
    changes: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """A request signed by the owner of the lake, then changed."""
    athena, key = server.settings.athena, server.settings.lake.owner_key
    request = AWSRequest("POST", f"{athena.endpoint}/", dict(headers), body)
    service = "glue" if "AWSGlue" in headers.get("X-Amz-Target", "") else "athena"
    SigV4Auth(Credentials(key.id, key.secret), service, "us-east-1").add_auth(request)
    sent = {**dict(request.headers.items()), **(changes or {})}
    connection = http.client.HTTPConnection(athena.host, athena.port.number)
    connection.request("POST", "/", body, {k: v for k, v in sent.items() if v})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


LIST = {"X-Amz-Target": "AmazonAthena.ListWorkGroups"}


def test_a_signed_request_is_answered(server: Server) -> None:
    status, answer = send(server, LIST)
    assert status == 200
    assert [group["Name"] for group in answer["WorkGroups"]][:1] == ["primary"]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (AccessKey("nobody", "x"), "UnrecognizedClientException"),
        (AccessKey("trackman-lake", "wrong"), "InvalidSignatureException"),
        (AccessKey("trackman-lake-dbt", "trackman-lake-local"), "InvalidSignatureException"),
    ],
)
def test_a_wrong_key_is_refused(server: Server, key: AccessKey, code: str) -> None:
    for service, ask in (
        ("athena", "list_work_groups"),
        ("glue", "get_databases"),
        ("sts", "get_caller_identity"),
    ):
        with pytest.raises(ClientError) as raised:
            getattr(server.client(service, key), ask)()
        assert raised.value.response["Error"]["Code"] == code
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_unsigned_or_changed_request_is_refused(server: Server) -> None:
    assert send(server, LIST, changes={"Authorization": ""})[1]["__type"] == (
        "MissingAuthenticationTokenException"
    )
    assert send(server, LIST, changes={"Authorization": "Basic x"})[1]["__type"] == (
        "IncompleteSignatureException"
    )
    changed = {"X-Amz-Target": "AmazonAthena.ListDataCatalogs"}
    assert send(server, LIST, changes=changed)[1]["__type"] == "InvalidSignatureException"
    old = (datetime.now(UTC) - timedelta(minutes=16)).strftime("%Y%m%dT%H%M%SZ")
    assert "more than 15 minutes" in send(server, LIST, changes={"X-Amz-Date": old})[1]["message"]


def test_a_body_changed_on_its_way_is_refused(server: Server) -> None:
    athena, key = server.settings.athena, server.settings.lake.owner_key
    request = AWSRequest("POST", f"{athena.endpoint}/", dict(LIST), b"{}")
    SigV4Auth(Credentials(key.id, key.secret), "athena", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(athena.host, athena.port.number)
    connection.request("POST", "/", b'{"MaxResults": 1}', dict(request.headers.items()))
    assert connection.getresponse().status == 403
    connection.close()


def test_what_is_not_served_is_named(server: Server, athena: Any, glue: Any) -> None:
    with pytest.raises(ClientError, match="does not serve StartSession"):
        athena.start_session(WorkGroup="primary", EngineConfiguration={"MaxConcurrentDpus": 2})
    with pytest.raises(ClientError, match="does not serve CreateJob"):
        glue.create_job(Name="x", Role="y", Command={"Name": "z"})
    with pytest.raises(ClientError, match="does not serve AssumeRole"):
        server.client("sts").assume_role(RoleArn="a" * 20, RoleSessionName="me")
    unknown = {"X-Amz-Target": "AmazonAthena.MakeCoffee"}
    status, answer = send(server, unknown)
    assert (status, answer["__type"]) == (400, "UnknownOperationException")
    assert "MakeCoffee" in answer["message"]
    status, answer = send(server, {"X-Amz-Target": "DynamoDB.ListTables"})
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_a_malformed_request_is_told(server: Server) -> None:
    status, answer = send(server, {"X-Amz-Target": "AmazonAthena.StartQueryExecution"})
    assert (status, answer["__type"]) == (400, "InvalidRequestException")
    assert "QueryString" in answer["message"]
    status, answer = send(server, {"X-Amz-Target": "AWSGlue.GetTable"}, b'{"Name": 1}')
    assert (status, answer["__type"]) == (400, "InvalidInputException")
    assert "DatabaseName" in answer["message"]
    status, answer = send(server, LIST, b"[")
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_the_caller_is_named(server: Server) -> None:
    found = server.client("sts", server.settings.lake.dbt_key).get_caller_identity()
    assert found["Account"] == "000000000000"
    assert found["Arn"].endswith(":user/trackman-lake-dbt")
