"""POST `/cdr-exports` as a client sees it: the order of judgement, the answer, and what gets into the log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx2
import pytest

from cdr_exports.api.tokens import COOKIE, Issuer
from cdr_exports.domain.columns import COLUMNS
from cdr_exports.domain.identity import ApiAccessId
from tests.unit.api.records import ACME, KEYS, LIFETIME, NOW, account, now
from tests.unit.ingress.desk import PATH, Desk, LogInMemory, body, desk_on

TOO_LONG = b" " * 65537


def only_error(response: httpx2.Response) -> dict[str, Any]:
    (error,) = response.json()["errors"]
    assert error["status"] == str(response.status_code)
    return error  # type: ignore[no-any-return]


async def test_an_accepted_request_is_answered_with_the_export_and_where_it_stands(desk: Desk[LogInMemory]) -> None:
    response = await desk.post(body(time_zone_name=""))

    data = response.json()["data"]
    (request,) = desk.log.requests()
    assert response.status_code == 201
    assert response.headers["location"] == data["links"]["self"] == f"http://api.test:8080{PATH}/{request.export_id}"
    assert response.headers["export-position"] == "2:0"
    assert data["id"] == str(request.export_id)
    assert data["attributes"] == {
        "filters": {"time_start_gteq": "2025-01-01T00:00:00.000Z", "time_start_lt": "2025-01-02T00:00:00.000Z"},
        "status": "Pending",
        "rows-count": None,
        "created-at": "2025-02-03T20:21:32.118Z",
        "updated-at": "2025-02-03T20:21:32.118Z",
        "time-format": "with_timezone",
        "time-zone-name": "",
    }
    assert data["meta"]["stage"] == "accepted"
    assert list(response.json()) == ["data"]


async def test_the_record_in_the_log_is_the_request(desk: Desk[LogInMemory]) -> None:
    await desk.post(body())

    ((topic, key, _, headers),) = desk.log.records
    (request,) = desk.log.requests()
    assert topic == "cdr-exports.requests.v1"
    assert key == str(request.export_id).encode()
    assert headers["ce_id"] == str(request.event_id).encode()
    assert (request.export_id.version, request.event_id.version) == (7, 7)
    assert request.export_id != request.event_id
    assert (request.account_id, request.requested_by, request.source) == (71, "api-access:15", "ingress")
    assert (request.occurred_at, request.correlation_id) == (NOW, str(request.export_id))
    assert (request.columns, request.deadline) == ((), None)


async def test_a_dynamic_token_is_named_as_the_requester(desk: Desk[LogInMemory]) -> None:
    await desk.post(body(), authorization=Issuer(KEYS, now, LIFETIME).dynamic(ACME))

    assert desk.log.requests()[0].requested_by == "dynamic:7"


async def test_fields_and_include_work_as_on_get(desk: Desk[LogInMemory]) -> None:
    response = await desk.post(body(), path=f"{PATH}?include=account&fields[accounts]=name&sort=x&page=0&filter=y")

    assert response.status_code == 201
    assert response.json()["included"][0]["attributes"] == {"name": "Acme main"}


async def test_hidden_columns_are_settled_when_the_export_is_made() -> None:
    async with desk_on(LogInMemory(), hidden=frozenset({"src_name_in"})) as desk:
        await desk.post(body())

    assert desk.log.requests()[0].columns == tuple(name for name in COLUMNS if name != "src_name_in")


async def test_hiding_all_columns_leaves_nothing_to_export() -> None:
    async with desk_on(LogInMemory(), hidden=frozenset(COLUMNS)) as desk:
        response = await desk.post(body())

    assert only_error(response)["detail"] == "fields - can't be blank"


@pytest.mark.parametrize(
    ("content", "path", "headers", "status"),
    [
        pytest.param(TOO_LONG, PATH + "?fields=x", {"authorization": "x", "content_type": "x"}, 413, id="length"),
        pytest.param(b"{", PATH + "?fields=x", {"authorization": "x", "content_type": "x", "accept": "x"}, 401, id="token"),
        pytest.param(b"{", PATH + "?fields=x", {"content_type": "x", "accept": "x"}, 415, id="content type"),
        pytest.param(b"{", PATH + "?fields=x", {"accept": "x"}, 406, id="accept"),
        pytest.param(b"{", PATH + "?fields=x", {}, "is not JSON", id="JSON"),
        pytest.param({}, PATH + "?include=x&fields=x", {}, "Fields must specify a type.", id="fields"),
        pytest.param({}, PATH + "?include=x", {}, "x is not a valid relationship of cdr-exports", id="include"),
        pytest.param({"data": {"id": 1}}, PATH, {}, "The required parameter, type, is missing.", id="type"),
        pytest.param(body(account_number=None, foo=1), PATH, {}, "foo is not allowed.", id="members"),
        pytest.param(body(account_number=None), PATH, {}, "account - can't be blank", id="validation"),
    ],
)  # fmt: skip
async def test_a_request_is_judged_in_the_order_of_the_contract(
    desk: Desk[LogInMemory], content: object, path: str, headers: dict[str, str], status: int | str
) -> None:
    response = await desk.post(content, path=path, **headers)

    if isinstance(status, int):
        assert response.status_code == status
    else:
        assert status in only_error(response)["detail"]
    assert desk.log.records == []


async def test_a_body_as_long_as_the_limit_is_read(desk: Desk[LogInMemory]) -> None:
    response = await desk.post(b" " * 65536)

    assert only_error(response)["title"] == "Bad Request"


async def test_a_body_that_does_not_say_its_length_is_limited_too(desk: Desk[LogInMemory]) -> None:
    async def pieces() -> Any:
        for _ in range(100):
            yield b" " * 1000

    response = await desk.http.post(PATH, content=pieces())

    assert only_error(response) == {
        "title": "Payload too large",
        "detail": "Request body must not exceed 65536 bytes.",
        "code": "413",
        "status": "413",
    }


async def test_a_broker_that_does_not_answer_is_a_503_that_says_when_to_come_back(desk: Desk[LogInMemory]) -> None:
    desk.log.is_away = True

    response = await desk.post(body())

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert only_error(response)["detail"] == "The request log is unavailable, try again later."
    assert desk.metric("produce_unknown_outcome_total") == 1
    assert desk.metric('rejected_total{reason="overload"}') == 1
    assert desk.metric('accepted_total{source="http"}') == 0


async def test_what_was_accepted_and_refused_is_counted(desk: Desk[LogInMemory]) -> None:
    await desk.post(body())
    await desk.post(body(), authorization="x")
    await desk.post(TOO_LONG)
    await desk.post({})

    assert desk.metric('accepted_total{source="http"}') == 1
    assert desk.metric("produce_duration_seconds_count") == 1
    for reason in "auth", "too_large", "invalid":
        assert desk.metric(f'rejected_total{{reason="{reason}"}}') == 1


@pytest.mark.parametrize("suffix", ["/", ".json", ".json/"])
async def test_a_trailing_slash_and_json_are_tolerated(desk: Desk[LogInMemory], suffix: str) -> None:
    assert (await desk.post(body(), path=PATH + suffix)).status_code == 201


@pytest.mark.parametrize(("number", "status"), [(71, 201), (81, 422)])
async def test_every_answer_to_a_cookie_session_renews_it(desk: Desk[LogInMemory], number: int, status: int) -> None:
    session = Issuer(KEYS, now, LIFETIME).for_access(ApiAccessId(15))

    response = await desk.post(body(account_number=number), authorization="", cookie=f"{COOKIE}={session}")

    assert response.status_code == status
    assert response.headers["set-cookie"].startswith(f"{COOKIE}=ey")
    assert response.headers["set-cookie"].endswith(
        "; path=/; expires=Mon, 03 Feb 2025 20:31:32 GMT; HttpOnly; SameSite=Lax"
    )


async def test_a_foreign_account_answers_as_an_unknown_one_does(desk: Desk[LogInMemory]) -> None:
    foreign, unknown = [await desk.post(body(account_number=number)) for number in (81, 99)]

    assert account(81).account_uuid not in foreign.text
    assert foreign.content == unknown.content


async def test_ids_rise_with_time(desk: Desk[LogInMemory]) -> None:
    ids = [UUID((await desk.post(body())).json()["data"]["id"]) for _ in range(3)]

    assert ids == sorted(ids)
