"""What the processor does with a record: makes an export, a slice of it, removes it, or fails it.

Every step is repeatable: the ledger says what is done already, facts are said again as they were said before. The order
within a step is fixed: ledger first, then the event, then the next work, and only then may the record be acknowledged;
a crash anywhere in between repeats harmlessly. How often to try, and when to give up, is the worker's to decide.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from cdr_exports.domain.directory import Directory
from cdr_exports.domain.errors import FailureCode, Rejected, Transient
from cdr_exports.domain.events import ExportDeleteRequested, ExportRequested, Fault, Record, SliceReady, fault_of
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.parts import Manifest, Part
from cdr_exports.domain.slices import Plan, Slice
from cdr_exports.processor import facts
from cdr_exports.processor.finisher import Finisher
from cdr_exports.processor.ledger import Failure, Ledger, LedgerBroken
from cdr_exports.processor.planner import Planner
from cdr_exports.processor.slice_maker import SliceMaker
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.metrics import Registry

log = logger(__name__)

Announce = Callable[[Record], Awaitable[None]]
"""Publishes a record to its topic; returns when the broker has it. Raises Transient."""

DIRECTORY_PATIENCE = timedelta(seconds=10)
"""An account may be published a moment before the request that names it: two topics, two readers."""


class Exporter:
    """Methods raise Rejected where the export is to fail, Transient where a dependency is away, else what the slice or
    the ledger suffers from.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        planner: Planner,
        maker: SliceMaker,
        finisher: Finisher,
        directory: Directory,
        announce: Announce,
        registry: Registry,
        now: Now,
        longest: timedelta,
    ) -> None:
        """`longest`: how long after its request an export may end that names no deadline."""
        self._ledger, self._planner, self._maker, self._finisher = ledger, planner, maker, finisher
        self._directory, self._announce, self._registry, self._now = directory, announce, registry, now
        self._longest = longest

    async def requested(self, request: ExportRequested) -> None:
        """Plans the export and starts its lanes; of one that is under way, sees that each lane goes on."""
        if await self._has_ended(request.export_id):
            return
        plan = await self._ledger.plan(request.export_id)
        if plan is None:
            self._check_deadline(request.deadline or request.occurred_at + self._longest)
            self._check_account(request)
            plan = await self._ledger.settle_plan(await self._planner.plan(request))
            log.info("export.planned", slices=len(plan.slices), rows_expected=plan.rows_expected)
        self._check_deadline(plan.deadline)
        await self._announce(facts.started(plan))
        for lane in range(plan.lanes):
            await self._ready(plan, await self._frontier(plan, lane))

    async def slice_ready(self, work: SliceReady) -> None:
        """Makes the slice if nobody has, tells of it, hands the lane on or finishes the export."""
        if await self._has_ended(work.export_id):
            return
        plan = await self._ledger.plan(work.export_id)
        if plan is None or work.slice not in range(len(plan.slices)):
            raise LedgerBroken(f"no plan has slice {work.slice}")
        self._check_deadline(plan.deadline)
        part = await self._ledger.part(plan.export_id, work.slice)
        was_made = part is not None
        if part is None:
            part = await self._make(plan, plan.slices[work.slice])
        await self._announce(facts.progressed(plan, part))
        following = plan.next_in_lane(work.slice)
        if following is None:
            if await self._ledger.is_made(plan):
                await self._finish(plan)
        elif not (was_made and await self._ledger.has_part(plan.export_id, following)):
            # a repeated record behind the lane's front must not start a second chain
            await self._ready(plan, following)

    async def is_deleted(self, export_id: ExportId) -> bool:
        return await self._ledger.is_deleted(export_id)

    async def mark_deleted(self, request: ExportDeleteRequested) -> None:
        """From here on nothing more is made of the export, by whomever; a repeated request for it stays without effect."""
        await self._ledger.mark_deleted(request.export_id, request.reason.value)

    async def remove(self, request: ExportDeleteRequested) -> None:
        """Removes all objects of an export that is marked as deleted; work under way cleans up after itself."""
        removed = await self._ledger.clear(request.export_id)
        await self._announce(facts.deleted(request, files_removed=True))
        self._registry.count("terminal", outcome="deleted", fault="none")
        log.info("export.deleted", objects=removed)

    async def clean_up(self, export_id: ExportId) -> None:
        """What work on the export wrote after the tombstone is removed here; what it wrote before, by whoever set that."""
        if await self._ledger.is_deleted(export_id):
            await self._ledger.clear(export_id)

    async def fail(self, export_id: ExportId, code: FailureCode, message: str) -> None:
        """Fails the export for good, unless it has ended by now."""
        if await self._has_ended(export_id):
            return
        wanted = Failure(code=code, message=message, failed_at=self._now())
        failure = await self._ledger.settle_failure(export_id, wanted)
        await self._announce(facts.failed(export_id, failure))
        self._registry.count("terminal", outcome="failed", fault=fault_of(failure.code).value)
        self._registry.count("failures", code=failure.code.value)
        say = log.error if fault_of(failure.code) is Fault.SERVICE else log.info
        say("export.failed", code=failure.code.value, message=failure.message)

    async def _has_ended(self, export_id: ExportId) -> bool:
        """Whether nothing is left to do; an ending that may not have been announced is announced again."""
        if await self._ledger.is_deleted(export_id):
            return True
        if manifest := await self._ledger.manifest(export_id):
            await self._announce(facts.completed(manifest))
            return True
        if failure := await self._ledger.failure(export_id):
            await self._announce(facts.failed(export_id, failure))
            return True
        return False

    async def _frontier(self, plan: Plan, lane: int) -> int:
        """The slice of the lane that is to be made next; its last one where all are made."""
        for number in plan.lane_slices(lane):
            if not await self._ledger.has_part(plan.export_id, number):
                return number
        return plan.lane_slices(lane)[-1]

    async def _make(self, plan: Plan, piece: Slice) -> Part:
        began = self._now()
        written, totals = await self._maker.make(plan, piece)
        before = (
            await self._ledger.part(plan.export_id, piece.number - plan.lanes) if piece.number >= plan.lanes else None
        )
        part = await self._ledger.settle_part(
            plan.export_id,
            Part(
                slice=piece.number,
                object_name=written.object_name,
                rows=written.rows,
                raw_bytes=written.raw_bytes,
                stored_bytes=written.stored_bytes,
                crc32=written.crc32,
                sha256=written.sha256,
                footer=written.footer,
                totals=totals,
                lane_slices_done=(before.lane_slices_done if before else 0) + 1,
                lane_rows=(before.lane_rows if before else 0) + written.rows,
                lane_bytes=(before.lane_bytes if before else 0) + written.stored_bytes,
                finished_at=self._now(),
            ),
        )
        seconds = (self._now() - began).total_seconds()
        self._registry.observe("slice_duration_seconds", seconds)
        self._registry.count("rows_exported", part.rows)
        self._registry.count("bytes_exported", part.stored_bytes)
        log.info(
            "slice.exported", slice=piece.number, rows=part.rows, bytes=part.stored_bytes, seconds=round(seconds, 3)
        )
        return part

    async def _finish(self, plan: Plan) -> Manifest:
        manifest = await self._finisher.finish(plan)
        await self._announce(facts.completed(manifest))
        seconds = (manifest.completed_at - plan.requested_at).total_seconds()
        self._registry.count("terminal", outcome="completed", fault="none")
        self._registry.observe("request_to_terminal_seconds", seconds)
        log.info("export.completed", rows=manifest.rows, bytes=manifest.file.bytes, seconds=round(seconds, 3))
        return manifest

    async def _ready(self, plan: Plan, number: int) -> None:
        await self._announce(facts.slice_ready(plan.export_id, plan.account_id, number, plan.lanes, self._now))

    def _check_account(self, request: ExportRequested) -> None:
        if self._directory.account(request.account_id) is not None:
            return
        if self._now() - request.occurred_at < DIRECTORY_PATIENCE:
            raise Transient(f"account {request.account_id} is not in the directory yet")
        raise Rejected(FailureCode.UNKNOWN_ACCOUNT, "The account is not known.")

    def _check_deadline(self, deadline: datetime) -> None:
        """Before each attempt: whatever an export waits for, it waits no longer than this."""
        if self._now() > deadline:
            raise Rejected(FailureCode.DEADLINE_EXCEEDED, "The export was not done by its deadline.")
