from __future__ import annotations

import re
from importlib.resources import files
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.domain.events import Command, ExportProgressed, ExportRequested, Fact, Record
from cdr_exports.domain.lifecycle import ExportState, Position, Status, evolve
from cdr_exports.projection.state_rows import row_of, state_of, text_of
from tests.contract.records import AT, EXPORT, FACT, record_of

RECORDS: st.SearchStrategy[Command | Fact] = st.one_of(*map(record_of, (*get_args(Command), *get_args(Fact))))
POSITIONS = st.builds(Position, st.integers(0, 2**62), st.integers(0, 47))


@given(st.lists(st.tuples(RECORDS, POSITIONS), max_size=6))
def test_a_state_comes_back_from_its_text_as_it_was(history: list[tuple[Command | Fact, Position]]) -> None:
    state = ExportState(export_id=EXPORT)
    for record, position in history:
        state = evolve(state, record, position)

    assert state_of(text_of(state)) == state


def test_the_text_does_not_depend_on_the_order_in_which_lanes_came() -> None:
    first, second = (
        ExportProgressed(**FACT, export_id=EXPORT, lane=lane, lane_slices_done=1, lane_rows=2, lane_bytes=3)
        for lane in (0, 1)
    )
    at = Position(1, 1)

    one_way = evolve(evolve(ExportState(export_id=EXPORT), first, at), second, at)
    other_way = evolve(evolve(ExportState(export_id=EXPORT), second, at), first, at)

    assert text_of(one_way) == text_of(other_way)


def test_an_export_whose_request_is_unknown_belongs_to_no_account() -> None:
    progress = ExportProgressed(**FACT, export_id=EXPORT, lane=0, lane_slices_done=1, lane_rows=2, lane_bytes=3)

    row = row_of(evolve(ExportState(export_id=EXPORT), progress, Position(1, 1)))

    assert row["account_id"] is row["created_at"] is row["time_format"] is None


@given(record_of(ExportRequested))
def test_a_row_holds_what_lists_sort_and_filter_by(request: Record) -> None:
    assert isinstance(request, ExportRequested)

    row = row_of(evolve(ExportState(export_id=request.export_id), request, Position(0, 0)))

    assert (row["account_id"], row["created_at"], row["updated_at"], row["status"], row["rows_count"]) == (
        request.account_id,
        request.occurred_at,
        request.occurred_at,
        "Pending",
        None,
    )
    assert row["time_format"] == request.time_format.value
    assert row["time_zone_name"] == request.time_zone_name


def test_the_table_admits_exactly_the_statuses_of_the_life_cycle() -> None:
    migration = (files("cdr_exports.projection") / "migrations" / "0001_exports.sql").read_text()

    [admitted] = re.findall(r"CHECK \(status IN \((.*?)\)\)", migration)

    assert {word.strip().strip("'") for word in admitted.split(",")} == {status.value for status in Status}


def test_an_instant_keeps_its_microseconds() -> None:
    state = ExportState(export_id=EXPORT, deleted_at=AT)

    assert state_of(text_of(state)).deleted_at == AT
