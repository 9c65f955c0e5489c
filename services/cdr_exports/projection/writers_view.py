"""What the routes that write ask of the read model: whether a write has got there, and what stands there then.

They know it by a protocol of their own, which this fulfils.
"""

from __future__ import annotations

from collections.abc import Collection

from cdr_exports.domain.identity import AccountId, CustomerId, ExportId
from cdr_exports.domain.lifecycle import ExportState, Position
from cdr_exports.projection.reads import Reads, Viewer
from cdr_exports.projection.state_rows import state_of
from cdr_exports.projection.waiting import Waiting
from cdr_exports.runtime.postgres import Database, named_sql


class WritersView:
    """Every method raises Transient when PostgreSQL does not answer, or the projection does not come in time."""

    def __init__(self, database: Database, waiting: Waiting) -> None:
        self._database, self._waiting = database, waiting
        self._reads = Reads(database, waiting)
        self._sql = named_sql(__package__)

    async def look(self, export_id: ExportId, account_id: AccountId) -> ExportState | None:
        """The account's export as it stands at this moment; None where there is none."""
        async with self._database.transaction() as transaction:
            row = await transaction.one(self._sql["state"], export_id=export_id, account_id=account_id)
        return None if row is None else state_of(row["state"])

    async def find(
        self, export_id: ExportId, customer_id: CustomerId, account_ids: Collection[AccountId]
    ) -> ExportState | None:
        """As `look`, for any of the accounts; None only when it is certain that a request made before does not come."""
        return await self._reads.one(export_id, Viewer(customer=customer_id, account_ids=account_ids))

    async def applied(self, position: Position, customer_id: CustomerId) -> None:
        """Returns when the record at `position` has been applied. A customer's writers take no places from its readers."""
        progress = self._waiting.progress
        if progress.has_applied(position):
            return
        async with self._waiting.place(("writes", customer_id)):
            while not progress.has_applied(position):
                progress = await self._waiting.beyond(progress)

    async def others_unended(
        self, account_id: AccountId, export_id: ExportId, accepted: Collection[ExportId]
    ) -> tuple[int, frozenset[ExportId]]:
        """How many exports of the account, `export_id` apart, have not ended, and which `accepted` are not there yet.

        Both of one moment: none counts twice or not at all.
        """
        values = {"account_id": account_id, "export_id": export_id, "accepted": list(accepted)}
        async with self._database.transaction() as transaction:
            row = await transaction.one(self._sql["unended"], **values)
        return (row["known"], frozenset(row["unknown"])) if row else (0, frozenset(accepted))
