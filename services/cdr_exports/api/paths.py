"""Paths of the customer API and the absolute links made of them."""

from __future__ import annotations

import re
from uuid import UUID

from starlette.requests import Request

from cdr_exports.api.errors import Catalogue
from cdr_exports.domain.identity import ExportId

API = "/api/rest/customer/v1"
CDR_EXPORTS = f"{API}/cdr-exports"
ACCOUNTS = f"{API}/accounts"
AUTH = f"{API}/auth"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def is_uuid(text: str) -> bool:
    """Whether `text` has the shape of a UUID, of any version, dashes and all."""
    return _UUID.fullmatch(text) is not None


def export_id(request: Request) -> ExportId:
    """The path parameter `export_id`. Raises as `uuid_of`."""
    return ExportId(uuid_of(request, "export_id"))


def uuid_of(request: Request, parameter: str) -> UUID:
    """A path parameter. What is no UUID is no route: ask before authentication. Raises ApiError (404)."""
    text = request.path_params[parameter]
    if not is_uuid(text):
        raise Catalogue.NO_ROUTE.raised(method=request.method, path=path_as_sent(request))
    return UUID(text)


def path_as_sent(request: Request) -> str:
    """The path of the request line, still encoded, without the query."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def base_url(request: Request, public_url: str | None) -> str:
    """What the links of an answer begin with, up to and with the API's version, without a slash at the end.

    `public_url` is the setting; without it the request's own scheme, host and port.
    """
    origin = public_url.rstrip("/") if public_url else f"{request.url.scheme}://{request.url.netloc}"
    return origin + API
