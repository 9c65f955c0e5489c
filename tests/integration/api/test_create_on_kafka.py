"""POST on a real broker: 201 means that the record is in the topic, and a broker that is away means 503, in time."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from cdr_exports.contract import topics
from cdr_exports.domain.events import ExportRequested
from cdr_exports.ingress.outbox import PRODUCE_SECONDS
from cdr_exports.runtime.kafka import Publisher, read_to_end
from cdr_exports.runtime.kafka_topics import apply_topics
from cdr_exports.runtime.settings import KafkaSettings
from tests.stack import Stack
from tests.unit.ingress.desk import Desk, body, codec, desk_on


@pytest.fixture
async def settings(stack: Stack) -> KafkaSettings:
    settings = KafkaSettings(kafka_bootstrap=stack.kafka_bootstrap)
    await apply_topics(settings, topics.load_topics(replication_factor=1))
    return settings


@pytest.fixture
async def desk(settings: KafkaSettings) -> AsyncIterator[Desk[Publisher]]:
    async with Publisher(settings, "test-ingress") as publisher, desk_on(publisher) as opened:
        yield opened


async def request_of(export_id: str, settings: KafkaSettings) -> tuple[str, ExportRequested]:
    """The request in the topic, and its position as the API spells it."""
    async for raw in read_to_end(settings, [topics.REQUESTS]):
        if raw.key == export_id.encode():
            return f"{raw.partition}:{raw.offset}", codec().decode(raw.value, (ExportRequested,))
    raise LookupError(export_id)


async def test_an_accepted_request_is_in_the_topic_where_the_answer_says(
    desk: Desk[Publisher], settings: KafkaSettings
) -> None:
    answer = await desk.post(body(time_zone_name="Europe/Kyiv"))

    position, request = await request_of(answer.json()["data"]["id"], settings)
    assert (answer.status_code, answer.headers["export-position"]) == (201, position)
    assert (request.account_id, request.time_zone_name) == (71, "Europe/Kyiv")


async def test_a_broker_that_is_away_is_a_503_within_six_seconds_and_serves_again_when_it_is_back(
    desk: Desk[Publisher], stack: Stack
) -> None:
    await desk.post(body())
    await stack.stop("kafka")
    try:
        started = time.monotonic()
        refused = await desk.post(body())
        seconds = time.monotonic() - started
    finally:
        await stack.start("kafka")
    accepted = await desk.post(body())

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert PRODUCE_SECONDS <= seconds < PRODUCE_SECONDS + 1
    assert desk.metric("produce_unknown_outcome_total") == 1
    assert accepted.status_code == 201
