"""Who gets the next free slot."""

from __future__ import annotations

import asyncio

import pytest

from cdr_exports.processor.dispatcher import Dispatcher, FairQueue


def test_one_accounts_thousand_exports_do_not_hold_back_anothers_one() -> None:
    queue: FairQueue[str] = FairQueue()
    for n in range(1000):
        queue.put("large", f"large {n}")
    in_use = [queue.take() for _ in range(2)]
    queue.put("small", "small 0")

    queue.release(in_use[0][0])
    following = queue.take()

    assert following == ("small", "small 0")


def test_an_accounts_own_work_is_done_oldest_first() -> None:
    queue: FairQueue[int] = FairQueue()
    for n in range(3):
        queue.put("a", n)

    assert [queue.take()[1] for _ in range(3)] == [0, 1, 2]


def test_accounts_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for n in range(3):
        queue.put("a", f"a{n}")
        queue.put("b", f"b{n}")
    order = []
    while len(queue):
        account, work = queue.take()
        order.append(work)
        queue.release(account)

    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


async def test_never_more_than_the_slots_run_and_all_is_done() -> None:
    dispatcher = Dispatcher(3)
    running, most, done = 0, 0, 0
    gate = asyncio.Event()

    async def work() -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1
        done += 1

    task = asyncio.create_task(dispatcher.run())
    for n in range(10):
        await dispatcher.submit(n, work)
    while running < 3:
        await asyncio.sleep(0)
    gate.set()
    while done < 10:
        await asyncio.sleep(0)
    task.cancel()

    assert most == 3


async def test_draining_waits_for_what_runs_and_starts_nothing_more() -> None:
    dispatcher = Dispatcher(1)
    gate, started = asyncio.Event(), []

    async def work() -> None:
        started.append(1)
        await gate.wait()

    task = asyncio.create_task(dispatcher.run())
    await dispatcher.submit("a", work)
    await dispatcher.submit("a", work)
    while not started:
        await asyncio.sleep(0)
    draining = asyncio.create_task(dispatcher.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    gate.set()
    await draining
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()

    assert started == [1]


async def test_work_that_raises_ends_the_run() -> None:
    dispatcher = Dispatcher(1)

    async def work() -> None:
        raise RuntimeError("broken")

    await dispatcher.submit("a", work)
    with pytest.raises(ExceptionGroup):
        await dispatcher.run()
