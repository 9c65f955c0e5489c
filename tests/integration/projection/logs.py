"""Histories of exports as they stand in a log, and ways to read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from uuid_utils.compat import uuid7

from cdr_exports.contract import topics
from cdr_exports.domain.events import (
    Command,
    DeleteReason,
    ExportCompleted,
    ExportDeleteRequested,
    ExportedFile,
    ExportFailed,
    ExportProgressed,
    ExportRequested,
    ExportStarted,
    Fact,
    Fault,
    Totals,
)
from cdr_exports.domain.filters import FileFormat, Filters
from cdr_exports.domain.identity import AccountId, EventId, ExportId
from cdr_exports.projection.dump import dump
from cdr_exports.projection.folding import Folding, Read
from cdr_exports.runtime.kafka import Partition
from cdr_exports.runtime.postgres import Database

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT = AccountId(71)

REQUESTS, EVENTS = Partition(topics.REQUESTS, 0), Partition(topics.EVENTS, 0)


def event() -> dict[str, Any]:
    return {"event_id": EventId(uuid4()), "occurred_at": AT, "source": "test"}


def new_id() -> ExportId:
    return ExportId(uuid7())


def requested(export_id: ExportId, **fields: Any) -> ExportRequested:
    given: dict[str, Any] = {
        "account_id": ACCOUNT,
        "filters": Filters(time_start_gteq=AT, time_start_lt=AT + timedelta(days=1)),
    }
    return ExportRequested(**{**event(), "export_id": export_id, **given, **fields})


def delete_requested(export_id: ExportId) -> ExportDeleteRequested:
    return ExportDeleteRequested(**event(), export_id=export_id, reason=DeleteReason.CUSTOMER)


def started(export_id: ExportId) -> ExportStarted:
    return ExportStarted(
        **event(), export_id=export_id, slices_total=4, lanes=2, rows_expected=40, columns=("time_start",)
    )


def progressed(export_id: ExportId, lane: int, slices: int) -> ExportProgressed:
    return ExportProgressed(
        **event(),
        export_id=export_id,
        lane=lane,
        lane_slices_done=slices,
        lane_rows=slices * 10,
        lane_bytes=slices * 100,
    )


def completed(export_id: ExportId, *, rows: int = 40) -> ExportCompleted:
    return ExportCompleted(
        **event(),
        export_id=export_id,
        rows=rows,
        file=ExportedFile(
            format=FileFormat.CSV, parts=4, bytes=400, raw_bytes=4000, sha256="ab" * 32, crc32=7, manifest="m"
        ),
        totals=Totals(duration_seconds=1, customer_duration_seconds=2, customer_price=Decimal("3.50")),
        data_through=None,
        started_at=AT,
        completed_at=AT,
    )


def failed(export_id: ExportId) -> ExportFailed:
    return ExportFailed(
        **event(), export_id=export_id, code="internal", message="It did not work.", fault=Fault.SERVICE
    )


def whole_life(export_id: ExportId) -> list[Fact]:
    """What the processor says of an export, with a contradiction at the end."""
    return [
        started(export_id),
        *(progressed(export_id, lane, slices) for slices in (1, 2) for lane in (0, 1)),
        completed(export_id),
        failed(export_id),
    ]


def log_of(partition: Partition, records: Iterable[Command | Fact | None], first: int = 0) -> list[Read]:
    """One partition of a log, from offset `first` on."""
    return [Read(partition=partition, offset=first + place, record=record) for place, record in enumerate(records)]


async def fold(database: Database, *batches: Sequence[Read]) -> Folding:
    """A projector's life: it is assigned the partitions, and folds batches."""
    folding = Folding(database)
    await folding.starts({each.partition for batch in batches for each in batch})
    for batch in batches:
        await folding.apply(batch)
    return folding


async def dumped(database: Database) -> bytes:
    return b"".join([line async for line in dump(database)])


async def offsets(database: Database) -> dict[Partition, int]:
    async with database.transaction() as transaction:
        rows = await transaction.rows("SELECT topic, partition, next_offset FROM projection_offsets")
    return {Partition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
