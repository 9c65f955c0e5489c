"""Publishing, reading and topics, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import uuid4

import pytest

from cdr_exports.contract.partitioner import partition_of
from cdr_exports.contract.topics import TopicSetup
from cdr_exports.domain.errors import Transient
from cdr_exports.runtime import kafka
from cdr_exports.runtime.kafka import GroupReader, Partition, Publisher, Raw, read_to_end
from cdr_exports.runtime.kafka_topics import apply_topics, diff_topics
from cdr_exports.runtime.settings import KafkaSettings
from tests.stack import Stack

CONFIGS = {"retention.ms": "-1", "min.insync.replicas": "1"}


@pytest.fixture(scope="session")
def settings(kafka_bootstrap: str) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap=kafka_bootstrap)


@pytest.fixture
async def topic(settings: KafkaSettings) -> str:
    name = f"test-{uuid4().hex[:8]}"
    await apply_topics(settings, [TopicSetup(name=name, partitions=4, replication_factor=1, configs=CONFIGS)])
    return name


async def from_the_beginning(_: set[Partition]) -> Mapping[Partition, int]:
    return {}


async def read(reader: GroupReader, count: int) -> list[Raw]:
    got: list[Raw] = []
    async with asyncio.timeout(30):
        while len(got) < count:
            got += await reader.batch(100, 0.2)
    return got


async def test_a_record_is_where_publish_says_and_as_it_was_given(settings: KafkaSettings, topic: str) -> None:
    async with Publisher(settings, "test") as publisher:
        position = await publisher.publish(topic, key=b"key", value=b"value", headers=[("a", b"1")])

    (raw,) = [each async for each in read_to_end(settings, [topic])]
    assert (raw.partition, raw.offset) == (position.partition, position.offset)
    assert (raw.key, raw.value, raw.headers) == (b"key", b"value", (("a", b"1"),))
    assert raw.timestamp is not None


async def test_keys_go_where_every_other_client_puts_them(settings: KafkaSettings, topic: str) -> None:
    keys = [str(uuid4()).encode() for _ in range(20)]

    async with Publisher(settings, "test") as publisher:
        positions = [await publisher.publish(topic, key=key, value=b"") for key in keys]

    assert [each.partition for each in positions] == [partition_of(key, 4) for key in keys]


async def test_publishing_without_a_broker_is_refused_in_time(settings: KafkaSettings) -> None:
    with pytest.raises(Transient):
        async with Publisher(KafkaSettings(kafka_bootstrap="127.0.0.1:1"), "test"):
            pass
    with pytest.raises(Transient):
        await kafka.probe("127.0.0.1:1")


async def test_a_publisher_outlives_its_broker(settings: KafkaSettings, topic: str, stack: Stack) -> None:
    async with Publisher(settings, "test") as publisher:
        await publisher.publish(topic, key=b"k", value=b"before")
        await stack.stop("kafka")
        with pytest.raises(Transient, match="within"):
            await publisher.publish(topic, key=b"k", value=b"during", timeout_seconds=1)
        await stack.start("kafka")
        await publisher.publish(topic, key=b"k", value=b"after", timeout_seconds=30)
        assert publisher.works

    values = [each.value async for each in read_to_end(settings, [topic])]
    assert values[0] == b"before"
    assert values[-1] == b"after"
    assert values.count(b"during") <= 1  # its fate was unknown


async def test_a_reader_starts_where_the_caller_left_off(settings: KafkaSettings, topic: str) -> None:
    async with Publisher(settings, "test") as publisher:
        for n in range(10):
            await publisher.publish(topic, key=b"same", value=str(n).encode())
    partition = partition_of(b"same", 4)

    async def from_seven(partitions: set[Partition]) -> Mapping[Partition, int]:
        assert partitions == {Partition(topic, n) for n in range(4)}
        return {Partition(topic, partition): 7}

    async with GroupReader(settings, [topic], f"group-{topic}", from_seven) as reader:
        records = await read(reader, 3)
        ends = await reader.end_offsets()

    assert [each.value for each in records] == [b"7", b"8", b"9"]
    assert ends[Partition(topic, partition)] == 10


async def test_a_member_that_returns_under_its_name_has_its_partitions_at_once(
    settings: KafkaSettings, topic: str
) -> None:
    async def member() -> GroupReader:
        return await GroupReader(settings, [topic], f"group-{topic}", from_the_beginning, "one").__aenter__()

    async with Publisher(settings, "test") as publisher:
        await publisher.publish(topic, key=b"k", value=b"1")
        first = await member()
        await read(first, 1)

        second = await member()  # the first has not left the group: as after a crash
        async with asyncio.timeout(5):
            (again,) = await read(second, 1)

    assert again.value == b"1"
    await second.__aexit__()
    await first.__aexit__()


async def test_following_a_topic_is_caught_up_when_all_that_was_there_is_applied(
    settings: KafkaSettings, topic: str
) -> None:
    async with Publisher(settings, "test") as publisher:
        for n in range(50):
            await publisher.publish(topic, key=str(n).encode(), value=b"old")
        seen: list[Raw] = []
        caught_up = asyncio.Event()
        following = asyncio.create_task(kafka.follow(settings, [topic], seen.append, caught_up))
        async with asyncio.timeout(10):
            await caught_up.wait()
        assert len(seen) == 50

        await publisher.publish(topic, key=b"new", value=None)
        async with asyncio.timeout(2):
            while len(seen) < 51:
                await asyncio.sleep(0.01)
        following.cancel()

    assert seen[-1].value is None


async def test_following_an_empty_topic_is_caught_up_and_a_missing_one_is_said_to_be(
    settings: KafkaSettings, topic: str
) -> None:
    assert [each async for each in read_to_end(settings, [topic])] == []
    with pytest.raises(Transient, match="topics apply"):
        [each async for each in read_to_end(settings, ["no-such-topic"])]


async def test_applying_topics_creates_changes_and_repeats_without_effect(settings: KafkaSettings) -> None:
    name = f"test-{uuid4().hex[:8]}"
    wanted = TopicSetup(name=name, partitions=3, replication_factor=1, configs=CONFIGS)
    changed = TopicSetup(name=name, partitions=3, replication_factor=1, configs=CONFIGS | {"retention.ms": "1000"})
    wider = TopicSetup(name=name, partitions=6, replication_factor=1, configs=CONFIGS | {"retention.ms": "1000"})

    assert [each.text for each in await apply_topics(settings, [wanted])] == ["does not exist (3 partitions wanted)"]
    assert await diff_topics(settings, [wanted]) == []
    assert [each.text for each in await apply_topics(settings, [changed])] == ["retention.ms is -1, 1000 is wanted"]
    assert await diff_topics(settings, [changed]) == []
    (refused,) = await apply_topics(settings, [wider])
    assert not refused.can_apply
    assert await diff_topics(settings, [wider]) == [refused]
