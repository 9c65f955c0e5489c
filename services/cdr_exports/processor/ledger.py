"""The object store's record of an export: its plan, which parts exist, how it ended.

Everything is created once and never changed: of two who write the same name the first wins and the other reads what
the first wrote. That alone makes repetition harmless; no lock, no database.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from cdr_exports.contract import ledger_format
from cdr_exports.domain import object_names
from cdr_exports.domain.errors import CdrExportsError, FailureCode
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.parts import Manifest, Part
from cdr_exports.domain.slices import Plan
from cdr_exports.runtime.storage import Store

PLANS_KEPT = 256
CALLS_AT_A_TIME = 16


class LedgerBroken(CdrExportsError):
    """The ledger lacks what it must hold: somebody removed objects of an export under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an export can never succeed. `message` is one sentence a customer may read."""

    code: FailureCode
    message: str
    failed_at: datetime


class Ledger:
    """One store. Methods raise Transient when it does not answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._plans: OrderedDict[ExportId, Plan] = OrderedDict()

    async def plan(self, export_id: ExportId) -> Plan | None:
        if export_id in self._plans:
            self._plans.move_to_end(export_id)
            return self._plans[export_id]
        data = await self._store.read(object_names.plan(export_id))
        return None if data is None else self._keep(ledger_format.load_plan(data))

    async def settle_plan(self, plan: Plan) -> Plan:
        """Writes the plan, or gives the one that somebody wrote before."""
        if await self._store.create(object_names.plan(plan.export_id), ledger_format.dump(plan)):
            return self._keep(plan)
        return await self._required_plan(plan.export_id)

    async def part(self, export_id: ExportId, slice_number: int) -> Part | None:
        data = await self._store.read(object_names.ledger_entry(export_id, slice_number))
        return None if data is None else ledger_format.load_part(data)

    async def has_part(self, export_id: ExportId, slice_number: int) -> bool:
        return await self._store.exists(object_names.ledger_entry(export_id, slice_number))

    async def settle_part(self, export_id: ExportId, part: Part) -> Part:
        """Enters the part; where somebody was first, removes our object and gives theirs."""
        if await self._store.create(object_names.ledger_entry(export_id, part.slice), ledger_format.dump(part)):
            return part
        settled = await self.part(export_id, part.slice)
        if settled is None:
            raise LedgerBroken(f"the entry of slice {part.slice} vanished")
        if settled.object_name != part.object_name:
            await self._store.delete(part.object_name)
        return settled

    async def parts(self, plan: Plan) -> list[Part]:
        """All entries, in file order. Raises LedgerBroken where one is missing."""
        gate = asyncio.Semaphore(CALLS_AT_A_TIME)

        async def one(number: int) -> Part:
            async with gate:
                part = await self.part(plan.export_id, number)
            if part is None:
                raise LedgerBroken(f"the entry of slice {number} is missing")
            return part

        return list(await asyncio.gather(*(one(each.number) for each in plan.slices)))

    async def is_made(self, plan: Plan) -> bool:
        """Whether every lane has come to its end."""
        return all([await self.has_part(plan.export_id, number) for number in plan.last_of_lanes()])

    async def manifest(self, export_id: ExportId) -> Manifest | None:
        data = await self._store.read(object_names.manifest(export_id))
        return None if data is None else ledger_format.load_manifest(data)

    async def settle_manifest(self, manifest: Manifest) -> Manifest:
        """Completes the export, or gives the manifest that somebody wrote before."""
        if await self._store.create(object_names.manifest(manifest.export_id), ledger_format.dump(manifest)):
            return manifest
        settled = await self.manifest(manifest.export_id)
        if settled is None:
            raise LedgerBroken("the manifest vanished")
        return settled

    async def failure(self, export_id: ExportId) -> Failure | None:
        """How the export has failed for good; None where it has not."""
        data = await self._store.read(object_names.failure(export_id))
        if data is None:
            return None
        fields = json.loads(data)
        failed_at = datetime.fromisoformat(fields["failed_at"])
        return Failure(code=FailureCode(fields["code"]), message=fields["message"], failed_at=failed_at)

    async def settle_failure(self, export_id: ExportId, failure: Failure) -> Failure:
        """Fails the export, or says how it had failed before."""
        fields = {"code": failure.code, "message": failure.message, "failed_at": failure.failed_at.isoformat()}
        if await self._store.create(object_names.failure(export_id), json.dumps(fields).encode() + b"\n"):
            return failure
        return await self.failure(export_id) or failure

    async def is_deleted(self, export_id: ExportId) -> bool:
        return await self._store.exists(object_names.tombstone(export_id))

    async def mark_deleted(self, export_id: ExportId, reason: str) -> None:
        """Marks the export as deleted, for ever."""
        await self._store.create(object_names.tombstone(export_id), json.dumps({"reason": reason}).encode() + b"\n")
        self._plans.pop(export_id, None)

    async def clear(self, export_id: ExportId) -> int:
        """Removes all objects of a deleted export but its mark; gives how many there were."""
        gate = asyncio.Semaphore(CALLS_AT_A_TIME)

        async def remove(name: str) -> None:
            async with gate:
                await self._store.delete(name)

        names = await self._store.list(object_names.folder(export_id))
        await asyncio.gather(*map(remove, names))
        return len(names)

    async def discard(self, object_name: str) -> None:
        """Removes a part that must not get into the ledger."""
        await self._store.delete(object_name)

    async def _required_plan(self, export_id: ExportId) -> Plan:
        plan = await self.plan(export_id)
        if plan is None:
            raise LedgerBroken("the plan vanished")
        return plan

    def _keep(self, plan: Plan) -> Plan:
        self._plans[plan.export_id] = plan
        while len(self._plans) > PLANS_KEPT:
            self._plans.popitem(last=False)
        return plan
