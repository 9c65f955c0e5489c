"""An export is deleted: what runs for it stops, what waits ends quietly, what was stored goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from cdr_exports.domain import object_names
from cdr_exports.domain.events import (
    DeleteReason,
    ExportCompleted,
    ExportDeleted,
    ExportDeleteRequested,
    ExportFailed,
    ExportProgressed,
    ExportRequested,
    ExportStarted,
    SliceReady,
)
from cdr_exports.domain.identity import EventId
from cdr_exports.processor.dispatcher import Dispatchers, Work
from cdr_exports.processor.worker import account_of
from cdr_exports.runtime.clickhouse import ClickHouse
from cdr_exports.runtime.clock import utc_now
from tests.integration.processor import slow
from tests.integration.processor.conftest import Make
from tests.integration.processor.exports import Workshop, request
from tests.stack import ClickHouse as Server

GoDown = Callable[[], Awaitable[None]]
OFTEN = 100_000
PATIENCE_SECONDS = 10
"""A deletion takes effect in one; this machine may be busy."""


@pytest.fixture
async def endless(database: ClickHouse, table: str) -> AsyncIterator[str]:
    async with slow.endless_view(database, table) as view:
        yield view


@pytest.fixture
async def go_down(clickhouse: Server) -> AsyncIterator[GoDown]:
    """Once called, ClickHouse answers nobody who reads CDRs, until the test is over."""
    yield lambda: clickhouse.faults([{"action": "drop", "match": "FROM cdrs_", "times": OFTEN}])
    await clickhouse.faults([])


def deletion(wanted: ExportRequested) -> ExportDeleteRequested:
    return ExportDeleteRequested(
        event_id=EventId(wanted.event_id),
        occurred_at=utc_now(),
        source="test",
        export_id=wanted.export_id,
        reason=DeleteReason.CUSTOMER,
    )


async def objects(workshop: Workshop, wanted: ExportRequested) -> list[str]:
    return await workshop.store.list(object_names.folder(wanted.export_id))


async def slices_under_way(workshop: Workshop, wanted: ExportRequested) -> list[asyncio.Task[None]]:
    """Planned, and each lane's first slice started."""
    await workshop.worker.do(wanted)
    under_way = [asyncio.create_task(workshop.worker.do(work)) for work in workshop.work]
    workshop.work.clear()
    return under_way


async def test_slices_that_run_here_are_stopped_with_their_queries(
    make_workshop: Make, fill: Callable[..., Any], database: ClickHouse, endless: str
) -> None:
    workshop = make_workshop(slice_rows=500, lanes=2)
    await fill(2_000)
    slow.make_slices_from(workshop, endless)
    wanted = request()
    making = await slices_under_way(workshop, wanted)
    await slow.until_running(database, endless, 2)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await workshop.worker.do(deletion(wanted))
        await asyncio.gather(*making)
        await slow.until_running(database, endless, 0)

    assert await objects(workshop, wanted) == []
    assert await workshop.ledger.is_deleted(wanted.export_id)
    assert len(workshop.said(ExportDeleted)) == 1
    assert workshop.said(ExportProgressed) == workshop.said(ExportFailed) == workshop.said(ExportCompleted) == []


async def test_a_slice_whose_export_another_worker_deletes_is_stopped_as_well(
    make_workshop: Make, fill: Callable[..., Any], database: ClickHouse, endless: str
) -> None:
    making, deleting = make_workshop(slice_rows=500, lanes=1), make_workshop()
    await fill(1_000)
    slow.make_slices_from(making, endless)
    wanted = request()
    (slice_under_way,) = await slices_under_way(making, wanted)
    await slow.until_running(database, endless, 1)

    await deleting.worker.do(deletion(wanted))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await slice_under_way
        await slow.until_running(database, endless, 0)

    assert await objects(making, wanted) == []


async def test_the_slices_of_other_exports_go_on(
    make_workshop: Make, fill: Callable[..., Any], database: ClickHouse, endless: str
) -> None:
    workshop = make_workshop(slice_rows=1000, lanes=1)
    await fill(900)
    slow.make_slices_from(workshop, endless)
    deleted, other = request(), request()
    (first,) = await slices_under_way(workshop, deleted)
    (second,) = await slices_under_way(workshop, other)
    await slow.until_running(database, endless, 2)

    await workshop.worker.do(deletion(deleted))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await first

    assert not second.done()
    assert await slow.running(database, endless) == 1
    second.cancel()
    await asyncio.wait([second])


async def test_a_slice_that_waits_for_clickhouse_waits_no_longer(
    make_workshop: Make,
    fill: Callable[..., Any],
    clickhouse: Server,
    go_down: GoDown,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cdr_exports.processor.worker.delays", lambda: iter(lambda: 3600.0, None))
    workshop = make_workshop(slice_rows=1000, lanes=1)
    await fill(900)
    wanted = request()
    await workshop.worker.do(wanted)
    await go_down()
    waiting = asyncio.create_task(workshop.worker.do(workshop.work.popleft()))
    while (await clickhouse.faults_left())[0]["times"] == OFTEN:
        await asyncio.sleep(0.02)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await workshop.worker.do(deletion(wanted))
        await waiting

    assert await objects(workshop, wanted) == []


async def test_an_export_that_is_deleted_while_it_is_planned_leaves_no_plan(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Server
) -> None:
    workshop = make_workshop()
    await fill(900)
    wanted = request()
    await clickhouse.faults([{"action": "delay", "seconds": 0.3, "match": "intDiv"}])
    planning = asyncio.create_task(workshop.worker.do(wanted))
    while await clickhouse.faults_left():
        await asyncio.sleep(0.01)

    await workshop.ledger.mark_deleted(wanted.export_id, "customer")
    await planning
    await workshop.finish()

    assert await objects(workshop, wanted) == []
    assert workshop.said(ExportProgressed) == []


async def test_of_a_finished_export_only_the_tombstone_is_left(make_workshop: Make, fill: Callable[..., Any]) -> None:
    workshop = make_workshop(slice_rows=100, lanes=3)
    await fill(3_000)
    wanted = request()
    assert isinstance(await workshop.run(wanted), ExportCompleted)

    await workshop.worker.do(deletion(wanted))

    assert await objects(workshop, wanted) == []
    assert await workshop.store.list("deleted/") == [object_names.tombstone(wanted.export_id)]


async def test_what_comes_again_after_the_deletion_has_no_effect(make_workshop: Make, fill: Callable[..., Any]) -> None:
    workshop = make_workshop(slice_rows=500, lanes=2)
    await fill(2_000)
    wanted = request()
    await workshop.worker.do(wanted)
    ready = workshop.said(SliceReady)
    await workshop.worker.do(deletion(wanted))
    said = len(workshop.announced)
    workshop.work.clear()

    for again in [wanted, *ready]:
        await workshop.worker.do(again)

    assert len(workshop.announced) == said
    assert not workshop.work
    assert await objects(workshop, wanted) == []


async def test_a_deletion_waits_for_none_of_a_thousand_requests(make_workshop: Make, go_down: GoDown) -> None:
    workshop, dispatchers = make_workshop(), Dispatchers(slots=1)
    await go_down()
    requests = [request() for _ in range(1_000)]

    async def submit(work: Work) -> asyncio.Event:
        done = asyncio.Event()

        async def do() -> None:
            await workshop.worker.do(work)
            done.set()

        await dispatchers.of(work).submit(account_of(work), do)
        return done

    running = asyncio.create_task(dispatchers.run())
    for each in requests:
        await submit(each)
    while dispatchers.planning.waiting > 1_000 - 8:
        await asyncio.sleep(0.01)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await (await submit(deletion(requests[-1]))).wait()
    await dispatchers.abandon()
    running.cancel()
    await asyncio.wait([running])

    assert await workshop.ledger.is_deleted(requests[-1].export_id)
    assert workshop.said(ExportStarted) == []
