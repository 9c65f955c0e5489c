"""Work on an export ends when the export is deleted: at once where this process is told, else within `LOOK_SECONDS`.

Who handles the deletion and who works on the export need not be the same process: topics are shared out by partition.
What both see is the tombstone in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from cdr_exports.domain.errors import Transient
from cdr_exports.domain.identity import ExportId

LOOK_SECONDS = 0.5
"""One cheap look at the store for each piece of work under way, so that a deletion takes effect within a second."""


class Deletions:
    """`is_deleted` looks for the tombstone. One event loop."""

    def __init__(self, is_deleted: Callable[[ExportId], Awaitable[bool]]) -> None:
        self._is_deleted = is_deleted
        self._under_way: dict[ExportId, set[asyncio.Event]] = {}

    def tell(self, export_id: ExportId) -> None:
        """The export has just been deleted."""
        for told in self._under_way.get(export_id, ()):
            told.set()

    async def unless_deleted(self, export_id: ExportId, work: Coroutine[Any, Any, None]) -> None:
        """Returns when the work is done, or was cancelled because the export is deleted; raises what the work raises.

        Cancelled work has ended when this returns, whatever it raised in doing so.
        """
        told = asyncio.Event()
        self._under_way.setdefault(export_id, set()).add(told)
        tasks = working, watching = asyncio.create_task(work), asyncio.create_task(self._watch(export_id, told))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            else:
                watching.result()  # a bug of ours must not pass for a deletion
        finally:
            self._forget(export_id, told)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, export_id: ExportId, told: asyncio.Event) -> None:
        """Returns when the export is deleted."""
        while not told.is_set():
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await told.wait()
            except TimeoutError:
                if await self._looks_deleted(export_id):
                    return

    async def _looks_deleted(self, export_id: ExportId) -> bool:
        try:
            return await self._is_deleted(export_id)
        except Transient:  # the work itself needs the store, and says that it is away
            return False

    def _forget(self, export_id: ExportId, told: asyncio.Event) -> None:
        left = self._under_way[export_id]
        left.remove(told)
        if not left:
            del self._under_way[export_id]
