"""The fold of an export's records: a join, so that order and repetition do not matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from cdr_exports.domain.lifecycle import TRANSITIONS, ExportState, Position, Stage, Status, contradicts, evolve

ID = ExportId(UUID(int=1))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def base(number: int) -> dict[str, Any]:
    return {
        "event_id": EventId(UUID(int=number)),
        "occurred_at": NOON + timedelta(seconds=number),
        "source": "test",
        "export_id": ID,
    }


REQUESTED = ExportRequested(
    **base(1),
    account_id=AccountId(71),
    filters=Filters(time_start_gteq=NOON, time_start_lt=NOON + timedelta(days=1)),
)
STARTED = ExportStarted(**base(2), slices_total=3, lanes=2, rows_expected=30, columns=("duration",))
FIRST = ExportProgressed(**base(3), lane=0, lane_slices_done=1, lane_rows=10, lane_bytes=100)
SECOND = ExportProgressed(**base(4), lane=1, lane_slices_done=1, lane_rows=10, lane_bytes=100)
THIRD = ExportProgressed(**base(5), lane=0, lane_slices_done=2, lane_rows=20, lane_bytes=200)
COMPLETED = ExportCompleted(
    **base(6),
    rows=30,
    file=ExportedFile(format=FileFormat.CSV, parts=3, bytes=320, raw_bytes=999, sha256="0" * 64, crc32=1, manifest="m"),
    totals=Totals(duration_seconds=1, customer_duration_seconds=1, customer_price=Decimal("0.1")),
    data_through=None,
    started_at=NOON,
    completed_at=NOON + timedelta(seconds=6),
)
FAILED = ExportFailed(**base(7), code="internal", message="No.", fault=Fault.SERVICE)
DELETE = ExportDeleteRequested(**base(8), reason=DeleteReason.CUSTOMER)
RECORDS: list[Command | Fact] = [REQUESTED, STARTED, FIRST, SECOND, THIRD, COMPLETED, FAILED, DELETE]
LOG = [(record, Position(offset, 0)) for offset, record in enumerate(RECORDS)]


def fold(log: list[tuple[Command | Fact, Position]]) -> ExportState:
    state = ExportState(export_id=ID)
    for record, position in log:
        state = evolve(state, record, position)
    return state


@pytest.mark.parametrize(
    ("read", "stage", "percent", "status"),
    [
        (1, Stage.ACCEPTED, 0.0, Status.PENDING),
        (2, Stage.PLANNED, 0.0, Status.PENDING),
        (3, Stage.EXPORTING, 33.3, Status.PENDING),
        (5, Stage.FINISHING, 99.9, Status.PENDING),
        (6, Stage.COMPLETED, 100.0, Status.COMPLETED),
        (7, Stage.COMPLETED, 100.0, Status.COMPLETED),
        (8, Stage.DELETED, 100.0, Status.DELETED),
    ],
)
def test_an_export_moves_through_its_stages(read: int, stage: Stage, percent: float, status: Status) -> None:
    state = fold(LOG[:read])

    assert (state.stage, state.percent, state.status) == (stage, percent, status)


@given(st.permutations(LOG), st.lists(st.sampled_from(LOG), max_size=8))
def test_order_and_repetition_change_nothing(
    shuffled: list[tuple[Command | Fact, Position]], again: list[tuple[Command | Fact, Position]]
) -> None:
    assert fold([*shuffled, *again]) == fold(LOG)


def test_the_first_ending_by_position_wins_whichever_is_read_first() -> None:
    endings: list[tuple[Command | Fact, Position]] = [(FAILED, Position(3, 0)), (COMPLETED, Position(9, 0))]
    for log in permutations(endings):
        assert fold([LOG[0], *log]).status is Status.FAILED


def test_the_first_request_by_position_wins() -> None:
    later = replace(REQUESTED, account_id=AccountId(99))

    state = fold([(later, Position(5, 0)), (REQUESTED, Position(4, 0))])

    assert state.request == REQUESTED


def test_a_second_different_ending_is_a_contradiction_and_a_repeated_one_is_not() -> None:
    state = fold(LOG[:6])

    assert contradicts(state, FAILED)
    assert not contradicts(state, COMPLETED)


def test_the_update_time_moves_with_each_change_of_status() -> None:
    seen = [fold(LOG[:read]).updated_at for read in (1, 5, 6, 8)]

    assert seen == [REQUESTED.occurred_at, REQUESTED.occurred_at, COMPLETED.occurred_at, DELETE.occurred_at]


def test_nothing_leads_out_of_deleted_and_pending_is_never_entered() -> None:
    assert TRANSITIONS[Status.DELETED] == {}
    assert all(Status.PENDING not in moves.values() for moves in TRANSITIONS.values())
