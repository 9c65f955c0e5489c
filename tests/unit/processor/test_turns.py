"""Requests for one export are done in the order of the log, whatever the slots and the accounts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cdr_exports.domain.identity import AccountId
from cdr_exports.processor.dispatcher import Dispatcher
from cdr_exports.processor.turns import Job, Turns
from tests.integration.processor.exports import request

FIRST = request()
OTHER = request()


async def test_a_later_request_for_the_same_export_waits_for_the_earlier_one_though_slots_are_free() -> None:
    dispatcher, turns, done = Dispatcher(4), Turns(), []
    gate = asyncio.Event()

    def doing(name: str, *, waits: bool = False) -> Job:
        async def do() -> None:
            if waits:
                await gate.wait()
            done.append(name)

        return do

    running = asyncio.create_task(dispatcher.run())
    later = replace(FIRST, account_id=AccountId(72))  # another account's: it has a slot of its own
    for work, do in (FIRST, doing("first", waits=True)), (later, doing("later")), (OTHER, doing("other")):
        if job := turns.job(work, do):
            await dispatcher.submit(work.account_id, job)
    while "other" not in done:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert done == ["other"]
    gate.set()
    while len(done) < 3:
        await asyncio.sleep(0)
    running.cancel()

    assert done == ["other", "first", "later"]


async def test_many_requests_for_one_export_take_one_slot() -> None:
    turns, done = Turns(), []

    def doing(number: int) -> Job:
        async def do() -> None:
            done.append(number)

        return do

    jobs = [job for n in range(10) if (job := turns.job(FIRST, doing(n)))]
    for job in jobs:
        await job()

    assert len(jobs) == 1
    assert done == list(range(10))


async def test_when_all_are_done_the_next_request_starts_anew() -> None:
    turns = Turns()

    async def nothing() -> None: ...

    for _ in range(2):
        job = turns.job(FIRST, nothing)
        assert job is not None
        await job()
