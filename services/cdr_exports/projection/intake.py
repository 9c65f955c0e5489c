"""Bytes out of the log into records, and what cannot be used into the dead letters.

Requests come from outside and events from the processor; a topic that holds the other's records is refused like bytes
that are no record, so that nobody who may only ask can say that an export has ended. A dead letter is on the broker
before the projection moves on. Too many of them mean that not the records are bad but this program or its
configuration: then it stops.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, get_args

from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.contract.dead_letters import dead_letter, reason_of
from cdr_exports.contract.envelope import headers_of
from cdr_exports.domain.errors import Poison, Transient
from cdr_exports.domain.events import Command, Fact
from cdr_exports.domain.lifecycle import Position
from cdr_exports.projection.folding import Read
from cdr_exports.runtime.backoff import delays
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.kafka import Headers, Partition, Raw
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.metrics import Registry

SOURCE = "projection"
EXPECTED: dict[str, tuple[type[Command | Fact], ...]] = {
    topics.REQUESTS: get_args(Command),
    topics.EVENTS: get_args(Fact),
}
"""What the projection reads, and what each topic may hold."""
WORDS = {topics.REQUESTS: "requests", topics.EVENTS: "events"}
"""The topics' names in metrics."""

IN_A_ROW, WINDOW, SHARE = 20, 100, 0.5

log = logger(__name__)


class TooManyDeadLetters(Exception):
    """More records than can be an accident were unusable; they are with the dead letters. A person must look."""


class Publishes(Protocol):
    """What intake needs of Kafka. Raises Transient when the broker did not acknowledge in time."""

    async def publish(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers = ()
    ) -> Position: ...


class Intake:
    """Decodes for one consumer group."""

    def __init__(self, codec: Codec, publisher: Publishes, registry: Registry, now: Now, *, group: str) -> None:
        self._codec, self._publisher, self._registry, self._now, self._group = codec, publisher, registry, now, group
        self._lately: deque[bool] = deque(maxlen=WINDOW)
        self._in_a_row = 0

    async def read(self, raw: Raw) -> Read:
        """Returns when the record is decoded, or its dead letter written; waits for Kafka as long as it takes.

        Raises TooManyDeadLetters.
        """
        partition = Partition(raw.topic, raw.partition)
        try:
            record = self._codec.decode(raw.value, EXPECTED[raw.topic])
        except Poison as error:
            await self._put_aside(raw, error)
            self._judge(is_bad=True)
            return Read(partition=partition, offset=raw.offset, record=None)
        self._judge(is_bad=False)
        return Read(partition=partition, offset=raw.offset, record=record)

    async def _put_aside(self, raw: Raw, error: Poison) -> None:
        letter = dead_letter(
            raw, reason=reason_of(error), detail=str(error), group=self._group, source=SOURCE, occurred_at=self._now()
        )
        value, headers = self._codec.encode(letter), headers_of(letter)
        waits = delays()
        while True:
            try:
                await self._publisher.publish(topics.DEAD_LETTERS, key=raw.key, value=value, headers=headers)
                break
            except Transient as away:
                log.warning("projection.dead_letter_waits", reason=str(away))
                await asyncio.sleep(next(waits))
        self._registry.count("dead_letters", topic=WORDS[raw.topic])
        log.error(
            "projection.dead_letter", topic=raw.topic, partition=raw.partition, offset=raw.offset, reason=letter.reason
        )

    def _judge(self, *, is_bad: bool) -> None:
        self._lately.append(is_bad)
        self._in_a_row = self._in_a_row + 1 if is_bad else 0
        is_full = len(self._lately) == WINDOW
        if self._in_a_row >= IN_A_ROW or (is_full and sum(self._lately) > WINDOW * SHARE):
            raise TooManyDeadLetters(f"{sum(self._lately)} of the last {len(self._lately)} records could not be used")
