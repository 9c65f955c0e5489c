"""Who gets the next free slot: the account with the fewest slots in use, of its work the oldest.

So one account's thousand exports delay another's by about one slice. The records behind the work are tiny and wait
here, up to `WINDOW` of them; then the topics wait.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Generic, Never, TypeVar, assert_never

from cdr_exports.domain.events import ExportDeleteRequested, ExportRequested, SliceReady

T = TypeVar("T")
Work = ExportRequested | ExportDeleteRequested | SliceReady
"""What the processor is given to do."""

WINDOW = 10_000
DELETING_SLOTS, PLANNING_SLOTS = 4, 8
"""Each takes milliseconds as a rule; while ClickHouse is away the plans wait in theirs."""


class FairQueue(Generic[T]):
    """Work by account. Ties go to the account that has waited longest for a slot."""

    def __init__(self) -> None:
        self._waiting: dict[object, deque[T]] = {}
        self._in_use: Counter[object] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, account: object, work: T) -> None:
        self._waiting.setdefault(account, deque()).append(work)

    def take(self) -> tuple[object, T]:
        """The next work, its account's slot counted as in use until `release`. Raises LookupError if there is none."""
        if not self._waiting:
            raise LookupError("no work")
        account = min(self._waiting, key=self._in_use.__getitem__)
        queue = self._waiting.pop(account)
        work = queue.popleft()
        if queue:
            self._waiting[account] = queue  # at the end: it has had its turn
        self._in_use[account] += 1
        return account, work

    def release(self, account: object) -> None:
        self._in_use[account] -= 1
        if not self._in_use[account]:
            del self._in_use[account]


class Dispatcher:
    """Runs submitted work in `slots` at a time. Work that raises ends `run`, and with it the process."""

    def __init__(self, slots: int, *, window: int = WINDOW) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._room = asyncio.Semaphore(window)
        self._arrived = asyncio.Event()
        self._queue: FairQueue[Callable[[], Awaitable[None]]] = FairQueue()
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def submit(self, account: object, work: Callable[[], Awaitable[None]]) -> None:
        """Returns when the work is in the window, not when it is done."""
        await self._room.acquire()
        self._queue.put(account, work)
        self._arrived.set()

    async def run(self) -> Never:
        """Until cancelled; what runs then is cancelled too."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._slots.acquire()
                while not len(self._queue) or self._closed:
                    self._arrived.clear()
                    await self._arrived.wait()
                account, work = self._queue.take()
                self._room.release()
                self._idle.clear()
                task = group.create_task(self._one(account, work))
                self._running.add(task)
                task.add_done_callback(self._ended)
        raise AssertionError

    async def drain(self) -> None:
        """Starts nothing more and returns when nothing runs."""
        self._closed = True
        await self._idle.wait()

    async def abandon(self) -> None:
        """Starts nothing more, cancels what runs, and returns when that has ended."""
        self._closed = True
        for task in self._running:
            task.cancel()
        await self._idle.wait()

    async def _one(self, account: object, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        finally:
            self._queue.release(account)
            self._slots.release()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.remove(task)
        if not self._running:
            self._idle.set()


class Dispatchers:
    """One for each kind of work, so that none waits for another: a deletion for no plan, a plan for no slice."""

    def __init__(self, *, slots: int) -> None:
        """`slots`: of slices."""
        self.deleting = Dispatcher(DELETING_SLOTS)
        self.planning = Dispatcher(PLANNING_SLOTS)
        self.making = Dispatcher(slots)

    def of(self, work: Work) -> Dispatcher:
        match work:
            case ExportDeleteRequested():
                return self.deleting
            case ExportRequested():
                return self.planning
            case SliceReady():
                return self.making
            case _:
                assert_never(work)

    async def run(self) -> None:
        """Until cancelled, or work raises."""
        async with asyncio.TaskGroup() as group:
            for each in self._all():
                group.create_task(each.run())

    async def drain(self) -> None:
        """Starts nothing more and returns when nothing runs."""
        await asyncio.gather(*(each.drain() for each in self._all()))

    async def abandon(self) -> None:
        """Starts nothing more, cancels what runs, and returns when that has ended."""
        await asyncio.gather(*(each.abandon() for each in self._all()))

    def _all(self) -> tuple[Dispatcher, ...]:
        return self.deleting, self.planning, self.making
