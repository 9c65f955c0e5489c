"""Idempotency-Key (section 0.6): one key, one export, and the first request in the log is the one that counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from cdr_exports.domain.events import DeleteReason, ExportDeleteRequested
from cdr_exports.domain.identity import AccountId, ExportId, keyed_export_id
from tests.unit.api.records import NOW, completed, event_id
from tests.unit.ingress.desk import PATH, Desk, LogInMemory, body, desk_on

KEY = {"idempotency_key": "order 66"}


def id_of(response: httpx2.Response) -> str:
    assert response.status_code == 201, response.text
    return str(response.json()["data"]["id"])


async def test_a_key_makes_the_id_of_the_export(desk: Desk[LogInMemory]) -> None:
    response = await desk.post(body(), **KEY)

    assert id_of(response) == str(keyed_export_id(AccountId(71), "order 66"))
    assert response.json()["data"]["meta"]["stage"] == "accepted"
    assert "idempotency-replayed" not in response.headers


async def test_the_same_request_under_the_same_key_is_the_same_export(desk: Desk[LogInMemory]) -> None:
    first = await desk.post(body(), **KEY)
    again = await desk.post(body(), **KEY)

    assert id_of(again) == id_of(first)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["export-position"] == first.headers["export-position"]
    assert len(desk.log.records) == 1
    assert desk.metric('accepted_total{source="http"}') == 1


async def test_a_replay_shows_the_export_as_it_stands_now(desk: Desk[LogInMemory]) -> None:
    export_id = ExportId(keyed_export_id(AccountId(71), "order 66"))
    await desk.post(body(), **KEY)
    desk.read_model.facts.append(replace(completed(), export_id=export_id))

    ended = await desk.post(body(), **KEY)
    await desk.delete(export_id)
    deleted = await desk.post(body(), **KEY)

    assert (ended.status_code, ended.json()["data"]["attributes"]["status"]) == (201, "Completed")
    assert (deleted.status_code, deleted.json()["data"]["attributes"]["status"]) == (201, "Deleted")


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param({"filters": {"time_start_lt": "20250102", "time_start_gteq": "2025-01-01T02:00+02"}}, id="times"),
        pytest.param({"time_format": "with_timezone", "file_format": "csv", "csv_dialect": "raw"}, id="defaults"),
        pytest.param({"time_zone_name": None}, id="null zone"),
        pytest.param(
            {"filters": {"time_start_gteq": "2025-01-01", "time_start_lt": "2025-01-02", "success_eq": ""}}, id="blank"
        ),
    ],
)
async def test_requests_are_compared_by_what_they_mean(desk: Desk[LogInMemory], spelling: dict[str, Any]) -> None:
    first = await desk.post(body(), **KEY)

    assert id_of(await desk.post(body(**spelling), **KEY)) == id_of(first)


@pytest.mark.parametrize(
    "other",
    [
        {"filters": {"time_start_gteq": "2025-01-01", "time_start_lt": "2025-01-03"}},
        {"filters": {"time_start_gteq": "2025-01-01", "time_start_lt": "2025-01-02", "success_eq": False}},
        {"time_format": "round_to_seconds"}, {"time_zone_name": "Europe/Kyiv"}, {"file_format": "jsonl"},
        {"csv_dialect": "spreadsheet-safe"},
    ],
)  # fmt: skip
async def test_another_request_under_the_key_is_refused(desk: Desk[LogInMemory], other: dict[str, Any]) -> None:
    await desk.post(body(), **KEY)

    response = await desk.post(body(**other), **KEY)

    assert response.status_code == 422
    assert response.json() == {
        "errors": [
            {
                "title": "Idempotency-Key was used with another request",
                "detail": "data - Idempotency-Key was used with another request",
                "code": "100",
                "source": {"pointer": "/data"},
                "status": "422",
            }
        ]
    }
    assert len(desk.log.records) == 1
    assert desk.metric('rejected_total{reason="conflict"}') == 1


async def test_a_key_belongs_to_its_account(desk: Desk[LogInMemory]) -> None:
    ids = {id_of(await desk.post(body(account_number=number), **KEY)) for number in (71, 72)}

    assert len(ids) == 2


async def test_a_refused_request_takes_no_key(desk: Desk[LogInMemory]) -> None:
    await desk.post(body(filters={}), **KEY)

    assert "idempotency-replayed" not in (await desk.post(body(), **KEY)).headers


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb", "caf\u00e9"], ids=["empty", "long", "tab", "not ASCII"])
async def test_a_key_of_another_form_is_refused(desk: Desk[LogInMemory], key: str) -> None:
    response = await desk.http.post(
        PATH,
        content=b"{}",
        headers=[*(await _headers(desk)), (b"idempotency-key", key.encode("latin-1"))],
    )

    assert response.status_code == 400
    assert response.json()["errors"] == [
        {
            "title": "Bad Request",
            "detail": "Idempotency-Key must be 1 to 255 printable ASCII characters",
            "code": "400",
            "status": "400",
        }
    ]


@pytest.mark.parametrize("key", ["k", "~" * 255, "a b"])
async def test_every_key_of_the_right_form_is_taken(desk: Desk[LogInMemory], key: str) -> None:
    assert id_of(await desk.post(body(), idempotency_key=key)) == str(keyed_export_id(AccountId(71), key))


async def test_of_requests_at_once_the_first_in_the_log_counts(desk: Desk[LogInMemory]) -> None:
    bodies = [body(), body(time_zone_name="UTC"), body(), body(time_zone_name="UTC")]

    responses = await asyncio.gather(*(desk.post(each, **KEY) for each in bodies))

    assert [each.status_code for each in responses] == [201, 422, 201, 422]
    assert [each.headers.get("idempotency-replayed") for each in responses] == [None, None, "true", None]
    assert len({each.json()["data"]["id"] for each in responses if each.status_code == 201}) == 1
    assert len(desk.log.records) == 4


async def test_a_read_model_that_does_not_come_in_time_is_a_503_and_the_key_is_safe(desk: Desk[LogInMemory]) -> None:
    desk.read_model.applied_records = 0
    unknown = await desk.post(body(), **KEY)
    desk.read_model.applied_records = None
    again = await desk.post(body(), **KEY)

    assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "5")
    assert unknown.json()["errors"][0]["detail"] == "The list of exports is unavailable, try again later."
    assert again.headers["idempotency-replayed"] == "true"
    assert len(desk.log.requests()) == 1


async def test_a_key_whose_use_nobody_can_tell_is_a_503_and_nothing_is_sent(desk: Desk[LogInMemory]) -> None:
    desk.read_model.is_away = True

    response = await desk.post(body(), **KEY)

    assert response.status_code == 503
    assert desk.log.records == []


async def test_a_replay_is_not_counted_against_the_quota_and_is_given_beyond_it() -> None:
    async with desk_on(LogInMemory(), pending_limit=1) as desk:
        first = await desk.post(body(), **KEY)
        again = await desk.post(body(), **KEY)
        other = await desk.post(body())

    assert id_of(first) == id_of(again)
    assert other.status_code == 429


async def test_an_export_deleted_before_its_request_came_is_replayed_as_deleted(desk: Desk[LogInMemory]) -> None:
    export_id = keyed_export_id(AccountId(71), "order 66")
    await desk.post(body(), **KEY)
    command = ExportDeleteRequested(
        event_id=event_id(9), occurred_at=NOW, source="upstream", export_id=export_id, reason=DeleteReason.OPERATOR
    )
    await desk.log.publish("requests", key=None, value=_encoded(command))

    response = await desk.post(body(), **KEY)

    assert response.json()["data"]["meta"]["stage"] == "deleted"


def _encoded(command: ExportDeleteRequested) -> bytes:
    from tests.unit.ingress.desk import codec

    return codec().encode(command)


async def _headers(desk: Desk[LogInMemory]) -> list[tuple[bytes, bytes]]:
    """Those of a good request."""
    sent = (await desk.post(body())).request.headers
    return [(name.encode(), sent[name].encode()) for name in ("authorization", "content-type")]
