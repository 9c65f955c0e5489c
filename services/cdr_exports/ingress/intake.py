"""The decision: a request that can be made becomes a record in the log, and an export once the broker has it.

Without a key each request is an export of its own, answered as soon as it is in the log. With an Idempotency-Key the
log decides which request was the first, so the answer comes from the read model, once it has got as far as ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from cdr_exports.api.tokens import Caller
from cdr_exports.domain.columns import COLUMNS, chosen_columns
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import ExportRequested
from cdr_exports.domain.identity import EventId, ExportId, keyed_export_id
from cdr_exports.domain.lifecycle import ExportState, Position
from cdr_exports.ingress.idempotency import KeyUsed, is_repeated
from cdr_exports.ingress.outbox import Outbox, needing_read_model
from cdr_exports.ingress.quota import Quota
from cdr_exports.ingress.read_model import ReadModel
from cdr_exports.ingress.request_judge import Wanted
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.metrics import Registry

SOURCE = "ingress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The export, where its request stands in the log, and whether it was asked for before under the same key."""

    state: ExportState
    position: Position
    is_replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """`hidden_columns` are left out of every export that is made from now on."""

    outbox: Outbox
    quota: Quota
    read_model: ReadModel
    registry: Registry
    now: Now
    hidden_columns: frozenset[str] = frozenset()
    new_id: Callable[[], UUID] = uuid7

    async def accept(self, wanted: Wanted, caller: Caller, key: str | None = None) -> Accepted:
        """Raises ApiError: 503; 429 beyond the quota; 422 (KeyUsed) where the key belongs to another request."""
        with self.outbox.place():
            if key is None:
                return await self._publish(self._request(ExportId(self.new_id()), wanted, caller))
            export_id = keyed_export_id(wanted.account.account_id, key)
            with needing_read_model():
                known = await self._known(export_id, wanted)
            return known or await self._first_or_repeated(self._request(export_id, wanted, caller), wanted, caller)

    async def _first_or_repeated(self, request: ExportRequested, wanted: Wanted, caller: Caller) -> Accepted:
        """Of requests that are sent at once under one key, the first in the log is the one that counts."""
        published = await self._publish(request)
        with needing_read_model():
            await self.read_model.applied(published.position, caller.scope.customer_id)
            known = await self._known(request.export_id, wanted)
            if known is None:
                raise Transient("an export is not there although its request has been applied")
        return published if known.position == published.position else known

    async def _known(self, export_id: ExportId, wanted: Wanted) -> Accepted | None:
        state = await self.read_model.look(export_id, wanted.account.account_id)
        if state is None or state.request is None or state.request_position is None:
            return None
        if not is_repeated(state.request, wanted):
            raise KeyUsed
        return Accepted(state=state, position=state.request_position, is_replayed=True)

    async def _publish(self, request: ExportRequested) -> Accepted:
        async with self.quota.place(request.account_id, request.export_id):
            position = await self.outbox.put(request)
        self.registry.count("accepted", source="http")
        state = ExportState(export_id=request.export_id, request=request, request_position=position)
        return Accepted(state=state, position=position)

    def _request(self, export_id: ExportId, wanted: Wanted, caller: Caller) -> ExportRequested:
        return ExportRequested(
            event_id=EventId(self.new_id()),
            occurred_at=self.now(),
            source=SOURCE,
            correlation_id=str(export_id),
            export_id=export_id,
            account_id=wanted.account.account_id,
            filters=wanted.filters,
            columns=chosen_columns(COLUMNS, self.hidden_columns) if self.hidden_columns else (),
            time_format=wanted.time_format,
            time_zone_name=wanted.time_zone_name,
            file_format=wanted.file_format,
            csv_dialect=wanted.csv_dialect,
            requested_by=caller.requested_by,
        )
