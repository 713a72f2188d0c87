"""Where the lake is and who writes to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_NAMESPACE = "raw"
DEFAULT_LEASE_SECONDS = 60
DEFAULT_ORPHAN_FILE_HOURS = 72
CATALOG_TYPES = ("rest", "glue", "sql")
TABLE_FORMATS = ("iceberg", "parquet")

_ADDRESSES = {"rest": "http://host:port", "sql": "postgresql+psycopg://user@host/database"}

LAKE_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "catalog_type",
        th.StringType(allowed_values=list(CATALOG_TYPES)),
        default="rest",
        description="Kind of Iceberg catalog: an Iceberg REST catalog, the AWS Glue catalog "
        "(install `target-s3[glue]`), or tables of an SQL database (install `target-s3[sql]`).",
    ),
    th.Property(
        "table_format",
        th.StringType(allowed_values=list(TABLE_FORMATS)),
        default="iceberg",
        description="`iceberg`, or `parquet`: plain Parquet files in Hive partitions, registered "
        "in Glue (catalog_type `glue`).",
    ),
    th.Property(
        "catalog_uri",
        th.StringType,
        secret=True,
        description="Address of the catalog, `http://host:port`. Required for `rest`; for `glue` "
        "only where the Glue API is not that of the region. For `sql` the database, "
        "`postgresql+psycopg://user:password@host/database` or `sqlite:////path/to/file`.",
    ),
    th.Property(
        "warehouse",
        th.StringType(pattern=r"^\S+$"),
        required=True,
        description="Where tables lie: `s3://bucket`, for `glue` also `s3://bucket/prefix`; a "
        "`rest` catalog may have names of its own for its warehouses.",
    ),
    th.Property(
        "namespace",
        th.StringType(pattern=r"^[A-Za-z0-9_]+$"),
        default=DEFAULT_NAMESPACE,
        description="Namespace (a database in Glue) that the tables are in. Made if missing.",
    ),
    th.Property(
        "catalog_credential",
        th.StringType,
        secret=True,
        description="`<client>:<secret>` for a `rest` catalog that asks for OAuth 2.",
    ),
    th.Property(
        "s3_endpoint_url",
        th.StringType,
        description="Address of an S3 service other than AWS.",
    ),
    th.Property(
        "aws_access_key_id",
        th.StringType,
        secret=True,
        description="Access key. Left out: what the AWS SDK finds (environment, profile, role).",
    ),
    th.Property(
        "aws_secret_access_key",
        th.StringType,
        secret=True,
        description="Secret of the access key.",
    ),
    th.Property("aws_region", th.StringType, description="AWS region of bucket and catalog."),
    th.Property(
        "lease_seconds",
        th.NumberType(minimum=1),
        default=DEFAULT_LEASE_SECONDS,
        description="A run that was killed keeps its tables from other runs for so long; a run "
        "that is alive renews its lease three times as often.",
    ),
    th.Property(
        "orphan_file_hours",
        th.NumberType(minimum=0),
        default=DEFAULT_ORPHAN_FILE_HOURS,
        description="A data file that no snapshot names is deleted when it is so old; longer than "
        "any run takes. Each table is looked through at most once a day.",
    ),
)
"""Settings of the lake, to be put into the target's `PropertiesList`."""


@dataclass(frozen=True)
class LakeSettings:
    """Where the lake is and who writes to it."""

    warehouse: str
    catalog_type: str = "rest"
    table_format: str = "iceberg"
    catalog_uri: str | None = field(default=None, repr=False)
    namespace: str = DEFAULT_NAMESPACE
    catalog_credential: str | None = field(default=None, repr=False)
    s3_endpoint_url: str | None = None
    aws_access_key_id: str | None = field(default=None, repr=False)
    aws_secret_access_key: str | None = field(default=None, repr=False)
    aws_region: str | None = None
    lease_seconds: float = DEFAULT_LEASE_SECONDS
    orphan_file_hours: float = DEFAULT_ORPHAN_FILE_HOURS

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LakeSettings:
        """Take the lake out of the target's settings.

        Args:
            config: The target's settings, validated by their JSON Schema.

        Returns:
            The lake.

        Raises:
            UserError: Settings that need each other are not all there.
        """
        lake = cls(
            warehouse=config["warehouse"],
            catalog_type=config.get("catalog_type") or "rest",
            table_format=config.get("table_format") or "iceberg",
            catalog_uri=config.get("catalog_uri"),
            namespace=config.get("namespace") or DEFAULT_NAMESPACE,
            catalog_credential=config.get("catalog_credential"),
            s3_endpoint_url=config.get("s3_endpoint_url"),
            aws_access_key_id=config.get("aws_access_key_id"),
            aws_secret_access_key=config.get("aws_secret_access_key"),
            aws_region=config.get("aws_region"),
            lease_seconds=config.get("lease_seconds", DEFAULT_LEASE_SECONDS),
            orphan_file_hours=config.get("orphan_file_hours", DEFAULT_ORPHAN_FILE_HOURS),
        )
        if lake.catalog_type in _ADDRESSES and not lake.catalog_uri:
            message = (
                f"no value for the setting 'catalog_uri', which catalog_type {lake.catalog_type!r} "
                f"needs; set it to the catalog's address, {_ADDRESSES[lake.catalog_type]}"
            )
            raise UserError(message)
        if lake.is_hive and lake.catalog_type != "glue":
            message = (
                f"table_format 'parquet' needs catalog_type 'glue', not {lake.catalog_type!r}; set "
                "catalog_type to 'glue', or table_format to 'iceberg'"
            )
            raise UserError(message)
        if bool(lake.aws_access_key_id) != bool(lake.aws_secret_access_key):
            message = (
                "only one of the settings 'aws_access_key_id' and 'aws_secret_access_key' has a "
                "value; set both, or neither to use what the AWS SDK finds"
            )
            raise UserError(message)
        return lake

    @property
    def is_hive(self) -> bool:
        """Whether tables are plain Parquet."""
        return self.table_format == "parquet"

    @property
    def shown_catalog(self) -> str:
        """Name the catalog for a person, without a password."""
        if self.catalog_uri is None:
            return self.catalog_type
        return re.sub(r"(?<=://)([^/@:]*):.*@", r"\1@", self.catalog_uri)

    def catalog_properties(self) -> dict[str, str]:
        """Give the properties pyiceberg connects with.

        Returns:
            Names and values of https://py.iceberg.apache.org/configuration/, secrets included.
        """
        properties = {
            "type": self.catalog_type,
            "warehouse": self.warehouse,
            "s3.endpoint": self.s3_endpoint_url,
            # The names for all AWS services: Glue and S3 log in alike.
            "client.access-key-id": self.aws_access_key_id,
            "client.secret-access-key": self.aws_secret_access_key,
            "client.region": self.aws_region,
        }
        if self.catalog_type == "glue":
            properties["glue.endpoint"] = self.catalog_uri
        elif self.catalog_type == "sql":
            properties["uri"] = self.catalog_uri
        else:
            properties["uri"] = self.catalog_uri
            properties["credential"] = self.catalog_credential
            # What pyiceberg would choose by itself, but not without a warning.
            properties["oauth2-server-uri"] = f"{self.catalog_uri}".rstrip("/") + "/v1/oauth/tokens"
        return {name: value for name, value in properties.items() if value}
