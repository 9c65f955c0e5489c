"""Finds exports whose time is over, and asks for their deletion: by a record, for it changes what a customer sees.

Any number of processes may look at once: they publish the same records. An export that was asked to be deleted is found
again until the projection has folded that in, so that nothing need be remembered here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Never

from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import Record
from cdr_exports.domain.expiry import deletion_of_expired, expired_before
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.logs import logger
from cdr_exports.runtime.postgres import Database, named_sql

LOOK_EVERY_SECONDS = 60.0
AT_ONCE = 500
"""Deletions asked for at one look: no flood, should a shorter lifetime expire very many at a time."""

log = logger(__name__)
Announce = Callable[[Record], Awaitable[None]]
"""Publishes a record to its topic; returns when the broker has it. Raises Transient."""


class Expiry:
    def __init__(self, database: Database, announce: Announce, *, lifetime: timedelta, now: Now) -> None:
        self._database, self._announce, self._lifetime, self._now = database, announce, lifetime, now
        self._sql = named_sql(__package__, "expiry.sql")

    async def run(self) -> Never:
        """For ever."""
        while True:
            try:
                found = await self.sweep()
            except Transient as error:
                log.warning("expiry.waits", reason=str(error))
            else:
                if found:
                    log.info("expiry.deletions_requested", exports=found)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def sweep(self) -> int:
        """Asks for the deletion of what has expired; gives how many exports that were. Raises Transient."""
        before = expired_before(self._now(), self._lifetime)
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql["expired"], before=before, limit=AT_ONCE)
        for row in rows:
            await self._announce(deletion_of_expired(row["export_id"], row["ended_at"], self._lifetime))
        return len(rows)
