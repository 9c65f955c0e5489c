"""Following exports as the read model moves on.

However many follow, the read model is asked once for all of them, and only when something has been applied: the first
who wakes looks, the others take what it found. Those who follow are limited in number, in all and for each customer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cdr_exports.domain.errors import Transient
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.lifecycle import ExportState
from cdr_exports.projection.progress import Progress
from cdr_exports.projection.reads import Reads
from cdr_exports.projection.state_rows import state_of
from cdr_exports.runtime.backoff import delays
from cdr_exports.runtime.postgres import heed_cancellation

FOLLOWERS, FOLLOWERS_EACH = 512, 32
QUIET_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An export as the read model had it when it had applied `progress`, or a little later."""

    text: str
    progress: Progress

    @property
    def state(self) -> ExportState:
        return state_of(self.text)


class Watching:
    """`stop` ends all that is followed."""

    def __init__(self, reads: Reads, stop: asyncio.Event, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._reads, self._stop, self._quiet_seconds = reads, stop, quiet_seconds
        self._followed: Counter[ExportId] = Counter()
        self._followers: Counter[Hashable] = Counter()
        self._looking = asyncio.Lock()
        self._texts: dict[ExportId, str] = {}
        self._looked_at: tuple[int, int] | None = None

    async def follow(self, export_id: ExportId, customer: Hashable) -> AsyncGenerator[Seen | None, None]:
        """The export as it is now, then each time it has changed, up to its end. None: nothing was new for a while.

        Raises Transient at the beginning only: PostgreSQL does not answer, or too many follow already.
        """
        with self._place(export_id, customer):
            progress = self._reads.waiting.progress  # before the look, which is then at least as new
            texts = await self._reads.texts([export_id])
            if export_id not in texts:
                return
            seen = Seen(text=texts[export_id], progress=progress)
            yield seen
            stopping = asyncio.create_task(self._stop.wait())
            news: asyncio.Task[Seen] | None = None
            try:
                while not seen.state.is_terminal:
                    news = news or asyncio.create_task(self._news(export_id, seen))
                    tasks = {news, stopping}
                    done, _ = await asyncio.wait(
                        tasks, timeout=self._quiet_seconds, return_when=asyncio.FIRST_COMPLETED
                    )
                    if stopping in done:
                        return
                    if news in done:
                        seen, news = news.result(), None
                        yield seen
                    else:
                        yield None
            finally:
                for task in filter(None, (news, stopping)):
                    task.cancel()

    @contextmanager
    def _place(self, export_id: ExportId, customer: Hashable) -> Iterator[None]:
        if self._followers.total() >= FOLLOWERS or self._followers[customer] >= FOLLOWERS_EACH:
            raise Transient("too many follow exports")
        self._followers[customer] += 1
        self._followed[export_id] += 1
        try:
            yield
        finally:
            self._followers -= Counter([customer])  # which forgets what is at zero
            self._followed -= Counter([export_id])

    async def _news(self, export_id: ExportId, seen: Seen) -> Seen:
        """The export once it is another than `seen`; waits for it, and for a PostgreSQL that is away, as long as it takes."""
        waits, progress = delays(), seen.progress
        while True:
            while self._reads.waiting.progress.applied == progress.applied:
                await self._reads.waiting.beyond(self._reads.waiting.progress)
            try:
                progress = await self._look()
            except Transient:
                await asyncio.sleep(next(waits))
                continue
            heed_cancellation()
            text = self._texts.get(export_id, seen.text)
            if text != seen.text:
                return Seen(text=text, progress=progress)

    async def _look(self) -> Progress:
        """Makes sure that all that is followed has been looked at since the read model moved; the progress before that."""
        async with self._looking:
            progress = self._reads.waiting.progress
            if progress.applied != self._looked_at:
                self._texts = await self._reads.texts(list(self._followed))
                self._looked_at = progress.applied
            return progress
