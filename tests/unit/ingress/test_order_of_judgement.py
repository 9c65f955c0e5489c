"""Section 1.1, pair by pair: a request with two faults is told the earlier one; and every error of 1.3 can be met."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import httpx2
import pytest

from cdr_exports.api.errors import Catalogue
from cdr_exports.facade.app import build
from cdr_exports.runtime.metrics import Registry
from tests.unit.ingress.desk import PATH, Desk, LogInMemory, body, client_of, desk_on


@dataclass(frozen=True)
class Sent:
    """A POST; `members` are merged into the good body."""

    path: str = PATH
    query: str = ""
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop_data: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    async def to(self, desk: Desk[LogInMemory]) -> httpx2.Response:
        sent = body(**self.attributes)
        sent["data"] |= self.data
        if self.drop_data:
            del sent["data"]
        content = json.dumps(sent).encode() if self.content is None else self.content
        return await desk.post(content, path=self.path + (f"?{self.query}" if self.query else ""), **self.headers)


def header(**values: str) -> Callable[[Sent], Sent]:
    return lambda sent: replace(sent, headers={**sent.headers, **values})


def asked(text: str) -> Callable[[Sent], Sent]:
    return lambda sent: replace(sent, query=f"{sent.query}&{text}".strip("&"))


STEPS: dict[str, tuple[Callable[[Sent], Sent], tuple[int, str, str]]] = {
    "route": (lambda sent: replace(sent, path="/no/such"), (404, "404", "Not found")),
    "length": (lambda sent: replace(sent, content=b" " * 65537), (413, "413", "Payload too large")),
    "token": (header(authorization="x"), (401, "401", "Authorization failed")),
    "content type": (header(content_type="text/plain"), (415, "415", "Unsupported media type")),
    "accept": (header(accept="text/html"), (406, "406", "Not acceptable")),
    "JSON": (lambda sent: replace(sent, content=sent.content or b"{"), (400, "400", "Bad Request")),
    "key": (header(idempotency_key="x" * 256), (400, "400", "Bad Request")),
    "fields": (asked("fields[foo]=x"), (400, "101", "Invalid resource")),
    "include": (asked("include=foo"), (400, "112", "Invalid field")),
    "data": (lambda sent: replace(sent, drop_data=True), (400, "106", "Missing Parameter")),
    "type": (lambda sent: replace(sent, data={**sent.data, "type": "cdrs"}), (400, "101", "Invalid resource")),
    "member": (lambda sent: replace(sent, attributes={**sent.attributes, "foo": 1}), (400, "105", "Param not allowed")),
    "linkage": (
        lambda sent: replace(sent, data={**sent.data, "relationships": {"account": {"data": "x"}}}),
        (400, "115", "Invalid Links Object"),
    ),
    "validation": (
        lambda sent: replace(sent, attributes={**sent.attributes, "time_format": "x"}),
        (422, "100", "is not included in the list: with_timezone, without_timezone, round_to_seconds"),
    ),
    "quota": (lambda sent: sent, (429, "429", "Too many requests")),
}
"""Each step of judging a POST, in order: how to fail it, and what is said then."""


def told(response: httpx2.Response) -> tuple[int, str, str]:
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error["title"]


@pytest.fixture
async def full() -> Any:
    """A desk where the account has as many exports as it may."""
    async with desk_on(LogInMemory(), pending_limit=1) as desk:
        await desk.post(body())
        yield desk


@pytest.mark.parametrize(("earlier", "later"), list(combinations(STEPS, 2)))
async def test_of_two_faults_the_earlier_is_told(full: Desk[LogInMemory], earlier: str, later: str) -> None:
    sent = Sent()
    for name in later, earlier:
        sent = STEPS[name][0](sent)

    assert told(await sent.to(full)) == STEPS[earlier][1]
    assert len(full.log.records) == 1


@pytest.mark.parametrize("step", STEPS)
async def test_each_fault_alone_is_told(full: Desk[LogInMemory], step: str) -> None:
    assert told(await STEPS[step][0](Sent()).to(full)) == STEPS[step][1]


READS = {Catalogue.INVALID_FILTER_VALUE, Catalogue.INVALID_SORT}
"""Only lists of exports tell these."""
UNKNOWN = "0195abcd-0000-7000-8000-00000000000a"
ACCOUNTS = "/api/rest/customer/v1/accounts"


def linked(**linkage: object) -> dict[str, Any]:
    return {"data": {"type": "cdr-exports", "relationships": {"account": {"data": linkage}}}}


MET: dict[Catalogue, tuple[Any, str]] = {
    Catalogue.AUTHORIZATION_FAILED: (
        lambda desk: desk.post(body(), authorization="x"),
        "Authorization token expired or incorrect.",
    ),
    Catalogue.AUTHENTICATION_FAILED: (
        lambda desk: desk.http.post("/api/rest/customer/v1/auth"),
        "Incorrect login or password.",
    ),
    Catalogue.RECORD_NOT_FOUND: (
        lambda desk: desk.delete(UNKNOWN),
        f"The record identified by {UNKNOWN} could not be found.",
    ),
    Catalogue.NO_ROUTE: (lambda desk: desk.http.put(PATH), f"No route matches PUT {PATH}."),
    Catalogue.NOT_ACCEPTABLE: (
        lambda desk: desk.post(body(), accept="application/vnd.api+json; charset=utf-8"),
        (
            "All requests must use the 'application/vnd.api+json' Accept without media type parameters. "
            "This request specified 'application/vnd.api+json; charset=utf-8'."
        ),
    ),
    Catalogue.UNSUPPORTED_MEDIA_TYPE: (
        lambda desk: desk.post(body(), content_type="text/plain; charset=utf-8"),
        (
            "All requests that create or update must use the 'application/vnd.api+json' Content-Type. "
            "This request specified 'text/plain'."
        ),
    ),
    Catalogue.PAYLOAD_TOO_LARGE: (
        lambda desk: desk.post(b" " * 65537),
        "Request body must not exceed 65536 bytes.",
    ),
    Catalogue.BAD_REQUEST: (lambda desk: desk.post(b"[NaN]"), "NaN is not JSON."),
    Catalogue.NOT_A_HASH: (lambda desk: desk.post([]), "Request must be a hash"),
    Catalogue.BAD_IDEMPOTENCY_KEY: (
        lambda desk: desk.post(body(), idempotency_key="x" * 256),
        "Idempotency-Key must be 1 to 255 printable ASCII characters",
    ),
    Catalogue.MISSING_PARAMETER: (lambda desk: desk.post({}), "The required parameter, data, is missing."),
    Catalogue.INVALID_DATA_FORMAT: (lambda desk: desk.post({"data": "x"}), "Data must be a hash."),
    Catalogue.INVALID_RESOURCE: (lambda desk: desk.post({"data": {"type": "x"}}), "x is not a valid resource."),
    Catalogue.PARAM_NOT_ALLOWED: (lambda desk: desk.post(body(status=1)), "status is not allowed."),
    Catalogue.INVALID_LINKS_OBJECT: (
        lambda desk: desk.post(linked(type="accounts")),
        "Data is not a valid Links Object.",
    ),
    Catalogue.TYPE_MISMATCH: (
        lambda desk: desk.post(linked(type="account", id="x")),
        "account is not a valid type for this operation.",
    ),
    Catalogue.INVALID_FIELD_VALUE: (
        lambda desk: desk.post(linked(type="accounts", id="x")),
        "x is not a valid value for id.",
    ),
    Catalogue.FILTER_NOT_ALLOWED: (
        lambda desk: desk.request("GET", f"{ACCOUNTS}?filter[name-eq]=x"),
        "name_eq is not allowed.",
    ),
    Catalogue.INVALID_FILTERS_SYNTAX: (
        lambda desk: desk.request("GET", f"{ACCOUNTS}?filter=abc"),
        "abc is not a valid syntax for filtering.",
    ),
    Catalogue.INVALID_PAGE_VALUE: (
        lambda desk: desk.request("GET", f"{ACCOUNTS}?page=abc"),
        "0 is not a valid value for number page parameter.",
    ),
    Catalogue.PAGE_TOO_LARGE: (
        lambda desk: desk.request("GET", f"{ACCOUNTS}?page[size]=1001"),
        "size exceeds maximum page size of 1000.",
    ),
    Catalogue.INVALID_FIELD_FORMAT: (
        lambda desk: desk.post(body(), path=f"{PATH}?fields=status"),
        "Fields must specify a type.",
    ),
    Catalogue.INVALID_FIELD: (
        lambda desk: desk.post(body(), path=f"{PATH}?fields[cdr-exports]="),
        "nil is not a valid field for cdr-exports.",
    ),
    Catalogue.INVALID_INCLUDE: (
        lambda desk: desk.post(body(), path=f"{PATH}?include=x"),
        "x is not a valid relationship of cdr-exports",
    ),
    Catalogue.TOO_MANY_REQUESTS: (lambda desk: desk.post(body()), "Account has 1 exports that have not ended."),
    Catalogue.SERVICE_UNAVAILABLE: (
        lambda desk: desk.post(body(account_number=72)),
        "The request log is unavailable, try again later.",
    ),
}


@pytest.mark.parametrize("entry", MET, ids=lambda entry: entry.name)
async def test_every_error_of_the_catalogue_can_be_met(full: Desk[LogInMemory], entry: Catalogue) -> None:
    ask, detail = MET[entry]
    full.log.is_away = True

    response = await ask(full)

    row = entry.value
    assert response.json() == {
        "errors": [{"title": row.title, "detail": detail, "code": row.code, "status": str(row.status)}]
    }
    assert response.status_code == row.status
    assert ("retry-after" in response.headers) is (row.status in (429, 503))


def test_no_error_of_the_catalogue_is_left_out() -> None:
    assert MET.keys() | READS | {Catalogue.INTERNAL} == set(Catalogue)


async def test_a_facade_without_routes_has_none() -> None:
    async with client_of(build([], Registry(service="test"))) as http:
        assert (await http.get(PATH)).status_code == 404
