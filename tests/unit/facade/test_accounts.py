"""`/accounts` and `/accounts/{uuid}` (sections 0.12, 5.1, 5.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import Authenticator, Issuer
from cdr_exports.domain.identity import ApiAccessId
from cdr_exports.facade import accounts
from cdr_exports.facade.app import build
from cdr_exports.runtime.metrics import Registry
from tests.unit.api.records import KEYS, LIFETIME, account, directory, now
from tests.unit.ingress.desk import client_of

PATH = "/api/rest/customer/v1/accounts"
BASE = "http://api.test:8080/api/rest/customer/v1/accounts"
UUID_71, UUID_72, UUID_81 = (account(number).account_uuid for number in (71, 72, 81))


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    people = directory()
    reception = Reception(authenticator=Authenticator(KEYS, people, now, LIFETIME), body_limit_bytes=65536)
    async with client_of(
        build([accounts.router(reception=reception, directory=people)], Registry(service="test"))
    ) as client:
        client.headers["authorization"] = Issuer(KEYS, now, LIFETIME).for_access(ApiAccessId(15))
        yield client


def spare(token_of: int) -> dict[str, str]:
    return {"authorization": Issuer(KEYS, now, LIFETIME).for_access(ApiAccessId(token_of))}


async def test_an_account_shows_all_that_the_directory_says_of_it(http: httpx2.AsyncClient) -> None:
    response = await http.get(f"{PATH}/{UUID_71.upper()}")

    assert response.status_code == 200
    assert response.text == (
        '{"data":{"id":"' + UUID_71 + '","type":"accounts","links":{"self":"' + f"{BASE}/{UUID_71}" + '"},"attributes":'
        '{"name":"Acme main","balance":"100.50","min-balance":"0.0","max-balance":"1000.0","destination-rate-limit":null,'
        '"origination-capacity":10,"termination-capacity":null,"total-capacity":null,"currency":"USD"}}}'
    )


async def test_the_list_holds_the_visible_accounts_by_name_with_links(http: httpx2.AsyncClient) -> None:
    document = (await http.get(PATH)).json()

    assert [each["id"] for each in document["data"]] == [UUID_71, UUID_72]
    assert document["meta"] == {"total-count": 2}
    page = "page%5Bnumber%5D=1&page%5Bsize%5D=50"
    assert document["links"] == {"first": f"{BASE}?{page}", "last": f"{BASE}?{page}"}
    assert list(document) == ["data", "meta", "links"]


async def test_a_token_for_some_accounts_sees_those(http: httpx2.AsyncClient) -> None:
    document = (await http.get(PATH, headers=spare(16))).json()

    assert [each["attributes"]["name"] for each in document["data"]] == ["Acme spare"]


@pytest.mark.parametrize(
    ("query", "names", "links"),
    [
        ("page[size]=1", ["Acme main"], ["first", "next", "last"]),
        ("page[size]=1&page[number]=2", ["Acme spare"], ["first", "prev", "last"]),
        ("page=2", [], ["first", "prev", "last"]),
        ("page[number]=9999999999999999999999", [], ["first", "prev", "last"]),
    ],
)
async def test_it_pages_as_the_list_of_exports_does(
    http: httpx2.AsyncClient, query: str, names: list[str], links: list[str]
) -> None:
    document = (await http.get(f"{PATH}?{query}")).json()

    assert [each["attributes"]["name"] for each in document["data"]] == names
    assert list(document["links"]) == links


async def test_fields_choose_the_attributes_and_stay_in_the_links(http: httpx2.AsyncClient) -> None:
    document = (await http.get(f"{PATH}?fields[accounts]=currency,name&foo=1")).json()

    assert document["data"][0]["attributes"] == {"name": "Acme main", "currency": "USD"}
    assert "fields%5Baccounts%5D=currency%2Cname&page" in document["links"]["first"]
    assert "foo" not in document["links"]["first"]


@pytest.mark.parametrize("suffix", ["", f"/{UUID_71}"])
@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("fields=name", [("119", "Fields must specify a type.")]),
        ("fields[accounts]=status&include=x", [("104", "status is not a valid field for accounts.")]),
        ("include=customer", [("112", "customer is not a valid relationship of accounts")]),
        ("filter[name-eq]=x", [("102", "name_eq is not allowed.")]),
        ("filter=x", [("120", "x is not a valid syntax for filtering.")]),
        ("include=x&filter[a]=1", [("112", "x is not a valid relationship of accounts"), ("102", "a is not allowed.")]),
    ],
)
async def test_faults_of_the_query_are_those_of_every_list(
    http: httpx2.AsyncClient, suffix: str, query: str, errors: list[tuple[str, str]]
) -> None:
    response = await http.get(f"{PATH}{suffix}?{query}")

    assert response.status_code == 400
    assert [(each["code"], each["detail"]) for each in response.json()["errors"]] == errors


async def test_a_bad_page_is_told_with_the_others(http: httpx2.AsyncClient) -> None:
    response = await http.get(f"{PATH}?page[size]=1001&include=x")

    assert [each["code"] for each in response.json()["errors"]] == ["112", "118"]


@pytest.mark.parametrize("uuid", [UUID_81, account(99).account_uuid], ids=["of another customer", "unknown"])
async def test_what_is_not_visible_does_not_exist(http: httpx2.AsyncClient, uuid: str) -> None:
    response = await http.get(f"{PATH}/{uuid}")

    assert response.status_code == 404
    assert error_of(response)["detail"] == f"The record identified by {uuid} could not be found."


async def test_an_account_that_the_token_does_not_list_does_not_exist(http: httpx2.AsyncClient) -> None:
    assert (await http.get(f"{PATH}/{UUID_71}", headers=spare(16))).status_code == 404


@pytest.mark.parametrize("path", [f"{PATH}/71", f"{PATH}/{UUID_71}/x"])
async def test_other_paths_are_no_routes_and_need_no_token(http: httpx2.AsyncClient, path: str) -> None:
    response = await http.get(path, headers={"authorization": "x"})

    assert error_of(response)["detail"] == f"No route matches GET {path}."


async def test_head_and_conditional_requests_work(http: httpx2.AsyncClient) -> None:
    got = await http.get(PATH)
    headed = await http.head(PATH)
    known = await http.get(PATH, headers={"if-none-match": got.headers["etag"]})

    assert (headed.status_code, headed.content, headed.headers["etag"]) == (200, b"", got.headers["etag"])
    assert (known.status_code, known.content) == (304, b"")


def error_of(response: httpx2.Response) -> Any:
    (error,) = response.json()["errors"]
    return error
