"""Records to test with: samples with every field set and with as few as possible, and a strategy for any."""

from __future__ import annotations

from dataclasses import is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Any, NewType, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st

from cdr_exports.contract.schema_files import load_schema_files
from cdr_exports.contract.topics import RECORDS
from cdr_exports.domain.events import (
    AccountChanged,
    ApiAccessChanged,
    DeadLetter,
    DeleteReason,
    ExportCompleted,
    ExportDeleted,
    ExportDeleteRequested,
    ExportedFile,
    ExportFailed,
    ExportProgressed,
    ExportRequested,
    ExportStarted,
    Fault,
    Record,
    SliceReady,
    Totals,
)
from cdr_exports.domain.filters import CsvDialect, FileFormat, Filters, TimeFormat
from cdr_exports.domain.identity import AccountId, ApiAccessId, CustomerId, EventId, ExportId

RECORD_TYPES: tuple[type[Record], ...] = tuple(record for records in RECORDS.values() for record in records)

EXPORT = ExportId(UUID("0197a3f0-8c1e-7b52-9d3a-5e8f60c1d2b4"))
EVENT = EventId(UUID("5f0c9d1e-3b7a-5c42-8e6d-1a2b3c4d5e6f"))
AT = datetime(2026, 3, 1, 12, 30, 45, 123456, UTC)
FROM = datetime(2026, 2, 1, tzinfo=UTC)
TO = datetime(2026, 3, 1, 0, 0, 0, 1000, UTC)
FACT: dict[str, Any] = {"event_id": EVENT, "occurred_at": AT, "source": "processor"}
CAUSED: dict[str, Any] = FACT | {"correlation_id": str(EXPORT), "causation_id": "0197a3f0-8c1e-7b52-9d3a-5e8f60c1d2b5"}

SAMPLES: dict[str, Record] = {
    "ExportRequested.v1.least": ExportRequested(
        **FACT,
        export_id=EXPORT,
        account_id=AccountId(71),
        filters=Filters(time_start_gteq=FROM, time_start_lt=TO),
    ),
    "ExportRequested.v1.full": ExportRequested(
        **CAUSED,
        export_id=EXPORT,
        account_id=AccountId(2**40),
        filters=Filters(
            time_start_gteq=datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
            time_start_lt=TO,
            success_eq=True,
            duration_eq=0,
            duration_gteq=-1,
            duration_lteq=2**31 - 1,
            src_prefix_routing_eq="380441234567",
            dst_prefix_routing_eq="",
            is_last_cdr_eq=False,
        ),
        columns=("time_start", "customer_price", "orig_call_id"),
        time_format=TimeFormat.ROUND_TO_SECONDS,
        time_zone_name="Europe/Kyiv",
        file_format=FileFormat.JSONL,
        csv_dialect=CsvDialect.SPREADSHEET_SAFE,
        requested_by="upstream:billing – Köln",
        deadline=AT,
    ),
    "ExportDeleteRequested.v1.least": ExportDeleteRequested(**FACT, export_id=EXPORT, reason=DeleteReason.CUSTOMER),
    "ExportDeleteRequested.v1.full": ExportDeleteRequested(
        **CAUSED, export_id=EXPORT, reason=DeleteReason.EXPIRED, requested_by="api-access:15"
    ),
    "ExportStarted.v1.full": ExportStarted(
        **CAUSED,
        export_id=EXPORT,
        slices_total=41,
        lanes=8,
        rows_expected=10_000_000_000,
        columns=("time_start", "duration"),
    ),
    "ExportProgressed.v1.full": ExportProgressed(
        **CAUSED, export_id=EXPORT, lane=7, lane_slices_done=3, lane_rows=600_001, lane_bytes=5_000_000_000
    ),
    "ExportCompleted.v1.full": ExportCompleted(
        **CAUSED,
        export_id=EXPORT,
        rows=10_000_000_000,
        file=ExportedFile(
            format=FileFormat.PARQUET,
            parts=41,
            bytes=123_456_789_012,
            raw_bytes=987_654_321_098,
            sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            crc32=2**32 - 1,
            manifest=f"exports/b4/{EXPORT}/manifest.json",
        ),
        totals=Totals(
            duration_seconds=2**40,
            customer_duration_seconds=0,
            customer_price=Decimal("-123456789012345678.12345678901234567890"),
        ),
        data_through=TO,
        started_at=FROM,
        completed_at=AT,
    ),
    "ExportFailed.v1.full": ExportFailed(
        **CAUSED, export_id=EXPORT, code="too_large", message="The export has too many rows.", fault=Fault.CUSTOMER
    ),
    "ExportDeleted.v1.full": ExportDeleted(
        **CAUSED, export_id=EXPORT, reason=DeleteReason.OPERATOR, files_removed=True
    ),
    "SliceReady.v1.full": SliceReady(**CAUSED, export_id=EXPORT, account_id=AccountId(71), slice=17, lane=1),
    "AccountChanged.v1.least": AccountChanged(
        **FACT,
        account_id=AccountId(71),
        account_uuid="7a108ca2-39c4-11f1-8c50-82ad38f4dd55",
        customer_id=CustomerId(7),
        name="Acme main",
    ),
    "AccountChanged.v1.full": AccountChanged(
        **CAUSED,
        account_id=AccountId(71),
        account_uuid="7a108ca2-39c4-11f1-8c50-82ad38f4dd55",
        customer_id=CustomerId(7),
        name="Acme main",
        balance="-100.50",
        min_balance="0",
        max_balance="1000.00000000000000000001",
        destination_rate_limit="0.3",
        origination_capacity=10,
        termination_capacity=0,
        total_capacity=2**31 - 1,
        currency="USD",
    ),
    "ApiAccessChanged.v1.full": ApiAccessChanged(
        **CAUSED,
        api_access_id=ApiAccessId(15),
        customer_id=CustomerId(7),
        account_ids=(AccountId(71), AccountId(72)),
        login="acme",
        password_hash="scrypt$16384$8$1$c2FsdA$aGFzaA",
        allow_listen_recording=True,
    ),
    "DeadLetter.v1.least": DeadLetter(
        **FACT,
        reason="no_value",
        detail="there is no value",
        source_topic="cdr-exports.requests.v1",
        source_partition=0,
        source_offset=0,
        source_timestamp=None,
        group="processor",
        attempts=1,
        key=None,
        value=None,
    ),
    "DeadLetter.v1.full": DeadLetter(
        **CAUSED,
        reason="unknown_framing",
        detail="unknown magic 0x7b22",
        source_topic="cdr-exports.requests.v1",
        source_partition=23,
        source_offset=2**40,
        source_timestamp=AT,
        group="processor",
        attempts=5,
        key=b"\x00\xff",
        value=b'{"not": "avro"}',
        headers=(("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("empty", None)),
    ),
}
"""By the name of their golden files. A sample of a version that was published is never changed."""


def any_record() -> st.SearchStrategy[Record]:
    return st.one_of(*map(record_of, RECORD_TYPES))


def record_of(record: type[Record]) -> st.SearchStrategy[Record]:
    """Any `record` that may be written: what its newest schema says, filled to the brim."""
    definition = next(file.definition for file in reversed(load_schema_files()) if file.record == record.__name__)
    strategy: st.SearchStrategy[Record] = _of(record, definition, {})
    return strategy


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
DECIMALS = st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,20})?", fullmatch=True, alphabet="-.0123456789")


def _of(hint: Any, schema: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    kind = schema if isinstance(schema, str) else "union" if isinstance(schema, list) else schema["type"]
    if isinstance(schema, dict) and "name" in schema:
        named[schema["name"]] = schema
    hint = hint.__supertype__ if isinstance(hint, NewType) else hint
    if get_origin(hint) is UnionType:
        return st.none() | _of(get_args(hint)[0], schema[1], named)
    if is_dataclass(hint) and isinstance(hint, type):
        hints, types = get_type_hints(hint), {each["name"]: each["type"] for each in schema["fields"]}
        return st.builds(hint, **{name: _of(hints[name], type_, named) for name, type_ in types.items()})
    if get_origin(hint) is tuple and kind == "array":
        return st.lists(_of(get_args(hint)[0], schema["items"], named), max_size=4).map(tuple)
    if get_origin(hint) is tuple:
        members = zip(get_args(hint), schema["fields"], strict=True)
        return st.tuples(*(_of(each, field["type"], named) for each, field in members))
    return _plain(hint, schema, kind)


def _plain(hint: Any, schema: Any, kind: str) -> st.SearchStrategy[Any]:
    narrower = schema.get("logicalType", schema.get("format")) if isinstance(schema, dict) else None
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if hint is datetime:
        instants = st.datetimes(timezones=st.just(UTC))
        return instants.map(_whole_millis) if narrower == "timestamp-millis" else instants
    if hint is int:
        bits = 31 if kind == "int" else 63
        return st.integers(-(2**bits), 2**bits - 1)
    if narrower == "decimal":
        return DECIMALS.map(Decimal) if hint is Decimal else DECIMALS
    if narrower == "uuid":
        return st.uuids() if hint is UUID else st.uuids().map(str)
    strategies: dict[Any, st.SearchStrategy[Any]] = {str: TEXT, bool: st.booleans(), bytes: st.binary(max_size=200)}
    return strategies[hint]


def _whole_millis(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
