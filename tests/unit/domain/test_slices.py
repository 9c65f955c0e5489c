"""How an export is cut."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.domain.slices import Bucket, Slice, bucket_micros, finer, pack, too_dense

START, WIDTH = 1_000_000_000_000, 3_600_000_000


def buckets_of(counts: list[int]) -> list[Bucket]:
    return [
        Bucket(start=START + n * WIDTH, end=START + (n + 1) * WIDTH, rows=rows) for n, rows in enumerate(counts) if rows
    ]


@given(st.lists(st.integers(0, 500), max_size=60), st.integers(1, 400))
def test_slices_tile_the_period_newest_first_and_hold_every_row(counts: list[int], slice_rows: int) -> None:
    end = START + max(len(counts), 1) * WIDTH

    slices = pack(buckets_of(counts), start=START, end=end, slice_rows=slice_rows)

    assert [each.number for each in slices] == list(range(len(slices)))
    assert slices[0].end == end
    assert slices[-1].start == START
    assert all(newer.start == older.end for newer, older in pairwise(slices))
    assert sum(each.rows_expected for each in slices) == sum(counts)
    for each in slices:
        inside = [b.rows for b in buckets_of(counts) if each.start <= b.start < each.end]
        assert sum(inside) == each.rows_expected


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.integers(1, 400))
def test_no_slice_is_larger_than_its_buckets_force_it_to_be(counts: list[int], slice_rows: int) -> None:
    end = START + len(counts) * WIDTH

    slices = pack(buckets_of(counts), start=START, end=end, slice_rows=slice_rows)

    assert all(each.rows_expected <= max(slice_rows * 1.25, *counts) for each in slices)


def test_slices_of_evenly_spread_rows_are_of_equal_size() -> None:
    slices = pack(buckets_of([1000] * 103), start=START, end=START + 103 * WIDTH, slice_rows=20_000)

    assert [each.rows_expected for each in slices] == [17_000, 17_000, 18_000, 17_000, 17_000, 17_000]


def test_an_empty_export_is_one_empty_slice_of_the_whole_period() -> None:
    slices = pack([], start=5, end=9, slice_rows=100)

    assert slices == (Slice(number=0, start=5, end=9, rows_expected=0),)


def test_a_period_that_ends_before_it_starts_is_one_empty_slice() -> None:
    (only,) = pack([], start=9, end=5, slice_rows=100)

    assert only.start == only.end == 9


def test_a_bucket_of_one_microsecond_is_never_too_dense() -> None:
    crowded = Bucket(start=1, end=2, rows=1_000_000)

    assert too_dense([crowded], slice_rows=10) == []


@pytest.mark.parametrize(("days", "seconds"), [(1, 60), (30, 3600), (92, 3600), (365, 21600), (3650, 86400)])
def test_the_first_count_gives_few_rows_however_long_the_period(days: int, seconds: int) -> None:
    width = bucket_micros(0, days * 86_400_000_000)

    assert width == seconds * 1_000_000


def test_counting_finer_ends_at_one_microsecond() -> None:
    width, steps = 86_400_000_000, 0
    while width > 1:
        width, steps = finer(width), steps + 1

    assert steps <= 7


def test_lanes_take_turns() -> None:
    from tests.unit.plans import plan_of

    plan = plan_of(slices=7, lanes=3)

    assert [list(plan.lane_slices(lane)) for lane in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert [plan.next_in_lane(n) for n in range(7)] == [3, 4, 5, 6, None, None, None]
    assert sorted(plan.last_of_lanes()) == [4, 5, 6]
    assert plan.planned_at == datetime(2026, 1, 1, tzinfo=UTC)
