"""The projector between a real Kafka and a real PostgreSQL. The topics are everyone's: each test looks at its own ids."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from cdr_exports.contract import topics
from cdr_exports.domain.errors import Poison
from cdr_exports.domain.events import DeadLetter
from cdr_exports.domain.lifecycle import Status
from cdr_exports.projection.folding import CHANNEL
from cdr_exports.projection.reads import Reads, Viewer
from cdr_exports.projection.waiting import Waiting
from cdr_exports.runtime import kafka
from cdr_exports.runtime.kafka import Publisher
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database
from cdr_exports.runtime.settings import KafkaSettings
from tests.integration.projection.logs import ACCOUNT, completed, delete_requested, new_id, requested
from tests.integration.projection.projectors import CODEC, MakeProjector, Publish, life, running, until_all

VIEWER = Viewer(customer=7, account_ids=[ACCOUNT])


async def test_a_reader_finds_what_was_just_published(
    publish: Publish, make_projector: MakeProjector, database: Database, registry: Registry
) -> None:
    waiting = Waiting(database, registry)
    reads, following = Reads(database, waiting), asyncio.create_task(waiting.run())
    async with running(make_projector()):
        export_id = new_id()
        position = await publish(requested(export_id))

        await reads.after(position, VIEWER)
        accepted = await reads.one(export_id, VIEWER)
        await reads.after(await publish(delete_requested(export_id)), VIEWER)
        deleted = await reads.one(export_id, VIEWER)
        unknown = await reads.one(new_id(), VIEWER)
    following.cancel()

    assert accepted is not None
    assert accepted.status is Status.PENDING
    assert accepted.request_position == position
    assert deleted is not None
    assert deleted.status is Status.DELETED
    assert unknown is None


async def test_a_projector_that_is_killed_between_batches_loses_and_repeats_nothing(
    publish: Publish, make_projector: MakeProjector, database: Database
) -> None:
    ids = [new_id() for _ in range(20)]
    for export_id in ids:
        await publish(*life(export_id))

    for _ in range(4):
        async with running(make_projector(batch_records=7)), asyncio.timeout(10):
            batches = 0
            async for _ in database.wakes(CHANNEL, at_least_every_seconds=10):
                batches += 1
                if batches > 3:
                    break
    async with running(make_projector()):
        found = await until_all(database, ids, Status.COMPLETED)

    assert [each["rows_count"] for each in found] == [40] * len(ids)
    assert all(each["state"]["lanes"] == {"0": [2, 20, 200], "1": [2, 20, 200]} for each in found)


async def test_of_two_projectors_one_may_go(
    publish: Publish, make_projector: MakeProjector, database: Database
) -> None:
    early, late = [new_id() for _ in range(10)], [new_id() for _ in range(10)]
    async with running(make_projector()):
        async with running(make_projector()):
            for export_id in early:
                await publish(*life(export_id))
            await until_all(database, early, Status.COMPLETED)
        for export_id in late:
            await publish(*life(export_id))

        assert await until_all(database, [*early, *late], Status.COMPLETED)


async def test_a_record_that_is_none_goes_to_the_dead_letters_and_the_next_is_processed(
    publisher: Publisher, publish: Publish, make_projector: MakeProjector, database: Database, broker: KafkaSettings
) -> None:
    export_id = new_id()
    key = str(export_id).encode()
    poison = await publisher.publish(topics.REQUESTS, key=key, value=b"no record", headers=[("from", b"a test")])
    await publish(requested(export_id))

    async with running(make_projector()):
        await until_all(database, [export_id], Status.PENDING)

    letter = await dead_letter(broker, key)
    assert (letter.source_topic, letter.source_partition, letter.source_offset, letter.value, letter.headers) == (
        topics.REQUESTS,
        poison.partition,
        poison.offset,
        b"no record",
        (("from", b"a test"),),
    )
    assert letter.reason == "unknown_framing"


async def test_who_may_only_ask_cannot_say_that_an_export_has_ended(
    publish: Publish, make_projector: MakeProjector, database: Database, broker: KafkaSettings
) -> None:
    export_id = new_id()
    await publish(completed(export_id), topic=topics.REQUESTS)
    await publish(requested(export_id))

    async with running(make_projector()):
        await until_all(database, [export_id], Status.PENDING)

    assert (await dead_letter(broker, str(export_id).encode())).reason == "unexpected_record"


async def test_connections_that_postgresql_cuts_lose_nothing(
    publish: Publish, make_projector: MakeProjector, database: Database, empty_dsn: str
) -> None:
    ids = [new_id() for _ in range(10)]
    async with running(make_projector(batch_records=5)):
        for export_id in ids:
            await publish(*life(export_id))
            async with database.transaction() as transaction:
                await transaction.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

        assert await until_all(database, ids, Status.COMPLETED)


async def test_the_marks_of_a_transaction_do_not_hold_up_those_who_wait(
    broker: KafkaSettings, make_projector: MakeProjector, database: Database, registry: Registry
) -> None:
    export_id = new_id()
    producer = AIOKafkaProducer(bootstrap_servers=broker.kafka_bootstrap, transactional_id=f"test-{uuid4()}")
    await producer.start()
    async with producer.transaction():
        record = requested(export_id)
        await producer.send_and_wait(topics.REQUESTS, CODEC.encode(record), key=topics.key_of(record))
    await producer.stop()
    waiting = Waiting(database, registry)

    following = asyncio.create_task(waiting.run())
    async with running(make_projector()):
        await until_all(database, [export_id], Status.PENDING)
        unknown = await Reads(database, waiting).one(new_id(), VIEWER)
    following.cancel()

    assert unknown is None


async def dead_letter(broker: KafkaSettings, key: bytes) -> DeadLetter:
    """The last dead letter of a record with that key."""
    found = []
    async for raw in kafka.read_to_end(broker, (topics.DEAD_LETTERS,)):
        try:
            found += [CODEC.decode(raw.value, (DeadLetter,))] if raw.key == key else []
        except Poison as error:
            raise AssertionError("a dead letter that is none") from error
    return found[-1]
