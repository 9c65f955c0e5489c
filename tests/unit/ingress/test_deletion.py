"""DELETE `/cdr-exports/{uuid}` (section 0.5)."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from cdr_exports.domain.events import DeleteReason, ExportDeleteRequested
from cdr_exports.domain.lifecycle import Status
from tests.unit.api.records import completed
from tests.unit.ingress.desk import PATH, Desk, LogInMemory, body


async def export_of(desk: Desk[LogInMemory], account_number: int = 71) -> str:
    return str((await desk.post(body(account_number=account_number))).json()["data"]["id"])


async def test_a_deleted_export_is_deleted_when_the_answer_comes(desk: Desk[LogInMemory]) -> None:
    export_id = await export_of(desk)

    response = await desk.delete(export_id)

    (state,) = desk.read_model.states().values()
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["export-position"] == "2:1"
    assert state.status is Status.DELETED


async def test_the_command_in_the_log_says_who_deleted_what_and_why(desk: Desk[LogInMemory]) -> None:
    export_id = await export_of(desk)

    await desk.delete(export_id.upper())

    command = desk.log.commands()[1]
    assert isinstance(command, ExportDeleteRequested)
    assert (str(command.export_id), command.reason) == (export_id, DeleteReason.CUSTOMER)
    assert (command.requested_by, command.source, command.correlation_id) == ("api-access:15", "ingress", export_id)
    assert desk.log.records[1][1] == export_id.encode()


async def test_a_repeated_deletion_is_answered_as_the_first_and_writes_nothing(desk: Desk[LogInMemory]) -> None:
    export_id = await export_of(desk)
    await desk.delete(export_id)

    assert (await desk.delete(export_id)).status_code == 204
    assert len(desk.log.records) == 2


async def test_the_file_of_an_export_that_has_ended_can_be_deleted(desk: Desk[LogInMemory]) -> None:
    export_id = await export_of(desk)
    desk.read_model.facts.append(replace(completed(), export_id=desk.log.requests()[0].export_id))

    assert (await desk.delete(export_id)).status_code == 204
    assert len(desk.log.records) == 2


async def test_an_invisible_export_answers_as_an_unknown_one_and_stays(desk: Desk[LogInMemory]) -> None:
    invisible, unknown = await export_of(desk, 71), str(uuid4())

    answers = [await desk.delete(each, access=16) for each in (invisible, unknown)]

    for answer, export_id in zip(answers, (invisible, unknown), strict=True):
        assert answer.status_code == 404
        assert answer.json()["errors"] == [
            {
                "title": "Record not found",
                "detail": f"The record identified by {export_id} could not be found.",
                "code": "404",
                "status": "404",
            }
        ]
    assert len(desk.log.records) == 1


@pytest.mark.parametrize("export_id", ["123", "0195abcd"])
async def test_what_is_no_uuid_is_no_route(desk: Desk[LogInMemory], export_id: str) -> None:
    response = await desk.http.delete(f"{PATH}/{export_id}")

    assert response.json()["errors"][0]["detail"] == f"No route matches DELETE {PATH}/{export_id}."


async def test_authentication_comes_before_accept_and_both_before_the_export(desk: Desk[LogInMemory]) -> None:
    path = f"{PATH}/{uuid4()}"

    stranger = await desk.request("DELETE", path, authorization="x", accept="text/html")
    picky = await desk.request("DELETE", path, accept="text/html")

    assert (stranger.status_code, picky.status_code) == (401, 406)


async def test_a_log_that_is_away_is_a_503(desk: Desk[LogInMemory]) -> None:
    export_id = await export_of(desk)
    desk.log.is_away = True

    response = await desk.delete(export_id)

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert response.json()["errors"][0]["detail"] == "The request log is unavailable, try again later."


@pytest.mark.parametrize("away", ["before", "behind"])
async def test_a_read_model_that_is_away_is_a_503_and_the_deletion_may_be_repeated(
    desk: Desk[LogInMemory], away: str
) -> None:
    export_id = await export_of(desk)
    desk.read_model.is_away, desk.read_model.applied_records = away == "before", 1
    refused = await desk.delete(export_id)
    desk.read_model.is_away, desk.read_model.applied_records = False, None
    repeated = await desk.delete(export_id)

    assert refused.json()["errors"][0]["detail"] == "The list of exports is unavailable, try again later."
    assert (refused.status_code, repeated.status_code) == (503, 204)
