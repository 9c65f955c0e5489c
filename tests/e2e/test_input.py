"""Bad input gets an error that says what and where, and the next request is served."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from cdr_exports.contract import topics
from cdr_exports.contract.codec import Codec
from cdr_exports.domain.events import DeadLetter, ExportFailed
from cdr_exports.runtime.kafka import Publisher, read_to_end
from cdr_exports.runtime.settings import KafkaSettings
from tests.e2e.installation import ACCOUNT, FROM, TO, Installation, until
from tests.integration.processor.exports import request

pytestmark = pytest.mark.usefixtures("all_run")
FILTERS = {"time_start_gteq": FROM, "time_start_lt": TO, "duration_eq": 61}


def post(installation: Installation, body: bytes, token: str | None) -> tuple[int, dict[str, Any]]:
    headers = {"content-type": "application/vnd.api+json"} | ({"authorization": f"Bearer {token}"} if token else {})
    url = f"{installation.status()['api']}/cdr-exports"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def body(**attributes: Any) -> bytes:
    account = {"data": {"type": "accounts", "id": ACCOUNT}}
    return json.dumps(
        {"data": {"type": "cdr-exports", "attributes": attributes, "relationships": {"account": account}}}
    ).encode()


@pytest.mark.parametrize(("sent", "status", "detail"), [
    (b"{", 400, None),
    (b"[]", 400, "Request must be a hash"),
    (body(), 422, "filters - can't be blank"),
    (body(filters={"time_start_gteq": FROM}), 422, "filters - requires time_start_lt"),
    (body(filters=FILTERS | {"foo": 1}), 422, "filters - foo not allowed"),
    (body(filters=FILTERS, status="Completed"), 400, "status is not allowed."),
], ids=["no json", "no object", "no filters", "no end", "unknown filter", "no attribute"])  # fmt: skip
def test_a_malformed_request_is_told_what_is_wrong(
    installation: Installation, sent: bytes, status: int, detail: str | None
) -> None:
    token = installation.run("token", "--access", "15").strip()

    got, answer = post(installation, sent, token)

    assert got == status
    if detail is not None:
        assert answer["errors"][0]["detail"] == detail


def test_a_bad_token_is_refused(installation: Installation) -> None:
    for token in None, "nonsense", installation.run("token", "--access", "999").strip():
        status, answer = post(installation, body(filters=FILTERS), token)

        assert (status, answer["errors"][0]["title"]) == (401, "Authorization failed")


def test_a_directory_file_with_faults_is_told_all_of_them_and_nothing_is_published(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "directory.yaml"
    file.write_text(
        "customers: [{id: 8, name: Bad}]\n"
        "accounts: [{id: 81, uuid: nonsense, customer_id: 8, name: A}, {id: 82, customer_id: 99, name: B}]\n"
    )

    done = installation.attempt("directory", "apply", str(file))

    assert done.returncode == 2
    assert "accounts[0].uuid" in done.stderr
    assert "accounts[1]" in done.stderr
    assert "81" not in installation.run("directory", "list")


async def test_poison_goes_to_the_dead_letters_and_the_next_record_is_processed(installation: Installation) -> None:
    kafka = KafkaSettings(kafka_bootstrap=installation.status()["kafka"])
    codec = Codec.load()
    good = request(71, days=31, duration_eq=61)
    poison = {
        b"\x00\x01": "cut short",
        b"not avro at all, but long enough": "garbage",
        codec.encode(good) + b"x": "trailing",
    }
    async with Publisher(kafka, "test") as publisher:
        for value in poison:
            await publisher.publish(topics.REQUESTS, key=str(good.export_id).encode(), value=value)
        # the same partition: it stands behind the poison
        await publisher.publish(topics.REQUESTS, key=str(good.export_id).encode(), value=codec.encode(good))

    with installation.customer() as customer:
        export = await asyncio.to_thread(until, customer, str(good.export_id), "completed")
    letters = [codec.decode(raw.value, (DeadLetter,)) async for raw in read_to_end(kafka, [topics.DEAD_LETTERS])]

    assert export.status == "Completed"
    for value in poison:
        ours = [each for each in letters if each.value == value and each.group.endswith("processor")]
        assert len(ours) == 1
        assert (ours[0].source_topic, ours[0].key) == (topics.REQUESTS, str(good.export_id).encode())
        assert ours[0].reason
        assert ours[0].detail


async def test_a_request_over_kafka_that_cannot_be_served_is_a_failed_export_with_a_reason(
    installation: Installation,
) -> None:
    kafka = KafkaSettings(kafka_bootstrap=installation.status()["kafka"])
    codec = Codec.load()
    bad = request(71, days=400)
    async with Publisher(kafka, "test") as publisher:
        await publisher.publish(topics.REQUESTS, key=topics.key_of(bad), value=codec.encode(bad))

    with installation.customer() as customer:
        export = await asyncio.to_thread(until, customer, str(bad.export_id), "failed")
    failed = [
        each
        async for raw in read_to_end(kafka, [topics.EVENTS])
        if isinstance(each := codec.decode(raw.value), ExportFailed) and each.export_id == bad.export_id
    ]

    assert export.failure == "invalid_filters: The range must not exceed 92 days."
    assert [each.code for each in failed] == ["invalid_filters"]
