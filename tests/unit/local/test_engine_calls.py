"""What a request's URL and headers mean."""

from __future__ import annotations

import base64

import pytest

from cdr_exports.local.engine_calls import Call, authenticate, read_call
from cdr_exports.local.engine_errors import EngineError

KNOWN = frozenset({"max_threads", "readonly", "http_send_timeout"})


def call(*, may_write: bool = True, **fields: str) -> Call:
    return read_call({"query_id": "q", **fields}, setting_names=KNOWN, may_write=may_write)


def test_settings_parameters_and_the_rest_are_told_apart() -> None:
    read = call(query="SELECT 1", max_threads="2", param_account="71", database="d", send_progress_in_http_headers="1")

    assert read.settings == {"max_threads": "2"}
    assert read.parameters == {"account": "71"}
    assert (read.sql_in_url, read.database) == ("SELECT 1", "d")


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match="max_treads") as refused:
        call(max_treads="2")

    assert refused.value.code == 115


def test_a_get_may_only_read() -> None:
    assert call(may_write=False).settings == {"readonly": "2"}
    assert call(may_write=False, readonly="1").settings == {"readonly": "1"}
    assert call().settings == {}


def test_the_client_says_how_long_it_may_stall() -> None:
    assert call(http_send_timeout="300").send_seconds == 300
    assert call().send_seconds == 30


@pytest.mark.parametrize(("value", "waits"), [("1", True), ("0", False), ("", False)])
def test_an_answer_may_be_held_back_to_the_end(value: str, waits: bool) -> None:
    assert call(wait_end_of_query=value).sends_at_end is waits


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {"x-clickhouse-user": "u", "x-clickhouse-key": "p:ß"}),
        ({"user": "u", "password": "p:ß"}, {}),
        ({}, basic("u:p:ß")),
    ],
    ids=["headers", "url", "basic"],
)
def test_the_password_may_be_shown_in_three_ways(fields: dict[str, str], headers: dict[str, str]) -> None:
    authenticate(fields, headers, user="u", password="p:ß")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-clickhouse-user": "u"},
        {"x-clickhouse-user": "x", "x-clickhouse-key": "p"},
        basic("u:q"),
        {"authorization": "Basic !"},
    ],
    ids=["nothing", "no password", "another user", "wrong", "no base64"],
)
def test_nobody_else_is_let_in(headers: dict[str, str]) -> None:
    with pytest.raises(EngineError) as refused:
        authenticate({}, headers, user="u", password="p")

    assert (refused.value.code, refused.value.http_status) == (516, 403)
