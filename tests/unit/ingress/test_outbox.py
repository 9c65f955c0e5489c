"""How many writes may wait for Kafka: more than that are told so at once."""

from __future__ import annotations

import asyncio
from typing import Any

from cdr_exports.domain.lifecycle import Position
from tests.unit.ingress.desk import LogInMemory, ReadModelInMemory, body, desk_on


class StalledLog(LogInMemory):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()
        self.waiting = 0

    async def publish(self, topic: str, **record: Any) -> Position:
        self.waiting += 1
        await self.goes_on.wait()
        return await super().publish(topic, **record)


async def test_beyond_the_bound_a_request_is_refused_at_once_and_not_sent() -> None:
    log = StalledLog()
    async with desk_on(log, ReadModelInMemory(log), most_under_way=2) as desk, asyncio.TaskGroup() as group:
        waiting = [group.create_task(desk.post(body())) for _ in range(2)]
        while log.waiting < 2:
            await asyncio.sleep(0)
        refused = await desk.post(body())
        log.goes_on.set()
    served = await asyncio.gather(*waiting)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert [each.status_code for each in served] == [201, 201]
    assert len(log.records) == 2
    assert desk.metric("produce_unknown_outcome_total") == 0


async def test_places_come_free_again_whatever_the_answer_was() -> None:
    async with desk_on(LogInMemory(), most_under_way=1) as desk:
        desk.log.is_away = True
        await desk.post(body())
        desk.log.is_away = False

        assert [(await desk.post(body())).status_code for _ in range(2)] == [201, 201]
