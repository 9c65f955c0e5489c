"""Every kind of token on every account, over the routes that need no store: what is invisible does not exist."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from cdr_exports.api.tokens import COOKIE, Issuer
from cdr_exports.domain.identity import AccountId, ApiAccessId
from tests.unit.api.records import ACME, GLOBEX, KEYS, LIFETIME, account, now
from tests.unit.ingress.desk import PATH, Desk, LogInMemory, body, desk_on

ISSUER = Issuer(KEYS, now, LIFETIME)
TOKENS: dict[str, tuple[str, set[int]]] = {
    "access to all accounts": (ISSUER.for_access(ApiAccessId(15)), {71, 72}),
    "access to one account": (ISSUER.for_access(ApiAccessId(16)), {72}),
    "dynamic": (ISSUER.dynamic(ACME), {71, 72}),
    "dynamic for one account": (ISSUER.dynamic(ACME, [AccountId(71)]), {71}),
    "dynamic that lists another customer's account": (ISSUER.dynamic(ACME, [AccountId(81)]), set()),
    "dynamic of another customer": (ISSUER.dynamic(GLOBEX), {81}),
}
"""Each kind of token, and the accounts that it may see."""
ACCOUNTS = (71, 72, 81)
OWNERS = {71: ISSUER.dynamic(ACME), 72: ISSUER.dynamic(ACME), 81: ISSUER.dynamic(GLOBEX)}
UNKNOWN = "0195abcd-0000-7000-8000-00000000000a"

kinds = pytest.mark.parametrize("kind", TOKENS)
carriers = pytest.mark.parametrize("carrier", ["header", "cookie"])


@pytest.fixture
async def desk() -> AsyncIterator[Desk[LogInMemory]]:
    async with desk_on(LogInMemory()) as opened:
        yield opened


def carried(kind: str, carrier: str) -> dict[str, str]:
    token = TOKENS[kind][0]
    return {"cookie": f"{COOKIE}={token}"} if carrier == "cookie" else {"authorization": f"Bearer {token}"}


def without_id(answer: httpx2.Response, id_sent: str) -> bytes:
    return answer.content.replace(id_sent.encode(), b"")


@kinds
@carriers
async def test_an_export_is_asked_for_on_visible_accounts_only(
    desk: Desk[LogInMemory], kind: str, carrier: str
) -> None:
    statuses = {}
    for number in ACCOUNTS:
        answer = await desk.post(body(account_number=number), **{"authorization": "", **carried(kind, carrier)})
        statuses[number] = answer.status_code

    visible = TOKENS[kind][1]
    assert statuses == {number: 201 if number in visible else 422 for number in ACCOUNTS}
    assert [each.account_id for each in desk.log.requests()] == sorted(visible)


@kinds
@carriers
async def test_an_export_is_deleted_by_those_who_see_it(desk: Desk[LogInMemory], kind: str, carrier: str) -> None:
    exports = {}
    for number, owner in OWNERS.items():
        made = await desk.post(body(account_number=number), authorization=owner)
        exports[number] = str(made.json()["data"]["id"])
    unknown = await desk.http.delete(f"{PATH}/{UNKNOWN}", headers=carried(kind, carrier))

    answers = {
        number: await desk.http.delete(f"{PATH}/{export_id}", headers=carried(kind, carrier))
        for number, export_id in exports.items()
    }

    visible = TOKENS[kind][1]
    for number, answer in answers.items():
        assert answer.status_code == (204 if number in visible else 404)
        if number not in visible:
            assert without_id(answer, exports[number]) == without_id(unknown, UNKNOWN)
        assert ("set-cookie" in answer.headers) is (carrier == "cookie")


@kinds
@carriers
async def test_accounts_are_shown_to_those_who_see_them(desk: Desk[LogInMemory], kind: str, carrier: str) -> None:
    path, headers = "/api/rest/customer/v1/accounts", carried(kind, carrier)
    listed = (await desk.http.get(path, headers=headers)).json()
    unknown = await desk.http.get(f"{path}/{UNKNOWN}", headers=headers)

    answers = {
        number: await desk.http.get(f"{path}/{account(number).account_uuid}", headers=headers) for number in ACCOUNTS
    }

    visible = TOKENS[kind][1]
    assert {each["id"] for each in listed["data"]} == {account(number).account_uuid for number in visible}
    assert listed["meta"]["total-count"] == len(visible)
    for number, answer in answers.items():
        assert answer.status_code == (200 if number in visible else 404)
        if number not in visible:
            assert without_id(answer, account(number).account_uuid) == without_id(unknown, UNKNOWN)


async def test_a_key_of_one_customer_is_another_export_for_the_other(desk: Desk[LogInMemory]) -> None:
    answers = [
        await desk.post(body(account_number=number), authorization=OWNERS[number], idempotency_key="k")
        for number in (71, 81)
    ]

    assert [each.status_code for each in answers] == [201, 201]
    assert len({each.json()["data"]["id"] for each in answers}) == 2
