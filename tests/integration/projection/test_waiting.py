from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from cdr_exports.domain.errors import Transient
from cdr_exports.domain.filters import micros
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.domain.lifecycle import Position
from cdr_exports.projection.folding import Folding
from cdr_exports.projection.reads import Reads, Viewer
from cdr_exports.projection.waiting import PLACES_EACH, Waiting
from cdr_exports.projection.watermarks import Complete
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database
from tests.integration.projection.logs import ACCOUNT, EVENTS, REQUESTS, log_of, new_id, requested

VIEWER = Viewer(customer=7, account_ids=[ACCOUNT])
STRANGER = Viewer(customer=8, account_ids=[AccountId(81)])


def made(at: datetime) -> ExportId:
    return ExportId(UUID(int=(micros(at) // 1000 << 80) | (uuid7().int & ((1 << 80) - 1))))


async def complete(folding: Folding, before: datetime) -> None:
    """What the projector says when it has caught up."""
    looks = [Complete(partition=each, next_offset=folding.applied[each], before=before) for each in folding.applied]
    await folding.complete(looks, folding.applied.keys())


@pytest.fixture
async def folding(database: Database) -> Folding:
    """Of a projector that has caught up with two empty topics."""
    made = Folding(database)
    await made.starts({REQUESTS, EVENTS})
    await complete(made, await made.now())
    return made


@asynccontextmanager
async def reading(database: Database, *, patience_seconds: float = 5.0) -> AsyncIterator[tuple[Reads, Waiting]]:
    """Reads of a process that follows the projection, and has seen where it stands."""
    waiting = Waiting(database, Registry(service="facade"), patience_seconds=patience_seconds)
    task = asyncio.create_task(waiting.run())
    try:
        async with asyncio.timeout(5):
            while waiting.progress.complete_before is None:
                await waiting.beyond(waiting.progress)
        yield Reads(database, waiting), waiting
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_waiting(waiting: Waiting, customer: object, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while waiting.waiters(customer) < count:
            await asyncio.sleep(0)


async def test_a_reader_of_an_export_just_made_waits_until_it_is_there(folding: Folding, database: Database) -> None:
    export_id = new_id()
    async with reading(database) as (reads, waiting), asyncio.TaskGroup() as group:
        read = group.create_task(reads.one(export_id, VIEWER))
        await until_waiting(waiting, VIEWER.customer)

        await folding.apply(log_of(REQUESTS, [requested(export_id)]))

    state = read.result()
    assert state is not None
    assert state.export_id == export_id


async def test_an_old_unknown_id_is_unknown_at_once(folding: Folding, database: Database) -> None:
    async with reading(database, patience_seconds=0) as (reads, _):
        assert await reads.one(made(await folding.now() - timedelta(hours=1)), VIEWER) is None


async def test_a_young_unknown_id_is_unknown_when_the_projection_has_caught_up(
    folding: Folding, database: Database
) -> None:
    async with reading(database) as (reads, waiting), asyncio.TaskGroup() as group:
        read = group.create_task(reads.one(new_id(), VIEWER))
        await until_waiting(waiting, VIEWER.customer)

        await folding.apply(log_of(REQUESTS, [requested(new_id())]))
        await complete(folding, await folding.now())

    assert read.result() is None


async def test_another_customers_export_is_as_unknown_as_one_that_does_not_exist(
    folding: Folding, database: Database
) -> None:
    export_id = new_id()
    await folding.apply(log_of(REQUESTS, [requested(export_id)]))
    async with reading(database) as (reads, waiting), asyncio.TaskGroup() as group:
        read = group.create_task(reads.one(export_id, STRANGER))
        await until_waiting(waiting, STRANGER.customer)

        await complete(folding, await folding.now())

    assert read.result() is None


async def test_a_reader_gives_up_when_the_projection_does_not_catch_up(folding: Folding, database: Database) -> None:
    async with reading(database, patience_seconds=0.05) as (reads, _):
        with pytest.raises(Transient, match="has not caught up"):
            await reads.one(new_id(), VIEWER)


async def test_a_partition_of_which_nothing_is_known_leaves_an_unknown_id_open(
    folding: Folding, database: Database
) -> None:
    async with reading(database, patience_seconds=0.05) as (reads, waiting):
        async with waiting.place("test"):
            await folding.starts({REQUESTS, EVENTS, REQUESTS._replace(number=1)})
            await complete(Folding(database), await folding.now())
            while waiting.progress.complete_before is not None:
                await waiting.beyond(waiting.progress)

        with pytest.raises(Transient):
            await reads.one(made(await folding.now() - timedelta(hours=1)), VIEWER)


async def test_a_reader_that_names_a_position_waits_until_it_is_applied(folding: Folding, database: Database) -> None:
    async with reading(database) as (reads, waiting), asyncio.TaskGroup() as group:
        read = group.create_task(reads.after(Position(1, REQUESTS.number), VIEWER))
        await until_waiting(waiting, VIEWER.customer)
        await folding.apply(log_of(REQUESTS, [requested(new_id())]))
        assert not read.done()

        await folding.apply(log_of(REQUESTS, [requested(new_id())], first=1))

    assert read.done()


async def test_places_to_wait_in_are_few_for_each_customer(folding: Folding, database: Database) -> None:
    async with reading(database) as (reads, waiting), asyncio.TaskGroup() as group:
        reads_of_one = [group.create_task(reads.one(new_id(), VIEWER)) for _ in range(PLACES_EACH)]
        await until_waiting(waiting, VIEWER.customer, PLACES_EACH)

        with pytest.raises(Transient, match="too many readers"):
            await reads.one(new_id(), VIEWER)
        await folding.apply(log_of(REQUESTS, [requested(new_id())]))
        await complete(folding, await folding.now())

    assert [read.result() for read in reads_of_one] == [None] * PLACES_EACH
    assert waiting.waiters(VIEWER.customer) == 0
