"""The catalogue of section 1.3, and the document that errors come in."""

from __future__ import annotations

import json

import pytest

from cdr_exports.api.errors import ApiError, Catalogue, invalid, unavailable

WORDS = {
    "id": "1", "method": "GET", "path": "/x", "accept": "text/html", "media_type": "text/plain", "limit": 20,
    "reason": "why", "name": "data", "type": "cdrs", "value": "5", "filter": "status_eq", "field": "foo",
    "part": "The request log",
}  # fmt: skip


def test_members_stand_in_the_order_of_the_contract_and_code_and_status_are_strings() -> None:
    document = ApiError(invalid("filters", "can't be blank")).document()

    assert json.dumps(document, separators=(",", ":")) == (
        '{"errors":[{"title":"can\'t be blank","detail":"filters - can\'t be blank","code":"100",'
        '"source":{"pointer":"/data/attributes/filters"},"status":"422"}]}'
    )


@pytest.mark.parametrize("entry", Catalogue, ids=lambda entry: entry.name)
def test_only_validation_errors_have_a_source(entry: Catalogue) -> None:
    (member,) = entry.raised(**WORDS).document()["errors"]

    assert list(member) == ["title", "detail", "code", "status"]
    assert "{" not in member["detail"]


def test_the_status_is_that_of_the_first_error() -> None:
    error = ApiError(Catalogue.FILTER_NOT_ALLOWED.error(name="x"), invalid("filters", "can't be blank"))

    assert error.status == 400


def test_words_of_the_client_are_quoted_as_they_are() -> None:
    error = Catalogue.PARAM_NOT_ALLOWED.error(name="{name} {0} %s")

    assert error.detail == "{name} {0} %s is not allowed."


@pytest.mark.parametrize(
    ("error", "status", "code", "title", "detail"),
    [
        (Catalogue.NOT_ACCEPTABLE, 406, "406", "Not acceptable",
         ("All requests must use the 'application/vnd.api+json' Accept without media type parameters. "
          "This request specified 'text/html'.")),
        (Catalogue.UNSUPPORTED_MEDIA_TYPE, 415, "415", "Unsupported media type",
         ("All requests that create or update must use the 'application/vnd.api+json' Content-Type. "
          "This request specified 'text/plain'.")),
        (Catalogue.INVALID_SORT, 400, "114", "Invalid sort criteria", "foo is not a valid sort criteria for cdr-exports"),
        (Catalogue.INVALID_INCLUDE, 400, "112", "Invalid field", "data is not a valid relationship of cdrs"),
        (Catalogue.INVALID_FIELD, 400, "104", "Invalid field", "foo is not a valid field for cdrs."),
        (Catalogue.TOO_MANY_REQUESTS, 429, "429", "Too many requests", "Account has 20 exports that have not ended."),
        (Catalogue.SERVICE_UNAVAILABLE, 503, "503", "Service unavailable",
         "The request log is unavailable, try again later."),
    ],
    ids=lambda value: value.name if isinstance(value, Catalogue) else "",
)  # fmt: skip
def test_texts_are_those_of_the_contract(error: Catalogue, status: int, code: str, title: str, detail: str) -> None:
    made = error.error(**WORDS)

    assert (made.status, made.code, made.title, made.detail) == (status, code, title, detail)


def test_what_is_down_says_when_to_come_back() -> None:
    error = unavailable("The request log", retry_after_seconds=5)

    assert (error.status, error.headers) == (503, {"Retry-After": "5"})
