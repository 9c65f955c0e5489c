"""Removes parts that no file will ever hold: what attempts left that died before they could clean up.

Only of exports that have ended, only what the ledger does not name, and only what is older than any attempt can be; so
it can never meet an object that is still wanted, and any number of workers may do it side by side, each a random share
of the store at a time. No customer sees any of it, hence no event.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Never

from cdr_exports.domain import object_names
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.identity import ExportId
from cdr_exports.processor.ledger import Ledger
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.storage import Listed, Store

OLD = timedelta(days=1)
SECONDS_OF_A_ROUND = 86_400.0
"""In this time one worker looks at about all of the store, a 256th of it at a time."""

log = logger(__name__)


class Collector:
    def __init__(self, store: Store, ledger: Ledger, now: Now) -> None:
        self._store, self._ledger, self._now = store, ledger, now

    async def run(self) -> Never:
        """For ever."""
        shares = object_names.shares()
        while True:
            pause = SECONDS_OF_A_ROUND / len(shares)
            await asyncio.sleep(random.uniform(0.5 * pause, 1.5 * pause))  # noqa: S311 -- so that workers do not march in step
            try:
                removed = await self.sweep(random.choice(shares))  # noqa: S311
            except Transient as error:
                log.warning("collector.waits", reason=str(error))
            else:
                if removed:
                    log.info("collector.removed", objects=removed)

    async def sweep(self, share: str) -> int:
        """Removes the orphans whose names begin with `share`; gives how many there were. Raises Transient."""
        by_export: defaultdict[ExportId, list[Listed]] = defaultdict(list)
        for each in await self._store.listing(share):
            if (export_id := object_names.export_of(each.name)) is not None:
                by_export[export_id].append(each)
        removed = 0
        for export_id, objects in by_export.items():
            for name in await self._orphans(export_id, objects):
                await self._store.delete(name)
                removed += 1
        return removed

    async def _orphans(self, export_id: ExportId, objects: Sequence[Listed]) -> list[str]:
        if await self._ledger.is_deleted(export_id):
            return [each.name for each in objects if self._is_old(each)]
        names = {each.name for each in objects}
        if not names & {object_names.manifest(export_id), object_names.failure(export_id)}:
            return []  # it has not ended
        parts = [(each, number) for each in objects if (number := object_names.slice_of_part(each.name)) is not None]
        entries = sum(
            object_names.ledger_entry(export_id, number) in names for number in {number for _, number in parts}
        )
        if len(parts) == entries:
            return []  # each part has its entry, and an entry names one part: nothing need be read
        return [
            each.name
            for each, number in parts
            if self._is_old(each) and not await self._is_named(export_id, number, each)
        ]

    async def _is_named(self, export_id: ExportId, number: int, found: Listed) -> bool:
        part = await self._ledger.part(export_id, number)
        return part is not None and part.object_name == found.name

    def _is_old(self, found: Listed) -> bool:
        return self._now() - found.modified_at > OLD
