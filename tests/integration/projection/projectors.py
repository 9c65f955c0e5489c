"""Projectors at work, and what tests wait for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

from cdr_exports.contract.codec import Codec
from cdr_exports.domain.errors import Transient
from cdr_exports.domain.events import Record
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.lifecycle import Position, Status
from cdr_exports.projection.folding import CHANNEL
from cdr_exports.projection.projector import Projector
from cdr_exports.runtime.postgres import Database
from tests.integration.projection.logs import completed, dumped, progressed, requested, started

CODEC = Codec.load()

Publish = Callable[..., Awaitable[Position]]
MakeProjector = Callable[..., Projector]


@asynccontextmanager
async def running(*projectors: Projector) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in projectors]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def states(database: Database, ids: Collection[ExportId]) -> list[dict[str, Any]]:
    wanted = {str(each) for each in ids}
    lines = [json.loads(line) for line in (await dumped(database)).splitlines()]
    return [line for line in lines if line["export_id"] in wanted]


async def until_all(database: Database, ids: Collection[ExportId], status: Status) -> list[dict[str, Any]]:
    """The exports, once all have that status; PostgreSQL may be away meanwhile."""
    async with asyncio.timeout(40):
        while True:
            try:
                async for _ in database.wakes(CHANNEL, at_least_every_seconds=0.5):
                    found = await states(database, ids)
                    if [each["status"] for each in found] == [status.value] * len(ids):
                        return found
            except Transient:
                await asyncio.sleep(0.1)


def life(export_id: ExportId) -> list[Record]:
    return [
        requested(export_id),
        started(export_id),
        progressed(export_id, 0, 2),
        progressed(export_id, 1, 2),
        completed(export_id),
    ]
