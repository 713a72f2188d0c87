"""How dbt connects."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs

import boto3
import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError

from orchestrate.local_stack.settings import AccessKey, StackSettings
from tests.servers import serve_http
from transform.tests_python.project import Dbt, lake_variables


def test_tls_is_asked_for_where_the_variables_say_so(postgres_url: str, tmp_path: Path) -> None:
    refused = Dbt(postgres_url, tmp_path).run(
        "debug",
        "--connection",
        DATAENGINEERING_DB_SSL_MODE="verify-full",
        DATAENGINEERING_DB_CERTIFICATE_AUTHORITY="/nowhere/authority.pem",
    )
    assert refused.returncode != 0
    assert "sslmode: verify-full" in refused.stdout
    assert "sslrootcert: /nowhere/authority.pem" in refused.stdout
    assert "server does not support SSL" in refused.stdout


def test_a_query_of_dbt_stops_at_the_limit_of_its_work_group(
    session_stack: StackSettings, tmp_path: Path
) -> None:
    lake, endpoint = session_stack.lake, session_stack.athena
    athena = boto3.client("athena", **endpoint.client_arguments(lake.owner_key))
    limit = {
        "BytesScannedCutoffPerQuery": 10_000_000,  # the least that Athena knows
        "ResultConfiguration": {"OutputLocation": endpoint.results_location},
    }
    athena.create_work_group(Name="sparing_dbt", Configuration=limit)
    catalog = load_catalog("lake", **lake.catalog_properties())
    with suppress(NamespaceAlreadyExistsError):
        catalog.create_namespace("sparing")
    rows = pa.table({"text": [secrets.token_hex(500) for _ in range(25_000)]})
    catalog.create_table(("sparing", "wide"), rows.schema).append(rows)
    dbt = Dbt(
        "postgresql://nobody@127.0.0.1:1/nowhere",
        tmp_path,
        lake_variables(session_stack),
        ("--target", "lake"),
    )
    query = ("show", "--inline", "select max(text) as greatest from sparing.wide")
    stopped = dbt.run(*query, TRACKMAN_LAKE_WORK_GROUP="sparing_dbt")
    assert stopped.returncode != 0
    assert "Bytes scanned limit was exceeded" in stopped.stdout


@contextmanager
def token_service(key: AccessKey) -> Iterator[tuple[str, list[str]]]:
    """A fake of AWS's STS, which gives `key` to whoever takes on a role: its address, the roles."""
    roles: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if asked["Action"] == ["AssumeRole"]:
                roles.extend(asked["RoleArn"])
                answer = (
                    f"<Credentials><AccessKeyId>{key.id}</AccessKeyId><SecretAccessKey>{key.secret}"
                    "</SecretAccessKey><SessionToken></SessionToken>"
                    "<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>"
                )
            else:
                answer = "<Account>123456789012</Account>"
            (action,) = asked["Action"]
            text = f"<{action}Response><{action}Result>{answer}</{action}Result></{action}Response>"
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serve_http(Handler) as port:
        yield f"http://127.0.0.1:{port}", roles


def test_dbt_takes_on_its_role(session_stack: StackSettings, tmp_path: Path) -> None:
    role = "arn:aws:iam::123456789012:role/dbt"
    nobody = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "knows-nobody"}
    dbt = Dbt(
        "postgresql://nobody@127.0.0.1:1/nowhere",
        tmp_path,
        lake_variables(session_stack) | nobody,
        ("--target", "lake"),
    )
    query = ("show", "--inline", "select 1 as one")
    assert dbt.run(*query).returncode != 0
    with token_service(session_stack.lake.dbt_key) as (address, roles):
        done = dbt.run(*query, TRACKMAN_LAKE_DBT_ROLE=role, AWS_ENDPOINT_URL_STS=address)
    assert done.returncode == 0, done.stdout
    assert set(roles) == {role}
