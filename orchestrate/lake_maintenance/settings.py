"""What the job is told, by environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_CLIENT_ARGUMENTS = {
    "region_name": "REGION",
    "endpoint_url": "ENDPOINT_URL",
    "aws_access_key_id": "ACCESS_KEY_ID",
    "aws_secret_access_key": "SECRET_ACCESS_KEY",
}


class SettingsError(Exception):
    """A setting is missing or wrong; one line for people."""


@dataclass(frozen=True)
class Settings:
    """What is maintained, and through what.

    Attributes:
        databases: Names of databases; each of their Iceberg tables is maintained.
        model_databases: Those of them that dbt builds in: what its killed builds left is dropped.
        work_group: Athena's work group.
        output_location: `s3://bucket/prefix/` of results; None where the work group says it.
        small_files: Fewer files than this beyond those that partitions need are left alone.
        small_file_bytes: Smaller files are small; a partition needs one for each such size begun.
        table_versions: So many versions of a table stay in Glue.
        report: File for the figures, None for none.
        client_arguments: Of `boto3.client`; what is not there boto3 finds itself, as the task's
            role on AWS.
    """

    databases: tuple[str, ...]
    model_databases: tuple[str, ...]
    work_group: str
    output_location: str | None
    small_files: int
    small_file_bytes: int
    table_versions: int
    report: Path | None
    client_arguments: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the variables `LAKE_MAINTENANCE_…`.

        Raises:
            SettingsError: One is missing or wrong.
        """

        def text(name: str, default: str = "") -> str:
            return environment.get(f"LAKE_MAINTENANCE_{name}") or default

        def number(name: str, default: int) -> int:
            value = text(name, str(default))
            if not (value.isascii() and value.isdigit() and int(value) > 0):
                raise SettingsError(
                    f"LAKE_MAINTENANCE_{name} is '{value}': give a whole number from 1 on"
                )
            return int(value)

        def names(name: str, fewest: int) -> tuple[str, ...]:
            found = tuple(text(name).split())
            if len(found) < fewest or not all(re.fullmatch(r"[a-z0-9_]+", each) for each in found):
                raise SettingsError(
                    f"LAKE_MAINTENANCE_{name} is '{text(name)}': give names of databases "
                    "with blanks between them, as 'raw analytics'"
                )
            return found

        output = text("OUTPUT_LOCATION") or None
        if output and not output.startswith("s3://"):
            raise SettingsError(
                f"LAKE_MAINTENANCE_OUTPUT_LOCATION is '{output}': give s3://bucket/prefix/"
            )
        return cls(
            databases=names("DATABASES", 1),
            model_databases=names("MODEL_DATABASES", 0),
            work_group=text("WORK_GROUP", "primary"),
            output_location=output,
            small_files=number("SMALL_FILES", 1),
            small_file_bytes=number("SMALL_FILE_MB", 128) * 1024 * 1024,
            table_versions=number("TABLE_VERSIONS", 10),
            report=Path(text("REPORT")) if text("REPORT") else None,
            client_arguments={
                argument: text(name) for argument, name in _CLIENT_ARGUMENTS.items() if text(name)
            },
        )
