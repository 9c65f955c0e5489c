"""Requests that no honest client sends, as bytes: the same ones every time for one seed.

Each family takes a good request apart in one way: the body, the JSON in it, headers, the path, the query string, the
token, the range. `is_http` is False for what a server may refuse before any application sees it.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from cdr_exports.api.tokens import COOKIE
from cdr_exports.facade.openapi_parameters import filter_names
from tests.integration.api_contract.installation import API, EXPORTS, JSON_API, body

LIMIT_BYTES = 65536
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, -0.0, 1e308, 2**31, 2**63, 10**18, "", " ", "\0", "\x7f", "\u2028", "\U0001f600",
    "x" * 3000, "{}", "[]", "null", "%s%n{0}", "${jndi:x}", "'; DROP TABLE exports --", "<script>", "\r\nSet-Cookie: a=b",
    "../../etc/passwd", "infinity", "-infinity", "now", "2025-02-30", "0000-00-00", "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01", "2025-01-01T00:00:00+99:99", "2025-01-01T24:00:00Z", "1" * 400, "NaN", [], [[]], [None], {}, {"": None},
    {"a": {"b": {"c": 1}}}, ["accounts"], "accounts", "cdr-exports", "e\u0301", "\ufeff2025-01-01", "\u0662\u0660\u0662\u0665",
)  # fmt: skip
HEADER_VALUES = (
    b"", b" ", b"\t", b"\xff\xfe", b"\xe9", b"a" * 8000, b"*/*;q=", b",,,", b"=", b";", b'"', b'W/"', b"%00", b"-1", b"1e9",
    b"9" * 4000, b"Bearer", b"Bearer a.b.c", b"a.b.c", b"..", b"application/json", b"application/vnd.api+json;a=b",
    b"application/vnd.api+json, text/html", b"text/html;q=0.1,*/*", b"multipart/form-data; boundary=x", b"gzip, br",
    b"\xf0\x9f\x98\x80", b"bytes=0-1", b"null", b"{}", b"${jndi:ldap://x}", b"a,b,c," * 500,
)  # fmt: skip
HEADERS = (
    "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Content-Encoding", "Content-Type", "Cookie",
    "Export-Position", "Forwarded", "Host", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
    "Last-Event-ID", "Origin", "Range", "Referer", "TE", "Upgrade-Insecure-Requests", "User-Agent", "X-Forwarded-For",
    "X-Forwarded-Host", "X-Forwarded-Proto", "X-HTTP-Method-Override", "X-Original-URL", "X-Request-Id",
)  # fmt: skip
QUERY_VALUES = (
    "", "%00", "%ff", "%", "%zz", "%F0%9F%98%80", "a,b,c", ",", ",,,", "%22", "%22a", "a%22b%22", "x" * 2000, "1e9", "-1",
    "0", "9" * 50, "null", "true", "2025-13-45", "2025-01-01T00:00:00+99:99", "infinity", "%27%3B--", "%25", "_", "%5C",
    "+", "%0d%0aX:y", "Pending", "Pending,Deleted", "-id", "--id", "id,-id,id", "account", "account.account", "Europe/Kyiv",
    "00000000-0000-0000-0000-000000000000", "with_timezone", "1" * 400 + ".5", "NaN", "%D9%A1",
)  # fmt: skip
RANGES = (
    "bytes=0-", "bytes=-0", "bytes=-1", "bytes=5-1", "bytes=0-0,2-3", "bytes=" + "9" * 50 + "-", "bytes=-" + "9" * 50,
    "bytes=0-" + "9" * 5000, "bytes", "bytes=", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=0-1" + ",0-1" * 1000,
    "bytes=0x0-0x1", "bytes= 0 - 1", "bytes=+0-+1", "bytes=1-1", "BYTES=0-1", "bytes=\u0660-\u0661", "bytes=0-0-0",
)  # fmt: skip


NUMBERS = ("9" * 19, "9" * 20, "1e999", "-1e999", "NaN", "-Infinity", "01", "1.", "1" * 60_000)
ESCAPES = ("\\ud800", "\\udc00\\ud800", "\\u0000", "\\x", "\\u12")


@dataclass(frozen=True)
class Case:
    method: str = "GET"
    target: str = EXPORTS
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    body: bytes = b""
    is_http: bool = True
    is_chunked: bool = False

    def wire(self) -> bytes:
        """What goes over the connection, which the server is to close."""
        named = {name.lower() for name, _ in self.headers}
        lines = [f"{self.method} {self.target} HTTP/1.1".encode("utf-8", "surrogatepass")]
        lines += [name.encode() + b": " + value for name, value in self.headers]
        if "host" not in named:
            lines.append(b"Host: api.test")
        if self.is_chunked:
            lines.append(b"Transfer-Encoding: chunked")
            pieces = [self.body[at : at + 1000] for at in range(0, len(self.body), 1000)]
            sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        else:
            sent = self.body
            if self.body and "content-length" not in named:
                lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"Connection: close", b"", b""]) + sent


@dataclass(frozen=True)
class Corpus:
    """`ids` are those of a finished export and of one that may be deleted; `token` is a good one for them and `account`."""

    token: str
    ids: tuple[str, ...]
    account: str
    chance: random.Random

    def cases(self, each_family: int) -> Iterator[tuple[str, Case]]:
        """The cases with the name of their family."""
        families: list[Callable[[], Case]] = [
            self.values, self.texts, self.framing, self.header, self.path, self.query, self.filters, self.credentials,
            self.range, self.login,
        ]  # fmt: skip
        for family in families:
            for _ in range(each_family):
                yield family.__name__, family()

    def values(self) -> Case:
        """A good body with up to three values put in the place of others, or beside them."""
        sent: Any = body()
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            place = sent
            while True:
                name = self.chance.choice(list(place))
                if not (isinstance(place[name], dict) and place[name]) or self.chance.random() < 0.15:
                    break
                place = place[name]
            others = (
                "success_eq",
                "duration_eq",
                "src_prefix_routing_eq",
                "is_last_cdr_eq",
                "file-format",
                "id",
                "foo",
                "",
            )
            place[self.chance.choice((name, name, *others))] = self.chance.choice(VALUES)
        return self._post(json.dumps(sent).encode())

    def texts(self) -> Case:
        """JSON that is none, or one of a kind: torn, too deep, too long, too many digits, names twice, not UTF-8."""
        good = json.dumps(body())
        deep = self.chance.choice((15, 16, 17, 200, 30_000))
        made: list[Callable[[], bytes]] = [
            partial(self._torn, good.encode()),
            lambda: good.encode()[: self.chance.randrange(len(good))],
            lambda: b"[" * deep + b"]" * deep,
            lambda: b'{"a":' * deep + b"1" + b"}" * deep,
            lambda: b'{"data":' + b"[" * deep,
            lambda: b'[{"a":' * (deep // 2),
            lambda: b'"' + b"\\" * self.chance.choice((1, 2, 60_001)),
            lambda: good.replace('"type"', '"type": "accounts", "type"', 1).encode(),
            lambda: good.replace('"filters"', '"filters": {}, "filters"', 1).encode(),
            lambda: good.replace('"2025-01-01"', self.chance.choice(NUMBERS)).encode(),
            lambda: good.encode(self.chance.choice(("utf-16", "utf-32", "utf-8-sig"))),
            lambda: good.replace("2025", self.chance.choice(ESCAPES)).encode(),
            lambda: json.dumps({f"k{n}": n for n in range(self.chance.choice((255, 256, 257, 5000)))}).encode(),
            lambda: good.ljust(self.chance.choice((LIMIT_BYTES - 1, LIMIT_BYTES, LIMIT_BYTES + 1, 10 * LIMIT_BYTES))).encode(),
            lambda: json.dumps(self.chance.choice(VALUES)).encode(),
            lambda: gzip.compress(b"0" * 10_000_000),
            lambda: self.chance.choice((b"", b" ", b"\0", b"\xff", b"\xef\xbb\xbf", b"//", b"{", b"}", b"{}", b"nul", b"'a'")),
            lambda: bytes(self.chance.randrange(256) for _ in range(self.chance.randrange(300))),
        ]  # fmt: skip
        return self._post(self.chance.choice(made)())

    def framing(self) -> Case:
        """A body that is more, less or other than its headers say."""
        good, size = self._post(json.dumps(body()).encode()), self.chance.choice((b"0", b"5", b"99999999", b"9" * 30))
        broken = [
            replace(good, headers=[*good.headers, ("Content-Length", size)], is_http=False),
            replace(good, headers=[*good.headers, ("Content-Length", b"-1")], is_http=False),
            replace(good, headers=[*good.headers, ("Content-Length", b"1"), ("Content-Length", b"2")], is_http=False),
            replace(good, headers=[*good.headers, ("Content-Length", b"abc")], is_http=False),
            replace(good, headers=[*good.headers, ("Content-Length", b"5")], is_chunked=True, is_http=False),
            replace(good, headers=[*good.headers, ("Transfer-Encoding", b"chunked")], is_http=False),
            replace(good, headers=[*good.headers, ("Expect", b"100-continue")], is_http=False),
            replace(good, method=self.chance.choice(("FOO", "get", "P\x00ST", "")), is_http=False),
            replace(good, headers=[*good.headers, ("Folded", b"a\r\n b")], is_http=False),
            replace(good, headers=[*good.headers, ("Bad\x00Name", b"a")], is_http=False),
            replace(good, target=self.chance.choice(("", "*", "x y", "http://other.test" + EXPORTS, "\u00e9")), is_http=False),
            replace(good, headers=[*good.headers, *((f"X-{n}", b"a" * 50) for n in range(300))], is_http=False),
            replace(good, body=b"[" * (LIMIT_BYTES * 2), is_chunked=True),
            replace(good, is_chunked=True),
            replace(good, method=self.chance.choice(METHODS), is_chunked=True),
            replace(good, headers=[*good.headers, ("Content-Encoding", b"gzip")], body=gzip.compress(good.body)),
        ]  # fmt: skip
        return self.chance.choice(broken)

    def header(self) -> Case:
        """One or two headers with something in them, on any route, with the good ones or in their place."""
        names = self.chance.sample(HEADERS, k=self.chance.choice((1, 1, 2)))
        odd = [(name, self.chance.choice(HEADER_VALUES)) for name in names]
        case = self._any_route()
        kept = case.headers if self.chance.random() < 0.3 else [each for each in case.headers if each[0] not in names]
        return replace(case, headers=[*kept, *odd])

    def path(self) -> Case:
        """A path that is nearly one, or nothing like one. A DELETE may hit."""
        doomed = self.ids[1]
        odd = self.chance.choice((
            "%00", "%2e%2e", "..%2f..", "%ff", "%F0%9F%98%80", "%", "%zz", "123", "", "/", "//", ".json", "..", ";a=b",
            "a" * 6000, "{" + doomed + "}", "urn:uuid:" + doomed, doomed.upper(), doomed.replace("-", ""),
            doomed + "%0a", doomed + "%20", doomed + ".json.json", doomed + "//download", "download",
            "%E2%80%90".join(doomed.split("-")), quote("\u0661" * 8) + doomed[8:], "events", "relationships/foo",
        ))  # fmt: skip
        where = self.chance.choice((
            f"{EXPORTS}/{odd}", f"{EXPORTS}/{doomed}/{odd}", f"{EXPORTS}{odd}", f"{API}/{odd}", f"{API}/accounts/{odd}",
            f"{API}/auth/{odd}", f"/{odd}", f"{EXPORTS}/{odd}/download", f"{EXPORTS}/{odd}/events", f"/docs/{odd}",
        ))  # fmt: skip
        return self._with_token(method=self.chance.choice(METHODS), target=where)

    def query(self) -> Case:
        """A query string of odd names and values, on any route."""
        names = (
            "fields", "fields[]", "fields[cdr-exports]", "fields[accounts]", "fields[cdr-exports][]", "fields[x]", "include",
            "include[]", "sort", "sort[]", "sort[a]", "page", "page[number]", "page[size]", "page[]", "page[a][b]", "filter",
            "filter[]", "filter[x]", "filter[id][]", "filter[status_in][]", "[a]", "[[", "a" + "[b]" * 20, "%ff", "%00", "",
        )  # fmt: skip
        pairs = [
            f"{self.chance.choice(names)}={self.chance.choice(QUERY_VALUES)}" for _ in range(self.chance.randint(1, 4))
        ]
        joined = self.chance.choice(("&", "&", "&&", ";")).join(pairs)
        return self._asked(joined)

    def filters(self) -> Case:
        """Filters of the list by their right names, and values of all kinds."""
        names = self.chance.choices(filter_names(), k=self.chance.choice((1, 1, 2, 5)))
        forms = (
            lambda name: name,
            lambda name: name.replace("_", "-"),
            lambda name: name + "]["[: self.chance.randrange(3)],
        )
        pairs = [f"filter[{self.chance.choice(forms)(name)}]={self.chance.choice(QUERY_VALUES)}" for name in names]
        return self._with_token(target=f"{EXPORTS}?{'&'.join(pairs)}")

    def credentials(self) -> Case:
        """A token that is none, by header or cookie."""
        head, claims, signature = self.token.split(".")
        odd = self.chance.choice((
            "", ".", "..", "a.b.c", f"{head}.{claims}.", f"{head}.{claims}", f"{claims}.{head}.{signature}", self.token[:-2],
            f"eyJhbGciOiJub25lIn0.{claims}.", f"eyJhbGciOiJIUzUxMiJ9.{claims}.{signature}", "A" * 9000, f"{self.token} x",
            f"{'W1tb' * 2000}.{claims}.{signature}", f"{head}.{'e' * 5000}.{signature}", "\u00e9", "%s", self.token * 3,
            self.token.replace(".", "\t.", 1), "W10.W10.W10", "bnVsbA.bnVsbA.bnVsbA", "MTIz.MTIz.MTIz",
        ))  # fmt: skip
        case = replace(self._any_route(), headers=[("Content-Type", JSON_API.encode())])
        if self.chance.random() < 0.6:
            return replace(case, headers=[*case.headers, ("Authorization", odd.encode())])
        return replace(
            case,
            headers=[*case.headers, ("Cookie", f"{self.chance.choice(('', 'a=b; ', '; ;='))}{COOKIE}={odd}".encode())],
        )

    def range(self) -> Case:
        asked = [("Range", self.chance.choice(RANGES).encode())]
        if self.chance.random() < 0.3:
            asked.append(("If-Range", self.chance.choice(HEADER_VALUES)))
        case = self._with_token(
            method=self.chance.choice(("GET", "GET", "HEAD")),
            target=f"{EXPORTS}/{self.chance.choice(self.ids)}/download",
        )
        return replace(case, headers=[*case.headers, *asked])

    def login(self) -> Case:
        sent: Any = {"auth": {"login": "login-9101", "password": "x"}}
        place = sent["auth"] if self.chance.random() < 0.7 else sent
        place[self.chance.choice(("login", "password", "cookie_auth", "auth"))] = self.chance.choice(VALUES)
        made = json.dumps(sent).encode() if self.chance.random() < 0.7 else self.texts().body
        media_type = self.chance.choice((b"application/json", JSON_API.encode(), *HEADER_VALUES))
        return Case(self.chance.choice(("POST", "POST", *METHODS)), f"{API}/auth", [("Content-Type", media_type)], made)

    def _any_route(self) -> Case:
        export, account = f"{EXPORTS}/{self.chance.choice(self.ids)}", f"{API}/accounts/{self.account}"
        targets = (
            EXPORTS, export, f"{export}/download", f"{export}/account", f"{export}/relationships/account", f"{export}/events",
            f"{API}/accounts", account, f"{API}/auth", "/openapi.json", "/docs",
        )  # fmt: skip
        if self.chance.random() < 0.3:
            return self._post(json.dumps(body()).encode())
        method = self.chance.choice(("GET", "GET", "GET", "HEAD", *METHODS))
        return self._with_token(method="GET" if method == "DELETE" else method, target=self.chance.choice(targets))

    def _asked(self, query: str) -> Case:
        case = self._any_route()
        return replace(case, target=f"{case.target}?{query}")

    def _with_token(self, **parts: Any) -> Case:
        return Case(headers=[("Authorization", b"Bearer " + self.token.encode())], **parts)

    def _post(self, content: bytes) -> Case:
        case = self._with_token(method="POST", body=content)
        return replace(case, headers=[*case.headers, ("Content-Type", JSON_API.encode())])

    def _torn(self, good: bytes) -> bytes:
        at = self.chance.randrange(len(good))
        piece = self.chance.choice(
            (b"\xff", b"\xc0\x80", b"\0", b'"', b"[" * 50, b"NaN", b"1e999", b"\xed\xa0\x80", b"\\")
        )
        return good[:at] + piece + good[at + self.chance.choice((0, 0, 1)) :]
