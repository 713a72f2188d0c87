"""Who sent a request: AWS Signature Version 4, checked by signing the request once more.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from orchestrate.local_athena.api.errors import ApiError
from orchestrate.local_athena.model import Identity

_MAX_CLOCK_SKEW = timedelta(minutes=15)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^,]+?)/(?P<date>\d{8})/(?P<region>[^/,]+)/"
    r"(?P<service>[^/,]+)/aws4_request, ?SignedHeaders=(?P<headers>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Key:
    """A secret and whom it stands for."""

    identity: Identity
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Request:
    """A POST as it came in; the names of headers are in lower case."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class _SignedOnly(SigV4Auth):  # type: ignore[misc] # botocore has no types
    """Signs the headers that the sender signed; botocore's own choice may differ from an SDK's."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return HTTPHeaders.from_dict({name.lower(): v for name, v in request.headers.items()})


def authenticate(request: Request, keys: Mapping[str, Key], service: str) -> Identity:
    """The sender of `request`, who signed it for `service`.

    Raises:
        ApiError: It is not signed, by a key not known, wrongly, or too long ago.
    """
    header = request.headers.get("authorization")
    if header is None:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    found = _AUTHORIZATION.fullmatch(header)
    if found is None:
        raise ApiError(
            "IncompleteSignatureException",
            "the header Authorization is no AWS4-HMAC-SHA256 with Credential, SignedHeaders and "
            "Signature",
        )
    key = keys.get(found["key"])
    if key is None:
        raise ApiError(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            403,
        )
    if found["service"] != service:
        raise _refused(f"Credential should be scoped to service {service!r}")
    signed = found["headers"].split(";")
    missing = [name for name in ("host", "x-amz-date") if name not in signed]
    missing += [name for name in signed if name not in request.headers]
    if missing:
        raise _refused(f"header {missing[0]!r} is not signed or not sent")
    timestamp = request.headers["x-amz-date"]
    _check_time(timestamp, found["date"])
    digest = request.headers.get("x-amz-content-sha256")
    if digest is not None and digest != hashlib.sha256(request.body).hexdigest():
        raise _refused("the header X-Amz-Content-SHA256 is not that of the body")
    signer = _SignedOnly(
        Credentials(key.identity.access_key_id, key.secret), service, found["region"]
    )
    expected = _signature(request, signed, timestamp, signer)
    if not hmac.compare_digest(expected, found["signature"]):
        raise _refused(
            "The request signature we calculated does not match the signature you provided."
        )
    return key.identity


def _signature(request: Request, signed: list[str], timestamp: str, signer: _SignedOnly) -> str:
    again = AWSRequest(
        method="POST",
        url=request.url,
        data=request.body,
        headers={name: request.headers[name] for name in signed},
    )
    again.context["timestamp"] = timestamp
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return str(signer.signature(text, again))


def _check_time(timestamp: str, date: str) -> None:
    try:
        sent = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _refused(f"X-Amz-Date is {timestamp!r}, not like 20260131T235959Z") from None
    if not timestamp.startswith(date):
        raise _refused("the date of Credential is not that of X-Amz-Date")
    if abs(datetime.now(UTC) - sent) > _MAX_CLOCK_SKEW:
        raise _refused(f"Signature expired: {timestamp} is more than 15 minutes from now")


def _refused(message: str) -> ApiError:
    return ApiError("InvalidSignatureException", message, 403)
