"""How an export is cut: slices, lanes, and the plan that fixes both.

A slice is a half-open period, the only unit of query, retry and progress. Slices are numbered from 0, newest first,
as the rows stand in the file, and tile the export's period without a gap. A lane is a chain of slices made one after
another: lane `l` of `n` makes slices l, l + n, l + 2n, …

How the CDRs lie in time is the caller's to ask; what is made of it is decided here, the same for the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cdr_exports.domain.filters import CsvDialect, FileFormat, Filters, TimeFormat, from_micros, micros
from cdr_exports.domain.identity import AccountId, ExportId

ROOMY = 1.25
"""A slice may exceed the wanted rows by this much before it is closed: two half-empty slices cost more than one full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """`rows` CDRs lie in [start, end), microseconds since 1970."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """[start, end) in microseconds since 1970, and the rows that were counted in it when it was planned."""

    number: int
    start: int
    end: int
    rows_expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides the bytes of an export. Written once, before the first slice; whoever works on it uses this one."""

    export_id: ExportId
    account_id: AccountId
    filters: Filters
    columns: tuple[str, ...]
    time_format: TimeFormat
    time_zone: str
    file_format: FileFormat
    csv_dialect: CsvDialect
    sql_version: int
    slices: tuple[Slice, ...]
    lanes: int
    requested_at: datetime
    planned_at: datetime
    deadline: datetime

    @property
    def rows_expected(self) -> int:
        return sum(each.rows_expected for each in self.slices)

    def lane_slices(self, lane: int) -> range:
        """The numbers of the slices that `lane` makes, in the order it makes them."""
        return range(lane, len(self.slices), self.lanes)

    def next_in_lane(self, number: int) -> int | None:
        """The slice that the lane of slice `number` makes after it; None at the lane's end."""
        following = number + self.lanes
        return following if following < len(self.slices) else None

    def last_of_lanes(self) -> Iterator[int]:
        """The last slice of each lane: an export is made when all of these are."""
        return (self.lane_slices(lane)[-1] for lane in range(self.lanes))


def too_dense(buckets: Iterable[Bucket], *, slice_rows: int) -> list[Bucket]:
    """The buckets that alone would overfill a slice and can be counted finer."""
    return [each for each in buckets if each.rows > slice_rows * ROOMY and each.end - each.start > 1]


def pack(buckets: Sequence[Bucket], *, start: int, end: int, slice_rows: int) -> tuple[Slice, ...]:
    """As few slices as `slice_rows` allows, of about equal size, newest first, that tile [start, end).

    `buckets` need not touch nor be sorted; empty ones may be left out. An empty export is one empty slice.
    """
    total = sum(each.rows for each in buckets)
    even_rows = total / max(-(-total // slice_rows), 1)
    slices: list[Slice] = []
    upper, lower, rows, before = end, end, 0, 0
    for bucket in sorted(buckets, key=lambda each: each.start, reverse=True):
        border = (len(slices) + 1) * even_rows - before
        overshoots = rows + bucket.rows - border > border - rows
        if rows and (overshoots or rows + bucket.rows > slice_rows * ROOMY):
            slices.append(Slice(number=len(slices), start=lower, end=upper, rows_expected=rows))
            upper, rows, before = lower, 0, before + rows
        lower, rows = max(bucket.start, start), rows + bucket.rows
    slices.append(Slice(number=len(slices), start=start, end=max(upper, start), rows_expected=rows))
    return tuple(slices)


def bucket_micros(start: int, end: int, *, buckets_at_most: int = 4096) -> int:
    """The width of the first count: a round one, so that few rows come back however long the period is."""
    second = 1_000_000
    for width in (60 * second, 600 * second, 3600 * second, 6 * 3600 * second, 24 * 3600 * second):
        if (end - start) // width < buckets_at_most:
            return width
    return -(-(end - start) // buckets_at_most)


def finer(width: int) -> int:
    """The width at which a too dense bucket of `width` microseconds is counted again. At last one microsecond."""
    return max(width // 60, 1)


def instant(micros_since_1970: int) -> datetime:
    return from_micros(micros_since_1970)


def bounds(filters: Filters) -> tuple[int, int]:
    """The export's period in microseconds since 1970."""
    return micros(filters.time_start_gteq), micros(filters.time_start_lt)
