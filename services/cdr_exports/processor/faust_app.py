"""The Faust application: takes records off the two topics and acknowledges each when its work is done.

The agents only hand over: a record goes into the dispatcher's window and the agent takes the next. An acknowledgement
comes when the worker has returned, which is after the broker has acknowledged all that the record caused; an agent that
raised, was cancelled or used `async with event` would acknowledge by itself, so none does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import faust

from cdr_exports.contract import topics
from cdr_exports.domain.events import ExportDeleteRequested, ExportRequested, SliceReady
from cdr_exports.processor.dispatcher import Dispatcher
from cdr_exports.processor.strict_faust import App
from cdr_exports.processor.worker import Work, Worker, account_of
from cdr_exports.runtime.kafka import Raw, client_options
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.settings import KafkaSettings

log = logger(__name__)

GROUP = "cdr-exports.processor"
PLANNING_SLOTS = 8
"""Requests have slots of their own: to plan takes milliseconds and must not wait behind slices."""
STOP_SECONDS = 10
"""For each step of Faust's stop."""

EXPECTED: dict[str, tuple[type[Work], ...]] = {
    topics.REQUESTS: (ExportRequested, ExportDeleteRequested),
    topics.SLICES: (SliceReady,),
}


def build(
    settings: KafkaSettings, worker: Worker, planning: Dispatcher, making: Dispatcher, instance: str | None
) -> App:
    """Faust with the settings that lose nothing; each is there for a reason that was met (see strict_faust.py)."""
    app = App(
        GROUP,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka_bootstrap.split(",")],
        broker_credentials=_credentials(settings),
        consumer_group_instance_id=instance,  # a worker that returns under its name takes its partitions back at once
        stream_wait_empty=False,
        stream_buffer_maxsize=0,
        stream_processing_timeout=86_400.0,
        broker_max_poll_records=100,
        broker_max_poll_interval=604_800.0,
        broker_session_timeout=45.0,
        broker_heartbeat_interval=3.0,
        broker_rebalance_timeout=60.0,
        broker_commit_interval=1.0,
        broker_commit_livelock_soft_timeout=86_400.0,
        agent_supervisor="mode.CrashingSupervisor",
        processing_guarantee="at_least_once",
        table_standby_replicas=1,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
    )
    for topic, dispatcher in (topics.REQUESTS, planning), (topics.SLICES, making):
        app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"), name=topic)(
            _agent(worker, dispatcher)
        )
    return app


def _agent(worker: Worker, dispatcher: Dispatcher) -> Any:
    async def take(stream: Any) -> None:
        async for event in stream.noack().events():
            raw = _raw(event.message)
            work = await worker.read(raw, EXPECTED[raw.topic])
            if work is None:
                event.ack()
            else:
                await dispatcher.submit(account_of(work), _job(worker, work, event))

    return take


def _job(worker: Worker, work: Work, event: Any) -> Any:
    async def do() -> None:
        await worker.do(work)
        event.ack()

    return do


async def run(app: App, stop: asyncio.Event, drain: Callable[[], Awaitable[None]], *, drain_seconds: float) -> None:
    """Until `stop` is set; then admits nothing more, waits for what runs, commits, stops. Raises what Faust crashed with."""
    stopping = asyncio.create_task(stop.wait())
    await app.start()
    ended = asyncio.create_task(app.wait_until_stopped())
    try:
        await asyncio.wait([stopping, ended], return_when=asyncio.FIRST_COMPLETED)
        if app.crash_reason is not None:
            raise app.crash_reason
        await _within(drain_seconds, drain(), "drain")
    finally:
        for task in stopping, ended:
            task.cancel()
        await _within(STOP_SECONDS, app.stop(), "stop")  # commits what was acknowledged


async def _within(seconds: float, step: Awaitable[None], name: str) -> None:
    try:
        async with asyncio.timeout(seconds):
            await step
    except TimeoutError:
        log.warning("processor.step_timed_out", step=name, seconds=seconds)


def _raw(message: Any) -> Raw:
    return Raw(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=datetime.fromtimestamp(message.timestamp, UTC) if message.timestamp else None,
        key=message.key,
        value=message.value,
        headers=tuple((message.headers or {}).items())
        if isinstance(message.headers, dict)
        else tuple(message.headers or ()),
    )


def _credentials(settings: KafkaSettings) -> Any:
    options = client_options(settings)
    if settings.kafka_security_protocol == "SSL":
        return faust.SSLCredentials(options["ssl_context"])
    if settings.kafka_security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=options.get("ssl_context"),
        )
    return None
