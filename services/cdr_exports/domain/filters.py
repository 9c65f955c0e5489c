"""Which CDRs an export holds: the period and the conditions, and what of them is out of the question.

Instants are aware datetimes in UTC. Bounds of filters are milliseconds (what the API echoes is what is queried);
bounds of slices go down to the microsecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cdr_exports.domain.errors import FailureCode, Rejected

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, tzinfo=UTC)
"""What a ClickHouse DateTime64 can hold; a bound outside wraps around there in silence."""
INT32 = range(-(2**31), 2**31)


def micros(instant: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (instant - EPOCH) // MICROSECOND


def from_micros(count: int) -> datetime:
    """The instant `count` microseconds after 1970, exact."""
    return EPOCH + count * MICROSECOND


class TimeFormat(StrEnum):
    """How the three time columns are written."""

    WITH_TIMEZONE = "with_timezone"
    WITHOUT_TIMEZONE = "without_timezone"
    ROUND_TO_SECONDS = "round_to_seconds"


class FileFormat(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"


class CsvDialect(StrEnum):
    RAW = "raw"
    SPREADSHEET_SAFE = "spreadsheet_safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Half-open [start, end). Empty where start >= end."""

    start: datetime
    end: datetime

    @property
    def is_empty(self) -> bool:
        return self.start >= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """All conditions hold at once; None is no condition. Field names are those of the API and of the events."""

    time_start_gteq: datetime
    time_start_lt: datetime
    success_eq: bool | None = None
    duration_eq: int | None = None
    duration_gteq: int | None = None
    duration_lteq: int | None = None
    src_prefix_routing_eq: str | None = None
    dst_prefix_routing_eq: str | None = None
    is_last_cdr_eq: bool | None = None

    @property
    def period(self) -> Period:
        return Period(start=self.time_start_gteq, end=self.time_start_lt)


def check_filters(filters: Filters, *, longest: timedelta) -> None:
    """Raises Rejected(INVALID_FILTERS) for filters that no query can serve. Both doors, HTTP and Kafka, judge by this."""
    for name, bound in ("time_start_gteq", filters.time_start_gteq), ("time_start_lt", filters.time_start_lt):
        if not EARLIEST <= bound <= LATEST:
            raise Rejected(
                FailureCode.INVALID_FILTERS, f"{name} must be from {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}."
            )
    if filters.time_start_lt - filters.time_start_gteq > longest:
        raise Rejected(FailureCode.INVALID_FILTERS, f"The range must not exceed {longest.days} days.")
    for name in "duration_eq", "duration_gteq", "duration_lteq":
        value = getattr(filters, name)
        if value is not None and value not in INT32:
            raise Rejected(FailureCode.INVALID_FILTERS, f"{name} must fit into 32 bits.")
