"""STS: who asks. No role can be assumed here, since there are none.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from orchestrate.local_athena.api.errors import ApiError
from orchestrate.local_athena.model import Identity

ACCOUNT = "000000000000"
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_NOT_SERVED = {
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "GetFederationToken",
    "GetSessionToken",
}


def answer(body: str, identity: Identity, request_id: str) -> str:
    """The XML that answers a form.

    Raises:
        ApiError: It asks for something else than GetCallerIdentity.
    """
    action = parse_qs(body).get("Action", [""])[0]
    if action in _NOT_SERVED:
        raise ApiError(
            "AccessDenied",
            f"the local Athena does not serve {action}: it knows no roles and no temporary keys; "
            "use the stack's keys themselves",
            403,
        )
    if action != "GetCallerIdentity":
        raise ApiError("InvalidAction", f"Could not find operation {action!r}")
    name = escape(identity.access_key_id)
    return (
        f'<GetCallerIdentityResponse xmlns="{_NAMESPACE}"><GetCallerIdentityResult>'
        f"<Arn>arn:aws:iam::{ACCOUNT}:user/{name}</Arn><UserId>{name}</UserId>"
        f"<Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )


def error(failure: ApiError, request_id: str) -> str:
    """The XML of an error."""
    return (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type>'
        f"<Code>{escape(failure.code)}</Code><Message>{escape(failure.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
