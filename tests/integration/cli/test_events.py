"""`events tail` on a real broker: what is there already, and what comes."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.events import DeadLetter
from cdr_exports.domain.identity import derived_event_id
from cdr_exports.runtime.kafka import Publisher
from cdr_exports.runtime.settings import KafkaSettings
from tests.integration.cli.conftest import Run

CODEC = Codec.load()


def letter(detail: str) -> DeadLetter:
    """A record that no service acts on."""
    return DeadLetter(
        event_id=derived_event_id("test", detail),
        occurred_at=datetime(2026, 7, 1, tzinfo=UTC),
        source="test",
        reason="corrupt",
        detail=detail,
        source_topic="t",
        source_partition=0,
        source_offset=0,
        source_timestamp=None,
        group="test",
        attempts=1,
        key=None,
        value=b"\xff",
    )


@pytest.fixture
async def publisher(run: Run, kafka_bootstrap: str) -> Any:
    await run("topics", "apply")
    async with Publisher(KafkaSettings(kafka_bootstrap=kafka_bootstrap), "test") as publisher:
        yield publisher


async def test_what_is_there_is_told_and_then_it_ends(run: Run, publisher: Publisher) -> None:
    detail = uuid4().hex
    await publisher.publish(topics.DEAD_LETTERS, key=b"k", value=CODEC.encode(letter(detail)))
    await publisher.publish(topics.DEAD_LETTERS, key=b"k", value=b"no record")

    ran = await run("events", "tail", "--from-beginning", "--no-follow")

    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert [each["record"] for each in lines if each.get("detail") == detail] == ["DeadLetter"]
    assert any(each["record"] is None and each["undecodable"] for each in lines)


async def test_what_comes_is_told_as_it_comes(publisher: Publisher, environment: dict[str, str]) -> None:
    detail = uuid4().hex
    arguments = (sys.executable, "-m", "cdr_exports", "events", "tail")
    process = await asyncio.create_subprocess_exec(*arguments, env=environment, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    reading = asyncio.create_task(process.stdout.readline())

    async with asyncio.timeout(30):
        while not reading.done():  # the command tells nobody when it has found the end, so what comes comes repeatedly
            await publisher.publish(topics.DEAD_LETTERS, key=b"k", value=CODEC.encode(letter(detail)))
            await asyncio.wait([reading], timeout=0.1)
    process.terminate()
    await process.wait()

    assert json.loads(await reading)["detail"] == detail
