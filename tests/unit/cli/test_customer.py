"""The customer's client against a real HTTP server."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from cdr_exports.cli.customer import API_PATH, Customer, Refused, error_line
from cdr_exports.domain.errors import Misconfigured, Transient
from tests.unit.cli.scripted_api import EXPORT_ID, Answer, Api, Request, Waits, document, refusal, resource

ONE = f"/cdr-exports/{EXPORT_ID}"
DOWN = refusal(503, "Service unavailable", "Kafka is unavailable, try again later.", retry_after="4")


def test_an_export_is_asked_for_as_the_api_wants_it(api: Api, client: Customer) -> None:
    api.on("POST", "/cdr-exports", document({"data": resource()}, status=201))

    export = client.create(
        account="7a", filters={"time_start_gteq": "2026-07-01"}, attributes={"time-zone-name": "UTC"}
    )

    asked = api.requests[0]
    assert json.loads(asked.body) == {
        "data": {
            "type": "cdr-exports",
            "attributes": {"filters": {"time_start_gteq": "2026-07-01"}, "time-zone-name": "UTC"},
            "relationships": {"account": {"data": {"type": "accounts", "id": "7a"}}},
        }
    }
    assert asked.headers["content-type"] == asked.headers["accept"] == "application/vnd.api+json"
    assert asked.headers["authorization"] == "Bearer a.b.c"
    assert export.id == EXPORT_ID
    assert not export.has_ended


def test_a_503_is_waited_for_as_long_as_it_says_and_the_repetition_has_the_same_key(
    api: Api, client: Customer, waits: Waits
) -> None:
    api.on("POST", "/cdr-exports", DOWN, document({"data": resource()}, status=201))

    client.create(account="7a", filters={})

    keys = [each.headers["idempotency-key"] for each in api.requests]
    assert waits.seconds == [4.0]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_patience_has_an_end(api: Api, client: Customer, waits: Waits) -> None:
    api.on("GET", ONE, DOWN)

    with pytest.raises(Refused, match="503 Service unavailable: Kafka is unavailable"):
        client.show(EXPORT_ID)

    assert waits.seconds == [4.0, 4.0]


def test_a_503_that_names_a_date_is_waited_for_until_then(api: Api, client: Customer, waits: Waits) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
    api.on("GET", ONE, refusal(503, "T", "D", retry_after=soon), document({"data": resource()}))

    client.show(EXPORT_ID)

    assert 3 <= waits.seconds[0] <= 5


def test_errors_become_one_line(api: Api, client: Customer) -> None:
    errors = [
        {"title": "requires time_start_lt", "detail": "filters - requires time_start_lt"},
        {"title": "can't be blank", "detail": "account - can't be blank"},
    ]
    api.on("POST", "/cdr-exports", document({"errors": errors}, status=422))

    with pytest.raises(Refused) as refused:
        client.create(account="", filters={})

    assert str(refused.value) == "422 filters - requires time_start_lt; account - can't be blank"
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("body", "media_type", "line"),
    [
        (b"<html>", "text/html", "the server answered 502 (text/html)"),
        (b"", None, "the server answered 502 (no body)"),
        (b'{"errors": [{"title": 1}]}', "application/json", "the server answered 502 (application/json)"),
        (b"[]", "application/json", "the server answered 502 (application/json)"),
    ],
    ids=["html", "empty", "half a document", "another document"],
)
def test_an_error_that_is_no_document_is_told_as_far_as_it_goes(body: bytes, media_type: str | None, line: str) -> None:
    assert error_line(502, body, media_type) == line


def test_an_answer_that_is_no_json_is_told(api: Api, client: Customer) -> None:
    api.on("GET", ONE, Answer(body=b"<html>welcome</html>"))

    with pytest.raises(Refused, match="does not speak this API"):
        client.show(EXPORT_ID)


def test_nobody_listening_is_told_at_once(waits: Waits) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        with (
            Customer(url, lambda: "a.b.c", sleep=waits) as client,
            pytest.raises(Transient, match=f"cannot connect to {url}: .*refused"),
        ):
            client.show(EXPORT_ID)

    assert waits.seconds == []


def test_a_watch_ends_when_the_export_has_ended(api: Api, client: Customer, waits: Waits) -> None:
    states = [resource(percent=0.0), resource(percent=50.0), resource("Completed", percent=100.0, file=b"x")]
    api.on("GET", ONE, *(document({"data": each}) for each in states))

    seen = [each.percent for each in client.watch(EXPORT_ID)]

    assert seen == [0.0, 50.0, 100.0]
    assert len(waits.seconds) == 2


def test_a_watch_outlives_a_lost_connection(api: Api, client: Customer) -> None:
    api.on(
        "GET",
        ONE,
        document({"data": resource(percent=10.0)}),
        Answer(body=b"half", cut_after=2),
        document({"data": resource("Failed", failure={"code": "internal", "message": "It broke."})}),
    )

    *_, last = client.watch(EXPORT_ID)

    assert last.has_ended
    assert last.failure == "internal: It broke."


def test_a_watch_gives_up_on_a_server_that_stays_away(api: Api, client: Customer, waits: Waits) -> None:
    api.on("GET", ONE, document({"data": resource(percent=10.0)}), Answer(body=b"half", cut_after=2))

    with pytest.raises(Transient):
        list(client.watch(EXPORT_ID, interval_seconds=3.0))

    assert sum(waits.seconds) == pytest.approx(12.0)


def test_an_expired_token_is_renewed_once(api: Api) -> None:
    def judged(request: Request) -> Answer:
        if request.headers["authorization"] == "Bearer new":
            return document({"data": resource()})
        return refusal(401, "Authorization failed", "Authorization token expired or incorrect.")

    api.on("GET", ONE, judged)
    tokens = iter(["old", "new"])

    with Customer(api.url, lambda: next(tokens)) as client:
        client.show(EXPORT_ID)

    assert len(api.requests) == 2


def test_a_token_that_cannot_be_renewed_is_refused_once(api: Api, client: Customer) -> None:
    api.on("GET", ONE, refusal(401, "Authorization failed", "Authorization token expired or incorrect."))

    with pytest.raises(Refused, match="401 Authorization failed"):
        client.show(EXPORT_ID)

    assert len(api.requests) == 1


def test_a_list_is_a_page_with_its_total(api: Api, client: Customer) -> None:
    api.on("GET", "/cdr-exports", document({"data": [resource()], "meta": {"total-count": 7}}))

    page = client.exports(page=2, size=1, status="Pending")

    assert page.total == 7
    assert [each.id for each in page.exports] == [EXPORT_ID]
    assert api.requests[0].path == (
        f"{API_PATH}/cdr-exports?page%5Bnumber%5D=2&page%5Bsize%5D=1&filter%5Bstatus_eq%5D=Pending"
    )


def test_a_deletion_needs_no_body(api: Api, client: Customer) -> None:
    api.on("DELETE", ONE, Answer(status=204))

    client.delete(EXPORT_ID)

    assert [each.method for each in api.requests] == ["DELETE"]


def test_an_id_stays_within_its_place_in_the_path(api: Api, client: Customer) -> None:
    with pytest.raises(Refused):
        client.show("../accounts?x=1")

    assert api.requests[0].path == f"{API_PATH}/cdr-exports/..%2Faccounts%3Fx%3D1"


@pytest.mark.parametrize("url", ["ftp://host", "host:80", "http://", "http://[::"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"URL|must be http"), Customer(url, lambda: "a.b.c"):
        pass


@pytest.mark.parametrize("token", ["zwei wörter", "line\nbreak"])
def test_a_token_that_no_header_can_carry_is_told_and_not_shown(token: str) -> None:
    with pytest.raises(Misconfigured) as told, Customer("http://127.0.0.1:1", lambda: token):
        pass

    assert token not in str(told.value)


def test_the_path_of_the_api_may_be_given_or_left_out(api: Api) -> None:
    api.on("GET", ONE, document({"data": resource()}))

    with Customer(f"{api.url}{API_PATH}/", lambda: "a.b.c") as client:
        client.show(EXPORT_ID)

    assert api.requests[0].path == f"{API_PATH}{ONE}"
