"""Bodies of requests and answers as they stand on the wire."""

from __future__ import annotations

import gzip
import importlib
import io
import socket
import sys
import zlib
from collections.abc import Iterator

import lz4.frame
import pytest

from cdr_exports.local.engine_errors import Dialect, EngineError, refusal
from cdr_exports.local.engine_wire import Answer, body_pieces, unpacked

ZSTD = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def body(data: bytes, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return b"".join(body_pieces(io.BytesIO(data), named))


def test_a_body_has_the_length_it_says() -> None:
    assert body(b"abcdef", content_length="4") == b"abcd"


def test_a_request_without_a_length_has_no_body() -> None:
    assert body(b"GET / HTTP/1.1") == b""


def test_a_chunked_body_is_joined() -> None:
    assert body(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nrest", transfer_encoding="chunked") == b"abcde"


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"abc", {"content_length": "4"}),
        (b"5\r\nabc", {"transfer_encoding": "chunked"}),
        (b"3\r\nabc\r\n", {"transfer_encoding": "chunked"}),
        (b"x\r\n", {"transfer_encoding": "chunked"}),
        (b"abc", {"content_length": "three"}),
    ],
    ids=["short", "short chunk", "no last chunk", "no number", "no length"],
)
def test_a_cut_or_unreadable_body_is_an_error(data: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ConnectionResetError):
        body(data, **headers)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")),
        ("lz4", lz4.frame.compress(b"hel") + lz4.frame.compress(b"lo")),
        ("zstd", ZSTD.compress(b"hel") + ZSTD.compress(b"lo")),
        ("identity", b"hello"),
        (None, b"hello"),
    ],
)
def test_a_body_is_unpacked_whatever_its_pieces(encoding: str | None, packed: bytes) -> None:
    pieces = [packed[at : at + 1] for at in range(len(packed))]

    assert b"".join(unpacked(pieces, encoding)) == b"hello"


def test_a_broken_packing_is_an_error_of_the_request() -> None:
    with pytest.raises(EngineError, match="cannot be unpacked"):
        list(unpacked([b"no gzip at all"], "gzip"))


def test_an_unknown_packing_is_refused() -> None:
    with pytest.raises(EngineError, match="sdch"):
        list(unpacked([b"x"], "sdch"))


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def answer_on(connection: socket.socket) -> Answer:
    return Answer(connection, query_id="q", version="26.9", time_zone="UTC", keep=True)


def received(ours: socket.socket, theirs: socket.socket) -> tuple[str, bytes]:
    ours.shutdown(socket.SHUT_WR)
    head, _, rest = b"".join(iter(lambda: theirs.recv(65536), b"")).partition(b"\r\n\r\n")
    return head.decode(), rest


def test_an_answer_in_pieces_is_chunked(wire: tuple[socket.socket, socket.socket]) -> None:
    answer = answer_on(wire[0])

    answer.begin("CSV", {"read_rows": 2})
    for piece in (b"abc", b"", b"de"):
        answer.piece(piece)
    answer.end()

    head, rest = received(*wire)
    assert "HTTP/1.1 200 OK" in head
    assert "X-ClickHouse-Format: CSV" in head
    assert 'X-ClickHouse-Summary: {"read_rows": "2"}' in head
    assert rest == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


def test_an_error_before_the_first_byte_is_a_status(wire: tuple[socket.socket, socket.socket]) -> None:
    answer = answer_on(wire[0])

    answer.fail(refusal(60, "UNKNOWN_TABLE", "no such table"))

    head, rest = received(*wire)
    assert "HTTP/1.1 404" in head
    assert "X-ClickHouse-Exception-Code: 60" in head
    assert rest == b"Code: 60. DB::Exception: no such table. (UNKNOWN_TABLE) (version 26.9)\n"
    assert answer.kept_open


@pytest.mark.parametrize(
    ("dialect", "marked", "ended"),
    [(Dialect.LEGACY, False, True), (Dialect.BREAK, False, False), (Dialect.TAG, True, False)],
)
def test_an_error_in_midstream_speaks_its_dialect(
    wire: tuple[socket.socket, socket.socket], dialect: Dialect, marked: bool, ended: bool
) -> None:
    answer = answer_on(wire[0])
    answer.begin("CSV", {})
    answer.piece(b"data")

    answer.fail(refusal(241, "MEMORY_LIMIT_EXCEEDED", "too much"), dialect)

    head, rest = received(*wire)
    tag = next(line.partition(": ")[2] for line in head.splitlines() if line.startswith("X-ClickHouse-Exception-Tag"))
    assert b"Code: 241. DB::Exception: too much" in rest
    assert (f"\r\n__exception__\r\n{tag}\r\n".encode() in rest) is marked
    assert rest.endswith(b"0\r\n\r\n") is ended
    assert answer.kept_open is ended
