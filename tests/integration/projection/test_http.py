"""The reading routes as a customer sees them, on a real read model and a real store."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator, Issuer
from cdr_exports.contract import ledger_format
from cdr_exports.domain import object_names
from cdr_exports.domain.identity import AccountId, ApiAccessId, ExportId
from cdr_exports.domain.parts import Manifest, StoredObject
from cdr_exports.facade.app import build
from cdr_exports.projection.folding import Folding
from cdr_exports.projection.http import router
from cdr_exports.projection.reads import Reads
from cdr_exports.projection.waiting import Waiting
from cdr_exports.projection.watermarks import Complete
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database
from cdr_exports.runtime.storage import Store
from tests.integration.projection.logs import (
    AT,
    EVENTS,
    REQUESTS,
    completed,
    delete_requested,
    failed,
    log_of,
    new_id,
    requested,
    started,
)
from tests.unit.api.records import ACME, GLOBEX, KEYS, LIFETIME, directory, now

PATH = "/api/rest/customer/v1/cdr-exports"
ACME_ACCESS, SPARE_ACCESS = ApiAccessId(15), ApiAccessId(16)
CONTENT = gzip.compress(b"Time Start,Success\n" + bytes(range(256)) * 40, mtime=0)
OLD_ID, OTHER_OLD_ID = (ExportId(UUID(f"01950000-0000-7000-8000-0000000000{end}")) for end in ("ff", "fe"))
"""Made long ago: whether they exist is known at once. The first does not."""


@dataclass
class Customer:
    """The application with what is behind it, and a client with a token."""

    http: httpx2.AsyncClient
    folding: Folding
    store: Store
    folder: Path
    issuer: Issuer

    async def get(
        self, path: str = "", *, method: str = "GET", token: str | None = None, **headers: str
    ) -> httpx2.Response:
        bearer = token or self.issuer.for_access(ACME_ACCESS)
        sent = {"authorization": f"Bearer {bearer}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.http.request(method, PATH + path, headers=sent)

    async def requests(self, *records: Any) -> None:
        await self.folding.apply(log_of(REQUESTS, records, first=self.folding.applied[REQUESTS]))

    async def events(self, *records: Any) -> None:
        await self.folding.apply(log_of(EVENTS, records, first=self.folding.applied[EVENTS]))

    async def complete(self) -> None:
        at = await self.folding.now()
        looks = [Complete(partition=each, next_offset=0, before=at) for each in self.folding.applied]
        await self.folding.complete(looks, self.folding.applied.keys())

    async def file(self, export_id: ExportId | None = None, *, cut_at: int = 100) -> ExportId:
        """A completed export with its file of two objects, a head and a tail."""
        export_id = export_id or new_id()
        middle = CONTENT[10:-8]
        objects = {f"part-{n}": data for n, data in enumerate((middle[:cut_at], middle[cut_at:]))}
        for name, data in objects.items():
            await self.store.create(object_names.folder(export_id) + name, data)
        ending = completed(export_id, rows=40)
        file = replace(ending.file, bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
        manifest = Manifest(
            export_id=export_id,
            account_id=AccountId(71),
            rows=40,
            file=file,
            totals=ending.totals,
            head=CONTENT[:10],
            objects=tuple(
                StoredObject(name=object_names.folder(export_id) + name, bytes=len(data), sha256="")
                for name, data in objects.items()
            ),
            tail=CONTENT[-8:],
            columns=(),
            data_through=None,
            started_at=AT,
            completed_at=AT,
        )
        await self.store.create(object_names.manifest(export_id), ledger_format.dump(manifest))
        await self.requests(requested(export_id))
        await self.events(replace(ending, file=file))
        return export_id


@pytest.fixture
async def customer(database: Database, tmp_path: Path) -> AsyncIterator[Customer]:
    registry, accounts = Registry(service="test"), directory()
    waiting, store = Waiting(database, registry, patience_seconds=0.3), Store.open(f"file://{tmp_path / 'store'}")
    reception = Reception(authenticator=Authenticator(KEYS, accounts, now, LIFETIME), body_limit_bytes=65536)
    routes = router(reception=reception, directory=accounts, reads=Reads(database, waiting), store=store)
    folding = Folding(database)
    await folding.starts({REQUESTS, EVENTS})
    transport = httpx2.ASGITransport(app=build([routes], registry))
    async with httpx2.AsyncClient(transport=transport, base_url="http://api.test:8080") as http:
        opened = Customer(http, folding, store, tmp_path / "store", Issuer(KEYS, now, LIFETIME))
        await opened.complete()
        following = asyncio.create_task(waiting.run())
        async with asyncio.timeout(5):
            while waiting.progress.complete_before is None:
                await waiting.beyond(waiting.progress)
        yield opened
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_one_export_is_a_document(customer: Customer) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))
    await customer.events(started(export_id))

    answer = await customer.get(f"/{str(export_id).upper()}")

    data = answer.json()["data"]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.api+json")
    assert (data["id"], data["attributes"]["status"], data["meta"]["stage"]) == (str(export_id), "Pending", "planned")
    assert data["links"]["self"] == f"http://api.test:8080{PATH}/{export_id}"


async def test_an_answer_that_is_known_already_is_not_sent_again(customer: Customer) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))
    first = await customer.get(f"/{export_id}")

    second = await customer.get(f"/{export_id}", if_none_match=first.headers["etag"])

    assert (second.status_code, second.content) == (304, b"")


async def test_the_list_has_the_newest_first_and_links_to_its_neighbours(customer: Customer) -> None:
    ids = [new_id() for _ in range(5)]
    at = [AT.replace(minute=minute) for minute in range(5)]
    await customer.requests(*(requested(each, occurred_at=time) for each, time in zip(ids, at, strict=True)))

    answer = (await customer.get("?page[number]=2&page[size]=2&include=account")).json()

    assert [each["id"] for each in answer["data"]] == [str(ids[2]), str(ids[1])]
    assert answer["meta"] == {"total-count": 5}
    assert list(answer["links"]) == ["first", "prev", "next", "last"]
    assert answer["links"]["last"].endswith(f"{PATH}?include=account&page%5Bnumber%5D=3&page%5Bsize%5D=2")
    assert [each["attributes"]["name"] for each in answer["included"]] == ["Acme main"]


async def test_a_page_beyond_the_end_is_empty(customer: Customer) -> None:
    answer = await customer.get(f"?page[number]={10**25}")

    assert answer.status_code == 200
    assert (answer.json()["data"], answer.json()["meta"]) == ([], {"total-count": 0})


async def test_the_account_of_an_export_and_the_link_to_it(customer: Customer) -> None:
    export_id = new_id()
    await customer.requests(requested(export_id))

    account = (await customer.get(f"/{export_id}/account?fields[accounts]=name")).json()
    linkage = (await customer.get(f"/{export_id}/relationships/account")).json()

    assert account["data"]["attributes"] == {"name": "Acme main"}
    assert linkage["data"] == {"type": "accounts", "id": account["data"]["id"]}


@pytest.mark.parametrize("route", ["", "/download", "/account", "/relationships/account"])
async def test_what_another_may_see_is_answered_as_what_does_not_exist(customer: Customer, route: str) -> None:
    export_id = await customer.file(OTHER_OLD_ID)
    globex = customer.issuer.dynamic(GLOBEX)
    spare = customer.issuer.for_access(SPARE_ACCESS)

    invisible = [await customer.get(f"/{export_id}{route}", token=token) for token in (globex, spare)]
    unknown = await customer.get(f"/{OLD_ID}{route}", token=globex)

    assert [answer.status_code for answer in [*invisible, unknown]] == [404] * 3
    for answer in invisible:
        assert answer.content.replace(str(export_id).encode(), str(OLD_ID).encode()) == unknown.content


async def test_a_list_holds_only_the_accounts_that_the_token_names(customer: Customer) -> None:
    main, spare, other = new_id(), new_id(), new_id()
    accounts = {main: AccountId(71), spare: AccountId(72), other: AccountId(81)}
    await customer.requests(*(requested(each, account_id=account) for each, account in accounts.items()))

    async def shown(token: str) -> set[str]:
        return {each["id"] for each in (await customer.get(token=token)).json()["data"]}

    assert await shown(customer.issuer.dynamic(ACME)) == {str(main), str(spare)}
    assert await shown(customer.issuer.for_access(SPARE_ACCESS)) == {str(spare)}
    assert await shown(customer.issuer.dynamic(GLOBEX)) == {str(other)}


async def test_a_get_that_follows_its_write_at_once_waits_for_it(customer: Customer) -> None:
    export_id = new_id()
    async with asyncio.TaskGroup() as group:
        one = group.create_task(customer.get(f"/{export_id}"))
        listed = group.create_task(customer.get(export_position="0:0"))
        await asyncio.wait([one, listed], timeout=0.05)
        assert not one.done()
        assert not listed.done()

        await customer.requests(requested(export_id))

    assert one.result().json()["data"]["id"] == str(export_id)
    assert [each["id"] for each in listed.result().json()["data"]] == [str(export_id)]


async def test_a_read_model_that_does_not_catch_up_is_a_503_with_a_time_to_come_back(customer: Customer) -> None:
    answer = await customer.get(f"/{new_id()}")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["errors"][0]["title"] == "Service unavailable"


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


@pytest.mark.parametrize("path", ["/123", "/123/download", f"/{OLD_ID}/foo"])
async def test_what_is_no_route_is_404_before_any_token_is_looked_at(customer: Customer, path: str) -> None:
    answer = await customer.get(path, token="none")

    assert (answer.status_code, answer.json()["errors"][0]["title"]) == (404, "Not found")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("?page=0", {"authorization": "none", "accept": "text/html"}, 401, id="the token comes first"),
        pytest.param("?page=0", {"accept": "text/html"}, 406, id="then Accept"),
        pytest.param("?page=0", {}, 400, id="then the query"),
        pytest.param(f"/{OLD_ID}?fields=x", {}, 400, id="of one export, too"),
        pytest.param(f"/{OLD_ID}?filter[x]=1", {}, 400, id="its filter names"),
        pytest.param(f"/{OLD_ID}", {}, 404, id="then existence"),
        pytest.param(f"/{OLD_ID}/download?fields=x", {"accept": "text/html"}, 404, id="a download looks at neither"),
    ],
)
async def test_requests_are_judged_in_the_order_of_the_contract(
    customer: Customer, path: str, headers: dict[str, str], status: int
) -> None:
    assert (await customer.get(path, **headers)).status_code == status
