"""Settings of the local stack: environment variables, their defaults and their meaning.

Whoever talks to the stack (run driver, tests, seeder) takes its addresses from here:

    settings = StackSettings.from_environment()
    psycopg.connect(settings.backend.url)
    load_catalog("lake", **settings.lake.catalog_properties())
    boto3.client("athena", **settings.athena.client_arguments(settings.lake.owner_key))
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from orchestrate.local_stack.errors import StackError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"

DEFAULTS: Mapping[str, str] = {
    "LOCAL_STACK_DIR": ".local",
    "TRACKMAN_BACKEND_HOST": LOOPBACK,
    "TRACKMAN_BACKEND_PORT": "15432",
    "TRACKMAN_BACKEND_USER": "trackman",
    "TRACKMAN_BACKEND_PASSWORD": "trackman",
    "TRACKMAN_BACKEND_DATABASE": "trackman_backend",
    "DATAENGINEERING_DB_HOST": LOOPBACK,
    "DATAENGINEERING_DB_PORT": "15433",
    "DATAENGINEERING_DB_USER": "dataengineering",
    "DATAENGINEERING_DB_PASSWORD": "dataengineering",
    "DATAENGINEERING_DB_DATABASE": "dataengineering",
    "TRACKMAN_LAKE_S3_PORT": "18333",
    "TRACKMAN_LAKE_CATALOG_PORT": "18181",
    "TRACKMAN_LAKE_INTERNAL_PORT": "19340",
    "TRACKMAN_LAKE_ACCESS_KEY_ID": "trackman-lake",
    "TRACKMAN_LAKE_SECRET_ACCESS_KEY": "trackman-lake-local",
    "TRACKMAN_LAKE_DBT_ACCESS_KEY_ID": "trackman-lake-dbt",
    "TRACKMAN_LAKE_DBT_SECRET_ACCESS_KEY": "trackman-lake-dbt-local",
    "LOCAL_ATHENA_PORT": "18404",
    "LOCAL_ATHENA_BYTES_LIMIT": "10737418240",
}

# The ports SeaweedFS needs for itself, in the order they follow TRACKMAN_LAKE_INTERNAL_PORT:
# the flags of `weed mini` that set them. Its maintenance worker seeks the admin service 10000 ports
# above admin.port and so finds none: nobody but the pipeline compacts or expires the lake's tables.
INTERNAL_PORT_FLAGS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
    "admin.port",
    "admin.port.grpc",
)

# NAMEDATALEN - 1, https://www.postgresql.org/docs/18/sql-syntax-lexical.html
_MAX_IDENTIFIER_BYTES = 63

# BytesScannedCutoffPerQuery,
# https://docs.aws.amazon.com/athena/latest/APIReference/API_WorkGroupConfiguration.html
_MIN_BYTES_LIMIT = 10_000_000


class Port(NamedTuple):
    """A TCP port of a part, and the environment variable that moves it."""

    number: int
    variable: str


@dataclass(frozen=True)
class PostgresSettings:
    """One PostgreSQL server with the one database and owner role the pipeline uses."""

    part: str
    host: str
    port: Port
    user: str
    password: str = field(repr=False)
    database: str

    @property
    def url(self) -> str:
        """Connection URL, password included (libpq: 34.1.1.2. Connection URIs)."""
        user, password, database = (
            quote(value, safe="") for value in (self.user, self.password, self.database)
        )
        return f"postgresql://{user}:{password}@{self.host}:{self.port.number}/{database}"

    @property
    def ports(self) -> tuple[Port, ...]:
        """Every TCP port the part listens on."""
        return (self.port,)


@dataclass(frozen=True)
class AccessKey:
    """A key of the lake, for S3, the catalog, Athena and Glue alike."""

    id: str
    secret: str = field(repr=False)

    def client_arguments(self, endpoint: str, region: str) -> dict[str, str]:
        """Arguments for ``boto3.client(service, **arguments)``."""
        return {
            "endpoint_url": endpoint,
            "region_name": region,
            "aws_access_key_id": self.id,
            "aws_secret_access_key": self.secret,
        }


@dataclass(frozen=True)
class LakeSettings:
    """S3 storage with one table bucket, and the Iceberg REST catalog over it."""

    s3_port: Port
    catalog_port: Port
    internal_port: Port
    access_key_id: str
    secret_access_key: str = field(repr=False)
    dbt_key: AccessKey  # reads everything, writes everywhere but to `raw_namespace`
    part: str = "trackman-lake"
    bucket: str = "trackman-lake"
    region: str = "us-east-1"
    host: str = LOOPBACK
    # What is no Iceberg table (results of queries, seeds, Hive tables): the lake's bucket is one of
    # tables, and SeaweedFS lets in nothing but their data and metadata.
    files_bucket: str = "trackman-lake-files"
    raw_namespace: str = "raw"

    @property
    def owner_key(self) -> AccessKey:
        """The key that may do everything."""
        return AccessKey(self.access_key_id, self.secret_access_key)

    @property
    def s3_endpoint(self) -> str:
        """Base URL of the S3 API."""
        return f"http://{self.host}:{self.s3_port.number}"

    @property
    def catalog_uri(self) -> str:
        """Base URL of the Iceberg REST catalog."""
        return f"http://{self.host}:{self.catalog_port.number}"

    @property
    def token_uri(self) -> str:
        """Where the catalog exchanges the access key for a token (OAuth2 client credentials)."""
        return f"{self.catalog_uri}/v1/oauth/tokens"

    @property
    def warehouse(self) -> str:
        """The catalog's warehouse: the table bucket."""
        return f"s3://{self.bucket}"

    @property
    def internal_ports(self) -> dict[str, Port]:
        """SeaweedFS's own ports by `weed mini` flag: a contiguous block."""
        first, variable = self.internal_port
        return {flag: Port(first + i, variable) for i, flag in enumerate(INTERNAL_PORT_FLAGS)}

    @property
    def ports(self) -> tuple[Port, ...]:
        """Every TCP port the part listens on."""
        return (self.s3_port, self.catalog_port, *self.internal_ports.values())

    def client_arguments(self, key: AccessKey) -> dict[str, str]:
        """Arguments for ``boto3.client("s3", **arguments)``."""
        return key.client_arguments(self.s3_endpoint, self.region)

    def catalog_properties(self) -> dict[str, str]:
        """Properties for ``pyiceberg.catalog.load_catalog(name, **properties)``."""
        return {
            "type": "rest",
            "uri": self.catalog_uri,
            "warehouse": self.warehouse,
            "oauth2-server-uri": self.token_uri,
            "credential": f"{self.access_key_id}:{self.secret_access_key}",
            "s3.endpoint": self.s3_endpoint,
            "s3.access-key-id": self.access_key_id,
            "s3.secret-access-key": self.secret_access_key,
            "s3.region": self.region,
        }


@dataclass(frozen=True)
class AthenaSettings:
    """The endpoint that speaks the APIs of Athena, Glue and STS over the lake."""

    port: Port
    bytes_limit: int  # a query of the lake's work group reads no more
    region: str
    results_location: str  # of queries that name no other place
    part: str = "local-athena"
    work_group: str = "trackman-lake"
    host: str = LOOPBACK

    @property
    def endpoint(self) -> str:
        """Base URL of all three APIs."""
        return f"http://{self.host}:{self.port.number}"

    @property
    def ports(self) -> tuple[Port, ...]:
        """Every TCP port the part listens on."""
        return (self.port,)

    def client_arguments(self, key: AccessKey) -> dict[str, str]:
        """Arguments for ``boto3.client(service, **arguments)``: athena, glue or sts."""
        return key.client_arguments(self.endpoint, self.region)


@dataclass(frozen=True)
class StackSettings:
    """All of the local stack: where its files lie and how to reach its parts."""

    directory: Path
    backend: PostgresSettings
    dataengineering: PostgresSettings
    lake: LakeSettings
    athena: AthenaSettings
    variables: Mapping[str, str] = field(repr=False, compare=False)  # that say all of this

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> StackSettings:
        """Read the variables of ``DEFAULTS``; one unset or empty takes its default.

        Args:
            environment: the variables to read; the process's own when None.

        Raises:
            StackError: a value is malformed or two parts claim one port.
        """
        given = os.environ if environment is None else environment
        values = {key: given.get(key) or default for key, default in DEFAULTS.items()}
        lake = LakeSettings(
            s3_port=_port("TRACKMAN_LAKE_S3_PORT", values),
            catalog_port=_port("TRACKMAN_LAKE_CATALOG_PORT", values),
            internal_port=_port(
                "TRACKMAN_LAKE_INTERNAL_PORT", values, count=len(INTERNAL_PORT_FLAGS)
            ),
            access_key_id=_text("TRACKMAN_LAKE_ACCESS_KEY_ID", values),
            secret_access_key=_text("TRACKMAN_LAKE_SECRET_ACCESS_KEY", values, secret=True),
            dbt_key=AccessKey(
                _text("TRACKMAN_LAKE_DBT_ACCESS_KEY_ID", values),
                _text("TRACKMAN_LAKE_DBT_SECRET_ACCESS_KEY", values, secret=True),
            ),
        )
        _refuse_one_key_for_two(lake)
        settings = cls(
            directory=(PROJECT_ROOT / Path(values["LOCAL_STACK_DIR"]).expanduser()).resolve(),
            backend=_postgres_settings("trackman-backend", "TRACKMAN_BACKEND", values),
            dataengineering=_postgres_settings("dataengineering-db", "DATAENGINEERING_DB", values),
            lake=lake,
            athena=AthenaSettings(
                port=_port("LOCAL_ATHENA_PORT", values),
                bytes_limit=_bytes_limit("LOCAL_ATHENA_BYTES_LIMIT", values),
                region=lake.region,
                results_location=f"s3://{lake.files_bucket}/athena-results/",
            ),
            variables=values,
        )
        _refuse_shared_ports(settings.ports())
        return settings

    def ports(self) -> Iterator[tuple[str, Port]]:
        """Every part's name with each of its ports."""
        for part in (self.backend, self.dataengineering, self.lake, self.athena):
            for port in part.ports:
                yield part.part, port


def _postgres_settings(part: str, prefix: str, values: Mapping[str, str]) -> PostgresSettings:
    host = values[f"{prefix}_HOST"]
    if host != LOOPBACK:
        raise StackError(
            f"{prefix}_HOST is {host!r}, but the servers of the local stack listen on "
            f"{LOOPBACK} only: unset {prefix}_HOST"
        )
    return PostgresSettings(
        part=part,
        host=host,
        port=_port(f"{prefix}_PORT", values),
        user=_identifier(f"{prefix}_USER", values),
        password=_text(f"{prefix}_PASSWORD", values, secret=True),
        database=_identifier(f"{prefix}_DATABASE", values),
    )


def _port(variable: str, values: Mapping[str, str], count: int = 1) -> Port:
    """A port number that leaves room for `count` ports in a row."""
    value, highest = values[variable], 65535 - count + 1
    # str.isdigit would also let through digits of other scripts and superscripts.
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= highest):
        raise StackError(f"{variable} is {value!r}: give a port number from 1 to {highest}")
    return Port(int(value), variable)


def _bytes_limit(variable: str, values: Mapping[str, str]) -> int:
    value = values[variable]
    if not (value.isascii() and value.isdigit() and int(value[:19]) >= _MIN_BYTES_LIMIT):
        raise StackError(
            f"{variable} is {value!r}: give a number of bytes, {_MIN_BYTES_LIMIT} or more"
        )
    return int(value)


def _refuse_one_key_for_two(lake: LakeSettings) -> None:
    if lake.dbt_key.id == lake.access_key_id:
        raise StackError(
            f"TRACKMAN_LAKE_DBT_ACCESS_KEY_ID is {lake.dbt_key.id!r}, as is "
            "TRACKMAN_LAKE_ACCESS_KEY_ID: give two different keys"
        )


def _text(variable: str, values: Mapping[str, str], *, secret: bool = False) -> str:
    value = values[variable]
    if not value.isprintable():
        shown = "" if secret else f" is {value!r}:"
        raise StackError(f"{variable}{shown} has unprintable characters: use printable ones only")
    return value


def _identifier(variable: str, values: Mapping[str, str]) -> str:
    value = _text(variable, values)
    if len(value.encode()) > _MAX_IDENTIFIER_BYTES:
        raise StackError(
            f"{variable} is {value!r}: give a name of at most {_MAX_IDENTIFIER_BYTES} bytes"
        )
    return value


def _refuse_shared_ports(ports: Iterator[tuple[str, Port]]) -> None:
    owners: dict[int, tuple[str, str]] = {}
    for part, port in ports:
        if port.number in owners:
            other_part, other_variable = owners[port.number]
            raise StackError(
                f"port {port.number} is claimed twice, by {other_part} ({other_variable}) and "
                f"{part} ({port.variable}): change one of the two variables"
            )
        owners[port.number] = (part, port.variable)
