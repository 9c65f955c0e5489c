"""Waiting for the projection: readers' half of "read your own writes".

One task follows what the projector has saved, woken by NOTIFY; those who wait look at what it saw last. What they see
is never ahead of the read model. There are few places to wait in, in all and for each customer, so that made-up ids
and positions cost nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Never

from cdr_exports.contract import topics
from cdr_exports.domain.errors import Transient
from cdr_exports.projection.folding import CHANNEL
from cdr_exports.projection.progress import Progress
from cdr_exports.runtime.backoff import delays
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database, named_sql

PATIENCE_SECONDS = 5.0
PLACES, PLACES_EACH = 256, 32
LOOK_EVERY_SECONDS = 1.0

log = logger(__name__)


class Waiting:
    """`progress` is what `run` saw last."""

    def __init__(self, database: Database, registry: Registry, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.progress = Progress()
        self._database, self._registry, self._patience_seconds = database, registry, patience_seconds
        self._sql = named_sql(__package__)
        self._news = asyncio.Condition()
        self._taken: Counter[Hashable] = Counter()

    async def run(self) -> Never:
        """For ever; while PostgreSQL is away, those who wait see no progress."""
        waits = delays()
        while True:
            try:
                async for _ in self._database.wakes(CHANNEL, at_least_every_seconds=LOOK_EVERY_SECONDS):
                    await self._look()
                    waits = delays()
            except Transient as error:
                log.warning("waiting.blind", reason=str(error))
                await asyncio.sleep(next(waits))

    @asynccontextmanager
    async def place(self, customer: Hashable) -> AsyncIterator[None]:
        """A place to wait in, and a limit to the wait. Raises Transient when there is none left, or time is up."""
        if self._taken.total() >= PLACES or self._taken[customer] >= PLACES_EACH:
            raise Transient("too many readers wait for the projection")
        self._taken[customer] += 1
        began = monotonic()
        try:
            async with asyncio.timeout(self._patience_seconds):
                yield
        except TimeoutError as error:
            raise Transient(f"the projection has not caught up within {self._patience_seconds} s") from error
        finally:
            self._taken[customer] -= 1
            if not self._taken[customer]:
                del self._taken[customer]
            self._registry.observe("read_wait_seconds", monotonic() - began)

    def waiters(self, customer: Hashable) -> int:
        """How many wait for this customer just now."""
        return self._taken[customer]

    async def beyond(self, seen: Progress) -> Progress:
        """The progress, once it is another than `seen`."""
        async with self._news:
            await self._news.wait_for(lambda: self.progress != seen)
            return self.progress

    async def _look(self) -> None:
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql["progress"])
        offsets: dict[str, dict[int, int]] = {topics.REQUESTS: {}, topics.EVENTS: {}}
        for row in rows:
            offsets.setdefault(row["topic"], {})[row["partition"]] = row["next_offset"]
        complete = [row["complete_before"] for row in rows if row["topic"] == topics.REQUESTS]
        found = Progress(
            next_offsets=offsets[topics.REQUESTS],
            complete_before=None if None in complete else min(complete, default=None),
            facts=offsets[topics.EVENTS],
        )
        if found != self.progress:
            async with self._news:
                self.progress = found
                self._news.notify_all()
