"""How dbt connects."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

import boto3
import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError

from orchestrate.local_stack.settings import StackSettings
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
