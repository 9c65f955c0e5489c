"""The projection, put together from its rooms."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AsyncExitStack
from datetime import timedelta

from cdr_exports.cli.service_parts import Process, announcer, connected, migrated
from cdr_exports.projection.expiry import Expiry
from cdr_exports.projection.projector import Projector
from cdr_exports.runtime.clock import utc_now
from cdr_exports.runtime.postgres import Database
from cdr_exports.runtime.process import until_stopped
from cdr_exports.runtime.registry import codec_for
from cdr_exports.runtime.settings import (
    ExportSettings,
    KafkaSettings,
    PostgresSettings,
    load_all,
)


async def run_projection(process: Process) -> None:
    """Migrates, then folds the topics into the read model until asked to stop."""
    kafka, postgres_settings, exports = load_all(KafkaSettings, PostgresSettings, ExportSettings)
    codec = codec_for(kafka)
    await migrated(postgres_settings, process.stop)
    async with AsyncExitStack() as opened:
        publisher = await opened.enter_async_context(connected(kafka, "cdr-exports-projection", process.stop))
        database = await opened.enter_async_context(Database(postgres_settings))
        projector = Projector(kafka, database, publisher, codec, process.registry, instance=process.settings.instance)
        process.health.ready_when("reading", lambda: projector.works)
        process.health.dead_unless("publisher", lambda: publisher.works)
        work: list[Awaitable[None]] = [projector.run()]
        if exports.export_expiry_days is not None:
            lifetime = timedelta(days=exports.export_expiry_days)
            work.append(Expiry(database, announcer(publisher, codec), lifetime=lifetime, now=utc_now).run())
        await until_stopped(process.stop, *work)
