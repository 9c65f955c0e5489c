"""From a record off the topic to the moment it may be acknowledged: decoding, trying again, giving up, putting aside.

* A record that cannot be read goes to the dead letters, acknowledged by the broker, before it is done with.
* A dependency that is away is waited for, as long as it takes or until the export's deadline: it burns no attempts.
* A slice that fails for its own reasons is tried `attempts` times, then its export fails. The attempts are equal: the
  plan is fixed, so a slice that lacks memory is not cut smaller, it is made when there is more.
* Work on an export that is deleted meanwhile is broken off, and ends as if it were done.
* Asked to stop, whatever only waits for its next attempt is abandoned at once; whoever gets its record goes on.
* An error that nobody foresaw counts as the record's own: one bad export must not stop all the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import assert_never

from cdr_exports.contract.codec import Codec
from cdr_exports.contract.dead_letters import dead_letter, reason_of
from cdr_exports.domain.errors import FailureCode, Poison, Rejected, Transient
from cdr_exports.domain.events import ExportDeleteRequested, ExportRequested, SliceReady
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.processor.deletions import Deletions
from cdr_exports.processor.dispatcher import Work
from cdr_exports.processor.exporter import Announce, Exporter
from cdr_exports.processor.ledger import LedgerBroken
from cdr_exports.processor.slice_maker import Abandoned, Unverified
from cdr_exports.runtime.backoff import delays
from cdr_exports.runtime.clickhouse import QueryFailed
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.kafka import Raw
from cdr_exports.runtime.logs import context, logger
from cdr_exports.runtime.metrics import Registry

log = logger(__name__)

SENTENCES = {
    FailureCode.ENGINE_ERROR: "The database could not deliver the CDRs of this export.",
    FailureCode.DATA_CHANGED: "The CDRs of this period kept changing while they were exported.",
    FailureCode.STORAGE_ERROR: "The file of this export was damaged in storage.",
    FailureCode.INTERNAL: "The export failed because of an error in this service.",
}
"""What a customer reads; hosts, SQL and ids of queries stay in the log."""


class Worker:
    def __init__(
        self,
        *,
        exporter: Exporter,
        codec: Codec,
        announce: Announce,
        registry: Registry,
        now: Now,
        attempts: int,
        group: str,
        stop: asyncio.Event,
    ) -> None:
        self._exporter, self._codec, self._announce = exporter, codec, announce
        self._registry, self._now, self._attempts, self._group = registry, now, attempts, group
        self._stop, self._deletions = stop, Deletions(exporter.is_deleted)
        self._under_way: dict[tuple[ExportId, int], asyncio.Task[None]] = {}

    async def read(self, raw: Raw, expect: tuple[type[Work], ...]) -> Work | None:
        """The record; None where it was put aside. Waits for the broker, or the registry, as long as it takes.

        Raises Abandoned when the worker stops.
        """
        for wait in delays():
            try:
                return self._codec.decode(raw.value, expect)
            except Poison as error:
                await self._put_aside(raw, error)
                return None
            except Transient as error:  # a schema registry that is asked for a new id
                log.warning("record.waits", reason=str(error))
                await self._pause(wait)
        return None

    async def do(self, work: Work) -> None:
        """Returns when the record may be acknowledged. Raises Abandoned, when the worker stops, and CancelledError only.

        A slice delivered a second time while the first delivery is under way shares its fate and is not made twice.
        """
        with context(export_id=str(work.export_id), account_id=account_of(work)):
            if isinstance(work, ExportDeleteRequested):
                return await self._try(work)
            if isinstance(work, ExportRequested):
                return await self._unless_deleted(work)
            key = (work.export_id, work.slice)
            if (task := self._under_way.get(key)) is not None:
                return await asyncio.shield(task)
            task = self._under_way[key] = asyncio.create_task(self._unless_deleted(work))
            try:
                await task
            finally:
                del self._under_way[key]

    async def _put_aside(self, raw: Raw, error: Poison) -> None:
        letter = dead_letter(
            raw,
            reason=reason_of(error),
            detail=str(error),
            group=self._group,
            source="processor",
            occurred_at=raw.timestamp or self._now(),
        )
        await self._until_done("kafka", lambda: self._announce(letter))
        self._registry.count("dead_letters", topic=raw.topic.split(".")[1])
        place = {"topic": raw.topic, "partition": raw.partition, "offset": raw.offset}
        log.error("record.dead_letter", reason=str(error), **place)

    async def _unless_deleted(self, work: ExportRequested | SliceReady) -> None:
        await self._deletions.unless_deleted(work.export_id, self._try(work))
        await self._until_done("store", lambda: self._exporter.clean_up(work.export_id))

    async def _try(self, work: Work) -> None:
        attempts = 0
        for wait in delays():
            try:
                return await self._once(work)
            except Transient as error:
                log.warning("work.waits", reason=str(error))
            except Rejected as error:
                return await self._give_up(work, error.code, error.message)
            except Abandoned:
                raise
            except Exception as error:  # the record's own, foreseen or not: tried again, then its export fails
                attempts += 1
                code = self._judge(error)
                log.warning("work.failed", attempt=attempts, reason=str(error), exc_info=code is FailureCode.INTERNAL)
                if attempts >= self._attempts or not may_succeed_later(error):
                    return await self._give_up(work, code, SENTENCES[code])
            self._registry.count("retries", dependency="clickhouse")
            await self._pause(wait)
        return None

    async def _once(self, work: Work) -> None:
        match work:
            case ExportRequested():
                await self._exporter.requested(work)
                self._registry.set("last_progress_timestamp_seconds", time.time(), topic="requests")
            case ExportDeleteRequested():
                await self._exporter.mark_deleted(work)
                self._deletions.tell(work.export_id)
                await self._exporter.remove(work)
                self._registry.set("last_progress_timestamp_seconds", time.time(), topic="requests")
            case SliceReady():
                await self._exporter.slice_ready(work)
                self._registry.set("last_progress_timestamp_seconds", time.time(), topic="slices")
            case _:
                assert_never(work)

    async def _give_up(self, work: Work, code: FailureCode, message: str) -> None:
        await self._until_done("store", lambda: self._exporter.fail(work.export_id, code, message))

    async def _until_done(self, dependency: str, action: Callable[[], Awaitable[None]]) -> None:
        for wait in delays():
            try:
                return await action()
            except Transient as error:
                log.warning("work.waits", reason=str(error))
                self._registry.count("retries", dependency=dependency)
                await self._pause(wait)
        return None

    async def _pause(self, seconds: float) -> None:
        """Before the next attempt. Raises Abandoned when the worker stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
        raise Abandoned("the worker stops")

    def _judge(self, error: Exception) -> FailureCode:
        match error:
            case Unverified():
                self._registry.count("verification_failures", check=error.check)
                checks = {"rows": FailureCode.DATA_CHANGED, "digest": FailureCode.STORAGE_ERROR}
                return checks.get(error.check, FailureCode.ENGINE_ERROR)
            case QueryFailed():
                return FailureCode.ENGINE_ERROR
            case LedgerBroken():
                return FailureCode.STORAGE_ERROR
        return FailureCode.INTERNAL


def may_succeed_later(error: Exception) -> bool:
    return not isinstance(error, QueryFailed) or error.may_succeed_later


def account_of(work: Work) -> AccountId | None:
    """Whose work it is, for fair dispatch; a deletion's record does not say."""
    return None if isinstance(work, ExportDeleteRequested) else work.account_id
