"""Reads of the read model, each within the accounts that whoever asks may see.

What is not visible is answered as what does not exist. A read right after a write finds it, see `progress`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.domain.lifecycle import ExportState, Position
from cdr_exports.projection.state_rows import state_of
from cdr_exports.projection.waiting import Waiting
from cdr_exports.runtime.postgres import Database, named_sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whoever reads: the accounts they may see, and the customer, whose waits are counted together."""

    customer: Hashable
    account_ids: Collection[AccountId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of a list, and how many exports the list has."""

    states: Sequence[ExportState]
    total: int


class Reads:
    """Every method raises Transient when PostgreSQL does not answer."""

    def __init__(self, database: Database, waiting: Waiting) -> None:
        self._database, self._waiting = database, waiting
        self._sql = named_sql(__package__)

    async def one(self, export_id: ExportId, viewer: Viewer) -> ExportState | None:
        """None: there is no such export that the viewer may see, nor was a request for it acknowledged before this call.

        Waits where that is not yet certain; raises Transient where it does not become so.
        """
        progress = self._waiting.progress
        state, asked_at = await self._look(export_id, viewer)
        if state is not None or progress.rules_out(export_id, asked_at):
            return state
        async with self._waiting.place(viewer.customer):
            while True:
                before, progress = progress, await self._waiting.beyond(progress)
                is_certain = progress.rules_out(export_id, asked_at)
                if is_certain or progress.next_offsets != before.next_offsets:
                    state, _ = await self._look(export_id, viewer)
                if is_certain or state is not None:
                    return state

    async def page(self, viewer: Viewer, *, offset: int, limit: int) -> Found:
        """Newest first. Filters and sorting by choice are to come."""
        account_ids = list(viewer.account_ids)
        async with self._database.transaction() as transaction:
            counted = await transaction.one(self._sql["count"], account_ids=account_ids)
            rows = await transaction.rows(self._sql["page"], account_ids=account_ids, offset=offset, limit=limit)
        total = counted["total"] if counted else 0
        return Found(states=[state_of(row["state"]) for row in rows], total=total)

    async def after(self, position: Position, viewer: Viewer) -> None:
        """Returns when the request at `position` has been applied. Raises Transient when that takes too long."""
        progress = self._waiting.progress
        if progress.has_applied(position):
            return
        async with self._waiting.place(viewer.customer):
            while not progress.has_applied(position):
                progress = await self._waiting.beyond(progress)

    async def _look(self, export_id: ExportId, viewer: Viewer) -> tuple[ExportState | None, datetime]:
        """The export, and PostgreSQL's time of the look."""
        async with self._database.transaction() as transaction:
            row: Any = await transaction.one(
                self._sql["one"], export_id=export_id, account_ids=list(viewer.account_ids)
            )
        return (None if row["state"] is None else state_of(row["state"])), row["asked_at"]
