"""The ASGI application that customers talk to, assembled from the routers that it is given.

It sees to what holds for every answer: errors are documents, whatever went wrong; a request id, a run time, security
headers, the renewed session cookie; metrics. A service that runs alone is the same application with fewer routers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID, uuid4

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdr_exports.api import paths
from cdr_exports.api.errors import ApiError, Catalogue, unavailable
from cdr_exports.api.reception import SET_COOKIE
from cdr_exports.api.responses import error_document
from cdr_exports.domain.errors import Transient
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.metrics import Registry

log = logger(__name__)

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType({
    "x-frame-options": "SAMEORIGIN",
    "x-xss-protection": "0",
    "x-content-type-options": "nosniff",
    "x-permitted-cross-domain-policies": "none",
    "referrer-policy": "strict-origin-when-cross-origin",
})  # fmt: skip
ANY_ORIGIN: Mapping[str, str] = MappingProxyType({"access-control-allow-origin": "*"})
PREFLIGHT: Mapping[str, str] = MappingProxyType({
    **ANY_ORIGIN,
    "access-control-allow-methods": "GET, POST, DELETE, PUT, PATCH, OPTIONS",
    "access-control-allow-headers": "Origin, X-Requested-With, Content-Type, Accept, api_key, Authorization",
    "access-control-max-age": "1728000",
})  # fmt: skip
"""What the reference's own proxy says to a page of another origin, where it is set up to."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNTIMED = ("/download", "/events")
"""Routes whose answers last as long as their reader wants."""
RETRY_AFTER_SECONDS = 5
CLIENT_CLOSED_REQUEST = 499
TELEMETRY_OFF: TelemetryConfig = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}  # fmt: skip


def build(routers: Sequence[APIRouter], registry: Registry, *, cors: bool = False) -> ASGIApp:
    """`cors`: pages of any origin may call the API, though never with a session's cookie."""
    app = FastAPI(openapi_url=None, redirect_slashes=False, telemetry=TELEMETRY_OFF)
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Transient, _unavailable)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _bug)
    return _Envelope(app, registry, cors=cors)


async def _api_error(request: Request, error: Exception) -> Response:
    return error_document(request, cast(ApiError, error))


async def _no_route(request: Request, _: Exception) -> Response:
    """Unknown paths and wrong methods alike; no route of ours raises this itself."""
    error = Catalogue.NO_ROUTE.raised(method=request.method, path=paths.path_as_sent(request))
    return error_document(request, error)


async def _unavailable(request: Request, error: Exception) -> Response:
    """For routes that do not say better which part it is."""
    log.warning("http.dependency_unavailable", reason=str(error))
    return error_document(request, unavailable("A part of the service", retry_after_seconds=RETRY_AFTER_SECONDS))


async def _gone(_: Request, __: Exception) -> Response:
    """The client hung up in the middle of its request; the status is for the metric only."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _bug(request: Request, _: Exception) -> Response:
    """The envelope, which gets the exception too, logs it."""
    return error_document(request, Catalogue.INTERNAL.raised())


class _Envelope:
    """Around the application, so that no answer escapes it, that to a bug of ours included."""

    def __init__(self, app: ASGIApp, registry: Registry, *, cors: bool) -> None:
        self._app, self._registry, self._cors = app, registry, cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = _tolerated(scope["path"])
        scope.setdefault("state", {})
        answer = _Answer(scope, send, ANY_ORIGIN if self._cors else {})
        try:
            await self._answer(scope, receive, answer)
        except Exception as error:
            log.exception("http.failed", request_id=answer.request_id, route=_route(scope), error=type(error).__name__)
            if not answer.is_complete:
                raise  # part of the answer is out: only cutting the connection tells the client
        finally:
            self._measure(scope, answer)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if self._cors and scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=PREFLIGHT)(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _measure(self, scope: Scope, answer: _Answer) -> None:
        route, method = _route(scope), scope["method"] if scope["method"] in METHODS else "other"
        self._registry.count("http_requests", route=route, method=method, code=str(answer.status or 0))
        if not route.endswith(UNTIMED):
            self._registry.observe("http_request_duration_seconds", answer.seconds(), route=route, method=method)


class _Answer:
    """The `send` of one request: adds the headers that all answers have, and remembers the status."""

    def __init__(self, scope: Scope, send: Send, headers: Mapping[str, str]) -> None:
        self.status: int | None = None
        self.is_complete = False
        self.request_id = _request_id(Headers(scope=scope).get("x-request-id", ""))
        self._scope, self._send, self._headers, self._started = scope, send, headers, time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._started

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.update({**SECURITY_HEADERS, **self._headers})
            headers.update({"x-request-id": self.request_id, "x-runtime": f"{self.seconds():.6f}"})
            if cookie := self._scope["state"].get(SET_COOKIE):
                headers.append("set-cookie", cookie)
        await self._send(message)
        self.is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)


def _tolerated(path: str) -> str:
    """The path without a trailing slash and a trailing `.json`, which old clients send."""
    if not path.startswith(paths.API):
        return path
    return path.removesuffix("/").removesuffix(".json")


def _route(scope: Mapping[str, Any]) -> str:
    """The template of the route, not the path: labels come from a closed set."""
    return getattr(scope.get("route"), "path", "unmatched")


def _request_id(sent: str) -> str:
    """The caller's own id where it is a UUID, else a new one."""
    try:
        return str(UUID(sent))
    except ValueError:
        return str(uuid4())
