"""What catalogs and S3 complain of, told in one line that names the setting or right to change."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from columnar_singer.destination import DestinationLostError
from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_s3.settings import LakeSettings

# pyarrow reports a failed S3 call as an OSError with this text and nothing else.
_AWS_ERROR = re.compile(
    r"AWS Error (?P<code>\w+) during (?P<action>\w+) operation(?:: (?P<why>.*))?"
)
_BUCKET = re.compile(r"bucket '(?P<bucket>[^']+)'")
_KEY = re.compile(r"key '(?P<key>[^']+)'")
# The permission that an S3 call needs, where the two differ in name:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_PERMISSIONS = {
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
}
_KEY_ERRORS = {"INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_SIGNATURE"}
_NETWORK_ERRORS = {"NETWORK_CONNECTION", "REQUEST_TIMEOUT"}
_PASSING_S3_ERRORS = {
    *_NETWORK_ERRORS,
    "SLOW_DOWN",
    "SERVICE_UNAVAILABLE",
    "INTERNAL_FAILURE",
    "THROTTLING",
}
_PASSING_BOTO_ERRORS = {"EndpointConnectionError", "ConnectionClosedError", "ReadTimeoutError"}


@contextmanager
def lake_errors(settings: LakeSettings, doing: str) -> Iterator[None]:
    """Turn what the catalog and S3 raise into a `UserError`.

    Args:
        settings: The lake that is worked on.
        doing: What is being done, to follow "cannot": `append to raw.strokes`.

    Yields:
        Nothing.

    Raises:
        DestinationLostError: Catalog or S3 cannot be reached or refuse the login.
        UserError: For anything else that a person can put right; the rest passes.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if reason := _explain(error, settings):
            raise type(reason)(f"cannot {doing}: {reason}") from error
        raise


def passes(error: Exception) -> bool:
    """Tell whether an error of catalog or S3 may be gone in a few seconds."""
    if isinstance(error, OSError) and (found := _AWS_ERROR.search(str(error))):
        return found["code"] in _PASSING_S3_ERRORS
    if type(error).__module__.startswith("botocore"):
        return type(error).__name__ in _PASSING_BOTO_ERRORS
    if type(error).__module__.startswith("sqlalchemy"):
        return type(error).__name__ == "OperationalError"
    from pyiceberg import exceptions as iceberg
    from requests import ConnectionError as NoConnection
    from requests import Timeout

    return isinstance(
        error,
        NoConnection
        | Timeout
        | iceberg.ServerError
        | iceberg.ServiceUnavailableError
        | iceberg.TooManyRequestsError
        | iceberg.CommitStateUnknownException,
    )


def is_busy(error: Exception) -> bool:
    """Tell whether a catalog that was not reached before is there and may soon answer.

    One that refuses the connection, or that nobody knows, is rather a wrong setting.
    """
    from requests import ConnectionError as NoConnection

    is_cut = isinstance(error, NoConnection) and "Connection aborted" in str(error)
    return passes(error) and (is_cut or not isinstance(error, NoConnection))


def _explain(error: Exception, settings: LakeSettings) -> UserError | None:
    if isinstance(error, OSError) and (found := _AWS_ERROR.search(str(error))):
        return _explain_s3(str(error), found, settings)
    if type(error).__module__.startswith("botocore"):
        return _explain_boto(error, settings)
    if type(error).__module__.startswith("sqlalchemy") or isinstance(error, ModuleNotFoundError):
        return _explain_sql(error, settings)
    if type(error).__module__.startswith("requests"):
        return _explain_http(error, settings)
    return _explain_catalog(error, settings)


def _explain_s3(text: str, found: re.Match[str], settings: LakeSettings) -> UserError:
    bucket = match["bucket"] if (match := _BUCKET.search(text)) else _bucket(settings)
    key = match["key"] if (match := _KEY.search(text)) else "*"
    where = settings.s3_endpoint_url or "AWS"
    code, action = found["code"], found["action"]
    if code == "ACCESS_DENIED":
        permission = _PERMISSIONS.get(action, action)
        return UserError(
            f"S3 denied {action} on bucket {bucket!r}, key {key!r}; grant s3:{permission} on that "
            "bucket to the identity of the setting 'aws_access_key_id' (or of the role in use)"
        )
    if code == "NO_SUCH_BUCKET":
        return DestinationLostError(
            f"S3 at {where} has no bucket {bucket!r}; make it, or correct the setting 'warehouse'"
        )
    if code in _KEY_ERRORS:
        return DestinationLostError(
            f"S3 at {where} refused the access key ({code}); correct the settings "
            "'aws_access_key_id' and 'aws_secret_access_key'"
        )
    if code == "REQUEST_TIME_TOO_SKEWED":
        return DestinationLostError(
            f"S3 at {where} finds this machine's clock wrong; set the clock (NTP)"
        )
    if code in _NETWORK_ERRORS:
        return DestinationLostError(
            f"no answer from S3 at {where} ({code}); check the settings 's3_endpoint_url' and "
            "'aws_region' and that the network lets this machine through"
        )
    why = " ".join((found["why"] or "").split())
    return UserError(
        f"S3 at {where} failed in {action} on bucket {bucket!r} ({code}: {why}); run again"
    )


def _explain_http(error: Exception, settings: LakeSettings) -> UserError:
    from requests import ConnectionError as NoConnection
    from requests import Timeout

    if isinstance(error, NoConnection | Timeout):
        return DestinationLostError(
            f"no answer from the catalog at {settings.shown_catalog}; check the setting "
            "'catalog_uri' and that the catalog runs"
        )
    return DestinationLostError(
        f"no catalog can be asked at {settings.shown_catalog!r} ({type(error).__name__}); the "
        "setting 'catalog_uri' must be an address such as http://host:port"
    )


def _explain_boto(error: Exception, settings: LakeSettings) -> UserError:
    """Explain what boto3, which only the Glue catalog uses, raised.

    By name: boto3 is installed only with the extra `glue`.
    """
    name, text = type(error).__name__, " ".join(str(error).split())
    where = f"the Glue catalog of region {settings.aws_region!r}"
    if "AccessDenied" in text or "UnrecognizedClient" in text or "Credentials" in name:
        return DestinationLostError(
            f"{where} refused this identity ({text}); check 'aws_access_key_id', "
            "'aws_secret_access_key' or the role in use, and grant it the action named"
        )
    if "Region" in name or "Endpoint" in name:
        return DestinationLostError(
            f"{where} cannot be reached ({text}); check 'aws_region' and 'catalog_uri'"
        )
    return UserError(f"{where} failed ({text}); run again")


def _explain_sql(error: Exception, settings: LakeSettings) -> UserError | None:
    """Explain what SQLAlchemy, which only catalogs of the type `sql` use, raised."""
    if settings.catalog_type != "sql":
        return None
    if isinstance(error, ModuleNotFoundError):
        return DestinationLostError(
            f"catalog_type 'sql' at {settings.shown_catalog} needs {error.name}; "
            "pip install 'target-s3[sql]'"
        )
    # The rest is the statement and where to read about SQLAlchemy.
    text = " ".join(str(error).partition("\n[SQL")[0].partition("\n(Background")[0].split())
    return DestinationLostError(
        f"the database of the catalog, {settings.shown_catalog}, failed ({text}); check the "
        "setting 'catalog_uri' and that the database runs"
    )


def _explain_catalog(error: Exception, settings: LakeSettings) -> UserError | None:
    from pyiceberg import exceptions as iceberg

    where = f"the catalog at {settings.shown_catalog}"
    text = " ".join(str(error).split())
    match error:
        case iceberg.OAuthError() | iceberg.UnauthorizedError():
            return DestinationLostError(
                f"{where} refused the login ({text}); correct the setting 'catalog_credential'"
            )
        case iceberg.ForbiddenError():
            return UserError(
                f"{where} forbids it ({text}); grant it on namespace {settings.namespace!r} of "
                f"{settings.warehouse!r} to the identity of the setting 'catalog_credential'"
            )
        case iceberg.CommitFailedException():
            return UserError(
                "other writers changed the table each time this run tried to commit; let only one "
                "run at a time write to it, and run again"
            )
        case iceberg.ServerError() | iceberg.ServiceUnavailableError():
            return UserError(f"{where} failed ({text}); look into its log and run again")
        case iceberg.RESTError() | iceberg.NoSuchNamespaceError():
            return UserError(
                f"{where} refused ({text}); check the settings 'warehouse' "
                f"({settings.warehouse!r}) and 'namespace' ({settings.namespace!r})"
            )
        case iceberg.NotInstalledError():
            return DestinationLostError(
                f"catalog_type {settings.catalog_type!r} needs more than is installed; "
                f"pip install 'target-s3[{settings.catalog_type}]'"
            )
        case _:
            return None


def _bucket(settings: LakeSettings) -> str:
    return urlsplit(settings.warehouse).netloc or settings.warehouse
