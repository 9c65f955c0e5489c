"""Section 1.4, example by example."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from cdr_exports.api.errors import ApiError
from cdr_exports.api.negotiation import check_accept, check_content_type

JSON_API = "application/vnd.api+json"


@pytest.mark.parametrize(
    "accept",
    ["", " ", JSON_API, "*/*", f"text/html, {JSON_API}", "text/html;q=0.9, */*;q=0.8", "*/*;q=0.1", f"{JSON_API};q=1,{JSON_API}"],
)  # fmt: skip
def test_accept_passes(accept: str) -> None:
    check_accept(Headers({"accept": accept}))
    check_accept(Headers())


@pytest.mark.parametrize(
    "accept",
    [
        "application/json", "text/html", "application/*", f"{JSON_API}; charset=utf-8", f"{JSON_API};q=0.9", JSON_API.upper(),
        "///", ",", "text/*;q=*/*",
    ],
)  # fmt: skip
def test_accept_fails_and_is_quoted(accept: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_accept(Headers({"accept": accept}))

    assert caught.value.status == 406
    assert caught.value.errors[0].detail.endswith(f"This request specified '{accept}'.")


@pytest.mark.parametrize(
    "content_type", [JSON_API, JSON_API.upper(), f"{JSON_API}; charset=utf-8", f"{JSON_API};q=x;y"]
)
def test_content_type_passes(content_type: str) -> None:
    check_content_type(Headers({"content-type": content_type}))


@pytest.mark.parametrize(
    ("headers", "quoted"),
    [
        ({}, ""),
        ({"content-type": "application/json"}, "application/json"),
        ({"content-type": "text/plain; charset=utf-8"}, "text/plain"),
        ({"content-type": f"{JSON_API}, text/html"}, f"{JSON_API}, text/html"),
    ],
)
def test_content_type_fails_and_is_quoted_without_parameters(headers: dict[str, str], quoted: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_content_type(Headers(headers))

    assert caught.value.status == 415
    assert caught.value.errors[0].detail.endswith(f"This request specified '{quoted}'.")
