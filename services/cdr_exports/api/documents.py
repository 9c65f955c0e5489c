"""Resource objects: an export and an account as a customer sees them (sections 0.3, 3.1, 5.4, 7 of the customer API)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import Any

from cdr_exports.api.selection import ResourceType, Selection
from cdr_exports.domain import object_names
from cdr_exports.domain.events import AccountChanged, ExportCompleted, ExportFailed, ExportRequested
from cdr_exports.domain.filters import CsvDialect, Filters
from cdr_exports.domain.identity import ExportId
from cdr_exports.domain.lifecycle import ExportState

WHOLE = Selection()
"""What is shown when nothing is asked: every field, nothing included."""

DIALECT_WORDS = {CsvDialect.RAW: "raw", CsvDialect.SPREADSHEET_SAFE: "spreadsheet-safe"}
"""The API's spelling of what events spell with an underscore."""


def export_url(export_id: ExportId, base_url: str) -> str:
    return f"{base_url}/{ResourceType.CDR_EXPORTS}/{export_id}"


def resource_object(
    state: ExportState, account: AccountChanged, base_url: str, selection: Selection = WHOLE
) -> dict[str, Any]:
    """An export whose request is known. `base_url` as `paths.base_url` gives it."""
    request = _request(state)
    url = export_url(state.export_id, base_url)
    attributes = {
        name: value()
        for name, value in _export_attributes(state, request).items()
        if selection.shows(ResourceType.CDR_EXPORTS, name)
    }
    relationship: dict[str, Any] = {"links": _relationship_links(url)}
    if "account" in selection.include:
        relationship["data"] = _identifier(account)
    is_linked = selection.shows(ResourceType.CDR_EXPORTS, "account")
    return {
        "id": str(state.export_id),
        "type": ResourceType.CDR_EXPORTS,
        "links": {"self": url},
        **({"attributes": attributes} if attributes else {}),
        **({"relationships": {"account": relationship}} if is_linked else {}),
        "meta": _meta(state, request),
    }


def account_object(account: AccountChanged, base_url: str, selection: Selection = WHOLE) -> dict[str, Any]:
    attributes = {
        name: value
        for name, value in _account_attributes(account).items()
        if selection.shows(ResourceType.ACCOUNTS, name)
    }
    return {
        "id": account.account_uuid,
        "type": ResourceType.ACCOUNTS,
        "links": {"self": f"{base_url}/{ResourceType.ACCOUNTS}/{account.account_uuid}"},
        **({"attributes": attributes} if attributes else {}),
    }


def one(state: ExportState, account: AccountChanged, base_url: str, selection: Selection = WHOLE) -> dict[str, Any]:
    """The whole document of one export."""
    included = [account_object(account, base_url, selection)] if "account" in selection.include else []
    return {
        "data": resource_object(state, account, base_url, selection),
        **({"included": included} if included else {}),
    }


def linkage(export_id: ExportId, account: AccountChanged, base_url: str) -> dict[str, Any]:
    """The document of `/relationships/account`."""
    return {"data": _identifier(account), "links": _relationship_links(export_url(export_id, base_url))}


def timestamp(instant: datetime) -> str:
    """`2025-02-03T20:21:32.118Z`, of an instant in UTC; milliseconds truncated."""
    return instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def filters_object(filters: Filters) -> dict[str, Any]:
    """The filters as they are echoed: those that are set, in the order of the API."""
    values = ((each.name, getattr(filters, each.name)) for each in fields(filters))
    return {
        name: timestamp(value) if isinstance(value, datetime) else value for name, value in values if value is not None
    }


def _export_attributes(state: ExportState, request: ExportRequested) -> dict[str, Callable[[], Any]]:
    """In the order of the document."""
    return {
        "filters": lambda: filters_object(request.filters),
        "status": lambda: state.status,
        "rows-count": lambda: state.terminal.rows if isinstance(state.terminal, ExportCompleted) else None,
        "created-at": lambda: timestamp(request.occurred_at),
        "updated-at": lambda: timestamp(state.updated_at or request.occurred_at),
        "time-format": lambda: request.time_format,
        "time-zone-name": lambda: request.time_zone_name,
    }


def _account_attributes(account: AccountChanged) -> dict[str, Any]:
    return {
        "name": account.name,
        "balance": account.balance,
        "min-balance": account.min_balance,
        "max-balance": account.max_balance,
        "destination-rate-limit": account.destination_rate_limit,
        "origination-capacity": account.origination_capacity,
        "termination-capacity": account.termination_capacity,
        "total-capacity": account.total_capacity,
        "currency": account.currency,
    }


def _meta(state: ExportState, request: ExportRequested) -> dict[str, Any]:
    terminal = state.terminal
    return {
        "stage": state.stage,
        "progress": {
            "percent": state.percent,
            "rows-exported": state.rows_exported,
            "rows-total": _rows_total(state),
            "bytes": state.bytes_exported,
        },
        "failure": (
            {"code": terminal.code, "message": terminal.message} if isinstance(terminal, ExportFailed) else None
        ),
        "file-format": request.file_format,
        "csv-dialect": DIALECT_WORDS[request.csv_dialect],
        "file": (
            _file(terminal, request) if isinstance(terminal, ExportCompleted) and state.deleted_at is None else None
        ),
        "expires-at": None,
    }


def _rows_total(state: ExportState) -> int | None:
    """Null before planning. Of a completed export what it has, should the count have changed since the plan."""
    if isinstance(state.terminal, ExportCompleted):
        return state.terminal.rows
    return None if state.started is None else state.started.rows_expected


def _file(completed: ExportCompleted, request: ExportRequested) -> dict[str, Any]:
    return {
        "name": object_names.file_name(request),
        "bytes": completed.file.bytes,
        "sha256": completed.file.sha256,
        "rows": completed.rows,
        "parts": completed.file.parts,
        "totals": {
            "duration": completed.totals.duration_seconds,
            "customer-duration": completed.totals.customer_duration_seconds,
            "customer-price": format(completed.totals.customer_price, "f"),
        },
    }


def _identifier(account: AccountChanged) -> dict[str, str]:
    return {"type": ResourceType.ACCOUNTS, "id": account.account_uuid}


def _relationship_links(url: str) -> dict[str, str]:
    return {"self": f"{url}/relationships/account", "related": f"{url}/account"}


def _request(state: ExportState) -> ExportRequested:
    if state.request is None:
        raise ValueError("an export without a request is not to be shown")
    return state.request
