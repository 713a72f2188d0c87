"""Requests that find out whether a server answers, and to whom."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple

from orchestrate.local_stack.errors import CredentialsRefused, NotAnsweringYet
from orchestrate.local_stack.settings import AccessKey

_TIMEOUT_SECONDS = 5.0
_UNAUTHORISED = (401, 403)


class Signing(NamedTuple):
    """What a request is signed with (AWS Signature Version 4)."""

    service: str
    region: str
    key: AccessKey


def request(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    sign: Signing | None = None,
) -> str:
    """The answer's body.

    Raises:
        NotAnsweringYet: no connection, or an answer that says the server is not ready.
        CredentialsRefused: the server knows no such key.
    """
    given = dict(headers or {})
    if sign is not None:
        given = _signed(url, given, body, sign)
    asked = urllib.request.Request(url, data=body, headers=given)  # noqa: S310
    # No proxy stands between this machine and itself, whatever http_proxy says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=_TIMEOUT_SECONDS) as response:
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        message = f"{url} answered {error.code}"
        if error.code in _UNAUTHORISED:
            raise CredentialsRefused(message) from None
        raise NotAnsweringYet(message) from None
    except (OSError, http.client.HTTPException) as error:
        raise NotAnsweringYet(f"{url}: {error}") from None


def _signed(
    url: str, headers: Mapping[str, str], body: bytes | None, sign: Signing
) -> dict[str, str]:
    """`headers` and those that sign a request with them."""
    # Imported here, since `down`, `status` and the watcher start in half the time without.
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    method = "GET" if body is None else "POST"
    asked = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    signer = S3SigV4Auth if sign.service == "s3" else SigV4Auth
    credentials = Credentials(sign.key.id, sign.key.secret)
    signer(credentials, sign.service, sign.region).add_auth(asked)
    return dict(asked.headers.items())
