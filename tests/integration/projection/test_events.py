"""The stream of events of an export, over HTTP from a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from cdr_exports.domain.identity import ExportId
from cdr_exports.projection import watching
from cdr_exports.runtime.http_server import serving
from tests.integration.projection.customers import ACME_ACCESS, OLD_ID, OTHER_OLD_ID, PATH, SPARE_ACCESS, Customer
from tests.integration.projection.logs import completed, delete_requested, new_id, progressed, requested, started
from tests.unit.api.records import GLOBEX


@dataclass(frozen=True)
class Event:
    id: str
    event: str
    data: dict[str, Any]

    @property
    def stage(self) -> str:
        return str(self.data["meta"]["stage"])


@dataclass(frozen=True)
class Served:
    """A customer over real connections."""

    customer: Customer
    http: httpx2.AsyncClient

    @asynccontextmanager
    async def follow(
        self, export_id: ExportId, *, token: str | None = None, **headers: str
    ) -> AsyncIterator[httpx2.Response]:
        bearer = token or self.customer.issuer.for_access(ACME_ACCESS)
        sent = {"authorization": f"Bearer {bearer}", "accept": "text/event-stream"}
        async with self.http.stream("GET", f"{PATH}/{export_id}/events", headers=sent | headers) as answer:
            yield answer


@pytest.fixture
async def served(customer: Customer) -> AsyncIterator[Served]:
    async with (
        serving(customer.app, host="127.0.0.1", port=0) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
    ):
        yield Served(customer, http)
        customer.stop.set()


async def events(answer: httpx2.Response) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields.get("event"):
            yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}


async def test_each_state_is_an_event_and_the_last_one_ends_the_stream(served: Served) -> None:
    export_id, stages = new_id(), []
    await served.customer.requests(requested(export_id))

    async with served.follow(export_id) as answer:
        async for event in events(answer):
            stages.append(event.stage)
            match event.stage:
                case "accepted":
                    await served.customer.events(started(export_id))
                case "planned":
                    await served.customer.events(progressed(export_id, 0, 1))
                case "exporting":
                    await served.customer.events(completed(export_id))

    assert stages == ["accepted", "planned", "exporting", "completed"]
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"


async def test_an_event_is_the_resource_object_of_a_get(served: Served) -> None:
    export_id = new_id()
    await served.customer.requests(requested(export_id))
    await served.customer.events(completed(export_id))

    async with served.follow(export_id) as answer:
        [event] = [each async for each in events(answer)]
    got = await served.customer.get(f"/{export_id}", host=str(served.http.base_url.netloc, "ascii"))

    assert event.event == "export"
    assert event.data == got.json()["data"]


async def test_what_changes_for_another_export_is_no_event(served: Served) -> None:
    export_id, other = new_id(), new_id()
    await served.customer.requests(requested(export_id), requested(other))

    async with served.follow(export_id) as answer:
        stream = events(answer)
        first = await anext(stream)
        await served.customer.events(started(other), completed(other))
        await served.customer.requests(delete_requested(export_id))
        second = await anext(stream)

    assert (first.stage, second.stage) == ("accepted", "deleted")


async def test_a_stream_that_was_cut_goes_on_from_no_older_state(served: Served) -> None:
    export_id = new_id()
    await served.customer.requests(requested(export_id))
    async with served.follow(export_id) as answer:
        before = await anext(events(answer))
    await served.customer.events(started(export_id))

    async with served.follow(export_id, **{"last-event-id": before.id}) as answer:
        after = await anext(events(answer))

    assert (before.id, before.stage) == ("1:0", "accepted")
    assert (after.id, after.stage) == ("1:1", "planned")


@pytest.mark.parametrize("last", ["9:9", "x", "", "1", "1:-1"])
async def test_an_id_from_elsewhere_does_no_harm(served: Served, last: str) -> None:
    export_id = new_id()
    await served.customer.requests(requested(export_id))

    async with served.follow(export_id, **{"last-event-id": last}) as answer:
        event = await anext(events(answer))

    assert (answer.status_code, event.stage) == (200, "accepted")


async def test_a_quiet_stream_shows_that_it_lives(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = new_id()
    await served.customer.requests(requested(export_id))
    followed = watching.Watching(served.customer.reads, asyncio.Event(), quiet_seconds=0.01)

    stream = followed.follow(export_id, 7)
    seen = [await anext(stream) for _ in range(3)]
    await stream.aclose()

    assert [each is None for each in seen] == [False, True, True]


async def test_a_stop_ends_every_stream(served: Served) -> None:
    export_id = new_id()
    await served.customer.requests(requested(export_id))

    async with served.follow(export_id) as answer:
        stream = events(answer)
        await anext(stream)
        served.customer.stop.set()
        rest = [each async for each in stream]

    assert rest == []


async def test_whoever_is_gone_gives_the_place_back(served: Served) -> None:
    export_id, reads = new_id(), served.customer.reads
    await served.customer.requests(requested(export_id))
    followed = watching.Watching(reads, asyncio.Event())
    streams = [followed.follow(export_id, 7) for _ in range(watching.FOLLOWERS_EACH)]
    for each in streams:
        await anext(each)

    with pytest.raises(Exception, match="too many"):
        await anext(followed.follow(export_id, 7))
    await streams[0].aclose()
    again = followed.follow(export_id, 7)

    assert await anext(again) is not None
    for each in [again, *streams]:
        await each.aclose()


async def test_too_many_streams_of_a_customer_are_a_503(served: Served) -> None:
    export_id = new_id()
    await served.customer.requests(requested(export_id))
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        opened = [served.follow(export_id) for _ in range(watching.FOLLOWERS_EACH)]
        answers = [await each.__aenter__() for each in opened]

        async with served.follow(export_id) as refused:
            status, retry = refused.status_code, refused.headers.get("retry-after")
        for each in opened:
            group.create_task(each.__aexit__(None, None, None))

    assert {each.status_code for each in answers} == {200}
    assert (status, retry) == (503, "2")


@pytest.mark.parametrize("kind", ["unknown", "of another customer", "of an account not listed", "no token"])
async def test_what_may_not_be_seen_cannot_be_followed(served: Served, kind: str) -> None:
    export_id = OTHER_OLD_ID
    await served.customer.requests(requested(export_id))
    issuer = served.customer.issuer
    tokens = {
        "of another customer": issuer.dynamic(GLOBEX),
        "of an account not listed": issuer.for_access(SPARE_ACCESS),
    }
    asked, token = (OLD_ID, None) if kind == "unknown" else (export_id, tokens.get(kind, "none"))

    async with served.follow(asked, token=token) as answer:
        document = json.loads(await answer.aread())

    assert answer.status_code == (401 if kind == "no token" else 404)
    assert document["errors"][0]["title"] == ("Authorization failed" if kind == "no token" else "Record not found")


async def test_head_of_a_stream_has_no_body(served: Served) -> None:
    export_id = new_id()
    await served.customer.requests(requested(export_id))

    answer = await served.customer.get(f"/{export_id}/events", method="HEAD")

    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "text/event-stream", b"")
