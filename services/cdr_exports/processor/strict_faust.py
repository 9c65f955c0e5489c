"""faust-streaming, made safe for long work that finishes out of order.

Stock faust-streaming 0.15.3 computes the offset to commit from the *acknowledged* offsets and may step over a record
that is still worked on (its issue 606; certain when the group has never committed). Here it is computed from the
*unfinished* ones: committed is the oldest delivered record that has not been acknowledged.

Closed as well:

* after a rebalance, partitions whose committed offset is unset or 0 are not sought back, so that records fetched
  meanwhile are dropped for good;
* an acknowledgement carried by an event of an older group generation counts for the record as redelivered in the
  present one;
* a failed commit is recorded as a successful one (issue 316);
* the livelock detector reads positions that a rebalance has not set yet, and crashes the worker.

The producer is our own (runtime/kafka.py): Faust's is idempotent only under exactly_once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet


class OffsetWindow:
    """Delivered and not yet acknowledged offsets of one partition."""

    __slots__ = ("_next", "_unfinished")

    def __init__(self) -> None:
        self._unfinished: set[int] = set()
        self._next = 0

    def deliver(self, offset: int) -> None:
        self._unfinished.add(offset)
        self._next = max(self._next, offset + 1)

    def finish(self, offsets: Iterable[int]) -> None:
        self._unfinished.difference_update(offsets)

    @property
    def committable(self) -> int:
        """Every offset below this one is finished."""
        return min(self._unfinished, default=self._next)


class StrictConsumer(driver.Consumer):
    """A consumer that never commits past an unfinished record."""

    def __init__(self, transport: Any, callback: Any, *args: Any, **kwargs: Any) -> None:
        self._windows: defaultdict[TP, OffsetWindow] = defaultdict(OffsetWindow)

        async def deliver(message: Message) -> None:
            if self.app.topics.acks_enabled_for(message.topic):
                self._windows[message.tp].deliver(message.offset)
            await callback(message)

        super().__init__(transport, deliver, *args, **kwargs)

    def ack(self, message: Message) -> bool:
        if message.generation_id != self.app.consumer_generation_id:
            return False  # it has been, or will be, delivered again
        return bool(super().ack(message))

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked.pop(tp, [])
        self._acked_index.pop(tp, None)
        window = self._windows[tp]
        window.finish(acked)
        committable = window.committable
        return committable if committable > (self._committed_offset[tp] or 0) else None

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        # Every window, not only those with fresh acknowledgements: a failed commit is made again.
        for tp in self._windows:
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        before = {tp: self._committed_offset[tp] for tp in offsets}
        committed = bool(await super()._commit_offsets(offsets, start_new_transaction))
        if not committed:
            self._committed_offset.update(before)
        return committed

    async def seek_to_committed(self) -> Mapping[TP, int]:
        committed: Mapping[TP, int] = await super().seek_to_committed()
        assigned = self.assignment()  # it may have changed meanwhile
        unset = [tp for tp, offset in committed.items() if not offset and tp in assigned]
        if unset:
            await self._thread.seek_to_beginning(*unset)
        return committed

    async def perform_seek(self) -> None:
        # Everything from the committed offset on is about to be delivered again.
        for state in (self._windows, self._acked, self._acked_index):
            state.clear()
        await super().perform_seek()

    async def verify_all_partitions_active(self) -> None:
        """Nothing: a watchdog outside the process judges progress, by events."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        for tp in revoked:
            self._windows.pop(tp, None)
        await super().on_partitions_revoked(revoked)


class StrictTransport(driver.Transport):
    Consumer = StrictConsumer


class App(faust.App):
    """A Faust application on the strict transport."""

    def _new_transport(self) -> StrictTransport:
        return StrictTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> StrictTransport:
        return StrictTransport(self.conf.broker_producer, self)
