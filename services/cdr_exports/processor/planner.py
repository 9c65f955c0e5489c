"""Decides how an export is cut: counts its CDRs over time, then lets the domain pack them.

Deterministic for the same data. Where a bucket holds too much it is counted finer, down to the microsecond, so that
no slice is larger than the data forces it to be.
"""

from __future__ import annotations

from datetime import timedelta

from cdr_exports.domain import slices
from cdr_exports.domain.columns import chosen_columns
from cdr_exports.domain.errors import FailureCode, Rejected
from cdr_exports.domain.events import ExportRequested
from cdr_exports.domain.filters import check_filters
from cdr_exports.domain.identity import AccountId
from cdr_exports.domain.slices import Bucket, Plan
from cdr_exports.processor import query
from cdr_exports.runtime.clickhouse import ClickHouse
from cdr_exports.runtime.clock import Now
from cdr_exports.runtime.settings import ExportSettings, WorkerSettings


class Planner:
    def __init__(
        self,
        clickhouse: ClickHouse,
        table: str,
        worker: WorkerSettings,
        exports: ExportSettings,
        zones: frozenset[str],
        now: Now,
    ) -> None:
        self._clickhouse, self._table = clickhouse, table
        self._worker, self._exports = worker, exports
        self._zones, self._now = zones, now

    async def plan(self, request: ExportRequested) -> Plan:
        """Raises Rejected for a request that cannot be served, Transient, QueryFailed."""
        self._judge(request)
        columns = chosen_columns(request.columns, () if request.columns else self._exports.hidden_columns)
        start, end = slices.bounds(request.filters)
        buckets = await self._count(request, start, end) if start < end else []
        cut = slices.pack(buckets, start=start, end=end, slice_rows=self._worker.slice_rows)
        longest = timedelta(seconds=self._worker.export_deadline_seconds)
        return Plan(
            export_id=request.export_id,
            account_id=request.account_id,
            filters=request.filters,
            columns=columns,
            time_format=request.time_format,
            time_zone=zone_of(request),
            file_format=request.file_format,
            csv_dialect=request.csv_dialect,
            sql_version=query.SQL_VERSION,
            slices=cut,
            lanes=min(self._worker.lanes, len(cut)),
            requested_at=request.occurred_at,
            planned_at=self._now(),
            deadline=request.deadline or request.occurred_at + longest,
        )

    def _judge(self, request: ExportRequested) -> None:
        """What came over Kafka is as untrusted as what comes over HTTP."""
        check_filters(request.filters, longest=timedelta(days=self._exports.range_limit_days))
        if request.account_id not in range(1, 2**32):
            raise Rejected(FailureCode.UNKNOWN_ACCOUNT, "The account is not known.")
        if zone_of(request) not in self._zones:
            raise Rejected(FailureCode.INVALID_FILTERS, "The time zone is not a known IANA name.")

    async def _count(self, request: ExportRequested, start: int, end: int) -> list[Bucket]:
        """CDRs over [start, end), in buckets that fit a slice as far as time can tell them apart."""
        width = slices.bucket_micros(start, end)
        buckets = await self._histogram(request.account_id, request, start, end, width)
        while dense := slices.too_dense(buckets, slice_rows=self._worker.slice_rows):
            width = slices.finer(width)
            for bucket in dense:
                buckets.remove(bucket)
                buckets += await self._histogram(request.account_id, request, bucket.start, bucket.end, width)
        return buckets

    async def _histogram(
        self, account: AccountId, request: ExportRequested, start: int, end: int, width: int
    ) -> list[Bucket]:
        asked = query.histogram(self._table, account, request.filters, start, end, width)
        found = await self._clickhouse.rows(asked.sql, asked.params, query.CHECKED_SETTINGS)
        return [
            Bucket(start=start + number * width, end=min(start + (number + 1) * width, end), rows=count)
            for number, count in found
        ]


def zone_of(request: ExportRequested) -> str:
    """Blank means UTC."""
    name = request.time_zone_name
    return name if name and not name.isspace() else "UTC"
