"""The download of a file, out of a real store; where it is about connections, from a real server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import shutil
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from cdr_exports.domain import object_names
from cdr_exports.domain.filters import FileFormat
from cdr_exports.projection.downloads import PIECE_BYTES
from cdr_exports.runtime.http_server import serving
from tests.integration.projection.customers import ACME_ACCESS, CONTENT, PATH, Customer
from tests.integration.projection.logs import delete_requested, failed, new_id, requested

LARGE = random.Random(1).randbytes(32 << 20)
MODIFIED = "Sun, 01 Mar 2026 12:00:00 GMT"


async def test_a_download_is_the_file_byte_for_byte(customer: Customer) -> None:
    export_id = await customer.file()

    answer = await customer.get(f"/{export_id}/download", accept="text/html")

    digest = hashlib.sha256(CONTENT)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-disposition"] == f'attachment; filename="{export_id}.csv.gz"'
    assert answer.headers["etag"] == f'"{digest.hexdigest()}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "content-encoding" not in answer.headers


async def test_head_tells_the_size_without_the_file(customer: Customer) -> None:
    export_id = await customer.file()

    answer = await customer.get(f"/{export_id}/download", method="HEAD")

    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(CONTENT)))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        pytest.param("bytes=0-4", 0, 5, id="within the head"),
        pytest.param("bytes=105-115", 105, 116, id="over the border of two objects"),
        pytest.param("bytes=-20", len(CONTENT) - 20, len(CONTENT), id="the end, with the tail"),
        pytest.param("bytes=50-", 50, len(CONTENT), id="a download that was cut goes on"),
    ],
)
async def test_a_range_is_served_out_of_the_objects(customer: Customer, asked: str, start: int, end: int) -> None:
    export_id = await customer.file()

    answer = await customer.get(f"/{export_id}/download", range=asked)

    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(end - start)


async def test_a_range_of_another_file_gets_the_whole_of_this_one(customer: Customer) -> None:
    export_id = await customer.file()

    answer = await customer.get(f"/{export_id}/download", range="bytes=5-", if_range='"another"')

    assert (answer.status_code, answer.content) == (200, CONTENT)


async def test_a_range_beyond_the_file_is_refused_with_its_size(customer: Customer) -> None:
    export_id = await customer.file()

    answer = await customer.get(f"/{export_id}/download", range=f"bytes={len(CONTENT)}-")

    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize("ending", [None, failed, delete_requested], ids=["pending", "failed", "deleted"])
async def test_an_export_without_a_file_is_an_empty_404(customer: Customer, ending: Any) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id), *([ending(export_id)] if ending is delete_requested else []))
    await customer.events(*([ending(export_id)] if ending is failed else []))

    answer = await customer.get(f"/{export_id}/download")

    assert (answer.status_code, answer.content) == (404, b"")
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize("lost", ["manifest.json", "part-0"])
async def test_a_file_that_has_gone_from_the_store_is_an_empty_404(customer: Customer, lost: str) -> None:
    export_id = await customer.file()
    await customer.store.delete(object_names.folder(export_id) + lost)

    answer = await customer.get(f"/{export_id}/download", range="bytes=10-")

    assert (answer.status_code, answer.content) == (404, b"")


async def test_a_store_that_does_not_answer_is_a_503(customer: Customer) -> None:
    export_id = await customer.file()
    shutil.rmtree(customer.folder)
    customer.folder.write_text("no folder any more")

    answer = await customer.get(f"/{export_id}/download")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize(
    ("file_format", "media_type", "suffix"),
    [
        (FileFormat.CSV, "text/csv; charset=utf-8", "csv.gz"),
        (FileFormat.JSONL, "application/x-ndjson", "jsonl.gz"),
        (FileFormat.PARQUET, "application/vnd.apache.parquet", "parquet"),
    ],
)
async def test_each_format_has_its_name_and_type(
    customer: Customer, file_format: FileFormat, media_type: str, suffix: str
) -> None:
    export_id = await customer.file(file_format=file_format)

    answer = await customer.get(f"/{export_id}/download")

    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="{export_id}.{suffix}"'
    assert answer.headers["last-modified"] == MODIFIED


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"if_none_match": "{etag}"}, 304, id="its ETag"),
        pytest.param({"if_none_match": '"x", W/{etag}'}, 304, id="among others, weakly compared"),
        pytest.param({"if_none_match": "*"}, 304, id="any"),
        pytest.param({"if_none_match": '"x"'}, 200, id="another"),
        pytest.param({"if_modified_since": MODIFIED}, 304, id="its time"),
        pytest.param({"if_none_match": '"x"', "if_modified_since": MODIFIED}, 200, id="the ETag comes before the time"),
        pytest.param({"if_none_match": "{etag}", "range": "bytes=0-3"}, 304, id="and before a range"),
    ],
)
async def test_a_file_that_is_known_is_not_sent_again(customer: Customer, headers: dict[str, str], status: int) -> None:
    export_id = await customer.file()
    etag = f'"{hashlib.sha256(CONTENT).hexdigest()}"'

    answer = await customer.get(
        f"/{export_id}/download", **{name: text.replace("{etag}", etag) for name, text in headers.items()}
    )

    assert (answer.status_code, answer.content) == (status, b"" if status == 304 else CONTENT)
    assert answer.headers["etag"] == etag


@pytest.mark.parametrize(
    ("named", "status"), [("{etag}", 206), (MODIFIED, 206), ("W/{etag}", 200), ("Sun, 01 Mar 2026 12:00:01 GMT", 200)]
)
async def test_a_range_counts_only_of_the_file_that_if_range_names(customer: Customer, named: str, status: int) -> None:
    export_id = await customer.file()
    etag = f'"{hashlib.sha256(CONTENT).hexdigest()}"'

    answer = await customer.get(f"/{export_id}/download", range="bytes=5-", if_range=named.replace("{etag}", etag))

    assert (answer.status_code, answer.content) == (status, CONTENT[5:] if status == 206 else CONTENT)


async def test_the_next_piece_is_not_read_before_the_client_has_taken_the_last(customer: Customer) -> None:
    export_id = await customer.file(content=LARGE, cut_at=16 << 20)
    taken: list[int] = []

    async def take(message: Message) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            taken.append(len(message["body"]))
            assert len(customer.store.ranges) <= len(taken)

    await _ask(customer, export_id, take)

    assert sum(taken) == len(LARGE)
    assert max(taken) == PIECE_BYTES


async def test_a_client_that_reads_nothing_costs_no_more_than_two_megabytes(customer: Customer) -> None:
    export_id = await customer.file(content=LARGE, cut_at=16 << 20)
    clients = 4

    async with _served(customer) as (port, _):
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        sockets = [await _connected(customer, port, export_id) for _ in range(clients)]
        read = await _until_nothing_more_is_read(customer)
        held, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for each in sockets:
            each.close()

    print(  # noqa: T201
        f"held {(held - before) / clients / 2**20:.2f} MiB, at most {(most - before) / clients / 2**20:.2f} a download"
    )
    assert 0 < read < clients * len(LARGE) // PIECE_BYTES
    assert (most - before) / clients <= 2 << 20


async def test_a_client_that_has_gone_stops_the_reading(customer: Customer) -> None:
    export_id = await customer.file(content=LARGE, cut_at=16 << 20)

    async with _served(customer) as (port, ended):
        gone = await _connected(customer, port, export_id)
        gone.close()
        async with asyncio.timeout(20):
            await ended.wait()

    assert len(customer.store.ranges) < len(LARGE) // PIECE_BYTES


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not there")
@pytest.mark.parametrize("had", [0, 7, 1 << 20, len(LARGE) - 3])
async def test_curl_goes_on_where_a_download_was_cut(customer: Customer, tmp_path: Path, had: int) -> None:
    export_id = await customer.file(content=LARGE, cut_at=5 << 20)
    (tmp_path / "file").write_bytes(LARGE[:had])
    token = customer.issuer.for_access(ACME_ACCESS)

    async with _served(customer) as (port, _):
        curl = await asyncio.create_subprocess_exec(
            "curl", "-sS", "--fail", "-C", "-", "-o", str(tmp_path / "file"), "-H", f"Authorization: Bearer {token}",
            f"http://127.0.0.1:{port}{PATH}/{export_id}/download",
        )  # fmt: skip
        status = await curl.wait()

    assert status == 0
    assert (tmp_path / "file").read_bytes() == LARGE
    assert sum(end - start for _, start, end in customer.store.ranges) <= len(LARGE) - had


async def _ask(customer: Customer, export_id: Any, send: Send) -> None:
    """A download at the application's own door: `send` takes as long as it likes."""
    token = customer.issuer.for_access(ACME_ACCESS)
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in asked:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": f"{PATH}/{export_id}/download", "raw_path": b"", "root_path": "", "query_string": b"",
        "headers": [(b"authorization", token.encode())], "server": ("api.test", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await customer.app(scope, receive, send)


@asynccontextmanager
async def _served(customer: Customer) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """The port, and an event for when an answer has ended, however it did."""
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await customer.app(scope, receive, send)
        finally:
            ended.set()

    async with serving(app, host="127.0.0.1", port=0) as port:
        yield port, ended


async def _connected(customer: Customer, port: int, export_id: Any) -> socket.socket:
    """A client that has asked, and got the first bytes of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    token = customer.issuer.for_access(ACME_ACCESS)
    asked = f"GET {PATH}/{export_id}/download HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer {token}\r\n\r\n"
    await loop.sock_sendall(client, asked.encode())
    assert (await loop.sock_recv(client, 15)).startswith(b"HTTP/1.1 200 OK")
    return client


async def _until_nothing_more_is_read(customer: Customer) -> int:
    """How many pieces have been read when no more are."""
    same, count = 0, 0
    async with asyncio.timeout(20):
        while same < 10:
            await asyncio.sleep(0.05)
            same = same + 1 if len(customer.store.ranges) == count else 0
            count = len(customer.store.ranges)
    return count
