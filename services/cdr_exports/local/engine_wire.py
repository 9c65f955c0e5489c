"""HTTP as the engine's answers and its clients' requests need it: bodies in pieces, plain or packed, either way.

Answers are not packed: HTTP lets a server ignore Accept-Encoding, and on loopback packing costs more than it saves.
"""

from __future__ import annotations

import json
import random
import socket
import string
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.utils import formatdate
from http import HTTPStatus
from io import BufferedIOBase

import lz4.frame

from cdr_exports.local.engine_errors import Dialect, EngineError, refusal

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

PIECE_BYTES = 1 << 20
_MEDIA_TYPES = {
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
}


def body_pieces(stream: BufferedIOBase, headers: Mapping[str, str]) -> Iterator[bytes]:
    """The body of a request as it comes. Raises ConnectionResetError if it is cut."""
    if (headers.get("transfer-encoding") or "").lower() == "chunked":
        return _chunks(stream)
    return _measured(stream, _number(headers.get("content-length") or "0", 10))


def unpacked(pieces: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """`pieces` without their Content-Encoding. Raises EngineError."""
    unpack = _unpacker((encoding or "identity").lower())
    for piece in pieces:
        try:
            yield unpack(piece)
        except (zlib.error, RuntimeError, ZstdError, EOFError) as error:
            raise refusal(354, "ZLIB_INFLATE_FAILED", f"the body cannot be unpacked: {error}") from error


def _measured(stream: BufferedIOBase, length: int) -> Iterator[bytes]:
    while length:
        piece = stream.read(min(length, PIECE_BYTES))
        if not piece:
            raise ConnectionResetError("the body was cut")
        length -= len(piece)
        yield piece


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while length := _number(stream.readline().split(b";")[0], 16):
        yield from _measured(stream, length)
        stream.readline()
    while stream.readline() not in (b"\r\n", b"\n", b""):
        pass


def _number(text: str | bytes, base: int) -> int:
    try:
        return int(text, base)
    except ValueError as error:
        raise ConnectionResetError("the body has no length") from error


def _unpacker(encoding: str) -> Callable[[bytes], bytes]:
    match encoding:
        case "identity":
            return bytes
        case "gzip":
            return zlib.decompressobj(31).decompress
        case "deflate":
            return zlib.decompressobj().decompress
        case "zstd":
            return _Frames(ZstdDecompressor)
        case "lz4":
            return _Frames(lz4.frame.LZ4FrameDecompressor)
    raise refusal(48, "NOT_IMPLEMENTED", f"Content-Encoding {encoding} is not supported")


class _Frames:
    """Unpacks a body of several frames, one after another, as clients send it."""

    def __init__(self, make: Callable[[], lz4.frame.LZ4FrameDecompressor | ZstdDecompressor]) -> None:
        self._make, self._frame = make, make()

    def __call__(self, data: bytes) -> bytes:
        unpacked = []
        while data:
            if self._frame.eof:
                self._frame = self._make()
            unpacked.append(self._frame.decompress(data))
            data = self._frame.unused_data or b"" if self._frame.eof else b""
        return b"".join(unpacked)


class Answer:
    """One answer: whole, or begun and sent in pieces. `kept_open` tells whether the connection may serve again."""

    def __init__(self, connection: socket.socket, *, query_id: str, version: str, time_zone: str, keep: bool) -> None:
        self._connection = connection
        self._version = version
        self.begun = False
        self.kept_open = keep
        self._tag = "".join(random.choices(string.ascii_lowercase, k=16))  # noqa: S311 -- no secret, a marker
        self._headers = {
            "X-ClickHouse-Server-Display-Name": "cdr-exports-local",
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": time_zone,
            "X-ClickHouse-Exception-Tag": self._tag,
        }

    def whole(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        own = {"Content-Type": "text/plain; charset=UTF-8", "Content-Length": str(len(body))}
        self._head(status, own | self._headers | dict(headers or {}))
        self._connection.sendall(body)

    def begin(self, format_name: str | None, summary: Mapping[str, int]) -> None:
        """The head of an answer in pieces. A second call does nothing."""
        if self.begun:
            return
        headers = {
            "Content-Type": _MEDIA_TYPES.get(format_name or "", "text/tab-separated-values; charset=UTF-8"),
            "Transfer-Encoding": "chunked",
            "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        }
        if format_name:
            headers["X-ClickHouse-Format"] = format_name
        self._head(200, headers | self._headers)

    def piece(self, data: bytes | memoryview) -> None:
        if not data:
            return
        buffers = [b"%x\r\n" % len(data), data, b"\r\n"]
        sent = self._connection.sendmsg(buffers)
        if sent < sum(map(len, buffers)):
            self._connection.sendall(b"".join(buffers)[sent:])

    def end(self) -> None:
        self._connection.sendall(b"0\r\n\r\n")

    def fail(self, error: EngineError, dialect: Dialect = Dialect.TAG) -> None:
        """Says that the statement failed: by status if nothing has gone out, else in the dialect."""
        message = error.message(self._version)
        if not self.begun:
            code = {"X-ClickHouse-Exception-Code": str(error.code)}
            return self.whole(error.http_status, f"{message}\n".encode(), code)
        self.piece(dialect.late_error(message, self._tag))
        if dialect.ends_regularly:
            return self.end()
        self.kept_open = False
        return None

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.begun = True
        keep = {"Connection": "Keep-Alive", "Keep-Alive": "timeout=30"} if self.kept_open else {"Connection": "Close"}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in (keep | dict(headers)).items()]
        self._connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
