"""Many exports at once, and the end of a worker: real slices in the slots, the topics apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cdr_exports.domain import object_names
from cdr_exports.domain.events import ExportCompleted, ExportProgressed, Record, SliceReady
from cdr_exports.domain.identity import AccountId
from cdr_exports.processor.dispatcher import Dispatchers, Work
from cdr_exports.processor.slice_maker import Abandoned
from cdr_exports.processor.worker import account_of
from cdr_exports.runtime.clickhouse import ClickHouse
from tests.integration.processor import slow
from tests.integration.processor.conftest import Make
from tests.integration.processor.exports import Workshop, account, request
from tests.stack import ClickHouse as Server

SLOTS = 3
CROWD, ALONE = AccountId(72), AccountId(71)


class Floor:
    """A workshop whose work goes through the dispatchers, as it comes, instead of one after another."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.dispatchers = Dispatchers(slots=SLOTS)
        self.completed: list[Any] = []
        self.news = asyncio.Condition()
        self.unacknowledged: list[Work] = []
        workshop.exporter._announce = self.announce

    async def announce(self, record: Record) -> None:
        self.workshop.announced.append(record)
        if isinstance(record, SliceReady):
            await self.submit(record)
        elif isinstance(record, ExportCompleted):
            async with self.news:
                self.completed.append(record.export_id)
                self.news.notify_all()

    async def submit(self, work: Work) -> None:
        async def do() -> None:
            self.unacknowledged.append(work)
            try:
                await self.workshop.worker.do(work)
            except Abandoned:
                return
            self.unacknowledged.remove(work)

        await self.dispatchers.of(work).submit(account_of(work), do)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with self.news:
            await self.news.wait_for(holds)


@asynccontextmanager
async def working(workshop: Workshop) -> AsyncIterator[Floor]:
    floor = Floor(workshop)
    running = asyncio.create_task(floor.dispatchers.run())
    yield floor
    await floor.dispatchers.abandon()
    running.cancel()
    await asyncio.wait([running])


async def test_one_accounts_two_hundred_exports_hold_anothers_one_back_by_a_slice(
    make_workshop: Make, fill: Callable[..., Any]
) -> None:
    workshop = make_workshop(slice_rows=1000, lanes=1)
    workshop.directory.put_account(account(CROWD))
    await fill(500)
    crowd, alone = [request(CROWD) for _ in range(200)], request(ALONE)

    async with working(workshop) as floor:
        for each in crowd:
            await floor.submit(each)
        await floor.until(lambda: len(floor.completed) >= 5)
        before = len(floor.completed)
        await floor.submit(alone)
        await floor.until(lambda: alone.export_id in floor.completed)

    # Those that were being planned or made just then may come first, and as many again while the one is planned and made.
    assert floor.completed.index(alone.export_id) - before <= 6 * SLOTS
    assert len(floor.completed) < 100


async def test_a_stop_breaks_off_what_runs_and_leaves_nothing_behind(
    make_workshop: Make, fill: Callable[..., Any], database: ClickHouse, table: str
) -> None:
    workshop = make_workshop(slice_rows=500, lanes=2)
    await fill(2_000)
    wanted = request()
    async with slow.endless_view(database, table) as view, working(workshop) as floor:
        slow.make_slices_from(workshop, view)
        await floor.submit(wanted)
        await slow.until_running(database, view, 2)

        async with asyncio.timeout(10):
            await floor.dispatchers.abandon()
            await slow.until_running(database, view, 0)

        assert sorted(type(each).__name__ for each in floor.unacknowledged) == ["SliceReady"] * 2
    left = await workshop.store.list(object_names.folder(wanted.export_id))
    assert left == [object_names.plan(wanted.export_id)]


async def test_work_that_waits_for_a_dependency_is_let_go_at_a_stop(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdr_exports.processor.worker.delays", lambda: iter(lambda: 3600.0, None))
    stop = asyncio.Event()
    workshop = make_workshop(slice_rows=1000, stop=stop)
    await fill(500)
    await clickhouse.faults([{"action": "drop", "match": "intDiv", "times": 1_000}])

    async with working(workshop) as floor:
        wanted = request()
        await floor.submit(wanted)
        while (await clickhouse.faults_left())[0]["times"] == 1_000:
            await asyncio.sleep(0.02)
        stop.set()
        async with asyncio.timeout(10):
            await floor.dispatchers.drain()

        assert floor.unacknowledged == [wanted]
    await clickhouse.faults([])


async def test_a_slice_that_is_nearly_done_may_end_before_the_stop(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Server
) -> None:
    workshop = make_workshop(slice_rows=1000, lanes=1)
    await fill(2_500)
    await clickhouse.faults([{"action": "delay", "seconds": 0.5, "after_bytes": 1000, "match": "toTimeZone"}])

    async with working(workshop) as floor:
        await floor.submit(request())
        while await clickhouse.faults_left():
            await asyncio.sleep(0.01)
        await floor.dispatchers.drain()

        assert floor.unacknowledged == []
    assert len(workshop.said(ExportProgressed)) == 1
    assert len(workshop.said(SliceReady)) == 2


async def test_a_stop_does_not_wait_for_a_connection_that_stalls(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Server
) -> None:
    workshop = make_workshop(slice_rows=30_000, lanes=1)
    await fill(30_000)
    await clickhouse.faults([{"action": "delay", "seconds": 20, "after_bytes": 1000, "match": "toTimeZone"}])

    async with working(workshop) as floor:
        wanted = request()
        await floor.submit(wanted)
        while not workshop.exporter._maker._clickhouse._streams:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            await floor.dispatchers.abandon()

        assert [type(each) for each in floor.unacknowledged] == [SliceReady]
    left = await workshop.store.list(object_names.folder(wanted.export_id))
    assert left == [object_names.plan(wanted.export_id)]
