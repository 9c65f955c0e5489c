"""The projection's loop: a batch from Kafka, decoded, folded into PostgreSQL with its offsets, then the next.

An offset names the next record to read, and lies in PostgreSQL beside what the records before it made; reading is
sought from there at every assignment. A crash anywhere loses and repeats nothing. While PostgreSQL is away the same
batch is tried again; what is committed to Kafka serves lag figures only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Never, TypeVar

from cdr_exports.contract.codec import Codec
from cdr_exports.domain.errors import Transient
from cdr_exports.projection.folding import Folding, Outcome, Read
from cdr_exports.projection.intake import EXPECTED, WORDS, Intake
from cdr_exports.projection.watermarks import Watermarks
from cdr_exports.runtime.backoff import delays
from cdr_exports.runtime.clock import Now, utc_now
from cdr_exports.runtime.kafka import GroupReader, Partition, Publisher
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.metrics import Registry
from cdr_exports.runtime.postgres import Database
from cdr_exports.runtime.settings import KafkaSettings

GROUP = "cdr-exports-projection"
BATCH_RECORDS = 500
POLL_SECONDS = 0.25
LOOK_EVERY_SECONDS = 1.0
"""How often the ends of the partitions are looked at; what an unknown id may wait for (see `progress`)."""

log = logger(__name__)
R = TypeVar("R")


class Projector:
    """`run` it once. Any number of processes may; partitions are shared out among them."""

    def __init__(
        self,
        settings: KafkaSettings,
        database: Database,
        publisher: Publisher,
        codec: Codec,
        registry: Registry,
        *,
        now: Now = utc_now,
        instance: str | None = None,
        group: str = GROUP,
        batch_records: int = BATCH_RECORDS,
    ) -> None:
        self._settings, self._registry, self._now = settings, registry, now
        self._group, self._instance, self._batch_records = group, instance, batch_records
        self._folding = Folding(database)
        self._intake = Intake(codec, publisher, registry, now, group=group)
        self._watermarks = Watermarks()
        self._lags: set[Partition] = set()
        self.works = False
        """Whether both Kafka and PostgreSQL answered when they were last needed."""

    async def run(self) -> Never:
        """For ever. Raises TooManyDeadLetters, and what is a bug of ours."""
        waits = delays()
        while True:
            try:
                async with self._reader() as reader:
                    waits = delays()
                    await self._read(reader)
            except Transient as error:
                self.works = False
                log.warning("projection.kafka_unavailable", reason=str(error))
                await asyncio.sleep(next(waits))

    def _reader(self) -> GroupReader:
        return GroupReader(self._settings, tuple(EXPECTED), self._group, self._starts, self._instance)

    async def _read(self, reader: GroupReader) -> Never:
        looked = float("-inf")
        while True:
            raws = await reader.batch(self._batch_records, POLL_SECONDS)
            # Before a partition is sought to its start, a fetch from elsewhere can slip through.
            news = [raw for raw in raws if self._folding.awaits(Partition(raw.topic, raw.partition), raw.offset)]
            if news:
                await self._apply(reader, [await self._intake.read(raw) for raw in news])
            if monotonic() - looked >= LOOK_EVERY_SECONDS and self._sought(reader):
                await self._look(reader)
                looked = monotonic()

    async def _starts(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        starts = await self._until_done(lambda: self._folding.starts(partitions))
        log.info("projection.assigned", partitions=len(partitions))
        return starts

    async def _apply(self, reader: GroupReader, batch: Sequence[Read]) -> None:
        began = monotonic()
        upto = self._folding.applied | {each.partition: each.offset + 1 for each in batch}
        complete = self._watermarks.reached(upto)
        outcome = await self._until_done(lambda: self._folding.apply(batch, complete))
        self._watermarks.forget(complete)
        await self._rewind(reader, outcome.rewound)
        self._measure(outcome, batch, monotonic() - began)

    async def _look(self, reader: GroupReader) -> None:
        """Saves how far the partitions are complete, by the time before the look at their ends."""
        await self._until_done(lambda: self._folding.skip(reader.positions()))
        at = await self._until_done(self._folding.now)
        self._watermarks.look(at, await reader.end_offsets())
        complete = self._watermarks.reached(self._folding.applied)
        known = reader.partitions
        rewound = await self._until_done(lambda: self._folding.complete(complete, known))
        self._watermarks.forget(complete)
        await self._rewind(reader, rewound)
        await reader.commit({each: self._folding.applied[each] for each in self._sought(reader)})
        self._measure_lag(reader, at)

    def _sought(self, reader: GroupReader) -> Collection[Partition]:
        """The partitions that are read here, and from where they should be: an assignment is not that yet."""
        return reader.assigned & self._folding.applied.keys()

    async def _rewind(self, reader: GroupReader, rewound: Mapping[Partition, int]) -> None:
        """Reads again what someone has taken out of the read model: that is how it is rebuilt."""
        if rewound:
            log.warning("projection.rewound", partitions=len(rewound))
            await reader.seek(rewound)

    async def _until_done(self, work: Callable[[], Awaitable[R]]) -> R:
        """The result of work on PostgreSQL, which is waited for as long as it takes."""
        waits = delays()
        while True:
            try:
                result = await work()
            except Transient as error:
                self.works = False
                log.warning("projection.postgres_unavailable", reason=str(error))
                await asyncio.sleep(next(waits))
            else:
                self.works = True
                return result

    def _measure(self, outcome: Outcome, batch: Sequence[Read], seconds: float) -> None:
        self._registry.observe("projection_apply_duration_seconds", seconds)
        self._registry.count("projection_duplicates", outcome.repeated)
        self._registry.count("terminal_conflicts", outcome.conflicts)
        for topic in {each.partition.topic for each in batch}:
            self._registry.set("last_progress_timestamp_seconds", self._now().timestamp(), topic=WORDS[topic])

    def _measure_lag(self, reader: GroupReader, at: datetime) -> None:
        self._registry.set("projection_lag_seconds", self._watermarks.lag_seconds(at))
        lags = reader.lag()
        for each in self._lags - lags.keys():
            self._registry.forget("consumer_lag_records", each.topic, str(each.number))
        for each, records in lags.items():
            self._registry.set("consumer_lag_records", records, topic=each.topic, partition=str(each.number))
        self._lags = set(lags)
