"""The way of a command into the log, and how many may be on it.

201 and 204 mean: the record is in the requests topic, on all replicas in sync. 503 means: its fate is unknown; a record
that was not acknowledged in time can still be written later. While Kafka is away each request waits for it as long as
is allowed; those that are too many for the memory get their 503 at once, and were not sent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from cdr_exports.api.errors import ApiError, unavailable
from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.contract.envelope import headers_of
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import Command
from cdr_exports.domain.lifecycle import Position
from cdr_exports.runtime.metrics import Registry

PRODUCE_SECONDS = 5.0
RETRY_AFTER_SECONDS = 5
MOST_UNDER_WAY = 256
"""Writes in one process at a time: at 5 s each some 50 a second, at 64 KiB of body each 16 MiB."""


class Publishes(Protocol):
    """What is needed of Kafka. Raises Transient when the broker did not acknowledge in time."""

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        timeout_seconds: float = PRODUCE_SECONDS,
    ) -> Position: ...


class Outbox:
    def __init__(
        self, publisher: Publishes, codec: Codec, registry: Registry, *, most_under_way: int = MOST_UNDER_WAY
    ) -> None:
        self._publisher, self._codec, self._registry = publisher, codec, registry
        self._most_under_way, self._under_way = most_under_way, 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one write, from before it is sent until it can be answered. Raises ApiError (503): none is left."""
        if self._under_way >= self._most_under_way:
            raise log_unavailable()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def put(self, command: Command) -> Position:
        """Where the command stands, once the broker has it. Raises ApiError (503)."""
        started = time.monotonic()
        try:
            position = await self._publisher.publish(
                topics.REQUESTS,
                key=topics.key_of(command),
                value=self._codec.encode(command),
                headers=headers_of(command),
                timeout_seconds=PRODUCE_SECONDS,
            )
        except Transient as error:
            self._registry.count("produce_unknown_outcome")
            raise log_unavailable() from error
        self._registry.observe("produce_duration_seconds", time.monotonic() - started)
        return position


def log_unavailable() -> ApiError:
    return unavailable("The request log", retry_after_seconds=RETRY_AFTER_SECONDS)


@contextmanager
def needing_read_model() -> Iterator[None]:
    """A read model that does not answer, or not in time, is a 503; what was sent stays sent."""
    try:
        yield
    except Transient as error:
        raise unavailable("The list of exports", retry_after_seconds=RETRY_AFTER_SECONDS) from error
