"""Orphaned parts go; everything that a file or an export under way may need stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cdr_exports.domain import object_names
from cdr_exports.domain.errors import FailureCode
from cdr_exports.domain.events import ExportCompleted, ExportRequested
from cdr_exports.processor.collector import OLD, Collector
from cdr_exports.runtime.clock import utc_now
from tests.integration.processor.conftest import Make
from tests.integration.processor.exports import Workshop, request


def collector(workshop: Workshop, *, later: timedelta = OLD + timedelta(minutes=1)) -> Collector:
    return Collector(workshop.store, workshop.ledger, lambda: utc_now() + later)


def share_of(wanted: ExportRequested) -> str:
    folder = object_names.folder(wanted.export_id)
    return next(share for share in object_names.shares() if folder.startswith(share))


async def left_by_a_crash(workshop: Workshop, wanted: ExportRequested, number: int) -> str:
    name = object_names.part(wanted.export_id, number, "0123456789ab")
    assert await workshop.store.create(name, b"half a part")
    return name


async def test_of_a_completed_export_the_parts_that_are_not_its_files_go(
    make_workshop: Make, fill: Callable[..., Any]
) -> None:
    workshop = make_workshop(slice_rows=300)
    await fill(1_000)
    wanted = request()
    assert isinstance(await workshop.run(wanted), ExportCompleted)
    before = set(await workshop.store.list(share_of(wanted)))
    for number in 0, 2:
        await left_by_a_crash(workshop, wanted, number)

    removed = await collector(workshop).sweep(share_of(wanted))

    assert removed == 2
    assert set(await workshop.store.list(share_of(wanted))) == before
    assert await collector(workshop).sweep(share_of(wanted)) == 0


async def test_of_a_failed_export_the_parts_without_an_entry_go(make_workshop: Make, fill: Callable[..., Any]) -> None:
    workshop = make_workshop(slice_rows=300)
    await fill(1_000)
    wanted = request()
    await workshop.worker.do(wanted)
    await workshop.worker.do(workshop.work.popleft())
    orphan = await left_by_a_crash(workshop, wanted, 1)
    await workshop.exporter.fail(wanted.export_id, FailureCode.ENGINE_ERROR, "It did not work.")

    removed = await collector(workshop).sweep(share_of(wanted))

    assert removed == 1
    assert orphan not in await workshop.store.list(share_of(wanted))
    assert await workshop.ledger.part(wanted.export_id, 0) is not None


async def test_of_a_deleted_export_everything_goes(make_workshop: Make) -> None:
    workshop, wanted = make_workshop(), request()
    await workshop.ledger.mark_deleted(wanted.export_id, "customer")
    await left_by_a_crash(workshop, wanted, 0)

    assert await collector(workshop).sweep(share_of(wanted)) == 1
    assert await workshop.ledger.is_deleted(wanted.export_id)


@pytest.mark.parametrize("ended", [True, False])
async def test_what_may_still_be_written_stays(make_workshop: Make, fill: Callable[..., Any], ended: bool) -> None:
    """What is young, and what belongs to an export that has not ended."""
    workshop = make_workshop(slice_rows=300)
    await fill(1_000)
    wanted = request()
    await workshop.worker.do(wanted)
    if ended:
        await workshop.finish()
    await left_by_a_crash(workshop, wanted, 0)

    removed = await collector(workshop, later=timedelta(hours=23) if ended else timedelta(days=9)).sweep(
        share_of(wanted)
    )

    assert removed == 0
