"""The customer's client: exports over HTTP, as a customer's own program would make them. The one door to httpx2.

Decides what is tried again (503 within a patience, reads of a running watch, a cut download) and what an error says.
What a command prints is left to the commands. Blocks; not for the event loop.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote
from uuid import uuid4

import httpx2

from cdr_exports.cli.download import Download, Stream
from cdr_exports.cli.export_resource import Export
from cdr_exports.domain.errors import CdrExportsError, Misconfigured, Transient
from cdr_exports.runtime.backoff import delays

API_PATH = "/api/rest/customer/v1"
MEDIA_TYPE = "application/vnd.api+json"
PATIENCE_SECONDS = 60.0
"""How long a server that says 503 is waited for, all waits of one call together."""
TIMEOUT = httpx2.Timeout(30.0, connect=5.0)


class Refused(CdrExportsError):
    """The API said no; the text is its own errors on one line."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Page(NamedTuple):
    exports: list[Export]
    total: int


class Customer:
    """One customer's view of the API at `url` (with or without its path). A context manager.

    `token` is asked once, and once more after a 401, so that a watch outlives a token that can be renewed.
    Every method raises Refused where the API refuses and Transient where it does not answer.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/").removesuffix(API_PATH)
        self._token, self._patience_seconds, self._sleep = token, patience_seconds, sleep

    def __enter__(self) -> Self:
        try:
            parsed = httpx2.URL(self._url)
        except httpx2.InvalidURL as error:
            raise Misconfigured([f"{self._url}: not a URL"]) from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise Misconfigured([f"{self._url}: must be http://… or https://…"])
        self._client = httpx2.Client(
            base_url=self._url + API_PATH,
            headers={"accept": MEDIA_TYPE},
            timeout=TIMEOUT,
            trust_env=not _is_loopback(parsed.host),  # a proxy of the environment cannot reach this machine
        )
        try:
            self._authorize()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def create(
        self,
        *,
        account: str,
        filters: Mapping[str, object],
        attributes: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Export:
        """Asks for an export of the account with this UUID. A repetition after a 503 carries the same key."""
        body = {
            "data": {
                "type": "cdr-exports",
                "attributes": {"filters": dict(filters), **(attributes or {})},
                "relationships": {"account": {"data": {"type": "accounts", "id": account}}},
            }
        }
        headers = {"content-type": MEDIA_TYPE, "idempotency-key": idempotency_key or str(uuid4())}
        return Export.of(self._json("POST", "/cdr-exports", json=body, headers=headers)["data"])

    def show(self, export_id: str) -> Export:
        return Export.of(self._json("GET", _path(export_id))["data"])

    def exports(self, *, page: int = 1, size: int = 50, status: str | None = None) -> Page:
        """One page of the exports, newest first, and how many there are."""
        query: dict[str, str] = {"page[number]": str(page), "page[size]": str(size)}
        if status is not None:
            query["filter[status_eq]"] = status
        document = self._json("GET", "/cdr-exports", params=query)
        return Page([Export.of(each) for each in document["data"]], int(document["meta"]["total-count"]))

    def delete(self, export_id: str) -> None:
        self._send("DELETE", _path(export_id))

    def watch(self, export_id: str, *, interval_seconds: float = 0.3) -> Iterator[Export]:
        """The export as it stands, again and again until it has ended. The last one has ended.

        A server that goes away while the export runs is waited for, within the patience.
        """
        yield (export := self.show(export_id))
        waited_seconds = 0.0
        while not export.has_ended:
            self._sleep(interval_seconds)
            try:
                export = self.show(export_id)
            except Transient:
                waited_seconds += interval_seconds
                if waited_seconds > self._patience_seconds:
                    raise
                continue
            waited_seconds = 0.0
            yield export

    def download(self, export: Export, target: Path, on_bytes: Callable[[int], None] = lambda _: None) -> None:
        """The file of a completed export, whole and checked, under `target`. See Download."""
        path = _path(export.id) + "/download"

        @contextmanager
        def stream(headers: Mapping[str, str]) -> Iterator[Stream]:
            with self._answer("GET", path, {"headers": {"accept-encoding": "identity", **headers}}) as answer:
                if answer.status_code == HTTPStatus.NOT_FOUND and not answer.read():
                    raise Refused(answer.status_code, f"the export {export.id} has no file: it is {export.status}")
                if answer.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    _raise_for_error(answer)
                yield Stream(answer.status_code, answer.headers, answer.iter_raw())

        Download(stream, export.file, target, on_bytes=on_bytes, sleep=self._sleep).run()

    def _json(self, method: str, path: str, **options: Any) -> Any:
        answer = self._send(method, path, **options)
        try:
            return answer.json()
        except ValueError as error:
            raise Refused(answer.status_code, f"{self._url} does not speak this API: its answer is no JSON") from error

    def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        with self._answer(method, path, options) as answer:
            answer.read()
            _raise_for_error(answer)
            return answer

    @contextmanager
    def _answer(self, method: str, path: str, options: Mapping[str, Any]) -> Iterator[httpx2.Response]:
        """The answer, its body not read yet, after what a 503 and a 401 deserve."""
        patience, renewed, waits = self._patience_seconds, False, delays()
        while True:
            with self._open(method, path, options) as answer:
                wait = _retry_after(answer, otherwise=next(waits))
                if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE and wait <= patience:
                    patience -= wait
                elif answer.status_code == HTTPStatus.UNAUTHORIZED and not renewed and self._authorize():
                    renewed, wait = True, 0.0
                else:
                    yield answer
                    return
            self._sleep(wait)

    @contextmanager
    def _open(self, method: str, path: str, options: Mapping[str, Any]) -> Iterator[httpx2.Response]:
        with self._translated():
            request = self._client.build_request(method, path, **options)
            answer = self._client.send(request, stream=True)
        try:
            with self._translated():
                yield answer
        finally:
            answer.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise Transient(
                f"cannot connect to {self._url}: {str(error) or 'no answer'}. Is the service running?"
            ) from error
        except httpx2.TimeoutException as error:
            raise Transient(f"{self._url} did not answer in time") from error
        except httpx2.TransportError as error:
            raise Transient(f"the connection to {self._url} was lost: {error}") from error

    def _authorize(self) -> bool:
        """Puts the token on every request to come; whether it is another than before."""
        header = f"Bearer {self._token()}"
        if not header.isascii() or not header.isprintable():
            raise Misconfigured(["the token holds characters that no token has"])
        is_new = self._client.headers.get("authorization") != header
        self._client.headers["authorization"] = header
        return is_new


def _path(export_id: str) -> str:
    return f"/cdr-exports/{quote(export_id, safe='')}"


def _raise_for_error(answer: httpx2.Response) -> None:
    if answer.status_code < HTTPStatus.BAD_REQUEST:
        return
    answer.read()
    raise Refused(
        answer.status_code, error_line(answer.status_code, answer.content, answer.headers.get("content-type"))
    )


def error_line(status: int, body: bytes, media_type: str | None) -> str:
    """An error answer on one line: what its JSON:API document says, else what can be said of it."""
    try:
        errors = json.loads(body)["errors"]
        told = [_told(each["title"], each["detail"]) for each in errors]
    except (ValueError, KeyError, TypeError):
        told = []
    return f"{status} {'; '.join(told)}" if told else f"the server answered {status} ({media_type or 'no body'})"


def _told(title: str, detail: str) -> str:
    """Details of validation errors repeat the title."""
    return detail if title in detail else f"{title}: {detail}"


def _retry_after(answer: httpx2.Response, *, otherwise: float) -> float:
    """Seconds that the server asks to wait, in either form of the header."""
    text = answer.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return otherwise


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
