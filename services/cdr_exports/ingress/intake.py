"""The decision: a request that can be made becomes a record in the log, and an export once the broker has it.

201 means: the record is in the requests topic, on all replicas in sync, and the export will end. 503 means: its fate is
unknown; a record that was not acknowledged in time can still be written later.

Idempotency-Key is not read yet. The id it makes is `domain.identity.keyed_export_id`, but the answer to a repeated key
has to come from the read model, which knows which request was the first; until it does, a key would promise too much.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

from cdr_exports.api.errors import unavailable
from cdr_exports.api.tokens import Caller
from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.contract.envelope import headers_of
from cdr_exports.domain.columns import COLUMNS, chosen_columns
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import ExportRequested
from cdr_exports.domain.identity import EventId, ExportId
from cdr_exports.domain.lifecycle import ExportState, Position
from cdr_exports.ingress.request_judge import Wanted
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.metrics import Registry

SOURCE = "ingress"
PRODUCE_SECONDS = 5.0
RETRY_AFTER_SECONDS = 5


class Publishes(Protocol):
    """What intake needs of Kafka. Raises Transient when the broker did not acknowledge in time."""

    async def publish(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        timeout_seconds: float = PRODUCE_SECONDS,
    ) -> Position: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """`hidden_columns` are left out of every export that is made from now on."""

    publisher: Publishes
    codec: Codec
    registry: Registry
    now: Now
    hidden_columns: frozenset[str] = frozenset()
    new_id: Callable[[], UUID] = uuid7

    async def accept(self, wanted: Wanted, caller: Caller) -> tuple[ExportState, Position]:
        """The export as it stands now, and where its request stands in the log. Raises ApiError (503)."""
        request = self._request(wanted, caller)
        position = await self._publish(request)
        self.registry.count("accepted", source="http")
        return ExportState(export_id=request.export_id, request=request, request_position=position), position

    def _request(self, wanted: Wanted, caller: Caller) -> ExportRequested:
        export_id = ExportId(self.new_id())
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

    async def _publish(self, request: ExportRequested) -> Position:
        started = time.monotonic()
        try:
            position = await self.publisher.publish(
                topics.REQUESTS,
                key=topics.key_of(request),
                value=self.codec.encode(request),
                headers=headers_of(request),
                timeout_seconds=PRODUCE_SECONDS,
            )
        except Transient as error:
            self.registry.count("produce_unknown_outcome")
            raise unavailable("The request log", retry_after_seconds=RETRY_AFTER_SECONDS) from error
        self.registry.observe("produce_duration_seconds", time.monotonic() - started)
        return position
