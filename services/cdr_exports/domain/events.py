"""Every record that crosses a topic, as the program holds it. What it looks like in bytes is left to the contract.

Field names, meanings and order are those of the schemas. Instants are aware datetimes in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from enum import StrEnum

from cdr_exports.domain.errors import FailureCode
from cdr_exports.domain.filters import CsvDialect, FileFormat, Filters, TimeFormat
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId, EventId, ExportId


class DeleteReason(StrEnum):
    CUSTOMER = "customer"
    OPERATOR = "operator"
    EXPIRED = "expired"


class Fault(StrEnum):
    """Who can mend a failed export."""

    CUSTOMER = "customer"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every record begins with."""

    event_id: EventId
    occurred_at: datetime
    source: str
    correlation_id: str | None = None
    causation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequested(Event):
    """A command: make this export. A second one with the same id is the same request; the first in the log wins."""

    export_id: ExportId
    account_id: AccountId
    filters: Filters
    columns: tuple[str, ...] = ()
    time_format: TimeFormat = TimeFormat.WITH_TIMEZONE
    time_zone_name: str | None = None
    file_format: FileFormat = FileFormat.CSV
    csv_dialect: CsvDialect = CsvDialect.RAW
    requested_by: str | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDeleteRequested(Event):
    """A command, final as soon as it is in the log: the export is cancelled or its file removed."""

    export_id: ExportId
    reason: DeleteReason
    requested_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStarted(Event):
    """The export is planned: so many slices in so many lanes, so many rows as far as ClickHouse could tell."""

    export_id: ExportId
    slices_total: int
    lanes: int
    rows_expected: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgressed(Event):
    """Absolute figures of one lane: a repeated or late record changes nothing. Bytes are those of the file."""

    export_id: ExportId
    lane: int
    lane_slices_done: int
    lane_rows: int
    lane_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """The file as a customer downloads it. `sha256` is of the whole file, `crc32` of its `raw_bytes`, the uncompressed
    ones. Parquet compresses within: there the raw bytes are the file's own.
    """

    format: FileFormat
    parts: int
    bytes: int
    raw_bytes: int
    sha256: str
    crc32: int
    manifest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the CDRs in the file, from a query of their own. NULLs count as nothing."""

    duration_seconds: int
    customer_duration_seconds: int
    customer_price: Decimal

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            duration_seconds=self.duration_seconds + other.duration_seconds,
            customer_duration_seconds=self.customer_duration_seconds + other.customer_duration_seconds,
            customer_price=_EXACT.add(self.customer_price, other.customer_price),
        )


_EXACT = Context(prec=96)
"""A sum of Decimal(38, 20) values: the usual 28 digits would round it."""
NO_TOTALS = Totals(duration_seconds=0, customer_duration_seconds=0, customer_price=Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCompleted(Event):
    """The file exists, has been read back and is what is said here. Data rows only: the header is not counted."""

    export_id: ExportId
    rows: int
    file: ExportedFile
    totals: Totals
    data_through: datetime | None
    started_at: datetime
    completed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFailed(Event):
    """The export cannot succeed. `message` is one sentence a customer may read."""

    export_id: ExportId
    code: str
    message: str
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDeleted(Event):
    """The work has stopped and the files are gone (or there were none)."""

    export_id: ExportId
    reason: DeleteReason
    files_removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReady(Event):
    """Work, internal: this slice of this export can be made. Idempotent."""

    export_id: ExportId
    account_id: AccountId
    slice: int
    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged(Event):
    """An account as it is now. Decimals are exact."""

    account_id: AccountId
    account_uuid: str
    customer_id: CustomerId
    name: str
    balance: str | None = None
    min_balance: str | None = None
    max_balance: str | None = None
    destination_rate_limit: str | None = None
    origination_capacity: int | None = None
    termination_capacity: int | None = None
    total_capacity: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAccessChanged(Event):
    """A customer's login as it is now. No account ids means all accounts of that customer."""

    api_access_id: ApiAccessId
    customer_id: CustomerId
    account_ids: tuple[AccountId, ...] = ()
    login: str = ""
    password_hash: str | None = None
    allow_listen_recording: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter(Event):
    """A record that could not be used, its bytes as they were, with where it came from and why."""

    reason: str
    detail: str
    source_topic: str
    source_partition: int
    source_offset: int
    source_timestamp: datetime | None
    group: str
    attempts: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


Command = ExportRequested | ExportDeleteRequested
Terminal = ExportCompleted | ExportFailed
Fact = ExportStarted | ExportProgressed | ExportCompleted | ExportFailed | ExportDeleted
Record = Command | Fact | SliceReady | AccountChanged | ApiAccessChanged | DeadLetter


def fault_of(code: FailureCode) -> Fault:
    """Who can mend a failure with this code."""
    customer = {
        FailureCode.INVALID_FILTERS,
        FailureCode.UNKNOWN_ACCOUNT,
        FailureCode.UNKNOWN_COLUMN,
        FailureCode.QUOTA_EXCEEDED,
        FailureCode.TOO_LARGE,
    }
    return Fault.CUSTOMER if code in customer else Fault.SERVICE
