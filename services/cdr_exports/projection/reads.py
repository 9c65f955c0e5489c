"""Reads of the read model, each within the accounts that whoever asks may see.

What is not visible is answered as what does not exist. A read right after a write finds it, see `progress`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdr_exports.domain.errors import Transient
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.domain.lifecycle import ExportState, Position
from cdr_exports.projection.list_filters import Condition
from cdr_exports.projection.list_query import Term
from cdr_exports.projection.state_rows import state_of
from cdr_exports.projection.waiting import Waiting
from cdr_exports.runtime.postgres import Database, named_sql

LARGEST_NUMBER = 2**63 - 1
"""Of PostgreSQL's bigint."""


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
        self.waiting = waiting
        self._database = database
        self._sql = named_sql(__package__)

    async def one(self, export_id: ExportId, viewer: Viewer) -> ExportState | None:
        """None: there is no such export that the viewer may see, nor was a request for it acknowledged before this call.

        Waits where that is not yet certain; raises Transient where it does not become so.
        """
        progress = self.waiting.progress
        state, asked_at = await self._look(export_id, viewer)
        if state is not None or progress.rules_out(export_id, asked_at):
            return state
        async with self.waiting.place(viewer.customer):
            while True:
                before, progress = progress, await self.waiting.beyond(progress)
                is_certain = progress.rules_out(export_id, asked_at)
                if is_certain or progress.next_offsets != before.next_offsets:
                    state, _ = await self._look(export_id, viewer)
                if is_certain or state is not None:
                    return state

    async def page(
        self,
        viewer: Viewer,
        *,
        offset: int,
        limit: int,
        conditions: Sequence[Condition] = (),
        order: Sequence[Term] = (),
    ) -> Found:
        """The exports that meet all conditions, in the order asked for; without one, newest first."""
        values = {"account_ids": list(viewer.account_ids)} | {each.parameter: each.value for each in conditions}
        page, count = (listing(self._sql[name], conditions, order) for name in ("page", "count"))
        through = min(offset + limit, LARGEST_NUMBER)
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(page, **values, offset=offset, limit=limit, through=through)
            if len(rows) < limit and (rows or not offset):  # the last page says how many there are
                total = offset + len(rows)
            else:
                counted = await transaction.one(count, **values)
                total = counted["total"] if counted else 0
        return Found(states=[state_of(row["state"]) for row in rows], total=total)

    async def after(self, position: Position, viewer: Viewer) -> None:
        """Returns when the request at `position` has been applied. Raises Transient when that takes too long."""
        progress = self.waiting.progress
        if progress.has_applied(position):
            return
        async with self.waiting.place(viewer.customer):
            while not progress.has_applied(position):
                progress = await self.waiting.beyond(progress)

    async def as_new_as(self, applied: tuple[int, int], viewer: Viewer) -> None:
        """Returns when so many requests and events have been applied, see `Progress.applied`, or when that takes too long:
        then the read model was made anew, and what it has is the best there is.
        """
        if self.waiting.progress.covers(applied):
            return
        with suppress(Transient):
            async with self.waiting.place(viewer.customer):
                while not self.waiting.progress.covers(applied):
                    await self.waiting.beyond(self.waiting.progress)

    async def texts(self, export_ids: Collection[ExportId]) -> dict[ExportId, str]:
        """The states, as texts, of exports that whoever asks was let see before; of those that are there."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql["texts"], export_ids=list(export_ids))
        return {ExportId(row["export_id"]): row["state"] for row in rows}

    async def _look(self, export_id: ExportId, viewer: Viewer) -> tuple[ExportState | None, datetime]:
        """The export, and PostgreSQL's time of the look."""
        async with self._database.transaction() as transaction:
            row: Any = await transaction.one(
                self._sql["one"], export_id=export_id, account_ids=list(viewer.account_ids)
            )
        return (None if row["state"] is None else state_of(row["state"])), row["asked_at"]


def listing(statement: str, conditions: Sequence[Condition], order: Sequence[Term]) -> str:
    """`page` or `count` for these conditions and this order, both made of words of our own."""
    further = "".join(f" AND {each.sql}" for each in conditions)
    before = "".join(f"{each.sql}, " for each in order)
    return statement.replace("/* conditions */", further).replace("/* order */", before)
