"""The description is valid, and says what the routes and the error catalogue say: no more, no less."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import httpx2
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from openapi_spec_validator import validate

from cdr_exports.api import paths
from cdr_exports.api.errors import Catalogue
from cdr_exports.facade import accounts, openapi, sessions
from cdr_exports.facade.app import build
from cdr_exports.facade.openapi_answers import WORDS
from cdr_exports.facade.openapi_parameters import SORTED_BY, filter_names
from cdr_exports.ingress import http as ingress_http
from cdr_exports.projection import http as projection_http
from cdr_exports.projection.list_filters import FILTERS
from cdr_exports.projection.list_query import SORTABLE
from cdr_exports.runtime.metrics import Registry

FACTORIES = (ingress_http.router, projection_http.router, accounts.router, sessions.router)


def routes_of(factory: Callable[..., APIRouter]) -> Iterator[tuple[str, str]]:
    """Path and method; a router holds what it is given until it is asked, so it is given nothing."""
    required = [
        name for name, each in inspect.signature(factory).parameters.items() if each.default is inspect.Parameter.empty
    ]
    for route in factory(**{name: cast(Any, None) for name in required}).routes:
        assert isinstance(route, APIRoute)
        yield from ((route.path, method.lower()) for method in route.methods or ())


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return openapi.document()


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def errors(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every error of every example."""
    for _, _, operation in operations(description):
        for answer in operation["responses"].values():
            for content in answer.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    yield from example["value"]["errors"]


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            yield from references(value)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def test_it_is_valid_openapi(description: dict[str, Any]) -> None:
    validate(description)

    assert description["openapi"].startswith("3.1.")


def test_every_route_is_in_it_and_nothing_else(description: dict[str, Any]) -> None:
    described = {(path, method) for path, method, _ in operations(description)}

    assert described == {route for factory in FACTORIES for route in routes_of(factory)}


def test_every_error_of_the_catalogue_is_in_it(description: dict[str, Any]) -> None:
    shown = {(each["code"], each["title"]) for each in errors(description)}

    assert {(each.value.code, each.value.title) for each in Catalogue} <= shown


def test_no_example_of_an_error_has_a_word_left_in_braces(description: dict[str, Any]) -> None:
    needed = {entry: set(re.findall(r"{(\w+)}", entry.value.detail)) for entry in Catalogue}

    assert {entry: set(WORDS.get(entry, {})) for entry in Catalogue} == needed


def test_the_examples_stand_under_their_own_status(description: dict[str, Any]) -> None:
    for _, _, operation in operations(description):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    assert example["value"]["errors"][0]["status"] == status


def test_every_component_is_used(description: dict[str, Any]) -> None:
    used = set(references(description))

    for kind in "schemas", "parameters", "headers":
        components = {f"#/components/{kind}/{name}" for name in description["components"][kind]}
        assert components <= used, components - used


def test_the_filters_of_a_list_are_the_42_that_it_takes(description: dict[str, Any]) -> None:
    asked = description["paths"][paths.CDR_EXPORTS]["get"]["parameters"]
    described = {each["$ref"].rpartition("/")[2] for each in asked if "filter_" in each["$ref"]}

    assert described == {f"filter_{name}" for name in FILTERS}
    assert set(filter_names()) == set(FILTERS)
    assert len(described) == 42


def test_a_list_is_sorted_by_what_it_can_be_sorted_by() -> None:
    assert {name.replace("-", "_") for name in SORTED_BY} == set(SORTABLE)


def test_links_go_to_the_public_url_where_there_is_one() -> None:
    assert openapi.document("https://api.example.com/")["servers"] == [{"url": "https://api.example.com"}]


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    app = build([openapi.router()], Registry(service="test"))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://api.test") as client:
        yield client


@pytest.mark.parametrize("path", [openapi.SPECIFICATION, *openapi.PAGES])
async def test_pages_need_no_token_and_say_what_they_may_load(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    again = await http.get(path, headers={"if-none-match": answer.headers["etag"]})
    head = await http.head(path)

    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert (again.status_code, again.content) == (304, b"")
    assert (head.headers["content-length"], head.content) == (str(len(answer.content)), b"")


async def test_the_page_names_only_files_that_are_served(http: httpx2.AsyncClient) -> None:
    page = (await http.get(openapi.PAGE)).text
    named = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert not [name for name in named if "//" in name]
    for name in named:
        if not name.startswith("data:"):
            assert (await http.get(f"/{name}")).status_code == 200, name


async def test_other_files_beside_the_pages_are_no_route(http: httpx2.AsyncClient) -> None:
    for path in "/docs/vendor/swagger-ui/LICENSE", "/docs/../openapi.py", "/docs/%2e%2e/openapi.py", "/docs/index.html":
        assert (await http.get(path)).status_code == 404
