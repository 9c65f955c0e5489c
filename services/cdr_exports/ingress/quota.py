"""How many exports of an account may be under way (section 0.10 of the customer API).

The read model counts those that have not ended, a moment late. What this process has accepted since, and is just
accepting, is counted here until the read model shows it, so that a burst gets no further than to the limit. Several
processes know nothing of one another's: together they may pass the limit by what they accept within the read model's
lag.

The quota guards against too much, it does not hold up those who ask for little: while the read model is away only
what this process accepted itself is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from cdr_exports.api.errors import ApiError, Catalogue
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.ingress.read_model import ReadModel
from cdr_exports.runtime.logs import logger

RETRY_AFTER_SECONDS = 10
LOOK_SECONDS = 0.5
"""How long a request may be held up by a read model that does not answer."""
BLIND_SECONDS = 5.0
"""How long such a read model is not asked again."""
DOUBT_SECONDS = 30.0
"""After this a record whose publishing failed is certain not to come any more: longer than a producer keeps it."""

log = logger(__name__)


class Quota:
    """Of one process. `limit` exports of an account, which is also how many of them are remembered here at most."""

    def __init__(self, read_model: ReadModel, limit: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._read_model, self._limit, self._clock = read_model, limit, clock
        self._accepted: dict[AccountId, dict[ExportId, float]] = {}
        """In the order of asking, with the time after which one does not count any more; infinity where it is in the log."""
        self._blind_until = float("-inf")

    @asynccontextmanager
    async def place(self, account_id: AccountId, export_id: ExportId) -> AsyncIterator[None]:
        """Room for one export, which the body puts into the log. Raises ApiError (429).

        If the body fails, the export's fate is unknown, and its room is kept as long as it can still come.
        """
        accepted = self._accepted.setdefault(account_id, {})
        is_first = (
            export_id not in accepted
        )  # of requests under one key; another has a room that is not ours to give back
        accepted.setdefault(export_id, self._clock() + DOUBT_SECONDS)
        try:
            await self._judge(account_id, export_id)
        except BaseException:
            if is_first:
                self._forget(account_id, {export_id})
            raise
        yield
        if export_id in accepted:
            accepted[export_id] = float("inf")

    async def _judge(self, account_id: AccountId, export_id: ExportId) -> None:
        """Those that asked earlier have their room already, those that asked later come after."""
        now, earlier = self._clock(), []
        for each, until in list(self._accepted.get(account_id, {}).items()):
            if each == export_id:
                break
            if until <= now:
                self._forget(account_id, {each})
            else:
                earlier.append(each)
        known, unknown = await self._others(account_id, export_id, earlier)
        self._forget(account_id, set(earlier) - unknown)
        if known + len(unknown) >= self._limit:
            error = Catalogue.TOO_MANY_REQUESTS.error(limit=self._limit)
            raise ApiError(error, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})

    async def _others(
        self, account_id: AccountId, export_id: ExportId, earlier: list[ExportId]
    ) -> tuple[int, frozenset[ExportId]]:
        if self._clock() < self._blind_until:
            return 0, frozenset(earlier)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await self._read_model.others_unended(account_id, export_id, earlier)
        except (Transient, TimeoutError) as error:
            log.warning("quota.blind", reason=str(error))
            self._blind_until = self._clock() + BLIND_SECONDS
            return 0, frozenset(earlier)

    def _forget(self, account_id: AccountId, export_ids: set[ExportId]) -> None:
        accepted = self._accepted.get(account_id, {})
        for each in export_ids:
            accepted.pop(each, None)
        if not accepted:
            self._accepted.pop(account_id, None)
