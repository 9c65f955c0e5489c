"""A real HTTP server on loopback that answers as a test told it to, and what such tests share."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cdr_exports.cli.customer import API_PATH

EXPORT_ID = "01981c2e-6f2b-7000-8000-000000000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`cut_after`: the connection is closed after so many bytes of the body, whatever Content-Length promised."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None


class Api:
    """Answers by method and path, one after another; the last is repeated. Remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.url = ""
        self._answers: defaultdict[str, list[Answer | Callable[[Request], Answer]]] = defaultdict(list)

    def on(self, method: str, path: str, *answers: Answer | Callable[[Request], Answer]) -> None:
        self._answers[f"{method} {API_PATH}{path}"] = list(answers)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        known = self._answers[f"{request.method} {request.path.partition('?')[0]}"]
        if not known:
            return refusal(404, "Not found", f"No route matches {request.method} {request.path}.")
        following = known.pop(0) if len(known) > 1 else known[0]
        return following(request) if callable(following) else following


def document(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    media_type = {"content-type": "application/vnd.api+json"}
    return Answer(status=status, body=json.dumps(value).encode(), headers={**media_type, **(headers or {})})


def refusal(status: int, title: str, detail: str, **headers: str) -> Answer:
    error = {"title": title, "detail": detail, "code": str(status), "status": str(status)}
    return document({"errors": [error]}, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def resource(
    status: str = "Pending", *, percent: float = 0.0, file: bytes | None = None, **meta: Any
) -> dict[str, Any]:
    """A resource object as the API shows it; `file` is the content of the file of a completed export."""
    facts = None
    if file is not None:
        facts = {
            "name": f"{EXPORT_ID}.csv.gz",
            "bytes": len(file),
            "sha256": hashlib.sha256(file).hexdigest(),
            "rows": 2,
            "parts": 1,
            "totals": {"duration": 67, "customer-duration": 120, "customer-price": "0.30000000000000000001"},
        }
    return {
        "id": EXPORT_ID,
        "type": "cdr-exports",
        "attributes": {"status": status, "rows-count": None, "created-at": "2026-07-01T00:00:00.000Z"},
        "meta": {
            "stage": status.lower(),
            "progress": {"percent": percent, "rows-exported": 2, "rows-total": 2, "bytes": 100},
            "failure": None,
            "file-format": "csv",
            "file": facts,
            **meta,
        },
    }


def ranged(body: bytes, *, etag: str = '"one"', cut_after: int | None = None) -> Callable[[Request], Answer]:
    """Serves `body` or the rest of it, as a server that knows ranges does."""

    def answer(request: Request) -> Answer:
        wanted = request.headers.get("range")
        if wanted is None or request.headers.get("if-range", etag) != etag:
            return Answer(body=body, headers={"etag": etag}, cut_after=cut_after)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        content_range = f"bytes {start}-{len(body) - 1}/{len(body)}"
        headers = {"etag": etag, "content-range": content_range}
        return Answer(status=206, body=body[start:], headers=headers, cut_after=cut_after)

    return answer


@contextmanager
def serving_answers() -> Iterator[Api]:
    """The server, for the time of the context."""
    scripted = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = scripted.answer(
                Request(method=self.command, path=self.path, headers=headers, body=self.rfile.read(length))
            )
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            with suppress(ConnectionError):  # a client may have heard enough
                self.wfile.write(answer.body[: answer.cut_after])
            if answer.cut_after is not None:
                self.close_connection = True

        do_GET = do_POST = do_DELETE = respond  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            """Nothing: the tests look at what was asked."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield scripted
    server.shutdown()
    serving.join()
    server.server_close()


@dataclass(slots=True)
class Waits:
    """Stands for time.sleep: nobody waits, and what would have been waited is known."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]
