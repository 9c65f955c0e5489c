"""The events of the processor, built so that whoever says a fact again says the same, byte for byte.

Ids are derived from the fact, instants come from the ledger and not from a clock.
"""

from __future__ import annotations

from cdr_exports.domain.events import (
    DeleteReason,
    ExportCompleted,
    ExportDeleted,
    ExportDeleteRequested,
    ExportFailed,
    ExportProgressed,
    ExportStarted,
    SliceReady,
    fault_of,
)
from cdr_exports.domain.identity import AccountId, ExportId, derived_event_id
from cdr_exports.domain.parts import Manifest, Part
from cdr_exports.domain.slices import Plan
from cdr_exports.processor.ledger import Failure
from cdr_exports.runtime.clock import Now

SOURCE = "processor"


def started(plan: Plan) -> ExportStarted:
    return ExportStarted(
        event_id=derived_event_id("ExportStarted", plan.export_id),
        occurred_at=plan.planned_at,
        source=SOURCE,
        correlation_id=str(plan.export_id),
        export_id=plan.export_id,
        slices_total=len(plan.slices),
        lanes=plan.lanes,
        rows_expected=plan.rows_expected,
        columns=plan.columns,
    )


def progressed(plan: Plan, part: Part) -> ExportProgressed:
    return ExportProgressed(
        event_id=derived_event_id("ExportProgressed", plan.export_id, part.slice),
        occurred_at=part.finished_at,
        source=SOURCE,
        correlation_id=str(plan.export_id),
        export_id=plan.export_id,
        lane=part.slice % plan.lanes,
        lane_slices_done=part.lane_slices_done,
        lane_rows=part.lane_rows,
        lane_bytes=part.lane_bytes,
    )


def completed(manifest: Manifest) -> ExportCompleted:
    return ExportCompleted(
        event_id=derived_event_id("ExportCompleted", manifest.export_id, manifest.file.sha256),
        occurred_at=manifest.completed_at,
        source=SOURCE,
        correlation_id=str(manifest.export_id),
        export_id=manifest.export_id,
        rows=manifest.rows,
        file=manifest.file,
        totals=manifest.totals,
        data_through=manifest.data_through,
        started_at=manifest.started_at,
        completed_at=manifest.completed_at,
    )


def failed(export_id: ExportId, failure: Failure) -> ExportFailed:
    return ExportFailed(
        event_id=derived_event_id("ExportFailed", export_id, failure.code),
        occurred_at=failure.failed_at,
        source=SOURCE,
        correlation_id=str(export_id),
        export_id=export_id,
        code=failure.code.value,
        message=failure.message,
        fault=fault_of(failure.code),
    )


def deleted(request: ExportDeleteRequested, *, files_removed: bool) -> ExportDeleted:
    return ExportDeleted(
        event_id=derived_event_id("ExportDeleted", request.export_id),
        occurred_at=request.occurred_at,
        source=SOURCE,
        correlation_id=str(request.export_id),
        causation_id=str(request.event_id),
        export_id=request.export_id,
        reason=DeleteReason(request.reason),
        files_removed=files_removed,
    )


def slice_ready(export_id: ExportId, account_id: AccountId, slice_number: int, lanes: int, now: Now) -> SliceReady:
    return SliceReady(
        event_id=derived_event_id("SliceReady", export_id, slice_number),
        occurred_at=now(),
        source=SOURCE,
        correlation_id=str(export_id),
        export_id=export_id,
        account_id=account_id,
        slice=slice_number,
        lane=slice_number % lanes,
    )
