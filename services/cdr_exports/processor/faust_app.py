"""The Faust application: takes records off the two topics and acknowledges each when its work is done.

The agents only hand over: a record goes into the dispatcher's window and the agent takes the next. An acknowledgement
comes when the worker has returned, which is after the broker has acknowledged all that the record caused; an agent that
raised, was cancelled or used `async with event` would acknowledge by itself, so none does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import faust

from cdr_exports.contract import topics
from cdr_exports.domain.events import ExportDeleteRequested, ExportRequested, SliceReady
from cdr_exports.processor.dispatcher import Dispatchers, Work
from cdr_exports.processor.slice_maker import Abandoned
from cdr_exports.processor.strict_faust import App
from cdr_exports.processor.turns import Turns
from cdr_exports.processor.worker import Worker, account_of
from cdr_exports.runtime.kafka import Raw, client_options
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.settings import KafkaSettings

log = logger(__name__)

GROUP = "cdr-exports.processor"
DRAINING, ABANDONING, STOPPING = 0.5, 0.2, 0.3
"""How the time for a stop is shared out: what runs may end by itself, then is broken off, then Faust commits."""

EXPECTED: dict[str, tuple[type[Work], ...]] = {
    topics.REQUESTS: (ExportRequested, ExportDeleteRequested),
    topics.SLICES: (SliceReady,),
}


def build(settings: KafkaSettings, worker: Worker, dispatchers: Dispatchers, instance: str | None) -> App:
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
    for topic in EXPECTED:
        app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"), name=topic)(
            _agent(worker, dispatchers)
        )
    return app


def _agent(worker: Worker, dispatchers: Dispatchers) -> Any:
    turns = Turns()

    async def take(stream: Any) -> None:
        async for event in stream.noack().events():
            raw = _raw(event.message)
            try:
                work = await worker.read(raw, EXPECTED[raw.topic])
            except Abandoned:
                return  # the process stops
            if work is None:
                event.ack()
            elif job := turns.job(work, partial(_do, worker, work, event)):
                await dispatchers.of(work).submit(account_of(work), job)

    return take


async def _do(worker: Worker, work: Work, event: Any) -> None:
    try:
        await worker.do(work)
    except Abandoned:
        return  # the process stops; not acknowledged, the record is delivered again
    event.ack()


async def run(app: App, stop: asyncio.Event, dispatchers: Dispatchers, *, stop_seconds: float) -> None:
    """Until `stop` is set; then admits nothing more, lets what runs end or breaks it off, commits, and stops, all of it
    in `stop_seconds`. Raises what Faust crashed with.
    """
    stopping = asyncio.create_task(stop.wait())
    await app.start()
    ended = asyncio.create_task(app.wait_until_stopped())
    try:
        await asyncio.wait([stopping, ended], return_when=asyncio.FIRST_COMPLETED)
        if app.crash_reason is not None:
            raise app.crash_reason
        await _within(stop_seconds * DRAINING, dispatchers.drain(), "drain")
    finally:
        for task in stopping, ended:
            task.cancel()
        await _within(stop_seconds * ABANDONING, dispatchers.abandon(), "abandon")
        await _within(stop_seconds * STOPPING, app.stop(), "stop")  # commits what was acknowledged


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
