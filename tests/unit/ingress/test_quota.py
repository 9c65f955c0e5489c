"""The quota (section 0.10): so many exports of an account that have not ended, the ones just accepted included."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from cdr_exports.api.errors import ApiError
from cdr_exports.domain.events import ExportCompleted, ExportFailed
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.ingress.quota import BLIND_SECONDS, DOUBT_SECONDS, Quota
from tests.unit.api.records import completed, failed
from tests.unit.ingress.desk import Desk, LogInMemory, ReadModelInMemory, body, codec, desk_on

ACCOUNT = AccountId(71)


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def export(number: int) -> ExportId:
    return ExportId(UUID(int=number))


async def test_beyond_the_limit_a_request_is_refused_with_the_time_to_come_back() -> None:
    async with desk_on(LogInMemory()) as desk:
        accepted = [await desk.post(body()) for _ in range(20)]
        refused = await desk.post(body())

    assert {each.status_code for each in accepted} == {201}
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert refused.json()["errors"] == [
        {
            "title": "Too many requests",
            "detail": "Account has 20 exports that have not ended.",
            "code": "429",
            "status": "429",
        }
    ]
    assert desk.metric('rejected_total{reason="quota"}') == 1
    assert len(desk.log.records) == 20


async def test_a_burst_gets_no_further_than_to_the_limit_however_late_the_read_model_is() -> None:
    async with desk_on(LogInMemory(), pending_limit=3) as desk:
        desk.read_model.applied_records = 0
        answers = await asyncio.gather(*(desk.post(body()) for _ in range(10)))

    assert sorted(each.status_code for each in answers) == [201] * 3 + [429] * 7
    assert len(desk.log.records) == 3


async def test_an_account_does_not_use_up_the_quota_of_another() -> None:
    async with desk_on(LogInMemory(), pending_limit=1) as desk:
        answers = [await desk.post(body(account_number=number)) for number in (71, 72, 71)]

    assert [each.status_code for each in answers] == [201, 201, 429]


@pytest.mark.parametrize("ending", [completed(), failed()], ids=["completed", "failed"])
async def test_an_export_that_has_ended_makes_room(ending: ExportCompleted | ExportFailed) -> None:
    async with desk_on(LogInMemory(), pending_limit=1) as desk:
        await desk.post(body())
        (request,) = desk.log.requests()
        desk.read_model.facts.append(replace(ending, export_id=request.export_id))
        answer = await desk.post(body())

    assert answer.status_code == 201


async def test_an_export_that_was_deleted_makes_room() -> None:
    async with desk_on(LogInMemory(), pending_limit=1) as desk:
        created = await desk.post(body())
        await desk.delete(created.json()["data"]["id"])
        answer = await desk.post(body())

    assert answer.status_code == 201


async def test_the_quota_is_judged_last() -> None:
    async with desk_on(LogInMemory(), pending_limit=1) as desk:
        await desk.post(body())
        answer = await desk.post(body(time_format="x"))

    assert answer.status_code == 422


async def test_while_the_read_model_is_away_only_what_was_accepted_here_counts() -> None:
    async with desk_on(LogInMemory(), pending_limit=2) as desk:
        desk.read_model.is_away = True
        answers = [await desk.post(body()) for _ in range(3)]

    assert [each.status_code for each in answers] == [201, 201, 429]


async def test_a_read_model_that_is_away_is_not_asked_for_each_request() -> None:
    clock, asked = Clock(), []

    class Away(ReadModelInMemory):
        async def others_unended(self, *arguments: Any) -> tuple[int, frozenset[ExportId]]:
            asked.append(arguments)
            return await super().others_unended(*arguments)

    quota = Quota(Away(is_away=True), 100, clock=clock)
    for number in range(3):
        async with quota.place(ACCOUNT, export(number)):
            pass
    clock.seconds += BLIND_SECONDS
    async with quota.place(ACCOUNT, export(4)):
        pass

    assert len(asked) == 2


async def test_a_request_of_unknown_fate_keeps_its_room_as_long_as_it_can_still_come() -> None:
    clock = Clock()
    quota = Quota(ReadModelInMemory(), 1, clock=clock)

    with pytest.raises(TimeoutError):
        async with quota.place(ACCOUNT, export(1)):
            raise TimeoutError
    with pytest.raises(ApiError):
        async with quota.place(ACCOUNT, export(2)):
            raise AssertionError("there is no room")
    clock.seconds += DOUBT_SECONDS

    async with quota.place(ACCOUNT, export(3)):
        pass


async def test_a_request_that_was_refused_keeps_no_room() -> None:
    async with desk_on(LogInMemory(), pending_limit=1) as desk:
        await desk.post(body())
        await desk.post(body())
        (request,) = desk.log.requests()
        desk.read_model.facts.append(replace(completed(), export_id=request.export_id))
        answer = await desk.post(body())

    assert answer.status_code == 201


async def test_exports_that_others_asked_for_count_too(desk: Desk[LogInMemory]) -> None:
    await desk.post(body())
    (request,) = desk.log.requests()
    for number in range(19):
        other = replace(request, export_id=export(number), source="upstream")
        await desk.log.publish("requests", key=None, value=codec().encode(other))

    assert (await desk.post(body())).status_code == 429
