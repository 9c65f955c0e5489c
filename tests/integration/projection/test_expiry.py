"""Exports whose time is over are found, once, and only they."""

from __future__ import annotations

from datetime import timedelta

from cdr_exports.domain.events import Command, DeleteReason, ExportDeleteRequested, Fact, Record
from cdr_exports.projection.expiry import Expiry
from cdr_exports.runtime.postgres import Database
from tests.integration.projection.logs import (
    AT,
    EVENTS,
    REQUESTS,
    completed,
    delete_requested,
    failed,
    fold,
    log_of,
    new_id,
    requested,
    started,
)

LIFETIME = timedelta(days=30)


async def test_what_has_ended_long_enough_ago_is_asked_to_be_deleted(database: Database) -> None:
    done, broken, running, deleted = new_id(), new_id(), new_id(), new_id()
    commands: list[Command] = [*map(requested, (done, broken, running, deleted)), delete_requested(deleted)]
    facts: list[Fact] = [completed(done), failed(broken), started(running), completed(deleted)]
    folding = await fold(database, log_of(REQUESTS, commands), log_of(EVENTS, facts))
    said: list[Record] = []
    instant = [AT + LIFETIME]

    async def announce(record: Record) -> None:
        said.append(record)

    expiry = Expiry(database, announce, lifetime=LIFETIME, now=lambda: instant[0])
    assert await expiry.sweep() == 0

    instant[0] += timedelta(seconds=1)
    found = await expiry.sweep()

    deletions = [each for each in said if isinstance(each, ExportDeleteRequested)]
    assert found == 2
    assert {each.export_id for each in deletions} == {done, broken}
    assert {each.reason for each in deletions} == {DeleteReason.EXPIRED}
    await folding.apply(log_of(REQUESTS, deletions, first=len(commands)))
    assert await expiry.sweep() == 0
