"""What an error of ClickHouse's means for the query: wait, try again, or give up; and no longer than the deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from cdr_exports.domain.errors import FailureCode, Transient
from cdr_exports.domain.events import ExportFailed
from cdr_exports.runtime.clickhouse import AGAIN, OUTAGE, TIMEOUT_EXCEEDED, ClickHouse, QueryFailed
from cdr_exports.runtime.clock import utc_now
from tests.integration.processor.conftest import Make
from tests.integration.processor.exports import request
from tests.stack import ClickHouse as Server


@pytest.fixture(autouse=True)
async def _no_fault_is_left(clickhouse: Server) -> AsyncIterator[None]:
    yield
    await clickhouse.faults([])


async def answers(clickhouse: Server, code: int) -> None:
    body = f"Code: {code}. DB::Exception: planted. (PLANTED)\n"
    await clickhouse.faults([{"action": "status", "status": 500, "body": body, "match": "SELECT 17", "times": 9}])


@pytest.mark.parametrize("code", sorted(OUTAGE))
async def test_an_outage_is_waited_for(database: ClickHouse, clickhouse: Server, code: int) -> None:
    await answers(clickhouse, code)

    with pytest.raises(Transient):
        await database.rows("SELECT 17")


@pytest.mark.parametrize("code", sorted(AGAIN))
async def test_an_accident_is_worth_another_attempt(database: ClickHouse, clickhouse: Server, code: int) -> None:
    await answers(clickhouse, code)

    with pytest.raises(QueryFailed) as failed:
        await database.rows("SELECT 17")

    assert (failed.value.code, failed.value.may_succeed_later) == (code, True)


@pytest.mark.parametrize("code", [36, 47, 62, 115, 158, 307, 396, 43, 386])
async def test_a_query_that_is_wrong_stays_wrong(database: ClickHouse, clickhouse: Server, code: int) -> None:
    await answers(clickhouse, code)

    with pytest.raises(QueryFailed) as failed:
        await database.rows("SELECT 17")

    assert (failed.value.code, failed.value.may_succeed_later) == (code, False)


async def test_an_answer_may_not_take_longer_than_its_deadline(database: ClickHouse, clickhouse: Server) -> None:
    """ClickHouse has kept to it, the network in between has not."""
    await clickhouse.faults([{"action": "delay", "seconds": 1.5, "after_bytes": 3_000_000, "match": "repeat"}])

    with (
        pytest.raises(QueryFailed) as failed,
        database.stream(
            "SELECT repeat('x', 1000) FROM numbers(10000)", {}, {"max_execution_time": 1.0}, query_id="q", fmt="CSV"
        ) as pieces,
    ):
        for _ in pieces:
            pass

    assert failed.value.code == TIMEOUT_EXCEEDED


async def test_an_export_waits_for_clickhouse_no_longer_than_its_deadline(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdr_exports.processor.worker.delays", lambda: iter(lambda: 0.05, 1.0))
    workshop = make_workshop()
    await fill(500)
    await clickhouse.faults([{"action": "drop", "match": "intDiv", "times": 100_000}])

    failed = await workshop.run(request(deadline=utc_now() + timedelta(seconds=1)))

    assert isinstance(failed, ExportFailed)
    assert failed.code == FailureCode.DEADLINE_EXCEEDED
