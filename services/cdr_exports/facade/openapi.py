"""The API's description of itself: `/openapi.json` (OpenAPI 3.1), and a page for people at `/docs`.

The description is built once, out of `openapi_operations`, `openapi_parameters`, `openapi_schemas` and
`openapi_answers`; tests hold it against the routes, against the error catalogue, and against the answers of the running
API. The page is Swagger UI, vendored: it asks nothing of the outside, and may not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

import cdr_exports
from cdr_exports.api.tokens import COOKIE
from cdr_exports.facade import openapi_answers, openapi_operations, openapi_parameters, openapi_schemas

DESCRIPTION = f"""\
Exports of call detail records (CDRs): ask for those of an account over a period, look how far it is, download the file.

* Documents are JSON:API 1.0, media type `application/vnd.api+json`; errors are such documents too, whatever the status.
* A token goes into `Authorization`, alone or after `Bearer`, or into the cookie `{COOKIE}`, which every answer renews.
* Trailing `/` and `.json` are tolerated. HEAD works wherever GET does.
* What the token's bearer may not see is answered as what does not exist.
* A 503 says in `Retry-After` when to try again. POST with an `Idempotency-Key` may then be repeated safely.
* Limits given here are the defaults of an installation.
"""
SPECIFICATION, PAGE = "/openapi.json", "/docs"
PAGES = {
    PAGE: ("index.html", "text/html; charset=utf-8"),
    f"{PAGE}/page.js": ("page.js", "text/javascript; charset=utf-8"),
    f"{PAGE}/page.css": ("page.css", "text/css; charset=utf-8"),
    f"{PAGE}/swagger-ui.js": ("vendor/swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    f"{PAGE}/swagger-ui.css": ("vendor/swagger-ui/swagger-ui.css", "text/css; charset=utf-8"),
}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Swagger UI sets styles of elements; its scripts are files of ours only, and it talks to this origin only."""


def document(public_url: str | None = None) -> dict[str, Any]:
    """The description. `public_url` is the setting; without it requests go to where the description came from."""
    return {
        "openapi": "3.1.1",
        "info": {"title": "CDR Exports", "version": cdr_exports.__version__, "description": DESCRIPTION},
        "servers": [{"url": public_url.rstrip("/") if public_url else "/"}],
        "tags": [{"name": each} for each in ("Exports", "Files", "Accounts", "Sessions")],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": openapi_operations.operations(),
        "components": {
            "schemas": openapi_schemas.schemas(),
            "parameters": openapi_parameters.parameters(),
            "headers": openapi_answers.headers(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def router(public_url: str | None = None) -> APIRouter:
    """Both, for anyone: there is nothing in them that is not public."""
    folder = files(__package__) / "pages"
    made = APIRouter()
    contents = {SPECIFICATION: _Content.of(orjson.dumps(document(public_url)), "application/json")}
    for path, (file, media_type) in PAGES.items():
        contents[path] = _Content.of((folder / file).read_bytes(), media_type)
    for path, content in contents.items():
        made.add_api_route(path, _giving(content), methods=["GET", "HEAD"], include_in_schema=False)
    return made


class _Content(NamedTuple):
    body: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> _Content:
        return cls(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _giving(content: _Content) -> Callable[[Request], Awaitable[Response]]:
    headers = {
        "ETag": content.etag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    async def give(request: Request) -> Response:
        if request.headers.get("if-none-match") == content.etag:
            return Response(status_code=304, headers=headers)
        shown = headers | {"Content-Type": content.media_type, "Content-Length": str(len(content.body))}
        return Response(b"" if request.method == "HEAD" else content.body, headers=shown)

    return give
