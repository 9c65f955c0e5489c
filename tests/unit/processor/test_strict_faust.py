"""What is committed: never an offset past a record that is not done with."""

from __future__ import annotations

import random
from typing import Any

import pytest
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.processor import strict_faust
from cdr_exports.processor.strict_faust import OffsetWindow

PARTITION = TP("work", 0)
GENERATION = 3


@given(st.lists(st.integers(0, 200), unique=True, min_size=1).map(sorted), st.integers())
def test_every_offset_below_the_committable_one_is_finished(offsets: list[int], seed: int) -> None:
    window = OffsetWindow()
    for offset in offsets:
        window.deliver(offset)
    order = random.Random(seed).sample(offsets, len(offsets))

    for done in range(len(order) + 1):
        unfinished = [each for each in offsets if each not in order[:done]]
        assert window.committable == (unfinished[0] if unfinished else offsets[-1] + 1)
        window.finish(order[done : done + 1])


def test_gaps_that_compaction_left_do_not_hold_the_window_back() -> None:
    window = OffsetWindow()
    for offset in (5, 6, 7, 10):
        window.deliver(offset)

    window.finish([5, 6, 7])

    assert window.committable == 10


@pytest.fixture
def consumer() -> Any:
    """A consumer of one acknowledged topic, without a broker."""
    app: Any = strict_faust.App("test", broker="kafka://127.0.0.1:1")
    app.topics._acking_topics.add(PARTITION.topic)
    app.consumer_generation_id = GENERATION

    async def deliver(message: ConsumerMessage) -> None:
        message.incref()

    app.topics.on_message = deliver
    return app.transport.create_consumer(callback=deliver, on_partitions_revoked=None, on_partitions_assigned=None)


def message(offset: int, generation: int = GENERATION) -> ConsumerMessage:
    return ConsumerMessage(
        PARTITION.topic, 0, offset, 0.0, 0, None, None, b"", None, tp=PARTITION, generation_id=generation
    )  # fmt: skip


async def test_records_done_out_of_order_are_committed_in_order(consumer: Any) -> None:
    messages = [message(offset) for offset in range(4)]
    for each in messages:
        await consumer.callback(each)

    messages[1].ack(consumer)
    messages[2].ack(consumer)
    assert consumer._new_offset(PARTITION) is None
    messages[0].ack(consumer)
    assert consumer._new_offset(PARTITION) == 3


async def test_an_acknowledgement_from_before_a_rebalance_counts_for_nothing(consumer: Any) -> None:
    await consumer.callback(message(0))
    stale = message(0, generation=GENERATION - 1)
    stale.incref()

    assert not stale.ack(consumer)
    assert consumer._new_offset(PARTITION) is None


async def test_a_partition_that_was_taken_away_leaves_nothing_to_commit(consumer: Any) -> None:
    await consumer.callback(message(0))

    consumer._windows.pop(PARTITION)

    assert list(consumer._filter_tps_with_pending_acks()) == []
