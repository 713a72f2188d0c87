"""The endpoint put together from its parts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from orchestrate.local_athena import version
from orchestrate.local_athena.api.athena_catalog import AthenaCatalog
from orchestrate.local_athena.api.athena_groups import WorkGroups
from orchestrate.local_athena.api.athena_queries import AthenaQueries
from orchestrate.local_athena.api.athena_statements import NamedQueries, PreparedStatements
from orchestrate.local_athena.api.glue import Catalog
from orchestrate.local_athena.api.glue_partitions import Partitions
from orchestrate.local_athena.api.server import Server, Service
from orchestrate.local_athena.api.signature import Key
from orchestrate.local_athena.metastore.catalog import Metastore
from orchestrate.local_athena.model import Engine, Identity
from orchestrate.local_athena.queries.entries import Entries
from orchestrate.local_athena.queries.history import History
from orchestrate.local_athena.queries.results import Results
from orchestrate.local_athena.queries.runs import Queries
from orchestrate.local_stack.settings import AccessKey, LakeSettings, StackSettings


def create(settings: StackSettings, data: Path, metastore: Metastore, engine: Engine) -> Server:
    """The endpoint over `metastore` and `engine`; its own files lie in `data`."""
    lake, athena = settings.lake, settings.athena
    s3_client = _s3_clients(lake)
    _make_bucket(s3_client(_identity(lake, lake.owner_key)), lake.files_bucket)
    entries = Entries(data / "athena.sqlite")
    history = History(entries)
    results = Results(s3_client)
    queries = Queries(engine, history, results)
    groups = WorkGroups(entries, athena.results_location, athena.work_group, athena.bytes_limit)
    catalog = Catalog(metastore)

    services = (
        Service.create(
            "athena",
            "AmazonAthena",
            "InvalidRequestException",
            AthenaQueries(queries, history, results, groups),
            groups,
            PreparedStatements(metastore.store, entries, groups),
            NamedQueries(entries, groups),
            AthenaCatalog(catalog),
        ),
        Service.create("glue", "AWSGlue", "InvalidInputException", catalog, Partitions(metastore)),
    )
    return Server(
        services,
        _keys(lake),
        (athena.host, athena.port.number),
        about=partial(_about, version.of_code(), queries),
        before_end=queries.close,
        after_end=entries.close,
    )


def _about(code: str, queries: Queries) -> dict[str, object]:
    return {"code": code, "queries": queries.count}


def _keys(lake: LakeSettings) -> dict[str, Key]:
    return {key.id: Key(_identity(lake, key), key.secret) for key in (lake.owner_key, lake.dbt_key)}


def _identity(lake: LakeSettings, key: AccessKey) -> Identity:
    is_dbt = key == lake.dbt_key
    return Identity(key.id, frozenset({lake.raw_namespace}) if is_dbt else frozenset())


def _s3_clients(lake: LakeSettings) -> Callable[[Identity], Any]:
    """What makes S3 clients; each acts with the key of its identity, whose rights S3 checks."""
    keys = {key.id: key for key in (lake.owner_key, lake.dbt_key)}

    @cache
    def client(identity: Identity) -> Any:  # noqa: ANN401 - botocore has no types
        return boto3.session.Session().client(
            "s3",
            **lake.client_arguments(keys[identity.access_key_id]),
            config=Config(max_pool_connections=32, proxies={}, connect_timeout=10, read_timeout=30),
        )

    return client


def _make_bucket(client: Any, bucket: str) -> None:  # noqa: ANN401 - botocore has no types
    there = client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou
    with suppress(*there):
        client.create_bucket(Bucket=bucket)
