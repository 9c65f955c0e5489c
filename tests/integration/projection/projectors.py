"""Projectors at work, and what tests wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import Record
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.lifecycle import Position, Status
from cdr_exports.projection.folding import CHANNEL
from cdr_exports.projection.intake import EXPECTED
from cdr_exports.projection.projector import Projector
from cdr_exports.runtime.postgres import Database, named_sql
from cdr_exports.runtime.settings import KafkaSettings
from tests.integration.projection.logs import completed, progressed, requested, started

CODEC = Codec.load()
STOP_SECONDS = 15

Publish = Callable[..., Awaitable[Position]]
MakeProjector = Callable[..., Projector]


@asynccontextmanager
async def running(*projectors: Projector) -> AsyncIterator[None]:
    """Projectors at work, which neither end by themselves nor outlive the context."""
    tasks = [asyncio.create_task(each.run()) for each in projectors]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        _, alive = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        assert not alive, f"a projector does not stop: {alive}"
        ended = [task.exception() for task in tasks if not task.cancelled()]
        assert not ended, f"a projector ended by itself: {ended}"


async def states(database: Database, ids: Collection[ExportId]) -> list[dict[str, Any]]:
    async with database.transaction() as transaction:
        return await transaction.rows("SELECT * FROM exports WHERE export_id = ANY(%(ids)s)", ids=list(ids))


async def until_all(database: Database, ids: Collection[ExportId], status: Status) -> list[dict[str, Any]]:
    """The exports, once all have that status; PostgreSQL may be away meanwhile."""
    async with asyncio.timeout(40):
        while True:
            try:
                async for _ in database.wakes(CHANNEL, at_least_every_seconds=0.5):
                    found = await states(database, ids)
                    if [each["status"] for each in found] == [status.value] * len(ids):
                        return found
            except Transient:
                await asyncio.sleep(0.1)


async def skip_history(settings: KafkaSettings, database: Database) -> None:
    """Makes the read model begin at the present ends of the topics, which hold what other tests wrote."""
    sql = named_sql("cdr_exports.projection")
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap)
    await consumer.start()
    partitions = [TopicPartition(topic.name, n) for topic in topics.load_topics(1) for n in range(topic.partitions)]
    ends = await consumer.end_offsets([each for each in partitions if each.topic in EXPECTED])
    await consumer.stop()
    rows = [{"topic": tp.topic, "partition": tp.partition, "next_offset": end} for tp, end in ends.items()]
    async with database.transaction() as transaction:
        names, numbers = [each["topic"] for each in rows], [each["partition"] for each in rows]
        await transaction.execute(sql["add_partitions"], topics=names, partitions=numbers)
        await transaction.execute_each(sql["save_offset"], rows)


def life(export_id: ExportId) -> list[Record]:
    return [
        requested(export_id),
        started(export_id),
        progressed(export_id, 0, 2),
        progressed(export_id, 1, 2),
        completed(export_id),
    ]
