"""Who sees what: every kind of token, on exports of every account, over every route.

What may not be seen is answered as what does not exist: the same status, headers and body, but for the id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import pytest

from cdr_exports.domain.identity import AccountId, ExportId
from tests.integration.api_contract.installation import (
    ACME,
    ALL_OF_ACME,
    ALL_OF_GLOBEX,
    API,
    CONTENT,
    EXPORTS,
    GLOBEX,
    JSON_API,
    MAIN,
    NOBODYS,
    OTHERS,
    SPARE,
    SPARE_OF_ACME,
    Installation,
    account_uuid,
    body,
    old_id,
)

OWNERS = (MAIN, SPARE, OTHERS, NOBODYS)
ALL, LISTED, FOREIGN = frozenset({MAIN, SPARE}), frozenset({SPARE}), frozenset({OTHERS})
KINDS = {
    "access": ALL, "access with a list": LISTED, "dynamic": ALL, "dynamic with a list": LISTED, "cookie": ALL,
    "cookie with a list": LISTED, "dynamic with a list of others": frozenset(), "other customer": FOREIGN,
    "other customer, dynamic": FOREIGN,
}  # fmt: skip
"""Each kind of token, and the accounts that it lets its bearer see."""
ROUTES = {
    "show": ("GET", ""), "head": ("HEAD", ""), "account": ("GET", "/account"), "download": ("GET", "/download"),
    "download head": ("HEAD", "/download"), "linkage": ("GET", "/relationships/account"), "events": ("GET", "/events"),
    "delete": ("DELETE", ""),
}  # fmt: skip
OWN_TO_EACH_ANSWER = {"x-request-id", "x-runtime", "date", "set-cookie"}


@dataclass(frozen=True)
class World:
    """A completed and a pending export of every account."""

    api: Installation
    completed: Mapping[AccountId, ExportId]
    pending: Mapping[AccountId, ExportId]

    def token(self, kind: str) -> dict[str, str]:
        return {
            "access": self.api.bearer(ALL_OF_ACME),
            "access with a list": self.api.bearer(SPARE_OF_ACME),
            "dynamic": self.api.dynamic(ACME),
            "dynamic with a list": self.api.dynamic(ACME, SPARE),
            "cookie": self.api.cookie(ALL_OF_ACME),
            "cookie with a list": self.api.cookie(SPARE_OF_ACME),
            "dynamic with a list of others": self.api.dynamic(ACME, OTHERS),
            "other customer": self.api.bearer(ALL_OF_GLOBEX),
            "other customer, dynamic": self.api.dynamic(GLOBEX),
        }[kind]

    async def ask(self, kind: str, method: str, path: str) -> httpx2.Response:
        return await self.api.http.request(method, path, headers=self.token(kind))


@pytest.fixture(scope="module")
async def world(api: Installation) -> World:
    made = World(
        api,
        {owner: await api.export(owner) for owner in OWNERS},
        {owner: await api.export(owner, has_ended=False) for owner in OWNERS},
    )
    for owner, access_id in ((MAIN, ALL_OF_ACME), (SPARE, ALL_OF_ACME), (OTHERS, ALL_OF_GLOBEX)):
        await api.shown(made.completed[owner], "Completed", access_id)
        await api.shown(made.pending[owner], "Pending", access_id)
    return made


def likeness(answer: httpx2.Response, own: object) -> tuple[int, dict[str, str], str]:
    """What can be told from an answer, with the id that was asked for taken out."""
    headers = {name: value for name, value in answer.headers.items() if name not in OWN_TO_EACH_ANSWER}
    return answer.status_code, headers, answer.text.replace(str(own), "ID")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_may_not_be_seen_is_answered_as_what_does_not_exist(world: World, kind: str, route: str) -> None:
    method, suffix = ROUTES[route]
    unknown = old_id()
    expected = likeness(await world.ask(kind, method, f"{EXPORTS}/{unknown}{suffix}"), unknown)

    for owner in set(OWNERS) - KINDS[kind]:
        for export_id in world.completed[owner], world.pending[owner]:
            answer = await world.ask(kind, method, f"{EXPORTS}/{export_id}{suffix}")

            assert likeness(answer, export_id) == expected
            assert answer.status_code == 404
            assert method == "HEAD" or answer.json()["errors"][0]["title"] == "Record not found"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_may_be_seen_is_there_on_every_route(world: World, kind: str) -> None:
    for owner in KINDS[kind]:
        one = f"{EXPORTS}/{world.completed[owner]}"
        shown = [
            await world.ask(kind, method, one + suffix) for method, suffix in ROUTES.values() if method != "DELETE"
        ]
        file = await world.ask(kind, "GET", f"{one}/download")
        account = (await world.ask(kind, "GET", f"{one}/account")).json()

        assert [each.status_code for each in shown] == [200] * len(shown)
        assert file.content == CONTENT
        assert account["data"]["id"] == account_uuid(owner)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_list_holds_what_may_be_seen_and_counts_no_more(world: World, kind: str) -> None:
    owners = {owner for owner in KINDS[kind] if owner in world.completed}
    answer = (await world.ask(kind, "GET", f"{EXPORTS}?page[size]=1000&include=account")).json()
    listed = {each["id"] for each in answer["data"]}
    seen = {account_uuid(owner) for owner in owners}
    hidden = {str(ids[owner]) for ids in (world.completed, world.pending) for owner in set(OWNERS) - owners}

    assert listed >= {str(ids[owner]) for ids in (world.completed, world.pending) for owner in owners}
    assert not listed & hidden
    assert answer["meta"]["total-count"] == len(listed)
    assert {each["id"] for each in answer.get("included", [])} == seen


@pytest.mark.parametrize("kind", KINDS)
async def test_no_filter_of_a_list_reaches_beyond_what_may_be_seen(world: World, kind: str) -> None:
    for owner in set(OWNERS) - KINDS[kind]:
        for asked in (
            f"filter[account_id_eq]={account_uuid(owner)}",
            f"filter[account_id_in]={account_uuid(owner)}",
            f"filter[id]={world.completed[owner]}",
        ):
            answer = (await world.ask(kind, "GET", f"{EXPORTS}?{asked}")).json()

            assert (answer["data"], answer["meta"]) == ([], {"total-count": 0}), asked


@pytest.mark.parametrize("kind", KINDS)
async def test_accounts_are_those_of_the_token(world: World, kind: str) -> None:
    unknown = account_uuid(AccountId(123))
    expected = likeness(await world.ask(kind, "GET", f"{API}/accounts/{unknown}"), unknown)
    listed = (await world.ask(kind, "GET", f"{API}/accounts")).json()

    assert [each["id"] for each in listed["data"]] == sorted(map(account_uuid, KINDS[kind]))
    assert listed["meta"] == {"total-count": len(KINDS[kind])}
    for owner in OWNERS:
        answer = await world.ask(kind, "GET", f"{API}/accounts/{account_uuid(owner)}")
        if owner in KINDS[kind]:
            assert answer.json()["data"]["id"] == account_uuid(owner)
        else:
            assert likeness(answer, account_uuid(owner)) == expected


@pytest.mark.parametrize("kind", KINDS)
async def test_an_export_of_an_account_that_may_not_be_seen_cannot_be_asked_for(world: World, kind: str) -> None:
    headers = world.token(kind) | {"content-type": JSON_API}
    unknown = await world.api.http.post(EXPORTS, json=body(AccountId(123)), headers=headers)

    assert (unknown.status_code, unknown.json()["errors"][0]["detail"]) == (422, "account - is invalid")
    for owner in OWNERS:
        answer = await world.api.http.post(EXPORTS, json=body(owner), headers=headers)
        if owner in KINDS[kind]:
            assert answer.status_code == 201
        else:
            assert likeness(answer, "") == likeness(unknown, "")


@pytest.mark.parametrize("kind", KINDS)
async def test_only_what_may_be_seen_can_be_deleted(world: World, kind: str) -> None:
    for owner in KINDS[kind]:
        access_id = ALL_OF_GLOBEX if owner == OTHERS else ALL_OF_ACME
        own = await world.api.export(owner, has_ended=False)
        await world.api.shown(own, "Pending", access_id)

        assert (await world.ask(kind, "DELETE", f"{EXPORTS}/{own}")).status_code == 204
        assert (await world.ask(kind, "GET", f"{EXPORTS}/{own}")).json()["data"]["attributes"]["status"] == "Deleted"
    for owner, access_id in ((MAIN, ALL_OF_ACME), (SPARE, ALL_OF_ACME), (OTHERS, ALL_OF_GLOBEX)):
        await world.api.shown(world.completed[owner], "Completed", access_id)
