"""What holds for every answer of the application, whichever route gives it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from structlog.testing import capture_logs

from cdr_exports.api import paths, responses
from cdr_exports.api.errors import Catalogue
from cdr_exports.domain.errors import Transient
from cdr_exports.facade.app import build
from cdr_exports.runtime.metrics import Registry, exposition
from tests.unit.ingress.desk import PATH, Desk, LogInMemory, application, body, client_of

JSON_HEADERS = {
    "content-type": "application/vnd.api+json",
    "vary": "Accept",
    "cache-control": "max-age=0, private, must-revalidate",
    "x-frame-options": "SAMEORIGIN",
    "x-xss-protection": "0",
    "x-content-type-options": "nosniff",
    "x-permitted-cross-domain-policies": "none",
    "referrer-policy": "strict-origin-when-cross-origin",
}


def other_routes() -> APIRouter:
    """Stands for the routes of another service."""
    routes = APIRouter()

    async def listed(request: Request) -> Response:
        return responses.document(request, {"data": []})

    async def one(request: Request) -> Response:
        raise Catalogue.RECORD_NOT_FOUND.raised(id=paths.export_id(request))

    async def bug(_: Request) -> Response:
        raise RuntimeError("secret")

    async def cut(_: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("cut")

        return StreamingResponse(pieces())

    async def down(_: Request) -> Response:
        raise Transient("postgres at 10.0.0.1 is down")

    for path, endpoint in {"": listed, "/bug": bug, "/cut": cut, "/down": down, "/{export_id}": one}.items():
        routes.add_api_route(PATH + path, endpoint, methods=["GET", "HEAD"], response_model=None)
    return routes


Logged = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def logged() -> Iterator[Logged]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def registry() -> Registry:
    return Registry(service="test")


@pytest.fixture
async def http(registry: Registry) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(build([other_routes()], registry)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status"), [("", 200), ("/bug", 500), ("/down", 503), (f"/{UUID(int=7)}", 404), ("/123", 404)]
)
async def test_json_answers_of_every_status_carry_the_same_headers(
    http: httpx2.AsyncClient, path: str, status: int
) -> None:
    response = await http.get(PATH + path)

    assert response.status_code == status
    assert JSON_HEADERS.items() <= dict(response.headers).items()
    assert UUID(response.headers["x-request-id"]).version == 4
    assert 0 <= float(response.headers["x-runtime"]) < 5
    assert ("etag" in response.headers) is (status == 200)


async def test_a_created_resource_is_tagged_weakly(desk: Desk[LogInMemory]) -> None:
    response = await desk.post(body())

    assert JSON_HEADERS.items() <= dict(response.headers).items()
    assert response.headers["etag"].startswith('W/"')


@pytest.mark.parametrize("form", ["{}", '"other", {}', "*"])
async def test_a_known_etag_gives_304_and_no_body(http: httpx2.AsyncClient, form: str) -> None:
    etag = (await http.get(PATH)).headers["etag"]

    response = await http.get(PATH, headers={"if-none-match": form.format(etag)})

    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
    assert "content-type" not in response.headers


async def test_another_etag_gives_the_document(http: httpx2.AsyncClient) -> None:
    assert (await http.get(PATH, headers={"if-none-match": 'W/"other"'})).json() == {"data": []}


async def test_head_is_get_without_its_body(http: httpx2.AsyncClient) -> None:
    got, headed = await http.get(PATH), await http.head(PATH)

    assert (headed.status_code, headed.content) == (200, b"")
    for name in "etag", "content-length", "content-type":
        assert headed.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/no%20such?page=1"), ("DELETE", PATH), ("PATCH", f"{PATH}/{UUID(int=1)}"), ("OPTIONS", PATH),
        ("GET", f"{PATH}/123"), ("GET", f"{PATH}/{UUID(int=1).hex}"), ("GET", f"{PATH}/{UUID(int=1)}/foo"),
        ("POST", f"{PATH}/{UUID(int=1)}/"), ("GET", "/api/rest/customer/v1/cdr_exports"), ("BREW", PATH),
    ],
)  # fmt: skip
async def test_no_route_is_a_404_that_quotes_what_was_sent(http: httpx2.AsyncClient, method: str, path: str) -> None:
    response = await http.request(method, path)

    quoted = path.partition("?")[0]
    assert response.status_code == 404
    assert response.json() == {
        "errors": [
            {"title": "Not found", "detail": f"No route matches {method} {quoted}.", "code": "404", "status": "404"}
        ]
    }


async def test_two_services_may_share_a_path(registry: Registry) -> None:
    async def created(_: Request) -> Response:
        return Response(status_code=201)

    writes = APIRouter()
    writes.add_api_route(PATH, created, methods=["POST"], response_model=None)

    async with client_of(build([writes, other_routes()], registry)) as http:
        statuses = [(await http.request(method, PATH)).status_code for method in ("POST", "GET", "HEAD", "PUT")]

    assert statuses == [201, 200, 200, 404]


async def test_a_bug_is_a_500_that_tells_nothing_and_is_logged(http: httpx2.AsyncClient, logged: Logged) -> None:
    response = await http.get(f"{PATH}/bug")
    (line,) = logged

    assert (line["event"], line["error"], line["route"]) == ("http.failed", "RuntimeError", f"{PATH}/bug")
    assert line["request_id"] == response.headers["x-request-id"]

    assert response.json()["errors"] == [
        {"title": "Internal Server Error", "detail": "Internal Server Error", "code": "500", "status": "500"}
    ]


async def test_an_answer_that_breaks_off_is_not_ended_as_if_it_were_whole(http: httpx2.AsyncClient) -> None:
    with pytest.raises(RuntimeError, match="cut"):
        await http.get(f"{PATH}/cut")


async def test_a_dependency_that_is_down_is_a_503_that_does_not_name_it(http: httpx2.AsyncClient) -> None:
    response = await http.get(f"{PATH}/down")

    assert response.headers["retry-after"] == "5"
    assert "10.0.0.1" not in response.text


async def test_an_id_in_upper_case_is_found_and_printed_in_lower_case(http: httpx2.AsyncClient) -> None:
    response = await http.get(f"{PATH}/0195ABCD-0000-7000-8000-00000000000A.json")

    assert response.json()["errors"][0]["detail"] == (
        "The record identified by 0195abcd-0000-7000-8000-00000000000a could not be found."
    )


@pytest.mark.parametrize(
    ("sent", "is_kept"), [("0195abcd-0000-7000-8000-00000000000a", True), ("x\r\ny", False), ("x" * 999, False)]
)
async def test_a_request_id_is_kept_where_it_is_a_uuid(http: httpx2.AsyncClient, sent: str, is_kept: bool) -> None:
    response = await http.get(PATH, headers={"x-request-id": sent})

    assert (response.headers["x-request-id"] == sent) is is_kept


async def test_requests_are_counted_by_route_and_never_by_path(http: httpx2.AsyncClient, registry: Registry) -> None:
    for method, path in ("GET", f"/{UUID(int=1)}"), ("GET", f"/{UUID(int=2)}"), ("GET", "/a/b/c"), ("BREW", ""):
        await http.request(method, PATH + path)

    text = exposition(registry, "")[0].decode()
    assert f'http_requests_total{{code="404",method="GET",route="{PATH}/{{export_id}}"}} 2.0' in text
    assert 'http_requests_total{code="404",method="GET",route="unmatched"} 1.0' in text
    assert f'http_requests_total{{code="404",method="other",route="{PATH}"}} 1.0' in text
    assert "00000000-0000" not in text


async def test_a_client_that_hangs_up_is_no_bug_of_ours(registry: Registry, logged: Logged) -> None:
    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "scheme": "http",
        "headers": [(b"content-length", b"5")], "server": ("h", 80),
    }  # fmt: skip
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await application(LogInMemory(), registry)(scope, receive, send)

    assert sent[0]["status"] == 499
    assert logged == []


async def test_links_use_the_public_url_where_one_is_set() -> None:
    async def receive() -> Any:
        raise AssertionError("the body is not needed")

    request = Request(
        {"type": "http", "method": "GET", "scheme": "https", "path": "/", "query_string": b"", "server": ("h", 443),
         "headers": [(b"host", b"api.test:444")]},
        receive,
    )  # fmt: skip

    assert paths.base_url(request, None) == "https://api.test:444/api/rest/customer/v1"
    assert paths.base_url(request, "https://public.test/") == "https://public.test/api/rest/customer/v1"


async def test_documents_are_utf_8_without_escapes(http: httpx2.AsyncClient) -> None:
    response = responses.document(Request({"type": "http", "method": "GET", "headers": []}), {"ключ": "ë"})

    assert response.body == '{"ключ":"ë"}'.encode()
    assert json.loads(bytes(response.body)) == {"ключ": "ë"}


@pytest.mark.parametrize(
    ("sent", "position"), [("2:17", (17, 2)), (" 0:0 ", (0, 0)), ("2", None), ("a:b", None), ("", None)]
)
def test_a_position_is_read_back_as_it_was_written(sent: str, position: tuple[int, int] | None) -> None:
    request = Request({"type": "http", "headers": [(b"export-position", sent.encode())]})

    assert responses.position_of(request) == position
