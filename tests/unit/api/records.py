"""Accounts, accesses and exports that the tests of the HTTP side talk about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from cdr_exports.domain.directory import Directory
from cdr_exports.domain.events import (
    AccountChanged,
    ApiAccessChanged,
    ExportCompleted,
    ExportedFile,
    ExportFailed,
    ExportRequested,
    Fault,
    Totals,
)
from cdr_exports.domain.filters import CsvDialect, FileFormat, Filters
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId, EventId, ExportId
from cdr_exports.domain.lifecycle import ExportState, Position

NOW = datetime(2025, 2, 3, 20, 21, 32, 118_999, tzinfo=UTC)
ACME, GLOBEX = CustomerId(7), CustomerId(8)
EXPORT_ID = ExportId(UUID("01950000-0000-7000-8000-00000000000a"))
KEYS = {"default": b"0123456789abcdef0123456789abcdef"}
LIFETIME = timedelta(seconds=600)


def now() -> datetime:
    return NOW


def event_id(number: int) -> EventId:
    return EventId(UUID(int=number))


def account(number: int, customer_id: CustomerId = ACME, name: str = "Acme main") -> AccountChanged:
    """Its UUID ends in `number`."""
    return AccountChanged(
        event_id=event_id(number), occurred_at=NOW, source="test", account_id=AccountId(number),
        account_uuid=f"7a108ca2-39c4-11f1-8c50-{number:012d}", customer_id=customer_id, name=name, balance="100.50",
        min_balance="0.0", max_balance="1000.0", origination_capacity=10, currency="USD",
    )  # fmt: skip


def access(number: int, customer_id: CustomerId = ACME, *account_ids: int) -> ApiAccessChanged:
    return ApiAccessChanged(
        event_id=event_id(number), occurred_at=NOW, source="test", api_access_id=ApiAccessId(number),
        customer_id=customer_id, account_ids=tuple(map(AccountId, account_ids)), login=f"login-{number}",
    )  # fmt: skip


def directory() -> Directory:
    """Acme has accounts 71 and 72, access 15 to both and access 16 to 72 only; Globex has account 81."""
    made = Directory()
    for each in account(71), account(72, name="Acme spare"), account(81, GLOBEX, "Globex"):
        made.put_account(each)
    for entry in access(15), access(16, ACME, 72):
        made.put_access(entry)
    return made


def request(
    *,
    file_format: FileFormat = FileFormat.CSV,
    time_zone_name: str | None = None,
    csv_dialect: CsvDialect = CsvDialect.RAW,
) -> ExportRequested:
    filters = Filters(
        time_start_gteq=datetime(2025, 2, 1, tzinfo=UTC),
        time_start_lt=datetime(2025, 2, 2, 0, 0, 0, 999_000, tzinfo=UTC),
        success_eq=False,
        duration_lteq=0,
        is_last_cdr_eq=True,
    )
    return ExportRequested(
        event_id=event_id(1), occurred_at=NOW, source="ingress", export_id=EXPORT_ID, account_id=AccountId(71),
        filters=filters, file_format=file_format, time_zone_name=time_zone_name, csv_dialect=csv_dialect,
    )  # fmt: skip


def accepted(csv_dialect: CsvDialect = CsvDialect.RAW) -> ExportState:
    return ExportState(export_id=EXPORT_ID, request=request(csv_dialect=csv_dialect), request_position=Position(4, 2))


def completed() -> ExportCompleted:
    return ExportCompleted(
        event_id=event_id(2), occurred_at=NOW + timedelta(seconds=9), source="processor", export_id=EXPORT_ID, rows=3,
        file=ExportedFile(
            format=FileFormat.CSV, parts=2, bytes=900, raw_bytes=2000, sha256="ab" * 32, crc32=5, manifest="m"
        ),
        totals=Totals(duration_seconds=60, customer_duration_seconds=66, customer_price=Decimal("0E-20")),
        data_through=None, started_at=NOW, completed_at=NOW,
    )  # fmt: skip


def failed() -> ExportFailed:
    return ExportFailed(
        event_id=event_id(3), occurred_at=NOW, source="processor", export_id=EXPORT_ID, code="too_large",
        message="Too many CDRs.", fault=Fault.CUSTOMER,
    )  # fmt: skip
