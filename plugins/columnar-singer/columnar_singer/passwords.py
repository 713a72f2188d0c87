"""Where the password of a PostgreSQL role comes from: a setting, a file, or AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from columnar_singer.errors import UserError
from columnar_singer.tls import path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSWORD_SETTINGS: tuple[th.Property[Any], ...] = (
    th.Property(
        "password",
        th.StringType,
        secret=True,
        description=(
            "Password of the role. None of this and the next three: what libpq finds (PGPASSWORD, "
            "~/.pgpass)."
        ),
    ),
    th.Property(
        "password_file",
        th.StringType,
        description="File that holds the password and nothing else.",
    ),
    th.Property(
        "password_secret",
        th.StringType,
        description=(
            "Name or ARN of a secret of AWS Secrets Manager: the password, or JSON with `password`."
        ),
    ),
    th.Property(
        "use_iam_authentication",
        th.BooleanType,
        description="Log in to Amazon RDS with a token of the AWS role; needs `ssl_enable`.",
    ),
)
"""The settings of the password, to be put into a plugin's `PropertiesList`."""

_NAMES = tuple(setting.name for setting in PASSWORD_SETTINGS)


@dataclass(frozen=True)
class PasswordSource:
    """The one place the password comes from; nothing set for what libpq finds.

    Attributes:
        password: The password itself.
        file: File that holds it.
        secret: Name or ARN of a secret of AWS Secrets Manager.
        is_iam: Whether a token of Amazon RDS takes its place.
    """

    password: str | None = field(default=None, repr=False)
    file: str | None = None
    secret: str | None = None
    is_iam: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PasswordSource:
        """Take the source out of a plugin's settings.

        Raises:
            UserError: There are two sources, or a token would be sent without TLS.
        """
        given = [name for name in _NAMES if config.get(name)]
        if len(given) > 1:
            message = (
                f"the password comes from {' and '.join(repr(name) for name in given)}; "
                "set one of them only"
            )
            raise UserError(message)
        if given == ["use_iam_authentication"] and not config.get("ssl_enable"):
            message = (
                "'use_iam_authentication' needs TLS, for the server must not be another that "
                "takes the token; set 'ssl_enable' to true, and 'ssl_certificate_authority'"
            )
            raise UserError(message)
        return cls(
            config.get("password") or None,
            config.get("password_file") or None,
            config.get("password_secret") or None,
            bool(config.get("use_iam_authentication")),
        )

    def read(self, host: str, port: int, user: str) -> str | None:
        """Read the password anew: a secret may be rotated, a token ends after 15 minutes.

        Args:
            host: Of the database, which a token is made for.
            port: Of the database.
            user: The role.

        Returns:
            The password; None for what libpq finds.

        Raises:
            UserError: The file or the secret cannot be read.
        """
        if self.file:
            return _first_line(self.file)
        if self.secret:
            return _secret(self.secret)
        if self.is_iam:
            return _token(host, port, user)
        return self.password


def _first_line(file: str) -> str:
    password = path_of("password_file", file).read_text().strip("\r\n")
    if not password or "\n" in password:
        message = f"the file of the setting 'password_file', {file!r}, must hold one line"
        raise UserError(message)
    return password


def _secret(name: str) -> str:
    # The region of an ARN is its own: arn:aws:secretsmanager:<region>:<account>:secret:<name>
    region = name.split(":")[3] if name.startswith("arn:") else None
    answer = _ask_aws(
        "secretsmanager", region, "get_secret_value", f"the secret {name!r}", SecretId=name
    )
    text: str = answer.get("SecretString", "")
    try:
        content = json.loads(text)
    except ValueError:
        content = text
    if isinstance(content, dict):
        text = content.get("password", "")
    if not isinstance(text, str) or not text:
        message = (
            f"the secret {name!r} holds no password; give a text, or JSON with the key 'password'"
        )
        raise UserError(message)
    return text


def _token(host: str, port: int, user: str) -> str:
    token: str = _ask_aws(
        "rds",
        None,
        "generate_db_auth_token",
        f"a token for {user!r}",
        DBHostname=host,
        Port=port,
        DBUsername=user,
    )
    return token


def _ask_aws(service: str, region: str | None, action: str, what: str, **arguments: Any) -> Any:  # noqa: ANN401
    try:
        # Here, for it takes longer to import than all the rest.
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        message = (
            f"{what} needs the package boto3; install the plugin with its extra 'aws', "
            "or give the password in another way"
        )
        raise UserError(message) from error
    try:
        return getattr(boto3.client(service, region_name=region), action)(**arguments)
    except (BotoCoreError, ClientError) as error:
        reason = " ".join(str(error).split())
        message = (
            f"AWS does not give {what}: {reason}; check the name, AWS_REGION and the rights of "
            "the AWS role"
        )
        raise UserError(message) from error
