"""The plan, the ledger's entries and the manifest as they lie in the object store: JSON, for people to read as well.

Bytes are a function of the value, so that two writers of one thing write the same. A field is never renamed or
removed; a new one has a default where it is read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from cdr_exports.domain.errors import Poison
from cdr_exports.domain.events import ExportedFile, Totals
from cdr_exports.domain.filters import CsvDialect, FileFormat, Filters, TimeFormat
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.domain.parts import Manifest, Part, StoredObject
from cdr_exports.domain.slices import Plan, Slice


def dump(value: Plan | Part | Manifest) -> bytes:
    return json.dumps(asdict(value), default=_plain, indent=1, ensure_ascii=False).encode() + b"\n"


def load_plan(data: bytes) -> Plan:
    """Raises Poison for what is no plan."""
    with _readable("plan"):
        fields = json.loads(data)
        return Plan(**fields | {
            "export_id": ExportId(UUID(fields["export_id"])),
            "account_id": AccountId(fields["account_id"]),
            "filters": _filters(fields["filters"]),
            "columns": tuple(fields["columns"]),
            "time_format": TimeFormat(fields["time_format"]),
            "file_format": FileFormat(fields["file_format"]),
            "csv_dialect": CsvDialect(fields["csv_dialect"]),
            "slices": tuple(Slice(**each) for each in fields["slices"]),
            "requested_at": _instant(fields["requested_at"]),
            "planned_at": _instant(fields["planned_at"]),
            "deadline": _instant(fields["deadline"]),
        })  # fmt: skip


def load_part(data: bytes) -> Part:
    """Raises Poison for what is no entry of a ledger."""
    with _readable("ledger entry"):
        fields = json.loads(data)
        finished_at = _instant(fields["finished_at"])
        footer = base64.b64decode(fields.get("footer", ""))
        return Part(**fields | {"totals": _totals(fields["totals"]), "finished_at": finished_at, "footer": footer})


def load_manifest(data: bytes) -> Manifest:
    """Raises Poison for what is no manifest."""
    with _readable("manifest"):
        fields = json.loads(data)
        return Manifest(**fields | {
            "export_id": ExportId(UUID(fields["export_id"])),
            "account_id": AccountId(fields["account_id"]),
            "file": ExportedFile(**fields["file"] | {"format": FileFormat(fields["file"]["format"])}),
            "totals": _totals(fields["totals"]),
            "head": base64.b64decode(fields["head"]),
            "objects": tuple(StoredObject(**each) for each in fields["objects"]),
            "tail": base64.b64decode(fields["tail"]),
            "columns": tuple(fields["columns"]),
            "data_through": _instant(fields["data_through"]),
            "started_at": _instant(fields["started_at"]),
            "completed_at": _instant(fields["completed_at"]),
        })  # fmt: skip


@contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Poison(f"not a {what}: {error!r}") from error


def _filters(fields: Mapping[str, Any]) -> Filters:
    bounds = {name: _instant(fields[name]) for name in ("time_start_gteq", "time_start_lt")}
    return Filters(**{**fields, **bounds})


def _totals(fields: Mapping[str, Any]) -> Totals:
    return Totals(**{**fields, "customer_price": Decimal(fields["customer_price"])})


def _instant(text: str | None) -> Any:
    return None if text is None else datetime.fromisoformat(text)


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case Decimal():
            return format(value, "f")
        case bytes():
            return base64.b64encode(value).decode()
        case Enum():
            return value.value
    raise TypeError(f"{type(value).__name__} has no place in the ledger")
