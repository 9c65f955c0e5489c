"""When an ended export expires, and the record that says so.

The record is a function of the export, so that it is the same whoever finds the export, and however often: a second one
changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cdr_exports.domain.events import DeleteReason, ExportDeleteRequested
from cdr_exports.domain.identity import ExportId, derived_event_id

SOURCE = "projection"


def expired_before(now: datetime, lifetime: timedelta) -> datetime:
    """Exports that ended before this instant have expired."""
    return now - lifetime


def deletion_of_expired(export_id: ExportId, ended_at: datetime, lifetime: timedelta) -> ExportDeleteRequested:
    return ExportDeleteRequested(
        event_id=derived_event_id("ExportDeleteRequested", export_id, DeleteReason.EXPIRED),
        occurred_at=ended_at + lifetime,
        source=SOURCE,
        correlation_id=str(export_id),
        export_id=export_id,
        reason=DeleteReason.EXPIRED,
    )
