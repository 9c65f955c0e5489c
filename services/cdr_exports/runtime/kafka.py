"""The one door to aiokafka: publishing, reading a group's topics in batches, following compacted topics, topics.

An offset names the next record to read: a committed offset of 7 says that 0 to 6 are done. Faust, the processor's
framework, has a door of its own; it uses `client_options` from here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Never, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, ProducerFenced, UnknownProducerId

from cdr_exports.domain.errors import Transient
from cdr_exports.domain.lifecycle import Position
from cdr_exports.runtime.settings import KafkaSettings

PROBE_SECONDS = 2
CLOSE_SECONDS = 5
"""A producer that stops flushes first, which would never end while the broker is away."""

LARGEST_RECORD_BYTES = 2 << 20
"""A dead letter holds a whole record that may be as large as its topic takes."""

Headers = Sequence[tuple[str, bytes]]


class Partition(NamedTuple):
    topic: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One record as the broker gave it."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """How to reach the brokers, as keyword arguments that every aiokafka client takes."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_security_ca_file)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_security_password
        options |= {
            "sasl_mechanism": settings.kafka_security_mechanism,
            "sasl_plain_username": settings.kafka_security_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


async def probe(bootstrap: str) -> None:
    """Returns if a broker answers within two seconds. Raises Transient."""
    async with admin(KafkaSettings(kafka_bootstrap=bootstrap), timeout_seconds=PROBE_SECONDS):
        pass


@asynccontextmanager
async def admin(settings: KafkaSettings, *, timeout_seconds: float = 15) -> AsyncIterator[Any]:
    """A started admin client. Raises Transient if no broker answers."""
    client = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=int(timeout_seconds * 1000))
    try:
        async with asyncio.timeout(timeout_seconds):
            await client.start()
    except (KafkaError, TimeoutError, OSError) as error:
        await client.close()
        raise Transient(f"Kafka does not answer at {settings.kafka_bootstrap}: {error}") from error
    try:
        yield client
    finally:
        await client.close()


class Publisher:
    """An idempotent producer, `acks=all`. A record is published when the broker has said so, not before."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._options = client_options(settings) | {"client_id": client_id}
        self._broken: BaseException | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **self._options,
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=15_000,
            retry_backoff_ms=100,
            max_request_size=LARGEST_RECORD_BYTES,
        )
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise Transient(f"Kafka does not answer: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._producer.stop()

    @property
    def works(self) -> bool:
        """False after an error that no further record survives: the process must be started again."""
        return self._broken is None

    async def publish(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers = (), timeout_seconds: float = 5.0
    ) -> Position:
        """Returns where the record stands once the broker has it. Raises Transient.

        After a timeout the record's fate is unknown: it can still be written later.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                sent = await self._producer.send_and_wait(topic, value, key=key, headers=list(headers))
        except (OutOfOrderSequenceNumber, ProducerFenced, UnknownProducerId) as error:
            self._broken = error
            raise Transient(f"Kafka refuses this producer: {error}") from error
        except (KafkaError, TimeoutError) as error:
            raise Transient(f"Kafka did not acknowledge within {timeout_seconds} s: {error!r}") from error
        return Position(sent.offset, sent.partition)


StartOf = Callable[[set[Partition]], Awaitable[Mapping[Partition, int]]]


class GroupReader:
    """Reads topics as one member of a group, from offsets that the caller keeps.

    What the group commits to Kafka is for lag figures only. `start_of` is asked at each assignment.
    """

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[str], group: str, start_of: StartOf, instance: str | None = None
    ) -> None:
        self._topics, self._start_of = topics, start_of
        self._options = client_options(settings) | {
            "group_id": group,
            "group_instance_id": instance,  # a member that returns under its name takes its partitions back at once
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": 10_000,
            "heartbeat_interval_ms": 1_000,
            "fetch_max_wait_ms": 100,
        }

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(**self._options)
        try:
            await self._consumer.start()
        except KafkaError as error:
            await self._consumer.stop()
            raise Transient(f"Kafka does not answer: {error}") from error
        self._consumer.subscribe(self._topics, listener=_Seeker(self._consumer, self._start_of))
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._consumer.stop()

    @property
    def assigned(self) -> frozenset[Partition]:
        return frozenset(Partition(tp.topic, tp.partition) for tp in self._consumer.assignment())

    @property
    def partitions(self) -> frozenset[Partition]:
        """All partitions of the topics, whichever member of the group reads them, as far as the brokers have said."""
        numbers = {topic: self._consumer.partitions_for_topic(topic) or () for topic in self._topics}
        return frozenset(Partition(topic, number) for topic in self._topics for number in numbers[topic])

    async def batch(self, max_records: int, timeout_seconds: float) -> list[Raw]:
        """The next records, in order within a partition; empty after `timeout_seconds` without any. Raises Transient."""
        try:
            got = await self._consumer.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
        except KafkaError as error:
            raise Transient(f"Kafka does not answer: {error}") from error
        return [_raw(record) for records in got.values() for record in records]

    async def seek(self, offsets: Mapping[Partition, int]) -> None:
        """Reads on from `offsets`; partitions that are not assigned any more are left out."""
        for partition, offset in offsets.items():
            if partition in self.assigned:
                self._consumer.seek(TopicPartition(*partition), offset)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """For lag figures only, so that a failure does not matter."""
        with suppress(KafkaError):
            await self._consumer.commit({TopicPartition(*partition): offset for partition, offset in offsets.items()})

    async def end_offsets(self) -> dict[Partition, int]:
        """The next offset that will be written, of every assigned partition. Raises Transient."""
        try:
            ends = await self._consumer.end_offsets(self._consumer.assignment())
        except (KafkaError, ValueError) as error:
            raise Transient(f"Kafka does not answer: {error}") from error
        return {Partition(tp.topic, tp.partition): offset for tp, offset in ends.items()}

    def positions(self) -> dict[Partition, int]:
        """The offset after the last record that `batch` gave out, of every assigned partition that was fetched from."""
        known = {}
        subscription = self._consumer._subscription.subscription  # noqa: SLF001 -- `position` waits for a first fetch
        for tp in self._consumer.assignment():
            state = subscription.assignment.state_value(tp) if subscription and subscription.assignment else None
            if state is not None and state.has_valid_position:
                known[Partition(tp.topic, tp.partition)] = state.position
        return known

    def lag(self) -> dict[Partition, int]:
        """Records not yet read, as of the last fetch, of every assigned partition that was fetched from."""
        ends = {each: self._consumer.highwater(TopicPartition(*each)) for each in self.positions()}
        return {each: max(ends[each] - at, 0) for each, at in self.positions().items() if ends[each] is not None}


class _Seeker(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, consumer: AIOKafkaConsumer, start_of: StartOf) -> None:
        self._consumer, self._start_of = consumer, start_of

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Nothing: what was read and not yet saved is read again by whoever gets the partition."""

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        partitions = {Partition(tp.topic, tp.partition) for tp in assigned}
        starts = await self._start_of(partitions)
        for partition in partitions:
            self._consumer.seek(TopicPartition(*partition), starts.get(partition, 0))


async def follow(
    settings: KafkaSettings, topics: Sequence[str], apply: Callable[[Raw], None], caught_up: asyncio.Event
) -> Never:
    """Gives every record of compacted topics to `apply`, from the beginning and for ever; belongs to no group.

    Sets `caught_up` when all records that existed at the start have been applied. Raises Transient.
    """
    consumer = AIOKafkaConsumer(
        **client_options(settings), enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=200
    )
    try:
        await consumer.start()
        partitions = [TopicPartition(topic, number) for topic in topics for number in await _numbers(consumer, topic)]
        consumer.assign(partitions)
        ends = {tp: end for tp, end in (await consumer.end_offsets(partitions)).items() if end}
        while True:
            for tp in [tp for tp, end in ends.items() if await consumer.position(tp) >= end]:
                del ends[tp]
            if not ends:
                caught_up.set()
            for records in (await consumer.getmany(timeout_ms=500, max_records=10_000)).values():
                for record in records:
                    apply(_raw(record))
    except KafkaError as error:
        raise Transient(f"Kafka does not answer: {error}") from error
    finally:
        await consumer.stop()


async def read_to_end(settings: KafkaSettings, topics: Sequence[str]) -> AsyncIterator[Raw]:
    """Every record that exists now, partition by partition. Raises Transient."""
    queue: asyncio.Queue[Raw] = asyncio.Queue()
    caught_up = asyncio.Event()
    following = asyncio.create_task(follow(settings, topics, queue.put_nowait, caught_up))
    waiting = asyncio.create_task(caught_up.wait())
    try:
        await asyncio.wait([following, waiting], return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()
        while not queue.empty():
            yield queue.get_nowait()
    finally:
        for task in (following, waiting):
            task.cancel()
        await asyncio.gather(following, waiting, return_exceptions=True)


async def _numbers(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    await consumer._client.add_topic(topic)  # noqa: SLF001 -- without a subscription metadata holds no topic
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise Transient(f"the topic {topic} does not exist: `cdr-exports topics apply` creates it")
    return sorted(numbers)


def _raw(record: Any) -> Raw:
    timestamp = datetime.fromtimestamp(record.timestamp / 1000, UTC) if record.timestamp >= 0 else None
    return Raw(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
