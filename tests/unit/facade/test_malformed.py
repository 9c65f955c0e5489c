"""Nothing that a client sends gives a 500: a generated corpus over the routes that need no store, seeded.

The requests go past any HTTP client, which would refuse to send some of them, straight into the application.
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from starlette.types import ASGIApp

from cdr_exports.api.tokens import COOKIE, Issuer
from cdr_exports.domain.identity import ApiAccessId
from cdr_exports.runtime.metrics import Registry
from tests.unit.api.records import KEYS, LIFETIME, account, now
from tests.unit.ingress.desk import LogInMemory, Options, ReadModelInMemory, application, body

SEED = 20261124
API = "/api/rest/customer/v1"
EXPECTED = {200, 201, 204, 304, 400, 401, 404, 406, 413, 415, 422}
KNOWN = str(UUID(int=7))
NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 10**18, -(10**19 - 1), 1e308, "", " ", "\0", "\ud800", "\U0001f600",
    "x" * 5000, "{}", "%s{0}", [], [[]], {}, {"": None}, {"type": {}}, ["accounts"], "infinity", "2025-02-30",
    "0000-00-00", "9999-12-31T23:59:59-23:59", "2025-01-01T00:00:00+99:99", "1" * 400, "null", "\r\nx: y",
    "../..", "accounts", "cdr-exports",
)  # fmt: skip
NASTY_BYTES = (
    b"", b" ", b"\x00", b"\xff\xfe", b"\xe9", b"a" * 9000, b"*/*;q=", b",,,", b"=", b";", b"a=b; a=b", b'"',
    b'W/"', b"%", b"%ff", b"-1", b"9" * 5000, b"1:1", b":", b"9999999999999999999:0", b"Bearer",
    b"Bearer a.b.c", b"application/vnd.api+json", b"{jwt}", b"application/json",
    b"multipart/form-data; boundary=x", b"\xf0\x9f\x98\x80",
)  # fmt: skip
HEADERS = (
    b"authorization", b"content-type", b"accept", b"cookie", b"idempotency-key", b"export-position",
    b"if-none-match", b"x-request-id", b"host", b"content-length", b"content-encoding", b"x-forwarded-proto",
    b"range",
)  # fmt: skip
QUERIES = (
    b"fields", b"fields[]=a", b"fields[cdr-exports]=%ff", b"fields[cdr-exports][x]=1",
    b"fields[accounts]=name,", b"include[]=a", b"include=a,b.c", b"include[a][b]=1", b"include=%22",
    b"page[number]=-1", b"page[size]=1e9", b"page[]=1", b"page=%00", b"[a]=b", b"[[[", b"a[b]c=d",
    b"filter[a]=1&filter=2", b"filter[]=1", b"x" * 3000, b"a" + b"[b]" * 20, b"=", b"&&&",
    b"fields[cdr-exports]=", b"page[number]=99999999999999999999999999999999", b"sort=-,-",
    b"fields[cdr-exports]=status&fields[cdr-exports]=id",
)  # fmt: skip
PATHS = (
    "/cdr-exports", f"/cdr-exports/{KNOWN}", "/cdr-exports/%00", "/cdr-exports/", "/cdr-exports.json/", "/auth",
    "/auth/", "/accounts", f"/accounts/{account(71).account_uuid}", f"/accounts/{KNOWN}", "/accounts/%ff",
    "/accounts/..%2f", "", "/%F0%9F%98%80",
)  # fmt: skip
METHODS = ("POST", "POST", "POST", "GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "get", "\u00e9")


@dataclass(frozen=True)
class Case:
    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    async def to(self, app: ASGIApp) -> tuple[int, dict[bytes, bytes], bytes]:
        scope = {
            "type": "http", "http_version": "1.1", "method": self.method, "scheme": "http", "path": unquote(self.path),
            "raw_path": self.path.encode(), "query_string": self.query, "headers": self.headers, "server": ("h", 80),
        }  # fmt: skip
        sent: list[MutableMapping[str, Any]] = []
        pieces = [self.body[:100], self.body[100:]]

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), b"".join(each.get("body", b"") for each in sent[1:])


def cases(chance: random.Random, requests: int, paths: Sequence[str] = PATHS) -> Iterator[Case]:
    token = Issuer(KEYS, now, LIFETIME).for_access(ApiAccessId(15)).encode()
    for _ in range(requests):
        headers = {b"authorization": token, b"content-type": b"application/vnd.api+json", b"host": b"h"}
        for _ in range(chance.choice((0, 0, 1, 1, 2))):
            name, value = chance.choice(HEADERS), chance.choice(NASTY_BYTES).replace(b"{jwt}", token)
            headers[name] = value
            if name == b"cookie":
                headers = {b"cookie": COOKIE.encode() + b"=" + chance.choice((token, value))} | headers
                headers.pop(b"authorization", None)
        yield Case(
            method=chance.choice(METHODS),
            path=API + chance.choice(paths)
            if chance.random() < 0.5
            else f"{API}/{chance.choice(('cdr-exports', 'auth'))}",
            query=b"&".join(chance.choices(QUERIES, k=chance.choice((0, 0, 0, 1, 2)))),
            headers=list(headers.items()),
            body=content(chance),
        )


def content(chance: random.Random) -> bytes:
    """A good body with something put into it, or its bytes torn."""
    sent: Any = body() if chance.random() < 0.9 else {"auth": {"login": "login-15", "password": "x"}}
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        place = sent
        while isinstance(place, dict) and place:
            name = chance.choice(list(place))
            if chance.random() < 0.4 or not isinstance(place[name], dict):
                place[chance.choice((name, name, "foo", "", "time_start_gteq", "success_eq"))] = copy.deepcopy(
                    chance.choice(NASTY)
                )
                break
            place = place[name]
    made = json.dumps(sent).encode()
    match chance.randrange(8):
        case 0:
            return made[: chance.randrange(len(made))]
        case 1:
            at = chance.randrange(len(made))
            return (
                made[:at] + chance.choice((b"\xff", b"\x00", b"\\ud800", b'"', b"[" * 50, b"NaN", b"1e999")) + made[at:]
            )
        case 2:
            return made.replace(b'"type"', b'"data": 1, "type"').replace(b"71", b"7" * 30)
        case 3:
            return made + b" " * chance.choice((0, 70_000))
        case _:
            return made


async def statuses(app: ASGIApp, corpus: Iterator[Case]) -> Counter[int]:
    """How often each status was answered; fails for one that is not to be, and for an error that is no document."""
    seen: Counter[int] = Counter()
    for number, case in enumerate(corpus):
        status, headers, answer = await case.to(app)
        seen[status] += 1
        assert status in EXPECTED, f"seed {SEED}, request {number}: {status} for {case}"
        if status >= 400 and case.method != "HEAD":
            errors = json.loads(answer)["errors"]
            assert headers[b"content-type"] == b"application/vnd.api+json"
            assert errors[0]["status"] == str(status)
            assert all({"title", "detail", "code", "status"} <= each.keys() for each in errors)
    return seen


async def test_nothing_that_a_client_sends_gives_a_500() -> None:
    log, registry = LogInMemory(), Registry(service="test")
    app = application(log, registry, ReadModelInMemory(log), Options(pending_limit=10**6))

    seen = await statuses(app, cases(random.Random(SEED), 3000))

    assert seen.keys() >= {200, 201, 400, 401, 404, 406, 413, 415, 422}
    assert len(log.records) == seen[201]
