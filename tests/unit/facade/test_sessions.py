"""`/auth` (section 2.4): login for a token or a cookie, what a session may, logout; and the same 401 for everything else."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

import httpx2
import pytest

from cdr_exports.api.errors import ApiError
from cdr_exports.api.passwords import Cost, hash_password
from cdr_exports.api.reception import Reception
from cdr_exports.api.tokens import COOKIE, Authenticator, Issuer
from cdr_exports.domain.identity import ApiAccessId
from cdr_exports.facade import accounts, sessions
from cdr_exports.facade.app import build
from cdr_exports.runtime.metrics import Registry
from tests.unit.api.records import ACME, KEYS, LIFETIME, access, directory, now
from tests.unit.ingress.desk import client_of

AUTH = "/api/rest/customer/v1/auth"
PASSWORD = "open sesame"
JSON = {"content-type": "application/json"}
REFUSED = [{"title": "Authentication failed", "detail": "Incorrect login or password.", "code": "401", "status": "401"}]
UNAUTHORIZED = [
    {
        "title": "Authorization failed",
        "detail": "Authorization token expired or incorrect.",
        "code": "401",
        "status": "401",
    }
]


@cache
def password_hash() -> str:
    return hash_password(PASSWORD, cost=Cost(n=2, r=1, p=1))


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    people = directory()
    people.put_access(replace(access(15), login="anna", password_hash=password_hash(), allow_listen_recording=True))
    reception = Reception(authenticator=Authenticator(KEYS, people, now, LIFETIME), body_limit_bytes=65536)
    with ThreadPoolExecutor(1) as executor:
        door = sessions.Door(people, executor)
        routers = [
            sessions.router(reception=reception, door=door, issuer=Issuer(KEYS, now, LIFETIME)),
            accounts.router(reception=reception, directory=people),
        ]
        async with client_of(build(routers, Registry(service="test"))) as client:
            yield client


def login(**members: Any) -> bytes:
    return json.dumps({"auth": {"login": "anna", "password": PASSWORD, **members}}).encode()


def bearer(access_number: int) -> dict[str, str]:
    return {"authorization": f"Bearer {Issuer(KEYS, now, LIFETIME).for_access(ApiAccessId(access_number))}"}


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/vnd.api+json", "Application/JSON; charset=utf-8"]
)
async def test_a_login_gives_a_token_that_lets_its_bearer_in(http: httpx2.AsyncClient, media_type: str) -> None:
    response = await http.post(AUTH, content=login(), headers={"content-type": media_type})

    token = response.json()["jwt"]
    assert (response.status_code, list(response.json())) == (201, ["jwt"])
    assert "set-cookie" not in response.headers
    assert (await http.get(AUTH, headers={"authorization": token})).status_code == 200


@pytest.mark.parametrize("wish", [True, "true", 1])
async def test_a_login_may_begin_a_cookie_session_instead(http: httpx2.AsyncClient, wish: object) -> None:
    response = await http.post(AUTH, content=login(cookie_auth=wish), headers=JSON)

    assert (response.status_code, response.content) == (201, b"")
    (cookie,) = response.headers.get_list("set-cookie")
    assert cookie.startswith(f"{COOKIE}=ey")
    assert cookie.endswith("; path=/; expires=Mon, 03 Feb 2025 20:31:32 GMT; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize("wish", [None, False, "", 0, "false", "foo", [], {}])
async def test_no_cookie_is_set_unless_it_is_wished_for(http: httpx2.AsyncClient, wish: object) -> None:
    response = await http.post(AUTH, content=login(cookie_auth=wish), headers=JSON)

    assert "jwt" in response.json()
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*"])
async def test_a_login_is_answered_whatever_accept_says(http: httpx2.AsyncClient, accept: str) -> None:
    assert (await http.post(AUTH, content=login(), headers={**JSON, "accept": accept})).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"x"', b"null", b"\xff", b"[" * 99, b'{"auth":1e999}', b"{}", b'{"auth":null}', b'{"auth":[]}',
        b'{"auth":"x"}', b'{"auth":{}}', b'{"auth":{"login":"anna"}}', b'{"auth":{"password":"open sesame"}}',
        b'{"auth":{"login":["anna"],"password":"open sesame"}}', b'{"auth":{"login":"anna","password":1}}',
        b'{"auth":{"login":"anna","login":"anna","password":"open sesame"}}',
        b'{"login":"anna","password":"open sesame"}', login(password="wrong"), login(login="bert"), login(login=""),
        login(password=""), login(login="ANNA"), login(login="login-16"),
    ],
)  # fmt: skip
async def test_what_is_no_good_login_is_the_same_401(http: httpx2.AsyncClient, body: bytes) -> None:
    response = await http.post(AUTH, content=body, headers=JSON)

    assert (response.status_code, response.json()["errors"]) == (401, REFUSED)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "é"]
)
async def test_a_media_type_that_any_page_can_send_is_no_login(http: httpx2.AsyncClient, media_type: str) -> None:
    headers = [(b"content-type", media_type.encode())] if media_type else []

    response = await http.post(AUTH, content=login(), headers=headers)

    assert (response.status_code, response.json()["errors"]) == (401, REFUSED)


async def test_a_body_beyond_the_limit_is_a_413(http: httpx2.AsyncClient) -> None:
    assert (await http.post(AUTH, content=b" " * 65537, headers=JSON)).status_code == 413


async def test_an_unknown_login_costs_the_work_of_a_known_one() -> None:
    people, asked = directory(), []
    people.put_access(replace(access(15), login="anna", password_hash=password_hash()))

    def verify(password: str, expected: str | None) -> bool:
        asked.append((password, expected))
        return False

    with ThreadPoolExecutor(1) as executor:
        door = sessions.Door(people, executor, verify)
        for name in "anna", "bert":
            with pytest.raises(ApiError, match="Incorrect"):
                await door.access(sessions.Login(name, "x", wants_cookie=False))

    assert asked == [("x", password_hash()), ("x", None)]


async def test_passwords_are_checked_beside_the_event_loop_and_too_many_at_a_time_are_refused() -> None:
    goes_on, anna = threading.Event(), sessions.Login("anna", PASSWORD, wants_cookie=False)

    def verify(password: str, expected: str | None) -> bool:
        return goes_on.wait(30) and False

    with ThreadPoolExecutor(1) as executor:
        door = sessions.Door(directory(), executor, verify)
        waiting = [asyncio.create_task(door.access(anna)) for _ in range(sessions.MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError) as refused:
            await door.access(anna)
        goes_on.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    assert {type(each) for each in answers} == {ApiError}
    with pytest.raises(ApiError, match="Incorrect"), ThreadPoolExecutor(1) as executor:
        await sessions.Door(directory(), executor).access(anna)


@pytest.mark.parametrize(("number", "allowed"), [(15, True), (16, False)])
async def test_a_session_says_whether_recordings_may_be_heard(
    http: httpx2.AsyncClient, number: int, allowed: bool
) -> None:
    response = await http.get(AUTH, headers=bearer(number))

    assert (response.status_code, response.json()) == (200, {"allow-rec": allowed})
    assert response.headers["content-type"] == "application/vnd.api+json"
    assert "set-cookie" not in response.headers


async def test_a_dynamic_token_may_not_hear_recordings(http: httpx2.AsyncClient) -> None:
    token = Issuer(KEYS, now, LIFETIME).dynamic(ACME)

    assert (await http.get(AUTH, headers={"authorization": token})).json() == {"allow-rec": False}


async def test_no_session_is_the_401_of_every_route(http: httpx2.AsyncClient) -> None:
    response = await http.get(AUTH, headers={"accept": "text/html"})

    assert (response.status_code, response.json()["errors"]) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("cookie", ["", "junk", "good"])
async def test_logging_out_sets_one_cookie_that_ended_long_ago(http: httpx2.AsyncClient, cookie: str) -> None:
    session = bearer(15)["authorization"].removeprefix("Bearer ") if cookie == "good" else cookie

    response = await http.delete(AUTH, headers={"cookie": f"{COOKIE}={session}"} if cookie else {})

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers.get_list("set-cookie") == [
        f"{COOKIE}=logout; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax"
    ]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("auth", {}, 200), ("accounts", {}, 200), ("accounts?page=0", {}, 400), ("accounts", {"accept": "text/html"}, 406),
        ("accounts/00000000-0000-0000-0000-000000000000", {}, 404), ("accounts", {"if-none-match": "*"}, 304),
    ],
)  # fmt: skip
async def test_every_answer_of_a_cookie_session_renews_it_once(
    http: httpx2.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    session = bearer(15)["authorization"].removeprefix("Bearer ")

    response = await http.get(f"/api/rest/customer/v1/{path}", headers={"cookie": f"{COOKIE}={session}", **headers})

    assert response.status_code == status
    (cookie,) = response.headers.get_list("set-cookie")
    assert cookie.startswith(f"{COOKIE}=ey")


async def test_a_session_is_good_for_as_long_as_it_is_renewed(http: httpx2.AsyncClient) -> None:
    logged_in = await http.post(AUTH, content=login(cookie_auth=True), headers=JSON)
    first = logged_in.headers["set-cookie"].partition(";")[0]
    second = (await http.get(AUTH, headers={"cookie": first})).headers["set-cookie"].partition(";")[0]

    assert (await http.get(AUTH, headers={"cookie": second})).json() == {"allow-rec": True}


async def test_a_header_that_is_bad_is_not_rescued_by_a_good_cookie(http: httpx2.AsyncClient) -> None:
    session = bearer(15)["authorization"].removeprefix("Bearer ")

    response = await http.get(AUTH, headers={"cookie": f"{COOKIE}={session}", "authorization": "Bearer x"})

    assert response.status_code == 401
    assert "set-cookie" not in response.headers
