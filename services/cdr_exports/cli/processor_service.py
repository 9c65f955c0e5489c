"""The processor, put together from its rooms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta

from cdr_exports.api.zones import zone_names
from cdr_exports.cli.service_parts import Process, announcer, connected
from cdr_exports.processor import faust_app
from cdr_exports.processor.collector import Collector
from cdr_exports.processor.dispatcher import PLANNING_SLOTS, Dispatchers
from cdr_exports.processor.exporter import Exporter
from cdr_exports.processor.finisher import Finisher
from cdr_exports.processor.ledger import Ledger
from cdr_exports.processor.planner import Planner
from cdr_exports.processor.slice_maker import SliceMaker
from cdr_exports.processor.worker import Worker
from cdr_exports.runtime.clickhouse import READ_SECONDS, ClickHouse
from cdr_exports.runtime.clock import utc_now
from cdr_exports.runtime.directory import DirectoryView
from cdr_exports.runtime.process import background, set_before
from cdr_exports.runtime.registry import codec_for
from cdr_exports.runtime.settings import (
    ClickHouseSettings,
    ExportSettings,
    KafkaSettings,
    StoreSettings,
    WorkerSettings,
    load_all,
)
from cdr_exports.runtime.storage import Store


async def run_processor(process: Process) -> None:
    """Until asked to stop. Raises Misconfigured at once with every fault."""
    kafka, clickhouse_settings, store_settings, worker_settings, exports = load_all(
        KafkaSettings, ClickHouseSettings, StoreSettings, WorkerSettings, ExportSettings
    )
    codec, store = codec_for(kafka), Store.open(store_settings.store_url)
    clickhouse = ClickHouse(
        clickhouse_settings,
        connections=worker_settings.slots + PLANNING_SLOTS,
        read_seconds=min(READ_SECONDS, worker_settings.slice_deadline_seconds),
    )
    table = clickhouse_settings.clickhouse_table
    view = DirectoryView(kafka, codec, process.registry)
    dispatchers = Dispatchers(slots=worker_settings.slots)
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
            longest=timedelta(seconds=worker_settings.export_deadline_seconds),
        )
        worker = Worker(
            exporter=exporter,
            codec=codec,
            announce=announce,
            registry=process.registry,
            now=utc_now,
            attempts=worker_settings.slice_attempts,
            group=faust_app.GROUP,
            stop=process.stop,
        )
        app = faust_app.build(kafka, worker, dispatchers, process.settings.instance)
        process.health.ready_when("directory", view.caught_up.is_set)
        process.health.ready_when("faust", lambda: app.started and app.rebalancing is False)
        process.health.dead_unless("publisher", lambda: publisher.works)

        collector = Collector(store, ledger, utc_now)
        async with background(view.run(), dispatchers.run(), collector.run()):
            if await set_before(view.caught_up, process.stop):
                await faust_app.run(app, process.stop, dispatchers, stop_seconds=process.settings.stop_seconds)
