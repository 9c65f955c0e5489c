"""Deleting an export: a command in the log, final as soon as it is there (section 0.5 of the customer API).

What is running is cancelled and the files go within seconds, by the processor; a customer sees `Deleted` at once,
because the read model takes it from the command.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cdr_exports.api.errors import Catalogue
from cdr_exports.api.tokens import Caller
from cdr_exports.domain.events import DeleteReason, ExportDeleteRequested
from cdr_exports.domain.identity import AccountId, ExportId, derived_event_id
from cdr_exports.domain.lifecycle import Position, Status
from cdr_exports.ingress.intake import SOURCE
from cdr_exports.ingress.outbox import Outbox, needing_read_model
from cdr_exports.ingress.read_model import ReadModel
from cdr_exports.runtime.clock import Now


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    outbox: Outbox
    read_model: ReadModel
    now: Now

    async def delete(self, export_id: ExportId, caller: Caller, account_ids: Collection[AccountId]) -> Position | None:
        """Where the command stands, once the read model shows it; None for an export that was deleted before.

        Raises ApiError: 404 for an export of other accounts or of none; 503, after which it may be repeated.
        """
        with self.outbox.place():
            with needing_read_model():
                state = await self.read_model.find(export_id, caller.scope.customer_id, account_ids)
            if state is None:
                raise Catalogue.RECORD_NOT_FOUND.raised(id=export_id)
            if state.status is Status.DELETED:
                return None
            position = await self.outbox.put(self._command(export_id, caller))
            with needing_read_model():
                await self.read_model.applied(position, caller.scope.customer_id)
            return position

    def _command(self, export_id: ExportId, caller: Caller) -> ExportDeleteRequested:
        return ExportDeleteRequested(
            event_id=derived_event_id("ExportDeleteRequested", export_id, DeleteReason.CUSTOMER),
            occurred_at=self.now(),
            source=SOURCE,
            correlation_id=str(export_id),
            export_id=export_id,
            reason=DeleteReason.CUSTOMER,
            requested_by=caller.requested_by,
        )
