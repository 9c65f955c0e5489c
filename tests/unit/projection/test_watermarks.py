from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cdr_exports.projection.watermarks import Complete, Watermarks
from cdr_exports.runtime.kafka import Partition

FIRST, SECOND = Partition("requests", 0), Partition("requests", 1)
AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(seconds=3)


def test_a_partition_is_complete_when_its_end_as_it_was_seen_has_been_applied() -> None:
    watermarks = Watermarks()
    watermarks.look(AT, {FIRST: 5, SECOND: 0})

    assert watermarks.reached({FIRST: 4, SECOND: 0}) == [Complete(partition=SECOND, next_offset=0, before=AT)]
    assert Complete(partition=FIRST, next_offset=5, before=AT) in watermarks.reached({FIRST: 5, SECOND: 0})


def test_a_look_that_is_not_reached_yet_is_not_replaced_by_a_later_one() -> None:
    watermarks = Watermarks()
    watermarks.look(AT, {FIRST: 5})

    watermarks.look(LATER, {FIRST: 9})

    assert watermarks.reached({FIRST: 6}) == [Complete(partition=FIRST, next_offset=5, before=AT)]


def test_a_reached_look_that_was_saved_makes_room_for_the_next() -> None:
    watermarks = Watermarks()
    watermarks.look(AT, {FIRST: 5})
    watermarks.forget(watermarks.reached({FIRST: 5}))

    watermarks.look(LATER, {FIRST: 9})

    assert watermarks.reached({FIRST: 8}) == []
    assert watermarks.reached({FIRST: 9}) == [Complete(partition=FIRST, next_offset=9, before=LATER)]


def test_a_partition_that_is_read_elsewhere_now_is_forgotten() -> None:
    watermarks = Watermarks()
    watermarks.look(AT, {FIRST: 5, SECOND: 5})

    watermarks.look(LATER, {SECOND: 5})

    assert [each.partition for each in watermarks.reached({FIRST: 5, SECOND: 5})] == [SECOND]


def test_the_lag_is_the_time_since_the_oldest_partition_was_complete() -> None:
    watermarks = Watermarks()
    watermarks.look(AT, {FIRST: 5, SECOND: 5})
    watermarks.forget(watermarks.reached({FIRST: 5}))
    watermarks.look(LATER, {FIRST: 5, SECOND: 5})

    behind = watermarks.lag_seconds(LATER)
    watermarks.forget(watermarks.reached({FIRST: 5, SECOND: 5}))

    assert behind == 3.0
    assert watermarks.lag_seconds(LATER) == 0.0
