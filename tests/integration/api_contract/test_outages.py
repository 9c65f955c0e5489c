"""A part that is down: routes that need it say so, with a document and when to come back; the others go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest

from cdr_exports.domain.identity import ExportId
from tests.integration.api_contract.installation import API, EXPORTS, JSON_API, MAIN, Installation, account_uuid, body
from tests.stack import Stack

BACK_SECONDS = 40
WORDS_OF_OURS = ("kafka", "postgres", "psycopg", "sql", "obstore", "127.0.0.1", "localhost", "/", "_")
"""What a customer is not to read: names of software, addresses, paths, identifiers."""


@pytest.fixture
async def export_id(api: Installation) -> ExportId:
    """A completed export with a file."""
    made = await api.export(MAIN)
    await api.shown(made, "Completed")
    return made


@asynccontextmanager
async def down(name: str, stack: Stack, api: Installation) -> AsyncIterator[None]:
    """The server is down; afterwards the API is back as it was, without anyone's doing."""
    await stack.stop(name)
    try:
        yield
    finally:
        await stack.start(name)
        async with asyncio.timeout(BACK_SECONDS):
            while [each.status_code for each in await ask(api, [create(str(uuid4())), ("GET", EXPORTS)])] != [201, 200]:
                await asyncio.sleep(0.2)


@contextmanager
def store_down(folder: Path) -> Iterator[None]:
    """Where the store's folders were is something else."""
    exports, away = folder / "exports", folder / "away"
    exports.rename(away)
    exports.write_text("")
    try:
        yield
    finally:
        exports.unlink()
        away.rename(exports)


Asked = tuple[str, str] | tuple[str, str, dict[str, str]]


def create(key: str | None = None) -> Asked:
    return ("POST", EXPORTS, {"idempotency-key": key} if key else {})


def reads(export_id: ExportId) -> list[Asked]:
    """What comes out of the read model."""
    one = f"{EXPORTS}/{export_id}"
    paths = [EXPORTS, one, *(f"{one}/{each}" for each in ("account", "relationships/account", "download", "events"))]
    return [("GET", path) for path in paths]


async def ask(api: Installation, requests: list[Asked]) -> list[httpx2.Response]:
    async def one(method: str, path: str, headers: dict[str, str] | None = None) -> httpx2.Response:
        sent = api.bearer() | {"content-type": JSON_API} | (headers or {})
        return await api.http.request(method, path, json=body() if method == "POST" else None, headers=sent)

    return await asyncio.gather(*(one(*request) for request in requests))


def check_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.request.url
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == JSON_API
    if answer.request.method != "HEAD":
        (error,) = answer.json()["errors"]
        assert (error["code"], error["status"], error["title"]) == ("503", "503", "Service unavailable")
        assert not [word for word in WORDS_OF_OURS if word in error["detail"].lower()], error["detail"]


async def test_without_the_log_nothing_is_taken_but_everything_is_shown(
    api: Installation, stack: Stack, export_id: ExportId
) -> None:
    async with down("kafka", stack, api):
        refused = await ask(api, [create(), create(str(uuid4())), ("DELETE", f"{EXPORTS}/{export_id}")])
        shown = await ask(api, [*reads(export_id), ("GET", f"{API}/accounts"), ("GET", f"{API}/auth")])

    for answer in refused:
        check_unavailable(answer)
    assert [each.status_code for each in shown] == [200] * len(shown)


async def test_without_the_read_model_exports_are_taken_but_not_shown(
    api: Installation, stack: Stack, export_id: ExportId
) -> None:
    async with down("postgres", stack, api):
        heads: list[Asked] = [("HEAD", request[1]) for request in reads(export_id) if not request[1].endswith("events")]
        refused = await ask(
            api, [*reads(export_id), *heads, create(str(uuid4())), ("DELETE", f"{EXPORTS}/{export_id}")]
        )
        account = f"{API}/accounts/{account_uuid(MAIN)}"
        served = await ask(api, [create(), ("GET", f"{API}/accounts"), ("GET", account), ("GET", f"{API}/auth")])

    for answer in refused:
        check_unavailable(answer)
    assert [each.status_code for each in served] == [201, 200, 200, 200]


async def test_without_the_store_only_files_are_missing(api: Installation, export_id: ExportId) -> None:
    one = f"{EXPORTS}/{export_id}"
    with store_down(Path(urlsplit(api.store_url).path)):
        refused = await ask(api, [("GET", f"{one}/download"), ("HEAD", f"{one}/download")])
        served = await ask(api, [("GET", one), ("GET", EXPORTS), create()])
    (again,) = await ask(api, [("GET", f"{one}/download")])

    for answer in refused:
        check_unavailable(answer)
    assert [each.status_code for each in served] == [200, 200, 201]
    assert again.status_code == 200
