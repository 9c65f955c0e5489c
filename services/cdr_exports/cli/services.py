"""The services, each put together from its rooms. The only place that knows them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter

from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator
from cdr_exports.api.zones import zone_names
from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.contract.envelope import headers_of
from cdr_exports.domain.columns import COLUMNS
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import Record
from cdr_exports.facade import app as facade
from cdr_exports.ingress import http as ingress_http
from cdr_exports.ingress.intake import Intake
from cdr_exports.ingress.request_judge import Judge
from cdr_exports.processor import faust_app
from cdr_exports.processor.dispatcher import Dispatcher
from cdr_exports.processor.exporter import Announce, Exporter
from cdr_exports.processor.finisher import Finisher
from cdr_exports.processor.ledger import Ledger
from cdr_exports.processor.planner import Planner
from cdr_exports.processor.slice_maker import SliceMaker
from cdr_exports.processor.worker import Worker
from cdr_exports.projection import http as projection_http
from cdr_exports.projection.projector import Projector
from cdr_exports.projection.reads import Reads
from cdr_exports.projection.waiting import Waiting
from cdr_exports.runtime.backoff import delays
from cdr_exports.runtime.clickhouse import ClickHouse
from cdr_exports.runtime.clock import utc_now
from cdr_exports.runtime.directory import DirectoryView
from cdr_exports.runtime.http_server import serving
from cdr_exports.runtime.kafka import Publisher
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database, migrate, migrations_of
from cdr_exports.runtime.process import Health, until_stopped
from cdr_exports.runtime.registry import codec_for
from cdr_exports.runtime.settings import (
    ClickHouseSettings,
    ExportSettings,
    HttpSettings,
    KafkaSettings,
    PostgresSettings,
    ProcessSettings,
    StoreSettings,
    TokenSettings,
    WorkerSettings,
    load_all,
)
from cdr_exports.runtime.storage import Store

log = logger(__name__)

PUBLISH_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What every service gets: its settings as a process, its metrics, its health, and the wish to stop."""

    settings: ProcessSettings
    registry: Registry
    health: Health
    stop: asyncio.Event


async def run_processor(process: Process) -> None:
    """Until asked to stop. Raises Misconfigured at once with every fault."""
    kafka, clickhouse_settings, store_settings, worker_settings, exports = load_all(
        KafkaSettings, ClickHouseSettings, StoreSettings, WorkerSettings, ExportSettings
    )
    codec, store = codec_for(kafka), Store.open(store_settings.store_url)
    clickhouse = ClickHouse(clickhouse_settings, connections=worker_settings.slots + faust_app.PLANNING_SLOTS)
    table = clickhouse_settings.clickhouse_table
    view = DirectoryView(kafka, codec, process.registry)
    planning, making = Dispatcher(faust_app.PLANNING_SLOTS), Dispatcher(worker_settings.slots)
    async with AsyncExitStack() as opened:
        publisher = await opened.enter_async_context(connected(kafka, "cdr-exports-processor", process.stop))
        executor = opened.enter_context(ThreadPoolExecutor(worker_settings.slots + 1, thread_name_prefix="slice"))
        announce = announcer(publisher, codec)
        ledger = Ledger(store)
        exporter = Exporter(
            ledger=ledger,
            planner=Planner(clickhouse, table, worker_settings, exports, zone_names(), utc_now),
            maker=SliceMaker(
                clickhouse, store, table, executor, deadline_seconds=worker_settings.slice_deadline_seconds
            ),
            finisher=Finisher(ledger, store, executor, utc_now),
            directory=view.directory,
            announce=announce,
            registry=process.registry,
            now=utc_now,
        )
        worker = Worker(
            exporter=exporter,
            codec=codec,
            announce=announce,
            registry=process.registry,
            now=utc_now,
            attempts=worker_settings.slice_attempts,
            group=faust_app.GROUP,
        )
        app = faust_app.build(kafka, worker, planning, making, process.settings.instance)
        process.health.ready_when("directory", view.caught_up.is_set)
        process.health.ready_when("faust", lambda: app.started and app.rebalancing is False)
        process.health.dead_unless("publisher", lambda: publisher.works)

        async def drain() -> None:
            await asyncio.gather(planning.drain(), making.drain())

        async with background(view.run(), planning.run(), making.run()):
            if await set_before(view.caught_up, process.stop):
                await faust_app.run(app, process.stop, drain, drain_seconds=process.settings.stop_seconds)


async def run_projection(process: Process) -> None:
    """Migrates, then folds the topics into the read model until asked to stop."""
    kafka, postgres_settings = load_all(KafkaSettings, PostgresSettings)
    codec = codec_for(kafka)
    await migrated(postgres_settings, process.stop)
    async with AsyncExitStack() as opened:
        publisher = await opened.enter_async_context(connected(kafka, "cdr-exports-projection", process.stop))
        database = await opened.enter_async_context(Database(postgres_settings))
        projector = Projector(kafka, database, publisher, codec, process.registry, instance=process.settings.instance)
        process.health.ready_when("reading", lambda: projector.works)
        process.health.dead_unless("publisher", lambda: publisher.works)
        await until_stopped(process.stop, projector.run())


async def run_http(process: Process, *, ingress: bool, reads: bool) -> None:
    """The customer API, or the half of it that takes requests, until asked to stop."""
    kafka, http, tokens, exports = load_all(KafkaSettings, HttpSettings, TokenSettings, ExportSettings)
    codec = codec_for(kafka)
    view = DirectoryView(kafka, codec, process.registry)
    lifetime = None if tokens.token_lifetime_seconds is None else timedelta(seconds=tokens.token_lifetime_seconds)
    authenticator = Authenticator(
        tokens.keys, view.directory, utc_now, lifetime, requires_expiry=tokens.require_token_exp
    )
    reception = Reception(authenticator=authenticator, body_limit_bytes=http.body_limit_bytes)
    process.health.ready_when("directory", view.caught_up.is_set)
    routers: list[APIRouter] = []
    async with AsyncExitStack() as opened:
        work: list[Awaitable[None]] = [view.run()]
        if ingress:
            publisher = await opened.enter_async_context(connected(kafka, "cdr-exports-ingress", process.stop))
            process.health.dead_unless("publisher", lambda: publisher.works)
            routers.append(ingress_router(process, publisher, codec, view, reception, http, exports))
        if reads:
            postgres_settings, store_settings = load_all(PostgresSettings, StoreSettings)
            database = await opened.enter_async_context(Database(postgres_settings))
            waiting = Waiting(database, process.registry)
            work.append(waiting.run())
            routers.append(
                projection_http.router(
                    reception=reception,
                    directory=view.directory,
                    reads=Reads(database, waiting),
                    store=Store.open(store_settings.store_url),
                    public_url=http.public_url,
                )
            )
        async with background(*work):
            if not await set_before(view.caught_up, process.stop):
                return  # an unknown account or token would be refused though it may be known
            app = facade.build(routers, process.registry)
            async with serving(app, host=http.http_host, port=http.http_port) as port:
                log.info("http.serving", port=port)
                await process.stop.wait()


def ingress_router(
    process: Process,
    publisher: Publisher,
    codec: Codec,
    view: DirectoryView,
    reception: Reception,
    http: HttpSettings,
    exports: ExportSettings,
) -> APIRouter:
    judge = Judge(
        directory=view.directory,
        zone_names=zone_names(),
        longest_range=timedelta(days=exports.range_limit_days),
        columns_left=bool(set(COLUMNS) - exports.hidden_columns),
    )
    intake = Intake(
        publisher=publisher,
        codec=codec,
        registry=process.registry,
        now=utc_now,
        hidden_columns=exports.hidden_columns,
    )
    return ingress_http.router(reception, judge, intake, process.registry, public_url=http.public_url)


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


@asynccontextmanager
async def background(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Runs `work` beside the context's body; a piece that fails ends the body, the body's end ends all of them."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_awaited(each)) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def set_before(wanted: asyncio.Event, stop: asyncio.Event) -> bool:
    """Waits for either event; whether it was `wanted`."""
    waits = [asyncio.create_task(each.wait()) for each in (wanted, stop)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
    return wanted.is_set() and not stop.is_set()


async def _awaited(work: Awaitable[None]) -> None:
    await work


Run = Callable[[Process], Awaitable[None]]
