"""Whatever ClickHouse or the network does to an answer, it does not get into a file."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cdr_exports.domain import object_names
from cdr_exports.domain.errors import FailureCode
from cdr_exports.domain.events import (
    DeleteReason,
    ExportCompleted,
    ExportDeleted,
    ExportDeleteRequested,
    ExportFailed,
    ExportProgressed,
    SliceReady,
)
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.identity import EventId
from cdr_exports.processor import slice_maker
from cdr_exports.processor.slice_maker import Unverified
from cdr_exports.runtime.clickhouse import QueryFailed
from cdr_exports.runtime.clock import utc_now
from tests.integration.processor.conftest import Make
from tests.integration.processor.exports import DAY, Workshop, request, row

SLICE_QUERY = "ORDER BY time_start DESC"
"""Stands in the queries of slices and in no other."""

FAULTS = {
    "error_text_before_24_11": {"action": "error", "dialect": "legacy", "after_bytes": 50_000},
    "error_text_until_25_10": {"action": "error", "dialect": "break", "after_bytes": 50_000},
    "error_text_since_25_11": {"action": "error", "dialect": "tag", "after_bytes": 50_000},
    "error_text_at_once": {"action": "error", "dialect": "legacy", "after_bytes": 1},
    "error_text_before_24_11_in_the_middle": {"action": "error", "dialect": "legacy", "after_bytes": 3_000},
    "error_text_since_25_11_in_the_middle": {"action": "error", "dialect": "tag", "after_bytes": 3_000},
    "cut_in_mid_stream": {"action": "drop", "after_bytes": 50_000},
    "cut_in_the_middle": {"action": "drop", "after_bytes": 3_000},
    "cut_before_the_headers": {"action": "drop"},
    "http_500": {"action": "status", "status": 500, "body": "Code: 241. DB::Exception: no memory. (MEMORY_LIMIT)\n"},
    "http_503": {"action": "status", "status": 503},
    "short_answer": {"action": "short", "rows": 100},
}


@pytest.fixture(autouse=True)
async def _no_waiting(clickhouse: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Retries follow at once, and no fault outlives its test."""
    monkeypatch.setattr("cdr_exports.processor.worker.delays", lambda: iter(lambda: 0.0, 1.0))
    yield
    await clickhouse.faults([])


async def objects(workshop: Workshop, export_id: Any) -> list[str]:
    return await workshop.store.list(object_names.folder(export_id))


@pytest.mark.parametrize("file_format", FileFormat)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_fault_costs_an_attempt_and_no_byte_of_the_file(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Any, fault: dict[str, Any], file_format: FileFormat
) -> None:
    workshop = make_workshop(slice_rows=1000)
    await fill(4_000)
    undisturbed = await workshop.run(request(file_format=file_format))

    await clickhouse.faults([{**fault, "match": SLICE_QUERY, "times": 2}])
    wanted = request(file_format=file_format)
    disturbed = await workshop.run(wanted)

    assert isinstance(undisturbed, ExportCompleted)
    assert isinstance(disturbed, ExportCompleted)
    assert disturbed.file.sha256 == undisturbed.file.sha256
    left = [name for name in await objects(workshop, wanted.export_id) if not name.endswith(".json")]
    assert len(left) == disturbed.file.parts
    assert await clickhouse.faults_left() == []


@pytest.mark.parametrize("file_format", FileFormat)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_one_attempt_under_a_fault_leaves_nothing_behind(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Any, fault: dict[str, Any], file_format: FileFormat
) -> None:
    workshop = make_workshop(slice_rows=1000)
    await fill(1_000)
    wanted = request(file_format=file_format)
    plan = await workshop.ledger.settle_plan(await workshop.exporter._planner.plan(wanted))

    # more often than clickhouse-connect itself asks again before the first byte
    await clickhouse.faults([{**fault, "match": SLICE_QUERY, "times": 9}])
    with pytest.raises((Unverified, QueryFailed, Exception)) as caught:
        await workshop.exporter._maker.make(plan, plan.slices[0])

    assert type(caught.value).__name__ in {"Unverified", "QueryFailed", "Transient"}
    assert await objects(workshop, wanted.export_id) == [object_names.plan(wanted.export_id)]


async def test_a_slice_that_never_comes_right_fails_its_export_with_the_true_reason(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Any
) -> None:
    workshop = make_workshop(slice_rows=1000, slice_attempts=3)
    await fill(500)

    await clickhouse.faults(
        [{"action": "error", "dialect": "legacy", "after_bytes": 100, "match": SLICE_QUERY, "times": 99}]
    )
    wanted = request()
    failed = await workshop.run(wanted)

    assert isinstance(failed, ExportFailed)
    assert failed.code == FailureCode.ENGINE_ERROR
    assert "Exception" not in failed.message
    left = (await clickhouse.faults_left())[0]["times"]
    assert 99 - left == 3


async def test_a_server_that_is_away_burns_no_attempts(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Any
) -> None:
    workshop = make_workshop(slice_rows=1000, slice_attempts=2)
    await fill(500)

    await clickhouse.faults([{"action": "drop", "match": SLICE_QUERY, "times": 20}])
    completed = await workshop.run(request())

    assert isinstance(completed, ExportCompleted)


async def test_cdrs_that_arrive_after_the_plan_are_in_the_file_and_counted(
    make_workshop: Make, fill: Callable[..., Any]
) -> None:
    workshop = make_workshop(slice_rows=1000)
    await fill(1_500)
    wanted = request()
    await workshop.worker.do(wanted)

    await fill(10, first_id=50_000)
    await workshop.finish()

    completed = workshop.announced[-1]
    assert isinstance(completed, ExportCompleted)
    assert completed.rows == 1_510
    manifest = await workshop.ledger.manifest(wanted.export_id)
    assert manifest is not None
    assert gzip.decompress(workshop.file(manifest)).count(b'\n"2026') == 1_510


@pytest.mark.parametrize("file_format", FileFormat)
async def test_a_part_that_was_damaged_in_the_store_is_not_announced(
    make_workshop: Make, fill: Callable[..., Any], file_format: FileFormat
) -> None:
    workshop = make_workshop(slice_rows=500, lanes=1, slice_attempts=2)
    await fill(1_000)
    wanted = request(file_format=file_format)
    await workshop.worker.do(wanted)
    await workshop.worker.do(workshop.work.popleft())
    part = await workshop.ledger.part(wanted.export_id, 0)
    assert part is not None
    damaged = bytearray(b"".join(workshop.store.pieces(part.object_name)))
    damaged[100] ^= 1
    await workshop.store.delete(part.object_name)
    await workshop.store.create(part.object_name, bytes(damaged))

    await workshop.finish()

    failed = workshop.announced[-1]
    assert isinstance(failed, ExportFailed)
    assert failed.code == FailureCode.STORAGE_ERROR


async def test_a_redelivered_slice_is_not_made_again_and_starts_no_second_chain(
    make_workshop: Make, fill: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = make_workshop(slice_rows=500, lanes=2)
    await fill(5_000)
    made: list[int] = []
    make = slice_maker.SliceMaker.make

    async def recorded(self: Any, plan: Any, piece: Any) -> Any:
        made.append(piece.number)
        return await make(self, plan, piece)

    monkeypatch.setattr(slice_maker.SliceMaker, "make", recorded)
    await workshop.worker.do(request())
    ready: list[SliceReady] = []
    while workshop.work:
        work = workshop.work.popleft()
        ready.append(work)
        await workshop.worker.do(work)
    count = len(workshop.said(SliceReady))

    for work in ready:
        await workshop.worker.do(work)

    assert sorted(made) == sorted(set(made))
    assert len(workshop.said(SliceReady)) == count
    assert len({each.event_id for each in workshop.said(ExportCompleted)}) == 1


async def test_two_deliveries_at_once_make_the_slice_once(make_workshop: Make, fill: Callable[..., Any]) -> None:
    workshop = make_workshop(slice_rows=1000)
    await fill(900)
    wanted = request()
    await workshop.worker.do(wanted)
    work = workshop.work.popleft()

    await asyncio.gather(workshop.worker.do(work), workshop.worker.do(work))

    assert len(workshop.said(ExportProgressed)) == 1


async def test_two_workers_on_one_slice_agree(make_workshop: Make, fill: Callable[..., Any]) -> None:
    first = make_workshop(slice_rows=1000)
    second = make_workshop(slice_rows=1000)
    await fill(900)
    wanted = request()
    await first.worker.do(wanted)
    work = first.work.popleft()

    await asyncio.gather(first.worker.do(work), second.worker.do(work))

    (one,), (other,) = first.said(ExportCompleted), second.said(ExportCompleted)
    assert one == other
    names = await objects(first, wanted.export_id)
    assert len([name for name in names if not name.endswith(".json")]) == 1


async def test_a_deleted_export_leaves_a_tombstone_and_nothing_else(
    make_workshop: Make, fill: Callable[..., Any]
) -> None:
    workshop = make_workshop(slice_rows=500, lanes=2)
    await fill(2_000)
    wanted = request()
    await workshop.worker.do(wanted)
    await workshop.worker.do(workshop.work.popleft())

    delete = ExportDeleteRequested(
        event_id=EventId(wanted.event_id), occurred_at=utc_now(), source="test", export_id=wanted.export_id,
        reason=DeleteReason.CUSTOMER,
    )  # fmt: skip
    await workshop.worker.do(delete)
    await workshop.finish()

    assert await objects(workshop, wanted.export_id) == []
    assert await workshop.ledger.is_deleted(wanted.export_id)
    assert len(workshop.said(ExportDeleted)) == 1
    assert workshop.said(ExportCompleted) == []


async def test_a_slice_under_way_when_its_export_is_deleted_cleans_up_after_itself(
    make_workshop: Make, fill: Callable[..., Any], clickhouse: Any
) -> None:
    workshop = make_workshop(slice_rows=1000)
    await fill(900)
    wanted = request()
    await workshop.worker.do(wanted)
    await clickhouse.faults([{"action": "delay", "seconds": 0.5, "after_bytes": 1000, "match": SLICE_QUERY}])

    making = asyncio.create_task(workshop.finish())
    while await clickhouse.faults_left() != []:
        await asyncio.sleep(0.01)
    await workshop.ledger.mark_deleted(wanted.export_id, "customer")
    await making

    assert await objects(workshop, wanted.export_id) == []


@pytest.mark.parametrize(("fields", "code"), [
    ({"account_id": 99, "occurred_at": utc_now() - timedelta(minutes=1)}, FailureCode.UNKNOWN_ACCOUNT),
    ({"time_zone_name": "Europe/Atlantis"}, FailureCode.INVALID_FILTERS),
    ({"days": 400}, FailureCode.INVALID_FILTERS),
    ({"columns": ("vendor_price",)}, FailureCode.UNKNOWN_COLUMN),
    ({"deadline": DAY}, FailureCode.DEADLINE_EXCEEDED),
], ids=lambda each: str(each)[:40])  # fmt: skip
async def test_a_request_that_cannot_be_served_fails_with_its_code(
    make_workshop: Make, fields: dict[str, Any], code: FailureCode
) -> None:
    workshop = make_workshop()

    failed = await workshop.run(request(**fields))

    assert isinstance(failed, ExportFailed)
    assert failed.code == code


async def test_an_account_published_a_moment_after_its_request_is_waited_for(
    make_workshop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.integration.processor.exports import account

    workshop = make_workshop()
    asked = iter(range(3))

    def publish_later() -> Any:
        for _ in asked:
            yield 0.0
        workshop.directory.put_account(account(99))
        while True:
            yield 0.0

    monkeypatch.setattr("cdr_exports.processor.worker.delays", publish_later)
    completed = await workshop.run(request(99))

    assert isinstance(completed, ExportCompleted)


async def test_only_the_accounts_own_cdrs_are_in_its_file(make_workshop: Make, insert: Callable[..., Any]) -> None:
    workshop = make_workshop()
    await insert([dict(row(1, DAY)), {**row(2, DAY), "customer_acc_id": 72}])

    completed = await workshop.run(request())

    assert isinstance(completed, ExportCompleted)
    assert completed.rows == 1
