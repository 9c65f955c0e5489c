"""What ingress asks of the read model: whether a write has got there, and what stands there then.

Ingress writes into the log and nowhere else. The read model is the projection's; whoever puts the services together
hands it in.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from cdr_exports.domain.identity import AccountId, CustomerId, ExportId
from cdr_exports.domain.lifecycle import ExportState, Position


class ReadModel(Protocol):
    """Every method raises Transient when the read model does not answer, or not in time."""

    async def look(self, export_id: ExportId, account_id: AccountId) -> ExportState | None:
        """The account's export as the read model has it at this moment; None where it has none."""

    async def find(
        self, export_id: ExportId, customer_id: CustomerId, account_ids: Collection[AccountId]
    ) -> ExportState | None:
        """As `look`, for any of the accounts; None only when it is certain that a request made before does not come."""

    async def applied(self, position: Position, customer_id: CustomerId) -> None:
        """Returns when the record at `position` of the requests topic has been applied."""

    async def others_unended(
        self, account_id: AccountId, export_id: ExportId, accepted: Collection[ExportId]
    ) -> tuple[int, frozenset[ExportId]]:
        """How many exports of the account, `export_id` apart, have not ended, and which `accepted` are not there yet."""
