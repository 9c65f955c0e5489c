"""What every service is put together with: itself as a process, a publisher, its way of announcing, its tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.contract.envelope import headers_of
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import Record
from cdr_exports.processor.exporter import Announce
from cdr_exports.runtime.backoff import delays
from cdr_exports.runtime.kafka import Publisher
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import migrate, migrations_of
from cdr_exports.runtime.process import Health
from cdr_exports.runtime.settings import KafkaSettings, PostgresSettings, ProcessSettings

log = logger(__name__)

PUBLISH_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What every service gets: its settings as a process, its metrics, its health, and the wish to stop."""

    settings: ProcessSettings
    registry: Registry
    health: Health
    stop: asyncio.Event


@asynccontextmanager
async def connected(settings: KafkaSettings, client_id: str, stop: asyncio.Event) -> AsyncIterator[Publisher]:
    """A publisher, once a broker answers: a service that starts before Kafka waits for it. Raises Transient at a stop."""
    async with AsyncExitStack() as opened:
        for wait in delays():
            try:
                publisher = await opened.enter_async_context(Publisher(settings, client_id))
                break
            except Transient as error:
                if stop.is_set():
                    raise
                log.warning("kafka.unavailable", reason=str(error))
                await asyncio.sleep(wait)
        yield publisher


def announcer(publisher: Publisher, codec: Codec) -> Announce:
    """Publishes a record to the topic it belongs to, with its key and headers."""

    async def announce(record: Record) -> None:
        await publisher.publish(
            topics.topic_of(record),
            key=topics.key_of(record),
            value=codec.encode(record),
            headers=headers_of(record),
            timeout_seconds=PUBLISH_SECONDS,
        )

    return announce


async def migrated(settings: PostgresSettings, stop: asyncio.Event) -> None:
    """Brings the read model's tables up to date, once PostgreSQL answers. Raises Transient at a stop."""
    for wait in delays():
        try:
            await migrate(settings.postgres_dsn.get_secret_value(), migrations_of("cdr_exports.projection"))
        except Transient as error:
            if stop.is_set():
                raise
            log.warning("postgres.unavailable", reason=str(error))
            await asyncio.sleep(wait)
        else:
            return
