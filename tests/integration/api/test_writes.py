"""Keys, quotas and deletions where they are decided: between a real log and a real read model."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from cdr_exports.contract import topics
from cdr_exports.domain.events import ExportRequested
from cdr_exports.domain.identity import AccountId, keyed_export_id
from cdr_exports.runtime.kafka import Raw, read_to_end
from cdr_exports.runtime.postgres import named_sql
from cdr_exports.runtime.settings import KafkaSettings, PostgresSettings
from tests.integration.api.conftest import OpenApi
from tests.stack import Stack
from tests.unit.ingress.desk import body, codec

pytestmark = pytest.mark.usefixtures("projected")
EXPORTS = "/cdr-exports"


async def in_the_log(export_id: UUID, kafka: KafkaSettings) -> list[Raw]:
    key = str(export_id).encode()
    return [raw async for raw in read_to_end(kafka, [topics.REQUESTS]) if raw.key == key]


def ids(answers: list[httpx2.Response]) -> set[str]:
    return {each.json()["data"]["id"] for each in answers if each.status_code == 201}


async def test_twenty_requests_at_once_under_one_key_are_one_export(open_api: OpenApi) -> None:
    key = {"idempotency-key": str(uuid4())}
    facades = [await open_api(pending_limit=1), await open_api(pending_limit=1)]

    answers = await asyncio.gather(
        *(facades[number % 2].post(EXPORTS, json=body(account_number=72), headers=key) for number in range(20))
    )
    listed = (await facades[0].get(EXPORTS, headers={"export-position": answers[0].headers["export-position"]})).json()

    assert [each.status_code for each in answers] == [201] * 20
    assert ids(answers) == {str(keyed_export_id(AccountId(72), key["idempotency-key"]))}
    assert sorted(each.headers.get("idempotency-replayed", "") for each in answers) == [""] + ["true"] * 19
    assert len({each.headers["export-position"] for each in answers}) == 1
    assert [each["id"] for each in listed["data"] if each["id"] in ids(answers)] == list(ids(answers))


async def test_of_two_requests_under_one_key_the_first_in_the_log_is_the_export(
    open_api: OpenApi, kafka: KafkaSettings
) -> None:
    key = str(uuid4())
    facades = [await open_api(), await open_api()]
    zones = ["Europe/Kyiv", "UTC"] * 5

    answers = await asyncio.gather(
        *(
            facades[number % 2].post(EXPORTS, json=body(time_zone_name=zone), headers={"idempotency-key": key})
            for number, zone in enumerate(zones)
        )
    )
    log = await in_the_log(keyed_export_id(AccountId(71), key), kafka)

    first = min(log, key=lambda raw: raw.offset)
    zone = codec().decode(first.value, (ExportRequested,)).time_zone_name
    accepted = [each.json()["data"]["attributes"]["time-zone-name"] for each in answers if each.status_code == 201]
    assert accepted == [zone] * 5
    assert sum(each.status_code == 422 for each in answers) == 5
    assert {each.partition for each in log} == {first.partition}


async def test_a_key_is_known_to_another_facade_and_a_used_one_writes_nothing(
    open_api: OpenApi, kafka: KafkaSettings
) -> None:
    one, other = await open_api(), await open_api()
    key = {"idempotency-key": str(uuid4())}

    first = await one.post(EXPORTS, json=body(), headers=key)
    again = await other.post(EXPORTS, json=body(), headers=key)
    log = await in_the_log(UUID(first.json()["data"]["id"]), kafka)

    assert ids([first]) == ids([again])
    assert again.headers["idempotency-replayed"] == "true"
    assert len(log) == 1


async def test_a_burst_of_one_account_gets_no_further_than_to_the_limit(open_api: OpenApi) -> None:
    facade = await open_api(pending_limit=20)

    answers = await asyncio.gather(*(facade.post(EXPORTS, json=body()) for _ in range(40)))

    statuses = [each.status_code for each in answers]
    assert statuses.count(201) <= 20
    assert set(statuses) == {201, 429}
    assert {each.headers["retry-after"] for each in answers if each.status_code == 429} == {"10"}


async def test_a_get_after_the_201_shows_the_export_and_after_the_204_that_it_is_deleted(open_api: OpenApi) -> None:
    facade, other = await open_api(), await open_api()
    seen: list[Any] = []
    for _ in range(10):
        made = (await facade.post(EXPORTS, json=body())).headers["location"]
        seen.append((await other.get(made)).json()["data"]["attributes"]["status"])
        deleted = await facade.delete(made)
        after = await other.get(made)
        again = await other.delete(made)
        seen.append((deleted.status_code, after.json()["data"]["attributes"]["status"], again.status_code))

    assert seen == ["Pending", (204, "Deleted", 204)] * 10


async def test_an_export_of_nobody_is_a_404_in_good_time(open_api: OpenApi) -> None:
    facade = await open_api()
    await facade.post(EXPORTS, json=body())

    answer = await facade.delete(f"{EXPORTS}/{uuid4()}")

    assert answer.status_code == 404


async def test_without_postgresql_keys_and_deletions_wait_and_other_requests_are_served(
    open_api: OpenApi, stack: Stack
) -> None:
    facade = await open_api()
    made = (await facade.post(EXPORTS, json=body())).headers["location"]
    key = {"idempotency-key": str(uuid4())}
    await stack.stop("postgres")
    try:
        keyed, deleted = await asyncio.gather(facade.post(EXPORTS, json=body(), headers=key), facade.delete(made))
        started = time.monotonic()
        plain = [await facade.post(EXPORTS, json=body()) for _ in range(20)]
        seconds = time.monotonic() - started
    finally:
        await stack.start("postgres")
    once_more = await _until_served(lambda: facade.post(EXPORTS, json=body(), headers=key))

    for refused in keyed, deleted:
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert [each.status_code for each in plain] == [201] * 20
    assert seconds < 10
    assert "idempotency-replayed" not in once_more.headers


async def test_the_exports_that_have_not_ended_are_counted_from_their_index(postgres: PostgresSettings) -> None:
    """An account with 100,000 exports of which 20 have not ended."""
    dsn = postgres.postgres_dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO exports (export_id, account_id, status, created_at, time_format, state)"
            " SELECT gen_random_uuid(), 4711, CASE WHEN n % 5000 = 0 THEN 'Pending' ELSE 'Completed' END, now(),"
            " 'with_timezone', '{}' FROM generate_series(1, 100000) AS n"
        )
        await connection.execute("ANALYZE exports")
        statement = named_sql("cdr_exports.projection")["unended"]
        values = {"account_id": 4711, "export_id": uuid4(), "accepted": [uuid4()]}
        [row] = await (await connection.execute(statement.encode(), values)).fetchall()
        plan = await (await connection.execute(b"EXPLAIN (ANALYZE) " + statement.encode(), values)).fetchall()
    text = "\n".join(line for (line,) in plan)

    assert (row[0], row[1]) == (20, values["accepted"])
    assert "exports_unended" in text
    assert "Seq Scan on exports" not in text


async def _until_served(ask: Any) -> httpx2.Response:
    async with asyncio.timeout(60):
        while True:
            answer: httpx2.Response = await ask()
            if answer.status_code != 503:
                return answer
