"""The download of an export's file: its headers, and its bytes out of the store, never assembled anywhere.

Size and digest come from the manifest, so ranges, ETag and Content-Length cost nothing. The first bytes are read before
the status goes out: what is missing is a 404 and not a cut file.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cdr_exports.contract.ledger_format import load_manifest
from cdr_exports.domain import object_names
from cdr_exports.domain.events import ExportedFile, ExportRequested
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.parts import Manifest
from cdr_exports.projection.byte_ranges import ByteRange, ObjectBytes, Unsatisfiable, asked_range, pieces
from cdr_exports.runtime.storage import Store

MEDIA_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.JSONL: "application/x-ndjson",
    FileFormat.PARQUET: "application/vnd.apache.parquet",
}
"""Of the file, compression or not: the client is to save it, not to inflate it. So there is no Content-Encoding."""
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

    async def bytes(self, wanted: ByteRange) -> AsyncIterator[bytes]:
        """The wanted bytes, in pieces of about 1 MiB. Raises Transient, and FileNotFoundError for a lost object."""
        for piece in pieces(self.manifest, wanted):
            if isinstance(piece, ObjectBytes):
                async for each in self.store.stream(piece.name, piece.start, piece.length):
                    yield each
            else:
                yield piece


async def download(request: Request, file: File, export: ExportRequested) -> Response:
    """The answer to GET and HEAD: 200, 206 or 416; 404 without a body where the file has gone. Raises Transient."""
    size = file.manifest.file.bytes
    headers = {**_headers(file.manifest.file, export), **NO_SNIFFING}
    try:
        asked = asked_range(_range_header(request, headers["ETag"]), size)
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
    return StreamingResponse(_continued(first, body), status_code=status, headers=headers)


def _headers(file: ExportedFile, export: ExportRequested) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return {
        "Content-Type": MEDIA_TYPES[file.format],
        "Content-Disposition": f'attachment; filename="{object_names.file_name(export)}"',
        "ETag": f'"{file.sha256}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Accept-Ranges": "bytes",
    }


def _range_header(request: Request, etag: str) -> str | None:
    """The Range header where it counts: on GET, and only of the file that `If-Range` names, if it names one."""
    if request.method != "GET" or request.headers.get("if-range", etag) != etag:
        return None
    return request.headers.get("range")


async def _continued(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
