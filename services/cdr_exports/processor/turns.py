"""Several requests for one export: the first in the log is the one that counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from cdr_exports.domain.events import ExportRequested
from cdr_exports.domain.identity import ExportId
from cdr_exports.processor.dispatcher import Work

Job = Callable[[], Awaitable[None]]


class Turns:
    """Requests for one export are done one after another, as they came; `job` is called in the order of the log.

    A later one waits behind the earlier one and not in a slot, which the earlier one might be waiting for.
    """

    def __init__(self) -> None:
        self._waiting: dict[ExportId, deque[Job]] = {}

    def job(self, work: Work, do: Job) -> Job | None:
        """What to submit for `work`; None where an earlier job does it when it is done itself."""
        if not isinstance(work, ExportRequested):
            return do
        if (line := self._waiting.get(work.export_id)) is not None:
            line.append(do)
            return None
        self._waiting[work.export_id] = deque([do])
        return partial(self._all, work.export_id)

    async def _all(self, export_id: ExportId) -> None:
        line = self._waiting[export_id]
        try:
            while line:
                await line.popleft()()
        finally:
            del self._waiting[export_id]
