"""The download of an export's file: its headers, and its bytes out of the store, never assembled anywhere.

Size and digest come from the manifest, so ranges, ETag and Content-Length cost nothing. The first bytes are read before
the status goes out: what is missing is a 404 and not a cut file. The store is asked for one piece at a time, when the
client has taken the one before: who is slow holds neither a connection to the store nor more than two pieces of memory.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

from cdr_exports.contract.ledger_format import load_manifest
from cdr_exports.domain import object_names
from cdr_exports.domain.events import ExportRequested
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.parts import Manifest
from cdr_exports.projection.byte_ranges import ByteRange, ObjectBytes, Unsatisfiable, asked_range, pieces
from cdr_exports.projection.streamed import Streamed
from cdr_exports.runtime.storage import Store

MEDIA_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.JSONL: "application/x-ndjson",
    FileFormat.PARQUET: "application/vnd.apache.parquet",
}
"""Of the file, compression or not: the client is to save it, not to inflate it. So there is no Content-Encoding."""
KEPT_BY_304 = ("ETag", "Last-Modified", "Cache-Control")
PIECE_BYTES = 512 << 10
"""Of one piece the server holds what the client has not taken yet, and of the next what has been read meanwhile."""
NO_SNIFFING = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that the store holds, as far as its manifest says."""

    store: Store
    manifest: Manifest

    @classmethod
    async def find(cls, store: Store, export_id: ExportId) -> File | None:
        """None: it is not there. Raises Transient."""
        manifest = await store.read(object_names.manifest(export_id))
        return None if manifest is None else cls(store=store, manifest=load_manifest(manifest))

    async def bytes(self, wanted: ByteRange) -> AsyncGenerator[bytes, None]:
        """The wanted bytes, piece by piece. Raises Transient, and FileNotFoundError for a lost object."""
        for piece in pieces(self.manifest, wanted):
            if isinstance(piece, ObjectBytes):
                end = piece.start + piece.length
                for start in range(piece.start, end, PIECE_BYTES):
                    yield await self.store.range(piece.name, start, min(start + PIECE_BYTES, end))
            else:
                yield piece


async def download(request: Request, file: File, export: ExportRequested) -> Response:
    """The answer to GET and HEAD: 200, 206, 304 or 416; 404 without a body where the file has gone. Raises Transient."""
    size = file.manifest.file.bytes
    headers = _headers(file.manifest, export)
    if _knows(request, headers):
        return Response(status_code=304, headers={name: headers[name] for name in KEPT_BY_304})
    try:
        asked = asked_range(_range_header(request, headers), size)
    except Unsatisfiable:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}", **NO_SNIFFING})
    wanted = asked or ByteRange(start=0, end=size)
    headers["Content-Length"] = str(wanted.length)
    if asked is not None:
        headers["Content-Range"] = f"bytes {asked.start}-{asked.end - 1}/{size}"
    status = 200 if asked is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    body = file.bytes(wanted)
    try:
        first = await anext(body, b"")
    except FileNotFoundError:
        return Response(status_code=404)
    return Streamed(first, body, status_code=status, headers=headers)


def _headers(manifest: Manifest, export: ExportRequested) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(manifest.file.sha256)).decode()
    return {
        "Content-Type": MEDIA_TYPES[manifest.file.format],
        "Content-Disposition": f'attachment; filename="{object_names.file_name(export)}"',
        "ETag": f'"{manifest.file.sha256}"',
        "Last-Modified": format_datetime(manifest.completed_at.astimezone(UTC), usegmt=True),
        "Repr-Digest": f"sha-256=:{digest}:",
        "Accept-Ranges": "bytes",
        **NO_SNIFFING,
    }


def _knows(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether the client has this file already: by its ETag, or where it names none, by its time (RFC 9110, 13.2.2)."""
    tags = request.headers.get("if-none-match")
    if tags is None:
        return request.headers.get("if-modified-since") == headers["Last-Modified"]
    known = [each.strip().removeprefix("W/") for each in tags.split(",")]
    return "*" in known or headers["ETag"] in known


def _range_header(request: Request, headers: Mapping[str, str]) -> str | None:
    """The Range header where it counts: on GET, and only of the file that `If-Range` names, if it names one."""
    named = request.headers.get("if-range")
    if request.method != "GET" or named not in (None, headers["ETag"], headers["Last-Modified"]):
        return None
    return request.headers.get("range")
