"""The HTTP endpoint: who asks, which operation of which service, the answer in AWS's shapes.

Athena and Glue speak JSON 1.1 (the header X-Amz-Target names the operation), STS the query
protocol (a form in, XML out). https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import botocore.session
import uvicorn
from botocore import xform_name
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from orchestrate.local_athena.api import sts
from orchestrate.local_athena.api.errors import ApiError
from orchestrate.local_athena.api.signature import Key, Request, authenticate
from orchestrate.local_athena.model import Identity

# A client that waits for its query holds a thread up to 20 seconds.
_THREADS = 128
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 5
_JSON = "application/x-amz-json-1.1"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """A service with the objects that serve it.

    An operation, as `GetTable`, is the method `get_table(identity, parameters)` of one of them.
    """

    name: str
    target: str  # before the dot in X-Amz-Target
    model: ServiceModel
    apis: Sequence[object]
    invalid_input: str  # what the service calls a malformed request

    @classmethod
    def create(cls, name: str, target: str, invalid_input: str, *apis: object) -> Service:
        """A service of that name, its operations and shapes from botocore."""
        model = botocore.session.get_session().get_service_model(name)
        return cls(name, target, model, apis, invalid_input)

    def call(self, operation: str, identity: Identity, parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """The answer to an operation.

        Raises:
            ApiError: It is unknown or not served, the parameters do not fit, or it fails.
        """
        if operation not in self.model.operation_names:
            raise ApiError("UnknownOperationException", f"{self.name} has no {operation}")
        method = xform_name(operation)
        serving = next((api for api in self.apis if hasattr(api, method)), None)
        if serving is None:
            raise ApiError(self.invalid_input, f"the local Athena does not serve {operation}")
        shape = self.model.operation_model(operation).input_shape
        if shape is not None:
            report = ParamValidator().validate(parameters, shape)
            if report.has_errors():
                text = "; ".join(report.generate_report().splitlines())
                raise ApiError(self.invalid_input, f"{operation}: {text}")
        return getattr(serving, method)(identity, parameters)


def application(
    services: Sequence[Service],
    keys: Mapping[str, Key],
    pool: ThreadPoolExecutor,
    about: Callable[[], Mapping[str, object]],
) -> Starlette:
    """The endpoint over `services`, for the holders of `keys`; requests run in `pool`.

    A GET is answered to everybody, with what `about` says of the endpoint.
    """
    by_target = {service.target: service for service in services}

    async def serve(http: HttpRequest) -> Response:
        request = Request(
            url=str(http.url),
            headers={name.lower(): value for name, value in http.headers.items()},
            body=await http.body(),
        )
        answer = _answer_json if "x-amz-target" in request.headers else _answer_query
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, answer, request, by_target, keys)

    async def describe(_: HttpRequest) -> Response:
        return Response(json.dumps(about()), media_type="application/json")

    return Starlette(
        routes=[Route("/", serve, methods=["POST"]), Route("/", describe, methods=["GET"])]
    )


class Server(uvicorn.Server):
    """The endpoint on its port."""

    def __init__(
        self,
        services: Sequence[Service],
        keys: Mapping[str, Key],
        address: tuple[str, int],
        *,
        about: Callable[[], Mapping[str, object]],
        before_end: Callable[[], None],
        after_end: Callable[[], None],
    ) -> None:
        """Make a server; `run` serves until told to stop.

        Args:
            services: What is served.
            keys: To whom.
            address: Host and port.
            about: Says what a GET is answered.
            before_end: Called before the requests in work are waited for.
            after_end: Called after the last of them.
        """
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="request")
        self._before_end = before_end
        self._after_end = after_end
        host, port = address
        super().__init__(
            uvicorn.Config(
                application(services, keys, self._pool, about),
                host=host,
                port=port,
                access_log=False,
                log_config=None,
                lifespan="off",
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await asyncio.to_thread(self._before_end)
        await super().shutdown(sockets)
        await asyncio.to_thread(self._pool.shutdown)
        await asyncio.to_thread(self._after_end)


def _answer_json(
    request: Request, services: Mapping[str, Service], keys: Mapping[str, Key]
) -> Response:
    target, _, operation = request.headers["x-amz-target"].partition(".")
    try:
        service = services.get(target)
        if service is None:
            raise ApiError(
                "UnknownOperationException",
                f"X-Amz-Target is {target}.{operation}: served are "
                + ", ".join(f"{known}.*" for known in services),
            )
        identity = authenticate(request, keys, service.name)
        answer, status = service.call(operation, identity, _json_object(request.body)), 200
    except ApiError as error:
        answer, status = _error(error), error.status
    except Exception as error:
        _log.exception("%s.%s", target, operation)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        answer, status = _error(ApiError("InternalServerException", text)), 500
    return Response(
        json.dumps(answer, default=_json_default),
        status,
        {"x-amzn-RequestId": str(uuid.uuid4())},
        _JSON,
    )


def _answer_query(request: Request, _: Mapping[str, Service], keys: Mapping[str, Key]) -> Response:
    identifier = str(uuid.uuid4())
    try:
        identity = authenticate(request, keys, "sts")
        text, status = sts.answer(request.body.decode(), identity, identifier), 200
    except ApiError as error:
        text, status = sts.error(error, identifier), error.status
    return Response(text, status, {"x-amzn-RequestId": identifier}, "text/xml")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError("SerializationException", "the body is not a JSON object")
    return found


def _error(error: ApiError) -> dict[str, str]:
    # Services spell the member either way.
    return {
        "__type": error.code,
        "message": error.message,
        "Message": error.message,
        **error.details,
    }


def _json_default(value: object) -> float:
    """Times are seconds since the epoch in JSON 1.1."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day).timestamp()
    raise TypeError(f"{type(value).__name__} has no place in an answer")
