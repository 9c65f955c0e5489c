"""How documents are answered: media type, caching, conditional requests (section 1.2 of the customer API).

What is on every answer, whatever its kind (request id, run time, security headers), is added by the facade.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cdr_exports.api.errors import ApiError
from cdr_exports.domain.lifecycle import Position

MEDIA_TYPE = "application/vnd.api+json"
POSITION_HEADER = "Export-Position"


def document(
    request: Request, content: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`content` as an answer. A GET whose `If-None-Match` knows it already gets 304 and no body."""
    body = orjson.dumps(content)
    tagged = {"ETag": f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'} if status in (200, 201) else {}
    all_headers = {
        "Vary": "Accept",
        "Cache-Control": "max-age=0, private, must-revalidate",
        **tagged,
        **(headers or {}),
    }
    if status == 200 and request.method in ("GET", "HEAD") and _knows(request, tagged["ETag"]):
        return Response(status_code=304, headers=all_headers)
    all_headers |= {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body))}
    return Response(b"" if request.method == "HEAD" else body, status_code=status, headers=all_headers)


def error_document(request: Request, error: ApiError) -> Response:
    return document(request, error.document(), status=error.status, headers=error.headers)


def position_header(position: Position) -> dict[str, str]:
    """Where in the requests topic a write stands; a read that sends it back waits for it."""
    return {POSITION_HEADER: f"{position.partition}:{position.offset}"}


def position_of(request: Request) -> Position | None:
    """The position that a read is to wait for. None where the header is absent or makes no sense."""
    partition, _, offset = request.headers.get(POSITION_HEADER, "").strip().partition(":")
    if not all(text.isascii() and text.isdigit() and len(text) <= 18 for text in (partition, offset)):
        return None
    return Position(int(offset), int(partition))


def _knows(request: Request, etag: str) -> bool:
    known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    return "*" in known or any(each.removeprefix("W/") == etag.removeprefix("W/") for each in known)
