"""Plans for tests that need one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from cdr_exports.domain.columns import COLUMNS
from cdr_exports.domain.filters import CsvDialect, FileFormat, Filters, TimeFormat
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.domain.slices import Plan, Slice

EXPORT = ExportId(UUID("0198c5c2-7c1a-7b1e-9d55-0f0e0d0c0b0a"))
NOON = datetime(2026, 1, 1, tzinfo=UTC)


def plan_of(*, slices: int, lanes: int, rows_each: int = 10) -> Plan:
    """`slices` slices of one second each, newest first."""
    second = 1_000_000
    cut = tuple(
        Slice(number=n, start=(slices - n - 1) * second, end=(slices - n) * second, rows_expected=rows_each)
        for n in range(slices)
    )
    return Plan(
        export_id=EXPORT,
        account_id=AccountId(71),
        filters=Filters(
            time_start_gteq=datetime(1970, 1, 1, tzinfo=UTC), time_start_lt=datetime(1970, 1, 2, tzinfo=UTC)
        ),
        columns=tuple(COLUMNS),
        time_format=TimeFormat.WITH_TIMEZONE,
        time_zone="UTC",
        file_format=FileFormat.CSV,
        csv_dialect=CsvDialect.RAW,
        sql_version=1,
        slices=cut,
        lanes=lanes,
        requested_at=NOON,
        planned_at=NOON,
        deadline=datetime(2026, 1, 2, tzinfo=UTC),
    )
